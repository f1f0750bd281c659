//! What goes wrong, and that nothing else does.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use batcher_core::{
    BlobSink, BlobSource, Operation, Outcome, Payload, PutMode, ReadRange, ReadReply, StoreError,
    StoreErrorKind,
};
use batcher_testkit::{Fault, FaultPlan, FaultStore, FiredFault, MemoryStore, block_on};
use bytes::Bytes;
use futures_util::TryStreamExt;

const OPERATIONS: [Operation; 9] = [
    Operation::Put,
    Operation::StartMultipart,
    Operation::PutPart,
    Operation::CompleteMultipart,
    Operation::AbortMultipart,
    Operation::Delete,
    Operation::Read,
    Operation::Size,
    Operation::List,
];

const FAULTS: [Fault; 7] = [
    Fault::Reject(StoreErrorKind::Throttled),
    Fault::AckLost,
    Fault::OwnExists,
    Fault::PhantomExists,
    Fault::Hang,
    Fault::ShortRead(2),
    Fault::FlipBit(9),
];

type Store = FaultStore<MemoryStore>;

fn payload(text: &'static str) -> Payload {
    Bytes::from_static(text.as_bytes()).into()
}

/// A store with the object `old` in it.
fn store(script: FaultPlan) -> Store {
    let memory = MemoryStore::new();
    memory.insert("old", "bytes");
    FaultStore::new(memory, script)
}

/// Calls one operation once, those that it needs before it without counting them wrong, and gives what a read gave.
async fn call(store: &Store, operation: Operation) -> Result<Option<ReadReply>, StoreError> {
    let upload = || store.start_multipart("new", PutMode::Create);
    match operation {
        Operation::Put => store.put("new", payload("part"), PutMode::Create).await?,
        Operation::StartMultipart => drop(upload().await?),
        Operation::PutPart => upload().await?.put_part(payload("part")).await?,
        Operation::CompleteMultipart => {
            let mut upload = upload().await?;
            upload.put_part(payload("part")).await?;
            upload.complete().await?;
        }
        Operation::AbortMultipart => upload().await?.abort().await?,
        Operation::Delete => store.delete("old").await?,
        Operation::Read => return store.read("old", ReadRange::Suffix(5)).await.map(Some),
        Operation::Size => assert_eq!(store.size("old").await?, 5),
        Operation::List => assert_eq!(store.list("").try_collect::<Vec<_>>().await?.len(), 1),
        other => panic!("{other:?}"),
    }
    Ok(None)
}

/// The result, or `None` where there is none to be expected any more.
fn run(store: &Store, operation: Operation) -> Option<Result<Option<ReadReply>, StoreError>> {
    let mut future = pin!(call(store, operation));
    let mut context = Context::from_waker(Waker::noop());
    (0..100).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    })
}

/// Whether the operation has had its effect; `None` where it has none.
fn applied(store: &Store, operation: Operation) -> Option<bool> {
    let memory = store.inner();
    match operation {
        Operation::Put | Operation::CompleteMultipart => Some(memory.object("new").is_some()),
        Operation::StartMultipart => Some(memory.open_uploads() == 1),
        Operation::PutPart => Some(memory.requests(Operation::PutPart) == 1),
        Operation::AbortMultipart => Some(memory.open_uploads() == 0),
        Operation::Delete => Some(memory.object("old").is_none()),
        _ => None,
    }
}

fn applicable() -> impl Iterator<Item = (Operation, Fault)> {
    let pairs = OPERATIONS.into_iter().flat_map(|operation| FAULTS.map(|fault| (operation, fault)));
    pairs.filter(|(operation, fault)| fault.applies_to(*operation))
}

#[test]
fn without_a_script_nothing_goes_wrong() {
    for operation in OPERATIONS {
        let store = store(FaultPlan::new());
        run(&store, operation).unwrap().unwrap();
        assert_ne!(applied(&store, operation), Some(false));
        assert_eq!((store.calls(operation), store.inner().requests(operation)), (1, 1));
        assert!(store.fired().is_empty());
    }
}

