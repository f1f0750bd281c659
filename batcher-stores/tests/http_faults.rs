//! Writing and reading state over HTTP while requests go wrong, in front of a bucket in memory.
//!
//! A clean run counts the requests. Then each of them goes wrong in each way that it can, and pairs of them, each with the
//! client's own retries and without.
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

use std::collections::BTreeMap;

use batcher_testkit::conformance::{self, SinkOptions};
use bytes::Bytes;
use fault_proxy::{Fault, Kind, Planned, Proxy};
use http_scenario::explore::{all, pairs, singles};
use http_scenario::{Case, Connections, Mode, Part, Scale, Way, World, on_tokio};

/// One fault of each kind that writes can tell apart.
const OF_WRITES: [Fault; 8] = [
    Fault::SlowDown,
    Fault::ErrorAfter,
    Fault::CloseAfter,
    Fault::StallAfter,
    Fault::ShortBody,
    Fault::Conflict,
    Fault::Precondition,
    Fault::Expired,
];

/// One fault of each kind that reads can tell apart.
const OF_READS: [Fault; 6] = [
    Fault::SlowDown,
    Fault::ResetBefore,
    Fault::SlowBody,
    Fault::ShortBody,
    Fault::OtherEtag,
    Fault::Expired,
];

type Seen = BTreeMap<Kind, usize>;

async fn run(
    mode: Mode,
    part: Part,
    plan: &[Planned],
    object: Option<&Bytes>,
    connections: &Connections,
) -> (Bytes, Seen) {
    Case::new(mode, plan, World::in_memory(), object, connections).await.run(part).await
}

/// The object of a clean run, and its requests that are of this part.
async fn clean(mode: Mode, part: Part, connections: &Connections) -> (Bytes, Seen) {
    let (object, seen) = run(mode, Part::Both, &[], None, connections).await;
    let (_, seen) = if part == Part::Both {
        (object.clone(), seen)
    } else {
        run(mode, part, &[], Some(&object), connections).await
    };
    println!("{:?}, {} retries, {part:?}: {} bytes, {seen:?}", mode.way, mode.retries, object.len());
    (object, seen)
}

fn alone(singles: Vec<Planned>) -> Vec<Vec<Planned>> {
    singles.into_iter().map(|planned| vec![planned]).collect()
}

#[test]
fn every_single_fault_is_survived_and_told() {
    on_tokio(async {
        let connections = Connections::new(Scale::SMALL.timeout);
        let mut cases = 0;
        for mode in Mode::each(&Way::ALL, Scale::SMALL) {
            let (object, seen) = clean(mode, Part::Both, &connections).await;
            let plans = alone(singles(&seen, &Fault::ALL));
            let (object, connections) = (&object, &connections);
            all(&plans, |plan| async move { run(mode, Part::Both, &plan, Some(object), connections).await })
                .await;
            cases += plans.len();
        }
        println!("{cases} cases");
        assert!(cases > 900, "{cases}");
    });
}

async fn all_pairs(part: Part, ways: &[Way], faults: &[Fault]) -> usize {
    let connections = &Connections::new(Scale::SMALL.timeout);
    let mut cases = 0;
    for mode in Mode::each(ways, Scale::SMALL) {
        let (object, seen) = clean(mode, part, connections).await;
        let object = &object;
        let plans = alone(singles(&seen, faults));
        let seen =
            |plan: Vec<Planned>| async move { run(mode, part, &plan, Some(object), connections).await.1 };
        let plans = pairs(&all(&plans, seen).await, faults);
        all(&plans, |plan| async move { run(mode, part, &plan, Some(object), connections).await }).await;
        cases += plans.len();
    }
    println!("{cases} cases");
    cases
}

#[test]
fn pairs_of_faults_in_writes_are_survived_and_told() {
    let cases = on_tokio(all_pairs(Part::Write, &Way::ALL, &OF_WRITES));
    assert!(cases > 900, "{cases}");
}

#[test]
fn pairs_of_faults_in_reads_are_survived_and_told() {
    let cases = on_tokio(all_pairs(Part::Read, &[Way::Create], &OF_READS));
    assert!(cases > 900, "{cases}");
}

#[test]
fn what_is_there_already_is_never_overwritten() {
    on_tokio(async {
        let connections = &Connections::new(Scale::SMALL.timeout);
        let mut cases = 0;
        for mode in Mode::each(&[Way::Create, Way::PartsCreate], Scale::SMALL) {
            let case = |plan: Vec<Planned>| async move {
                Case::new(mode, &plan, World::in_memory(), None, connections)
                    .await
                    .keeps_what_is_there()
                    .await
            };
            let seen = case(Vec::new()).await;
            println!("{:?}, {} retries: {seen:?}", mode.way, mode.retries);
            let runs = all(&alone(singles(&seen, &Fault::ALL)), case).await;
            let plans = pairs(&runs, &OF_WRITES);
            all(&plans, case).await;
            cases += runs.len() + plans.len();
        }
        println!("{cases} cases");
        assert!(cases > 500, "{cases}");
    });
}

/// What stands in for a server in these tests is as good as one.
#[test]
fn the_bucket_in_memory_conforms() {
    on_tokio(async {
        let connections = Connections::new(std::time::Duration::from_secs(20));
        let world = World::in_memory();
        let proxy = Proxy::start(world.upstream(), &[]).await;
        let store = connections.client(&proxy.endpoint(), "bucket", "a prefix/50%", 0);
        let report = conformance::sink(&store, &SinkOptions::new("conformance")).await;
        println!("{report}");
        report.assert_clean();
    });
}
