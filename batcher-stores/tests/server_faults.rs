//! Writing and reading state over HTTP while requests go wrong, in front of the servers of `cargo xtask stores`: what they
//! answer to a second attempt is theirs. Tests of a server that is not there say so and pass, or fail where
//! `BATCHER_TEST_STORES` is `required`.
#![cfg(feature = "aws")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod fault_proxy;
mod http_scenario;
mod server;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use fault_proxy::{Fault, Planned};
use http_scenario::explore::{all, singles};
use http_scenario::{Case, Connections, Mode, Part, Scale, Way, World, on_tokio};
use server::{Server, fresh};

/// Where a server is, and a prefix of this test's own.
struct Place {
    address: SocketAddr,
    bucket: String,
    prefix: String,
    cases: AtomicUsize,
    /// Those that look past the proxy are patient.
    patient: Connections,
}

impl Place {
    fn find(server: Server) -> Option<Self> {
        let url = server.url()?;
        let endpoint = url.query_pairs().find(|(key, _)| key == "endpoint").unwrap().1.into_owned();
        Some(Self {
            address: endpoint.strip_prefix("http://").unwrap().parse().unwrap(),
            bucket: url.host_str().unwrap().to_owned(),
            prefix: fresh("faults"),
            cases: AtomicUsize::new(0),
            patient: Connections::new(std::time::Duration::from_secs(30)),
        })
    }

    /// A world in which there is nothing yet.
    fn world(&self) -> World {
        let prefix = format!("{}/{}", self.prefix, self.cases.fetch_add(1, Ordering::Relaxed));
        let endpoint = format!("http://{}", self.address);
        let direct = self.patient.client(&endpoint, &self.bucket, &prefix, 2);
        World::Server { address: self.address, bucket: self.bucket.clone(), prefix, direct }
    }
}

fn survives_every_single_fault(server: Server) {
    let Some(place) = Place::find(server) else { return };
    let connections = &Connections::new(Scale::LARGE.timeout);
    on_tokio(async {
        let mut cases = 0;
        let large = Mode::each(&[Way::Parts], Scale::LARGE);
        let served = Scale { timeout: Scale::LARGE.timeout, ..Scale::SMALL };
        for mode in Mode::each(&[Way::Create], served).chain(large) {
            let case = |plan: Vec<Planned>, object: Option<Bytes>, part| {
                let world = place.world();
                async move {
                    let case = Case::new(mode, &plan, world, object.as_ref(), connections).await;
                    case.run(part).await
                }
            };
            // Reading is all the same, however it was written.
            let part = if mode.way == Way::Create { Part::Both } else { Part::Write };
            let (object, seen) = case(Vec::new(), None, part).await;
            println!(
                "{server:?}: {:?}, {} retries: {} bytes, {seen:?}",
                mode.way,
                mode.retries,
                object.len()
            );
            let plans: Vec<_> =
                singles(&seen, &Fault::ALL).into_iter().map(|planned| vec![planned]).collect();
            all(&plans, |plan| case(plan, Some(object.clone()), part)).await;
            cases += plans.len();
        }
        println!("{server:?}: {cases} cases");
        assert!(cases > 200, "{cases}");
    });
}

#[test]
fn seaweedfs_with_any_single_fault() {
    survives_every_single_fault(Server("S3"));
}

#[test]
fn moto_with_any_single_fault() {
    survives_every_single_fault(Server("MOTO"));
}

fn keeps_what_is_there(server: Server) {
    let Some(place) = Place::find(server) else { return };
    let connections = &Connections::new(Scale::LARGE.timeout);
    on_tokio(async {
        let served = Scale { timeout: Scale::LARGE.timeout, ..Scale::SMALL };
        for mode in Mode::each(&[Way::Create], served) {
            let case = |plan: Vec<Planned>| {
                let world = place.world();
                async move { Case::new(mode, &plan, world, None, connections).await.keeps_what_is_there().await }
            };
            let seen = case(Vec::new()).await;
            let plans: Vec<_> =
                singles(&seen, &Fault::ALL).into_iter().map(|planned| vec![planned]).collect();
            all(&plans, case).await;
        }
    });
}

#[test]
fn seaweedfs_is_never_overwritten() {
    keeps_what_is_there(Server("S3"));
}

#[test]
fn moto_is_never_overwritten() {
    keeps_what_is_there(Server("MOTO"));
}