#[test]
fn every_fault_does_what_it_says_to_every_operation() {
    assert_eq!(applicable().count(), 9 + 6 + 2 + 2 + 9 + 1 + 1);
    for (operation, fault) in applicable() {
        let store = store(FaultPlan::new().at(operation, 0, fault));
        let result = run(&store, operation);
        let error = |result: Option<Result<_, StoreError>>| {
            let error = result.unwrap().unwrap_err();
            assert_eq!(error.operation(), operation);
            (error.kind(), error.outcome())
        };
        let unknown = match operation {
            Operation::StartMultipart => Outcome::NotApplied,
            _ => Outcome::Unknown,
        };
        let takes_effect = match fault {
            Fault::Reject(kind) => {
                assert_eq!(error(result), (kind, Outcome::NotApplied));
                false
            }
            Fault::AckLost => {
                assert_eq!(error(result), (StoreErrorKind::Unavailable, unknown));
                true
            }
            // To the caller these two are alike.
            Fault::OwnExists | Fault::PhantomExists => {
                assert_eq!(error(result), (StoreErrorKind::AlreadyExists, Outcome::Unknown));
                fault == Fault::OwnExists
            }
            Fault::Hang => {
                assert!(result.is_none());
                false
            }
            Fault::ShortRead(_) => {
                assert_eq!(result.unwrap().unwrap().unwrap().bytes, "byt");
                true
            }
            Fault::FlipBit(_) => {
                assert_eq!(result.unwrap().unwrap().unwrap().bytes, "b{tes");
                true
            }
            other => panic!("{other:?}"),
        };
        if let Some(applied) = applied(&store, operation) {
            assert_eq!(applied, takes_effect, "{operation:?}, {fault:?}");
        }
        assert_eq!(store.inner().requests(operation), u64::from(takes_effect), "{operation:?}, {fault:?}");
        let [FiredFault { operation: fired_operation, call: 0, fault: fired_fault, .. }] = *store.fired()
        else {
            panic!("{operation:?}, {fault:?}: {:?}", store.fired())
        };
        assert_eq!((fired_operation, fired_fault), (operation, fault));
    }
}

#[test]
fn faults_strike_the_calls_that_they_name() {
    let rejected = Fault::Reject(StoreErrorKind::Unavailable);
    for operation in OPERATIONS {
        for call in 0..3 {
            let struck = |script: FaultPlan| -> Vec<bool> {
                let store = store(script);
                let struck = (0..5).map(|_| {
                    store.inner().remove("new");
                    store.inner().insert("old", "bytes");
                    run(&store, operation).unwrap().is_err()
                });
                let struck: Vec<_> = struck.collect();
                let calls: Vec<_> = store.fired().iter().map(|fired| fired.call).collect();
                let expected: Vec<_> =
                    (0..5).zip(&struck).filter(|(_, struck)| **struck).map(|(call, _)| call).collect();
                assert_eq!((calls, store.calls(operation)), (expected, 5));
                struck
            };
            let only: Vec<_> = (0..5).map(|this| this == call).collect();
            assert_eq!(struck(FaultPlan::new().at(operation, call, rejected)), only);
            let onward: Vec<_> = (0..5).map(|this| this >= call).collect();
            assert_eq!(struck(FaultPlan::new().from_call(operation, call, rejected)), onward);
        }
    }
}

#[test]
fn the_first_entry_counts() {
    let script = FaultPlan::new()
        .at(Operation::Read, 1, Fault::ShortRead(5))
        .from_call(Operation::Read, 0, Fault::ShortRead(4))
        .at(Operation::Size, 0, Fault::Reject(StoreErrorKind::Denied));
    let store = store(script);
    let bytes = || run(&store, Operation::Read).unwrap().unwrap().unwrap().bytes;
    assert_eq!([bytes(), bytes(), bytes()], ["b", "", "b"]);
    assert!(run(&store, Operation::Size).unwrap().is_err());
    assert!(run(&store, Operation::Size).unwrap().is_ok());
}

