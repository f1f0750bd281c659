//! What has come about: of a replayed line, and of each kind in each call.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::panic::{AssertUnwindSafe, catch_unwind};

use batcher_core::{BlobSink, Operation, PutMode, StoreError};
use batcher_testkit::{Call, Exploration, FaultKind, Judge, MemoryStore, World};
use bytes::Bytes;

/// Puts until it is acknowledged.
async fn stubborn(world: World) -> Result<(), StoreError> {
    let store = world.store(MemoryStore::new());
    while store.put("state", Bytes::from_static(b"1").into(), PutMode::Replace).await.is_err() {}
    Ok(())
}

/// A line that means nothing any longer would be clean for ever.
#[test]
fn a_replayed_line_is_clean_only_where_all_of_it_comes_about() {
    let exploration = Exploration::new(stubborn);
    let unfired = |line: &str| {
        let case = exploration.replay(line).unwrap();
        assert!(case.violations.is_empty());
        assert_eq!(case.is_clean(), catch_unwind(AssertUnwindSafe(|| case.assert_clean())).is_ok());
        assert_eq!(case.is_clean(), case.never_fired().is_empty());
        case.never_fired().to_string()
    };
    for line in ["", "put:state#0=ack-lost", "put#1=ack-lost put#0=request-lost"] {
        assert_eq!(unfired(line), "", "{line}");
    }
    for line in ["put:other#0=ack-lost", "put:state#1=ack-lost", "read#0=short:1", "put:state#0=stale:1"] {
        assert_eq!(unfired(line), line);
    }
    for line in ["put:other#0=ack-lost", "put:state#0=request-lost"] {
        assert_eq!(unfired(&format!("put:state#0=ack-lost {line}")), line);
    }
    // Of two that are alike, one may come about.
    for (line, never) in [
        ("put#0=ack-lost put#99=ack-lost", "put#99=ack-lost"),
        ("put:state#0=ack-lost put#99=ack-lost", "put#99=ack-lost"),
        ("put:state#0=ack-lost put:state#0=ack-lost", "put:state#0=ack-lost"),
    ] {
        assert_eq!(unfired(line), never);
    }
    let healed = Exploration::new(|world: World| async move {
        let store = world.store(MemoryStore::new());
        for name in ["a", "b"] {
            let _ = store.put(name, Bytes::from_static(b"1").into(), PutMode::Replace).await;
        }
        Ok::<(), StoreError>(())
    });
    let lasts =
        ["put:a#0..=ack-lost", "put:a#0..all=request-lost", "put#1..=ack-lost", "put:b#0..=reject:denied"];
    for line in lasts {
        assert_eq!(healed.replay(line).unwrap().never_fired().len(), 0, "{line}");
    }
    assert_eq!(healed.replay("put:b#1..=ack-lost").unwrap().never_fired().len(), 1);
    assert_eq!(healed.replay("put:a#0..=ack-lost put:gone#0..=ack-lost").unwrap().never_fired().len(), 1);
    let careless = Exploration::new(|world: World| async move {
        stubborn(world.clone()).await?;
        world.report(Judge::WrongData, "careless");
        Ok::<(), StoreError>(())
    });
    let careless = careless.replay("put:state#0=ack-lost").unwrap();
    assert!(careless.never_fired().is_empty() && !careless.is_clean());
    assert!(catch_unwind(AssertUnwindSafe(|| careless.assert_clean())).is_err());
}

/// What never fires in one call may fire in another.
#[test]
fn faults_are_counted_by_call() {
    let run = Exploration::new(|world: World| async move {
        let store = world.store(MemoryStore::new());
        let put = || store.put("a", Bytes::from_static(b"1").into(), PutMode::Replace);
        let _ = put().await;
        let mut upload = store.start_multipart("b", PutMode::Replace).await?;
        let _ = upload.put_part(Bytes::from_static(b"1").into()).await;
        let _ = upload.complete().await;
        let _ = upload.abort().await;
        store.delete("b").await.ok();
        world.restart().await;
        Ok::<(), StoreError>(())
    });
    let report = run.faults([FaultKind::Vanishes, FaultKind::AckLost]).run();
    let counts: Vec<_> = report
        .counts_by_call()
        .iter()
        .filter(|(_, kind, _)| *kind == FaultKind::Vanishes)
        .map(|(call, _, count)| (*call, count.planned, count.fired))
        .collect();
    let complete = Call::Store(Operation::CompleteMultipart);
    assert_eq!(counts, [(Call::Store(Operation::Put), 1, 1), (complete, 1, 0)]);
    let vanishes = report.counts().iter().find(|(kind, _)| *kind == FaultKind::Vanishes);
    assert_eq!(vanishes.map(|(_, count)| (count.planned, count.fired)), Some((2, 1)));
    assert_eq!(report.counts_by_call().len(), 8);
    assert!(report.to_string().contains("Vanishes in Store(CompleteMultipart)"), "{report}");
}
