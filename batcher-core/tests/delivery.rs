//! How one object gets into stores of different abilities, and what is made of their answers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::pin::pin;
use std::task::{Context, Waker};

use batcher_codecs::Raw;
use batcher_core::{
    Batcher, BatcherBuilder, BlobStore, FlushError, FlushErrorKind, Operation, Outcome, PutMode, ReadOptions,
    SinkCapabilities, StoreErrorKind,
};
use batcher_testkit::{Fault, FaultPlan, FaultStore, MemoryStore, block_on};
use scenario::{check, expected, noise, open};

/// An object of a little more than 20,000 bytes.
fn state() -> scenario::State {
    vec![("k".to_owned(), noise(20_000, 1))]
}

fn builder<S: BlobStore>(store: S) -> BatcherBuilder<Raw, S> {
    Batcher::builder(Raw, store).writer("w").block_len(1000)
}

fn filled<S: BlobStore>(builder: BatcherBuilder<Raw, S>) -> Batcher<S> {
    let mut batcher = builder.build().unwrap();
    for (key, blob) in state() {
        batcher.add(&key, blob).unwrap();
    }
    batcher
}

/// The kind and outcome of a store's error.
fn store_error(error: &FlushError) -> (StoreErrorKind, Outcome) {
    let FlushErrorKind::Store(store) = error.kind() else { panic!("{error:?}") };
    assert_eq!(store.outcome(), error.outcome());
    (store.kind(), store.outcome())
}

fn holds(memory: &MemoryStore, object: &str) {
    block_on(async {
        check(&open(memory, object, ReadOptions::default()).await, &expected(&state())).await;
    });
}

/// The length of the object.
fn object_len() -> u64 {
    let report = block_on(filled(builder(MemoryStore::new())).flush(1)).unwrap();
    report.object_bytes()
}

#[test]
fn parts_begin_over_the_threshold() {
    let len = object_len();
    for (threshold, parts) in [(len, 0), (len - 1, 1)] {
        let memory = MemoryStore::new();
        let mut batcher = filled(builder(memory.clone()).multipart_threshold(threshold));
        let report = block_on(batcher.flush(1)).unwrap();
        assert_eq!(memory.requests(Operation::PutPart), parts);
        assert_eq!(report.requests(), if parts == 0 { 1 } else { 3 });
        assert_eq!(batcher.metrics().snapshot().put_count, report.requests());
        holds(&memory, &report.receipts[0].object);
    }
}

#[test]
fn parts_are_as_long_as_the_store_wants_them() {
    let len = object_len();
    let parts = |store: MemoryStore, part_len: u64| {
        let mut batcher = filled(builder(store.clone()).multipart_threshold(1).part_len(part_len));
        let report = block_on(batcher.flush(1)).unwrap();
        holds(&store, &report.receipts[0].object);
        assert_eq!(report.requests(), store.requests(Operation::PutPart) + 2);
        store.requests(Operation::PutPart)
    };
    assert_eq!(parts(MemoryStore::new(), 1000), len.div_ceil(1000));
    assert_eq!(parts(MemoryStore::new(), len), 1);
    assert_eq!(parts(MemoryStore::new(), len - 1), 2);
    assert_eq!(parts(MemoryStore::builder().with_min_part_len(7000).build(), 1000), len.div_ceil(7000));
    assert_eq!(parts(MemoryStore::builder().with_min_part_len(500).build(), 1000), len.div_ceil(1000));
    for most in [1, 2, 7] {
        assert_eq!(parts(MemoryStore::builder().with_max_parts(most).build(), 1), most);
    }
}

