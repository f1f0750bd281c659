//! Several stores in one world: calls are counted together, and what each holds is its own.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use batcher_core::{BlobSink, BlobSource, Operation, Payload, PutMode, ReadRange, StoreError};
use batcher_testkit::{Exploration, Fault, FaultPlan, FaultStore, Judge, MemoryStore, World};
use bytes::Bytes;
use futures_util::TryStreamExt;

type Store = FaultStore<MemoryStore>;

fn payload(text: &'static str) -> Payload {
    Bytes::from_static(text.as_bytes()).into()
}

async fn put(store: &Store, name: &str, text: &'static str) {
    store.put(name, payload(text), PutMode::Replace).await.unwrap();
}

/// Two stores with an object of the same name, the second with a former version of it.
async fn two(world: &World) -> [Store; 2] {
    let stores = [world.store(MemoryStore::new()), world.store(MemoryStore::new())];
    put(&stores[0], "other", "OTHER").await;
    put(&stores[0], "o", "first").await;
    put(&stores[1], "o", "old").await;
    put(&stores[1], "o", "state").await;
    stores
}

#[test]
fn what_a_read_finds_gone_wrong_is_of_its_own_store() {
    let cases = [(Fault::Stale(1), "old"), (Fault::Misdirected, "atest"), (Fault::FlipBit(0), "rtate")];
    for (fault, expected) in cases {
        let world = World::new(FaultPlan::new().at(Operation::Read, 0, fault));
        let read = world.run(async {
            let [_, second] = two(&world).await;
            second.read("o", ReadRange::Suffix(9)).await.unwrap().bytes
        });
        assert_eq!(
            (read.unwrap(), world.fired().len()),
            (Bytes::from_static(expected.as_bytes()), 1),
            "{fault}"
        );
    }
}

#[test]
fn what_has_no_former_version_in_its_store_is_not_stale() {
    let stale = |operation| World::new(FaultPlan::new().at(operation, 0, Fault::Stale(2)));
    let world = stale(Operation::Size);
    let size = world.run(async { two(&world).await[0].size("o").await.unwrap() });
    assert_eq!((size.unwrap(), world.fired().len()), (5, 0));
    let world = stale(Operation::Read);
    let read = world.run(async { two(&world).await[0].read("o", ReadRange::Suffix(9)).await.unwrap().bytes });
    assert_eq!((read.unwrap(), world.fired().len()), (Bytes::from_static(b"first"), 0));
}

#[test]
fn a_stale_list_is_of_its_own_store() {
    let world = World::new(FaultPlan::new().at(Operation::List, 0, Fault::Stale(1)));
    let listed = world.run(async {
        let [_, second] = two(&world).await;
        second.list("").try_collect::<Vec<_>>().await.unwrap()
    });
    let listed: Vec<_> = listed.unwrap().into_iter().map(|info| (info.name, info.len)).collect();
    assert_eq!(listed, [("o".to_owned(), 3)]);
}

#[test]
fn what_is_not_kept_is_lost_in_its_own_store() {
    let world = World::new(FaultPlan::new().at(Operation::Put, 3, Fault::Vanishes));
    let stores = world.run(async {
        let stores = two(&world).await;
        world.restart().await;
        stores
    });
    let there = stores.unwrap().map(|store| store.inner().object("o"));
    assert_eq!(there, [Some(Bytes::from_static(b"first")), None]);
}

#[test]
fn each_store_is_judged_for_itself() {
    let judged = |upload: bool| {
        let run = async |world: World| {
            let stores = [world.store(MemoryStore::new()), world.store(MemoryStore::new())];
            put(&stores[0], "o", "first").await;
            // Another object, although it is called the same.
            put(&stores[1], "o", "second").await;
            if upload {
                drop(stores[1].start_multipart("o", PutMode::Replace).await?);
            }
            Ok::<(), StoreError>(())
        };
        let case = Exploration::new(run).replay("").unwrap();
        case.violations.iter().map(|found| found.judge).collect::<Vec<_>>()
    };
    assert_eq!(judged(false), []);
    assert_eq!(judged(true), [Judge::LeakedUpload]);
}
