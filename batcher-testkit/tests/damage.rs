//! When a store counts as one that has broken its promise: once it holds something else than it should, and not before.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use batcher_core::{BlobSink, BlobSource, Operation, Payload, PutMode, StoreError, StoreErrorKind};
use batcher_testkit::{Exploration, Fault, FaultKind, FaultPlan, FaultStore, Judge, MemoryStore, World};
use bytes::Bytes;

const LOSSES: [Fault; 2] = [Fault::Vanishes, Fault::Blanked];

fn put(fault: Fault) -> (World, FaultStore<MemoryStore>) {
    let world = World::new(FaultPlan::new().at(Operation::Put, 0, fault));
    let store = world.store(MemoryStore::new());
    (world, store)
}

fn payload(text: &'static str) -> Payload {
    Bytes::from_static(text.as_bytes()).into()
}

/// Whether anything has gone wrong, and whether the store is damaged.
fn state(world: &World) -> (bool, bool) {
    (world.has_faults(), world.is_damaged())
}

#[test]
fn what_is_to_be_lost_is_there_until_it_is_lost() {
    for fault in LOSSES {
        let (world, store) = put(fault);
        world.run(store.put("o", payload("state"), PutMode::Create)).unwrap().unwrap();
        world.run(world.settle()).unwrap();
        assert_eq!(state(&world), (false, false), "{fault}");
        world.run(world.restart()).unwrap();
        assert_eq!(state(&world), (true, true), "{fault}");
    }
}

/// Also where it is looked at behind the wrapper.
#[test]
fn what_goes_with_a_process_is_gone_once_it_has_died() {
    for (dies, calls) in [(Fault::CrashBefore, 2), (Fault::PanicBefore, 2)] {
        let plan = FaultPlan::new().at(Operation::Put, 0, Fault::Vanishes).at(Operation::Size, 0, dies);
        let world = World::new(plan);
        let store = world.store(MemoryStore::new());
        let left = world.run(async {
            let process = async {
                store.put("o", payload("state"), PutMode::Create).await?;
                store.size("o").await
            };
            assert!(world.process("node", process).await.is_none());
            store.inner().object("o")
        });
        assert_eq!((left.unwrap(), world.fired().len()), (None, calls));
    }
}

#[test]
fn what_was_written_again_or_deleted_or_holds_nothing_else_is_not_lost() {
    for fault in LOSSES {
        for again in [true, false] {
            let (world, store) = put(fault);
            let calls = async {
                store.put("o", payload("state"), PutMode::Replace).await?;
                if again {
                    store.put("o", payload("state"), PutMode::Replace).await
                } else {
                    store.delete("o").await
                }
            };
            world.run(calls).unwrap().unwrap();
            world.run(world.restart()).unwrap();
            assert_eq!((state(&world), store.inner().names().len()), ((false, false), usize::from(again)));
        }
    }
    for nothing in ["", "\0\0"] {
        let (world, store) = put(Fault::Blanked);
        world.run(store.put("o", payload(nothing), PutMode::Create)).unwrap().unwrap();
        world.run(world.restart()).unwrap();
        assert_eq!(state(&world), (false, false));
    }
    // A store that cannot delete keeps what it has, and nobody objects.
    let world = World::new(FaultPlan::new().at(Operation::Put, 0, Fault::Vanishes));
    let store = world.store(MemoryStore::builder().without_delete().build());
    world.run(store.put("o", payload("state"), PutMode::Create)).unwrap().unwrap();
    world.run(world.restart()).unwrap();
    assert_eq!((state(&world), store.inner().names().len()), ((false, false), 1));
}

#[test]
fn a_torn_object_that_the_store_refuses_is_refused() {
    let (world, store) = put(Fault::Torn(2));
    store.inner().insert("o", "old");
    let answer = world.run(store.put("o", payload("state"), PutMode::Create)).unwrap();
    assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::AlreadyExists);
    assert_eq!((state(&world), store.inner().object("o").as_deref()), ((false, false), Some(&b"old"[..])));
}

#[test]
fn a_torn_object_that_is_whole_is_no_damage() {
    for (len, damaged) in [(4, true), (5, false), (9, false)] {
        let (world, store) = put(Fault::Torn(len));
        let answer = world.run(store.put("o", payload("state"), PutMode::Create)).unwrap();
        assert_eq!(answer.unwrap_err().kind(), StoreErrorKind::Unavailable);
        assert_eq!(state(&world), (true, damaged), "{len}");
    }
}

/// A put, and the process that made it may die before it has looked.
async fn life(world: World) -> Result<(), StoreError> {
    let store = world.store(MemoryStore::new());
    let life = async {
        store.put("o", payload("state"), PutMode::Create).await?;
        store.size("o").await
    };
    let _ = world.process("node", life).await;
    world.settle().await;
    if store.inner().object("o").is_none() {
        world.report(Judge::LostAcknowledged, "gone");
    }
    Ok(())
}

#[test]
fn behind_what_is_to_be_lost_the_process_dies() {
    let kinds = [FaultKind::Vanishes, FaultKind::CrashBefore];
    let report = Exploration::new(life).faults(kinds).depth(2).run();
    let lines: Vec<_> = report.failures().iter().map(|failure| failure.plan.to_string()).collect();
    assert!(lines.contains(&"put:o#0=vanishes size:o#0=crash-before".to_owned()), "{report}");
}