#[test]
fn as_many_parts_are_under_way_as_was_asked_for() {
    for in_flight in [1, 3] {
        let script = FaultPlan::new().from_call(Operation::PutPart, 0, Fault::Hang);
        let store = FaultStore::new(MemoryStore::new(), script);
        let mut batcher =
            filled(builder(store.clone()).multipart_threshold(1).part_len(1000).parts_in_flight(in_flight));
        let mut flush = pin!(batcher.flush(1));
        for _ in 0..20 {
            assert!(flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        assert_eq!(store.calls(Operation::PutPart) as usize, in_flight);
    }
}

#[test]
fn an_object_too_long_for_a_store_without_parts_is_refused_before_it_is_sent() {
    let len = object_len();
    let store = |most| MemoryStore::builder().without_multipart().with_max_put_len(most).build();
    for mode in [PutMode::Create, PutMode::Replace] {
        let memory = store(len - 1);
        let mut batcher = filled(builder(memory.clone()).put_mode(mode));
        let error = block_on(batcher.flush(1)).unwrap_err();
        assert_eq!(store_error(&error), (StoreErrorKind::TooLarge, Outcome::NotApplied));
        assert_eq!((memory.requests(Operation::Put), batcher.len()), (0, 1));
        let report = block_on(filled(builder(store(len)).put_mode(mode)).flush(1)).unwrap();
        assert_eq!(report.requests(), 1);
    }
}

#[test]
fn an_object_too_long_for_one_put_goes_up_in_parts_below_the_threshold() {
    for (mode, most, puts) in [
        (PutMode::Create, object_len() - 1, 0),
        (PutMode::Replace, object_len() - 1, 0),
        (PutMode::Create, object_len(), 1),
        (PutMode::Replace, object_len(), 1),
    ] {
        let memory = MemoryStore::builder().with_max_put_len(most).build();
        let report = block_on(filled(builder(memory.clone()).put_mode(mode)).flush(1)).unwrap();
        assert_eq!(memory.requests(Operation::Put), puts);
        holds(&memory, &report.receipts[0].object);
    }
}

/// A store whose parts cannot create, and whose puts are too short.
fn unguarded() -> MemoryStore {
    MemoryStore::builder().without_multipart_create().with_max_put_len(object_len() - 1).build()
}

#[test]
fn where_parts_cannot_create_a_look_comes_first() {
    let memory = unguarded();
    let report = block_on(filled(builder(memory.clone())).flush(1)).unwrap();
    assert_eq!((memory.requests(Operation::Size), memory.requests(Operation::Put)), (1, 0));
    holds(&memory, &report.receipts[0].object);

    // Somebody else's object stays.
    let memory = unguarded();
    memory.insert("00000000000000000001/w-000000.lz4", "foreign");
    let mut batcher = filled(builder(memory.clone()));
    let error = block_on(batcher.flush(1)).unwrap_err();
    assert!(matches!(error.kind(), FlushErrorKind::Conflict));
    assert_eq!(memory.object(error.object()).unwrap(), "foreign");
    assert_eq!((memory.requests(Operation::StartMultipart), batcher.len()), (0, 1));
}

#[test]
fn where_parts_can_create_or_replacing_is_asked_for_nobody_looks() {
    let guarded = MemoryStore::builder().with_max_put_len(object_len() - 1).build();
    for (memory, mode) in [(guarded, PutMode::Create), (unguarded(), PutMode::Replace)] {
        if mode == PutMode::Replace {
            memory.insert("00000000000000000001/w-000000.lz4", "an older life's");
        }
        let report = block_on(filled(builder(memory.clone()).put_mode(mode)).flush(1)).unwrap();
        assert_eq!((memory.requests(Operation::Size), memory.requests(Operation::Read)), (0, 0));
        holds(&memory, &report.receipts[0].object);
    }
}

#[test]
fn an_upload_of_unknown_end_is_found_by_the_next_look() {
    let script = FaultPlan::new().at(Operation::CompleteMultipart, 0, Fault::AckLost);
    let memory = unguarded();
    let mut batcher = filled(builder(FaultStore::new(memory.clone(), script)));
    let error = block_on(batcher.flush(1)).unwrap_err();
    assert_eq!(store_error(&error), (StoreErrorKind::Unavailable, Outcome::Unknown));
    let report = block_on(batcher.flush(1)).unwrap();
    assert_eq!(memory.requests(Operation::StartMultipart), 1, "not sent again");
    holds(&memory, &report.receipts[0].object);
}

#[test]
fn a_look_that_fails_is_the_flush_s_failure() {
    let script = FaultPlan::new().at(Operation::Size, 0, Fault::Reject(StoreErrorKind::Throttled));
    let memory = unguarded();
    let mut batcher = filled(builder(FaultStore::new(memory.clone(), script)));
    let error = block_on(batcher.flush(1)).unwrap_err();
    assert_eq!(store_error(&error), (StoreErrorKind::Throttled, Outcome::NotApplied));
    assert_eq!((memory.requests(Operation::StartMultipart), batcher.len()), (0, 1));
    let report = block_on(batcher.flush(1)).unwrap();
    holds(&memory, &report.receipts[0].object);
}

/// A store that refuses these parts of the 21 that an attempt sends, counted over all attempts.
fn refusing(memory: &MemoryStore, parts: &[u32]) -> FaultStore<MemoryStore> {
    let refuse = |plan: FaultPlan, part: &u32| {
        plan.at(Operation::PutPart, *part, Fault::Reject(StoreErrorKind::Timeout))
    };
    FaultStore::new(memory.clone(), parts.iter().fold(FaultPlan::new(), refuse))
}

#[test]
fn a_part_of_the_early_upload_that_fails_makes_it_begin_anew() {
    for part in [0, 5, 18, 20] {
        let memory = MemoryStore::new();
        let store = refusing(&memory, &[part]);
        let mut batcher = filled(builder(store).multipart_threshold(1).part_len(1000));
        let report = block_on(batcher.flush(1)).unwrap();
        let requests = |operation| memory.requests(operation);
        assert_eq!((requests(Operation::StartMultipart), requests(Operation::CompleteMultipart)), (2, 1));
        assert_eq!((requests(Operation::AbortMultipart), memory.open_uploads()), (1, 0));
        holds(&memory, &report.receipts[0].object);
    }
}

#[test]
fn a_completion_that_is_refused_has_its_upload_cleared_away_at_once() {
    let refused = |fault| {
        let script = FaultPlan::new().at(Operation::CompleteMultipart, 0, fault);
        let memory = MemoryStore::new();
        let mut batcher =
            filled(builder(FaultStore::new(memory.clone(), script)).multipart_threshold(1).part_len(1000));
        block_on(batcher.flush(1)).unwrap_err();
        memory.requests(Operation::AbortMultipart)
    };
    assert_eq!(refused(Fault::Reject(StoreErrorKind::Throttled)), 1);
    // It may yet become the object.
    assert_eq!(refused(Fault::RequestLost), 0);
}

#[test]
fn an_upload_in_doubt_is_cleared_away_once_the_object_stands() {
    let script = FaultPlan::new().at(Operation::CompleteMultipart, 0, Fault::RequestLost);
    let memory = MemoryStore::new();
    let mut batcher =
        filled(builder(FaultStore::new(memory.clone(), script)).multipart_threshold(1).part_len(1000));
    block_on(batcher.flush(1)).unwrap_err();
    assert_eq!((memory.open_uploads(), memory.names().len()), (1, 0));
    let report = block_on(batcher.flush(1)).unwrap();
    assert_eq!(memory.open_uploads(), 0);
    holds(&memory, &report.receipts[0].object);
}

#[test]
fn a_part_that_fails_has_its_upload_cleared_away_at_once() {
    // One of the early upload, and one of that of the sealed object.
    for parts in [[0, 12], [5, 15], [20, 30], [20, 41]] {
        let memory = MemoryStore::new();
        let store = refusing(&memory, &parts);
        let mut batcher = filled(builder(store).multipart_threshold(1).part_len(1000));
        let error = block_on(batcher.flush(1)).unwrap_err();
        assert_eq!(store_error(&error), (StoreErrorKind::Timeout, Outcome::NotApplied));
        assert_eq!((memory.open_uploads(), memory.requests(Operation::CompleteMultipart)), (0, 0));
        let report = block_on(batcher.flush(1)).unwrap();
        assert_eq!(memory.open_uploads(), 0);
        holds(&memory, &report.receipts[0].object);
    }
}

/// A flush that is told "already exists" of its own object, and reads it back under these faults.
fn read_back(faults: &[(u32, Fault)]) -> (Batcher<FaultStore<MemoryStore>>, Result<(), FlushError>) {
    let own = FaultPlan::new().at(Operation::Put, 0, Fault::OwnExists);
    let script = faults.iter().fold(own, |script, (read, fault)| script.at(Operation::Read, *read, *fault));
    let mut batcher = filled(builder(FaultStore::new(MemoryStore::new(), script)));
    let flushed = block_on(batcher.flush(1)).map(|report| assert_eq!(report.requests(), 1));
    (batcher, flushed)
}

#[test]
fn an_object_that_exists_is_believed_only_when_read_back_whole() {
    read_back(&[]).1.unwrap();
    for (fault, kind) in [
        (Fault::Reject(StoreErrorKind::Timeout), StoreErrorKind::Timeout),
        (Fault::Reject(StoreErrorKind::Denied), StoreErrorKind::Denied),
        (Fault::ShortRead(1), StoreErrorKind::Unavailable),
        (Fault::ShortRead(u64::MAX), StoreErrorKind::Unavailable),
    ] {
        let (mut batcher, flushed) = read_back(&[(0, fault)]);
        let error = flushed.unwrap_err();
        assert_eq!(store_error(&error), (kind, Outcome::Unknown), "{fault:?}");
        assert_eq!(batcher.len(), 1);
        // It stands there, and the next flush finds it.
        let report = block_on(batcher.flush(1)).unwrap();
        holds(batcher.store().inner(), &report.receipts[0].object);
        assert_eq!(batcher.store().inner().names().len(), 1);
    }
    for bit in [0, 77_777] {
        read_back(&[(0, Fault::FlipBit(bit))]).1.unwrap();
        // The same twice is what stands there; two that differ are a bad line.
        let unsteady = read_back(&[(0, Fault::FlipBit(bit)), (1, Fault::FlipBit(bit + 1))]).1.unwrap_err();
        assert_eq!(store_error(&unsteady), (StoreErrorKind::Unavailable, Outcome::Unknown));
        let error = read_back(&[(0, Fault::FlipBit(bit)), (1, Fault::FlipBit(bit))]).1.unwrap_err();
        assert!(matches!(error.kind(), FlushErrorKind::Conflict));
        assert_eq!(error.outcome(), Outcome::NotApplied);
    }
}

#[test]
fn a_long_object_is_read_back_piece_by_piece_to_its_last_byte() {
    let blob = noise(17 << 20, 3);
    let run = |alter: Option<usize>| {
        let script = FaultPlan::new().at(Operation::Put, 0, Fault::AckLost);
        let memory = MemoryStore::new();
        let mut batcher = Batcher::builder(Raw, FaultStore::new(memory.clone(), script))
            .multipart_threshold(u64::MAX)
            .build()
            .unwrap();
        batcher.add("k", blob.clone()).unwrap();
        let error = block_on(batcher.flush(1)).unwrap_err();
        assert_eq!(error.outcome(), Outcome::Unknown);
        if let Some(from_end) = alter {
            let mut bytes = memory.object(error.object()).unwrap().to_vec();
            let at = bytes.len() - from_end;
            bytes[at] ^= 1;
            memory.insert(error.object(), bytes);
        }
        let flushed = block_on(batcher.flush(1));
        (flushed, memory.requests(Operation::Read))
    };
    let (flushed, reads) = run(None);
    let _report = flushed.unwrap();
    assert_eq!(reads, 3, "of 8 MiB each");
    for from_end in [1, 9 << 20] {
        let error = run(Some(from_end)).0.unwrap_err();
        assert!(matches!(error.kind(), FlushErrorKind::Conflict), "{from_end}");
    }
}

#[test]
fn a_conflict_in_which_nothing_landed_is_tried_again() {
    for phantoms in 1..6 {
        let script = (0..phantoms)
            .fold(FaultPlan::new(), |script, put| script.at(Operation::Put, put, Fault::PhantomExists));
        let memory = MemoryStore::new();
        let mut batcher = filled(builder(FaultStore::new(memory.clone(), script)));
        let flushed = block_on(batcher.flush(1));
        if phantoms < 4 {
            assert_eq!(flushed.unwrap().requests(), u64::from(phantoms) + 1);
            holds(&memory, &memory.names()[0]);
        } else {
            assert_eq!(store_error(&flushed.unwrap_err()), (StoreErrorKind::AlreadyExists, Outcome::Unknown));
            assert_eq!(block_on(batcher.flush(1)).unwrap().requests(), u64::from(phantoms) + 1);
        }
    }
}

#[test]
fn where_replacing_is_asked_for_nothing_is_read_back() {
    let memory = MemoryStore::new();
    memory.insert("00000000000000000001/w-000000.lz4", "an older life's");
    let mut batcher = filled(builder(memory.clone()).put_mode(PutMode::Replace));
    let report = block_on(batcher.flush(1)).unwrap();
    assert_eq!(memory.requests(Operation::Read), 0);
    holds(&memory, &report.receipts[0].object);
}

#[test]
fn a_payload_keeps_no_empty_chunks() {
    let chunks = ["", "one", "", "two", ""].map(|chunk| bytes::Bytes::from_static(chunk.as_bytes()));
    let payload: batcher_core::Payload = chunks.into_iter().collect();
    assert_eq!((payload.len(), payload.chunks().len()), (6, 2));
    assert_eq!(payload.to_bytes(), "onetwo");
    let empty: batcher_core::Payload = bytes::Bytes::new().into();
    assert!(empty.is_empty() && empty.chunks().is_empty() && !payload.is_empty());
}

#[test]
fn capabilities_are_what_was_set() {
    let set = SinkCapabilities::default().with_max_put_len(5).with_part_limits(2, 3);
    assert_eq!((set.max_put_len, set.min_part_len, set.max_parts), (Some(5), Some(2), Some(3)));
    assert!(!set.create && !set.multipart);
}

#[test]
fn an_abort_that_is_never_answered_keeps_one_flush_waiting_and_no_more() {
    let plan = FaultPlan::new().at(Operation::PutPart, 1, Fault::Hang).from_call(
        Operation::AbortMultipart,
        0,
        Fault::Hang,
    );
    let memory = MemoryStore::new();
    let store = FaultStore::new(memory.clone(), plan);
    let mut batcher = filled(builder(store).multipart_threshold(1).part_len(5000));
    for _ in 0..2 {
        let mut flush = pin!(batcher.flush(1));
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..1000 {
            assert!(flush.as_mut().poll(&mut context).is_pending());
        }
    }
    let report = block_on(batcher.flush(1)).unwrap();
    holds(&memory, &report.receipts[0].object);
}