#[test]
fn each_bit_can_be_flipped() {
    for bit in 0..80 {
        let store = store(FaultPlan::new().at(Operation::Read, 0, Fault::FlipBit(bit)));
        let reply = run(&store, Operation::Read).unwrap().unwrap().unwrap();
        let wrong: Vec<_> =
            (0..40).filter(|at| (reply.bytes[at / 8] ^ b"bytes"[at / 8]) >> (at % 8) & 1 == 1).collect();
        assert_eq!(wrong, [usize::try_from(bit).unwrap() % 40]);
        // The store's own bytes are as they were.
        assert_eq!(store.inner().object("old").unwrap(), "bytes");
        assert_eq!(run(&store, Operation::Read).unwrap().unwrap().unwrap().bytes, "bytes");
    }
}

#[test]
fn nothing_is_spoilt_that_is_not_there() {
    let script = FaultPlan::new()
        .at(Operation::Read, 0, Fault::FlipBit(0))
        .at(Operation::Read, 1, Fault::ShortRead(1))
        .at(Operation::Delete, 0, Fault::AckLost);
    let store = FaultStore::new(MemoryStore::builder().without_delete().build(), script);
    store.inner().insert("old", "");
    let read = || run(&store, Operation::Read).unwrap();
    assert_eq!(read().unwrap().unwrap().bytes, "");
    store.inner().remove("old");
    assert_eq!(read().unwrap_err().kind(), StoreErrorKind::NotFound);
    // The wrapped store's own error stands.
    let error = run(&store, Operation::Delete).unwrap().unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::Unsupported, Outcome::NotApplied));
    assert!(store.fired().is_empty());
}

#[test]
fn only_creates_meet_objects() {
    for fault in [Fault::OwnExists, Fault::PhantomExists] {
        let script = FaultPlan::new().at(Operation::Put, 0, fault).at(Operation::CompleteMultipart, 0, fault);
        let store = store(script);
        block_on(async {
            store.put("old", payload("1"), PutMode::Replace).await.unwrap();
            let mut upload = store.start_multipart("old", PutMode::Replace).await.unwrap();
            upload.put_part(payload("2")).await.unwrap();
            upload.complete().await.unwrap();
        });
        assert_eq!(store.inner().object("old").unwrap(), "2");
        assert!(store.fired().is_empty());
    }
}

#[test]
fn an_upload_does_not_complete_without_a_part_that_failed() {
    let rejected = Fault::Reject(StoreErrorKind::Unavailable);
    for fault in [rejected, Fault::Hang, Fault::AckLost] {
        let store = store(FaultPlan::new().at(Operation::PutPart, 1, fault));
        let mut upload = block_on(store.start_multipart("new", PutMode::Replace)).unwrap();
        let mut parts = ["1", "2", "3"].map(|part| Some(upload.put_part(payload(part))));
        if fault == Fault::Hang {
            parts[1] = None;
        }
        let failed: Vec<_> = parts.into_iter().flatten().map(|part| block_on(part).is_err()).collect();
        assert_eq!(failed.contains(&true), fault != Fault::Hang);
        let completed = block_on(upload.complete());
        if fault == Fault::AckLost {
            completed.unwrap();
            assert_eq!(store.inner().object("new").unwrap(), "123");
        } else {
            let error = completed.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::InvalidInput, Outcome::NotApplied));
            assert_eq!(store.inner().object("new"), None);
            block_on(upload.abort()).unwrap();
            assert_eq!(store.inner().open_uploads(), 0);
        }
    }
}

#[test]
fn what_the_store_declares_is_passed_on() {
    let memory = MemoryStore::builder().without_create().without_suffix_reads().build();
    let store = FaultStore::new(memory.clone(), FaultPlan::new());
    assert_eq!(store.capabilities(), memory.capabilities());
    assert!(!store.reads_suffixes());
}

#[test]
fn clones_share_the_script() {
    let script = FaultPlan::new().at(Operation::Size, 1, Fault::Reject(StoreErrorKind::Other));
    let store = store(script);
    run(&store, Operation::Size).unwrap().unwrap();
    run(&store.clone(), Operation::Size).unwrap().unwrap_err();
    assert_eq!((store.calls(Operation::Size), store.fired().len()), (2, 1));
}

#[test]
#[should_panic(expected = "does not apply")]
fn a_script_takes_no_fault_that_cannot_be() {
    let _ = FaultPlan::new().at(Operation::Put, 0, Fault::ShortRead(1));
}
