//! Uploads of which a part goes wrong.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use batcher_core::{BlobSink, Operation, Payload, PutMode, StoreErrorKind};
use batcher_testkit::{Fault, FaultPlan, FaultStore, MemoryStore, World};
use bytes::Bytes;

fn part(text: &'static str) -> Payload {
    Bytes::from_static(text.as_bytes()).into()
}

/// Uploads three parts, and completes whatever came of them.
async fn upload(store: &FaultStore<MemoryStore>, name: &str) -> Result<(), StoreErrorKind> {
    let mut upload = store.start_multipart(name, PutMode::Create).await.unwrap();
    for text in ["one", "two", "three"] {
        let _ = upload.put_part(part(text)).await;
    }
    upload.complete().await.map_err(|error| error.kind())
}

#[test]
fn without_a_part_that_never_arrived_no_upload_is_completed() {
    for nth in 0..3 {
        for fault in [Fault::Reject(StoreErrorKind::Denied), Fault::RequestLost] {
            let world = World::new(FaultPlan::new().at(Operation::PutPart, nth, fault));
            let store = world.store(MemoryStore::new());
            let completed = world.run(upload(&store, "o")).unwrap();
            assert_eq!(completed, Err(StoreErrorKind::InvalidInput), "{nth}: {fault}");
            assert_eq!(store.inner().object("o"), None);
            // The next one is another.
            world.run(upload(&store, "o")).unwrap().unwrap();
            assert_eq!(store.inner().object("o").unwrap(), "onetwothree");
        }
    }
}

#[test]
fn a_part_that_arrived_and_was_not_answered_is_in_its_place() {
    for nth in 0..3 {
        let world = World::new(FaultPlan::new().at(Operation::PutPart, nth, Fault::AckLost));
        let store = world.store(MemoryStore::new());
        world.run(upload(&store, "o")).unwrap().unwrap();
        assert_eq!(store.inner().object("o").unwrap(), "onetwothree", "{nth}");
    }
}

#[test]
fn only_who_must_not_replace_finds_a_name_taken() {
    for operation in [Operation::Put, Operation::StartMultipart, Operation::CompleteMultipart] {
        for fault in [Fault::OwnExists, Fault::PhantomExists] {
            for mode in [PutMode::Create, PutMode::Replace] {
                let world = World::new(FaultPlan::new().at(operation, 0, fault));
                let store = world.store(MemoryStore::new());
                let calls = async {
                    if operation == Operation::Put {
                        return store.put("o", part("state"), mode).await;
                    }
                    let mut upload = store.start_multipart("o", mode).await?;
                    upload.put_part(part("state")).await?;
                    upload.complete().await
                };
                let answer = world.run(calls).unwrap().map_err(|error| error.kind());
                let taken = mode == PutMode::Create;
                let expected = if taken { Err(StoreErrorKind::AlreadyExists) } else { Ok(()) };
                assert_eq!(
                    (answer, world.fired().len()),
                    (expected, usize::from(taken)),
                    "{operation:?}: {fault}"
                );
            }
        }
    }
}
