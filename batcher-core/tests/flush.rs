//! What a flush does when the store, the codec or the executor fails, case by case. All faults in all places: see
//! `exploration`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use batcher_codecs::Lz4;
use batcher_core::{
    BatchReader, Batcher, BatcherBuilder, BlobStore, Codec, CodecError, CodecId, ConfigError, Executor,
    FlushErrorKind, Job, Operation, Outcome, PutMode, ReadOptions, StoreErrorKind,
};
use batcher_testkit::{Fault, FaultPlan, FaultStore, MemoryStore, block_on};
use bytes::Bytes;
use scenario::{State, check, expected, mixed, noise, open, rows};

fn batcher<S: BlobStore>(store: S) -> BatcherBuilder<Lz4, S> {
    Batcher::builder(Lz4::default(), store).writer("w").block_len(1000)
}

fn add<S: BlobStore>(batcher: &mut Batcher<S>, state: &State) {
    for (key, blob) in state {
        batcher.add(key, blob.clone()).unwrap();
    }
}

async fn holds(store: &MemoryStore, object: &str, state: &State) {
    check(&open(store, object, ReadOptions::default()).await, &expected(state)).await;
}

/// The writes of a flush, small and in parts, in both modes.
fn deliveries(memory: &MemoryStore, script: &FaultPlan) -> Vec<Batcher<FaultStore<MemoryStore>>> {
    [(PutMode::Create, u64::MAX), (PutMode::Create, 1), (PutMode::Replace, u64::MAX), (PutMode::Replace, 1)]
        .into_iter()
        .map(|(mode, threshold)| {
            batcher(FaultStore::new(memory.clone(), script.clone()))
                .put_mode(mode)
                .multipart_threshold(threshold)
                .part_len(5000)
                .parts_in_flight(2)
                .build()
                .unwrap()
        })
        .collect()
}

/// Runs a flush until it ends or hangs.
fn flush_or_hang<S: BlobStore>(batcher: &mut Batcher<S>, epoch: u64) -> Option<bool> {
    let mut flush = pin!(batcher.flush(epoch));
    let mut idle = 0;
    let woken = Arc::new(Woken(AtomicUsize::new(0)));
    let waker = Arc::clone(&woken).into();
    let mut context = std::task::Context::from_waker(&waker);
    loop {
        match flush.as_mut().poll(&mut context) {
            Poll::Ready(result) => return Some(result.is_ok()),
            Poll::Pending if woken.0.swap(0, Ordering::Relaxed) == 0 => idle += 1,
            Poll::Pending => idle = 0,
        }
        if idle > 3 {
            return None;
        }
    }
}

struct Woken(AtomicUsize);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn a_refusal_does_not_undo_what_an_earlier_attempt_may_have_done() {
    let denied = Fault::Reject(StoreErrorKind::Denied);
    for (kind, operation) in
        [Operation::Put, Operation::CompleteMultipart].into_iter().cycle().take(4).enumerate()
    {
        for (first, doubtful) in [(denied, false), (Fault::AckLost, true), (Fault::Hang, true)] {
            let script =
                FaultPlan::new().at(operation, 0, first).at(operation, 1, denied).at(operation, 2, denied);
            let memory = MemoryStore::new();
            let mut batcher = deliveries(&memory, &script).swap_remove(kind);
            add(&mut batcher, &mixed());
            let expected = if doubtful { Outcome::Unknown } else { Outcome::NotApplied };
            if first == Fault::Hang {
                assert_eq!(flush_or_hang(&mut batcher, 7), None);
            } else {
                assert_eq!(block_on(batcher.flush(7)).unwrap_err().outcome(), expected, "{kind} {first:?}");
            }
            for _ in 0..2 {
                let error = block_on(batcher.flush(7)).unwrap_err();
                assert_eq!(error.outcome(), expected, "{kind} {first:?}: {error:?}");
            }
            // Of another epoch nothing has been tried yet.
            let script = FaultPlan::new().from_call(operation, 0, denied);
            let mut fresh = deliveries(&memory, &script).swap_remove(kind);
            add(&mut fresh, &mixed());
            assert_eq!(block_on(fresh.flush(8)).unwrap_err().outcome(), Outcome::NotApplied);
        }
    }
}

#[test]
fn a_retry_writes_the_same_bytes_whatever_was_added_since() {
    let memory = MemoryStore::new();
    let script = FaultPlan::new().at(Operation::Put, 0, Fault::AckLost);
    let mut batcher = batcher(FaultStore::new(memory.clone(), script)).build().unwrap();
    add(&mut batcher, &mixed());
    let error = block_on(batcher.flush(7)).unwrap_err();
    assert_eq!((error.outcome(), error.is_retryable()), (Outcome::Unknown, true));
    assert!(matches!(error.kind(), FlushErrorKind::Store(_)));
    let landed = memory.object(error.object()).unwrap();
    batcher.add("more", noise(5000, 1)).unwrap();
    let report = block_on(batcher.flush(7)).unwrap();
    assert_eq!(report.receipts.len(), 2);
    assert!(memory.object(&report.receipts[0].object).unwrap() == landed);
    assert_eq!((report.receipts[0].id.part, report.receipts[1].id.part), (0, 1));
    assert_eq!(report.receipts[0].requests, 2);
    let counters = batcher.metrics().snapshot();
    assert_eq!((counters.batches_flushed, counters.put_count, counters.failed_flushes), (2, 3, 1));
}

#[test]
fn another_epoch_takes_the_blobs_of_a_failed_one_along() {
    let memory = MemoryStore::new();
    let script = FaultPlan::new().from_call(Operation::Put, 0, Fault::Reject(StoreErrorKind::Unavailable));
    let store = FaultStore::new(memory.clone(), script);
    let mut failing = batcher(store).build().unwrap();
    let mut state = mixed();
    add(&mut failing, &state);
    assert!(block_on(failing.flush(5)).is_err());
    let before = failing.buffered_bytes();
    assert!(block_on(failing.flush(6)).is_err());
    assert_eq!(failing.buffered_bytes(), before);
    assert!(matches!(block_on(failing.flush(5)).unwrap_err().kind(), FlushErrorKind::EpochGivenUp));

    let script = FaultPlan::new().at(Operation::Put, 0, Fault::AckLost);
    let mut batcher = batcher(FaultStore::new(memory.clone(), script)).build().unwrap();
    add(&mut batcher, &state);
    assert!(block_on(batcher.flush(5)).is_err());
    let more: State = vec![("partition-000/operator-0".into(), rows(700, 9)), ("new".into(), rows(1, 1))];
    add(&mut batcher, &more);
    let report = block_on(batcher.flush(6)).unwrap();
    let [receipt] = report.receipts.as_slice() else { panic!("{report:?}") };
    assert_eq!((receipt.id.epoch, receipt.id.part, receipt.superseded), (6, 0, 1));
    state.extend(more);
    block_on(holds(&memory, &receipt.object, &state));
}

#[test]
fn what_is_discarded_is_gone_and_its_memory_free() {
    let memory = MemoryStore::new();
    let script = FaultPlan::new().at(Operation::Put, 0, Fault::Reject(StoreErrorKind::Unavailable));
    let store = FaultStore::new(memory.clone(), script);
    let mut batcher = batcher(store).memory_limit(25_000).build().unwrap();
    for round in 0..3 {
        batcher.add("a", noise(20_000, round)).unwrap();
        assert!(batcher.add("b", noise(20_000, round)).is_err());
        if round == 0 {
            assert!(block_on(batcher.flush(1)).is_err());
            batcher.add("c", "x").unwrap();
        }
        assert_eq!(batcher.discard(), if round == 0 { 2 } else { 1 });
        assert!(batcher.is_empty() && batcher.buffered_bytes() == 0);
    }
    batcher.add("kept", "y").unwrap();
    let report = block_on(batcher.flush(1)).unwrap();
    assert_eq!(report.receipts[0].id.part, 1, "a name is never used twice");
    block_on(holds(&memory, &report.receipts[0].object, &vec![("kept".into(), Bytes::from("y"))]));
}

#[test]
fn a_foreign_object_of_the_same_name_is_a_conflict_and_stays() {
    for multipart in [false, true] {
        for foreign in [
            Bytes::from("foreign"),
            block_on(scenario::object(&mixed()[1..].to_vec(), Arc::new(Lz4::default()), 1000)),
        ] {
            let memory = MemoryStore::new();
            let mut batcher = batcher(memory.clone())
                .multipart_threshold(if multipart { 1 } else { u64::MAX })
                .build()
                .unwrap();
            memory.insert("00000000000000000007/w-000000.lz4", foreign.clone());
            add(&mut batcher, &mixed());
            for _ in 0..2 {
                let error = block_on(batcher.flush(7)).unwrap_err();
                assert!(matches!(error.kind(), FlushErrorKind::Conflict), "{error:?}");
                assert!(!error.is_retryable());
                assert!(memory.object(error.object()).unwrap() == foreign);
                assert_eq!(batcher.len(), mixed().len() as u64);
            }
            let report = block_on(batcher.flush(8)).unwrap();
            block_on(holds(&memory, &report.receipts[0].object, &mixed()));
        }
    }
}

#[test]
fn a_store_that_says_exists_for_ever_and_holds_nothing_is_an_error_of_unknown_outcome() {
    let memory = MemoryStore::new();
    let script = FaultPlan::new().from_call(Operation::Put, 0, Fault::PhantomExists);
    let mut batcher = batcher(FaultStore::new(memory.clone(), script)).build().unwrap();
    add(&mut batcher, &mixed());
    let error = block_on(batcher.flush(7)).unwrap_err();
    let FlushErrorKind::Store(store) = error.kind() else { panic!("{error:?}") };
    assert_eq!((store.kind(), store.outcome()), (StoreErrorKind::AlreadyExists, Outcome::Unknown));
    assert_eq!(batcher.len(), mixed().len() as u64);
}

#[test]
fn settings_that_cannot_be_are_refused() {
    let store = MemoryStore::new;
    assert!(matches!(batcher(store()).block_len(0).build(), Err(ConfigError::BlockLen { .. })));
    assert!(matches!(batcher(store()).block_len((64 << 20) + 1).build(), Err(ConfigError::BlockLen { .. })));
    assert!(matches!(
        batcher(store()).writer("w".repeat(1025)).build(),
        Err(ConfigError::WriterTooLong { .. })
    ));
    assert!(matches!(batcher(store()).part_len(0).build(), Err(ConfigError::NoParts)));
    assert!(matches!(batcher(store()).parts_in_flight(0).build(), Err(ConfigError::NoParts)));
    for name in ["../up", "a//b", "/root", "w".repeat(1020).as_str()] {
        let built = batcher(store()).writer(name).build();
        assert!(
            matches!(built, Err(ConfigError::Name(error)) if error.kind() == StoreErrorKind::InvalidInput)
        );
    }
    let blind = MemoryStore::builder().without_create().build();
    assert!(matches!(batcher(blind.clone()).build(), Err(ConfigError::CreateUnsupported)));
    assert!(batcher(blind).put_mode(PutMode::Replace).build().is_ok());
}

/// LZ4 that fails, panics or lies at its nth block.
#[derive(Debug)]
struct Faulty {
    inner: Lz4,
    calls: AtomicUsize,
    at: usize,
    how: usize,
}

impl Codec for Faulty {
    fn id(&self) -> CodecId {
        CodecId::LZ4
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        self.inner.max_frame_len(block_len)
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        if self.calls.fetch_add(1, Ordering::Relaxed) != self.at {
            return self.inner.encode(block, frame);
        }
        match self.how {
            0 => Err(CodecError::Library("no".into())),
            1 => panic!("on purpose"),
            2 => Ok(usize::MAX),
            _ => Ok(0),
        }
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        self.inner.decode(frame, block)
    }
}

#[test]
fn a_codec_that_fails_at_any_block_or_page_loses_nothing() {
    let state = mixed();
    for how in 0..4 {
        let mut failed = 0;
        for at in 0.. {
            let memory = MemoryStore::new();
            let codec = Arc::new(Faulty { inner: Lz4::default(), calls: AtomicUsize::new(0), at, how });
            let mut batcher =
                Batcher::builder(codec.clone(), memory.clone()).block_len(1000).build().unwrap();
            add(&mut batcher, &state);
            let first = block_on(batcher.flush(7));
            if codec.calls.load(Ordering::Relaxed) <= at {
                let _report = first.unwrap();
                assert!(at > 20 && failed >= 2, "{at}, {failed}");
                break;
            }
            // What failed while it was being added is tried once more by the flush, and so are pages of keys; others are not.
            let report = match first {
                Ok(report) => report,
                Err(error) => {
                    failed += 1;
                    assert!(matches!(error.kind(), FlushErrorKind::Encode(_)), "{error:?}");
                    assert_eq!((batcher.len(), memory.names().len()), (state.len() as u64, 0));
                    block_on(batcher.flush(7)).unwrap()
                }
            };
            block_on(holds(&memory, &report.receipts[0].object, &state));
        }
    }
}

/// Keeps jobs until told what to do with them.
#[derive(Clone, Debug, Default)]
struct Manual(Arc<Mutex<Jobs>>);

#[derive(Default)]
struct Jobs {
    waiting: Vec<Job>,
    drop_all: bool,
}

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} jobs", self.waiting.len())
    }
}

impl Executor for Manual {
    fn execute(&self, job: Job) {
        let mut jobs = self.0.lock().unwrap();
        if jobs.drop_all {
            drop(jobs);
            drop(job);
        } else {
            jobs.waiting.push(job);
        }
    }
}

impl Manual {
    fn run_last_first(&self) -> bool {
        let jobs = std::mem::take(&mut self.0.lock().unwrap().waiting);
        let any = !jobs.is_empty();
        jobs.into_iter().rev().for_each(|job| job());
        any
    }
}

#[test]
fn jobs_may_run_late_in_any_order_or_be_dropped() {
    let state = mixed();
    let inline = block_on(scenario::object(&state, Arc::new(Lz4::default()), 1000));
    for dropped in [false, true] {
        let memory = MemoryStore::new();
        let executor = Manual::default();
        let mut batcher = batcher(memory.clone()).executor(executor.clone()).build().unwrap();
        executor.0.lock().unwrap().drop_all = dropped;
        add(&mut batcher, &state);
        if dropped {
            let error = block_on(batcher.flush(7)).unwrap_err();
            assert!(matches!(error.kind(), FlushErrorKind::Encode(CodecError::Abandoned)), "{error:?}");
            assert!(error.is_retryable());
            executor.0.lock().unwrap().drop_all = false;
        }
        while flush_or_hang(&mut batcher, 7) != Some(true) {
            assert!(executor.run_last_first(), "waits for a job that there is");
        }
        assert!(memory.object(&memory.names()[0]).unwrap() == inline, "the same bytes as inline");
    }
}

#[test]
fn reading_takes_short_reads_and_flipped_bits_for_what_they_are() {
    let state = mixed();
    let object = block_on(scenario::object(&state, Arc::new(Lz4::default()), 1000));
    let codecs = batcher_codecs::registry();
    let options = || ReadOptions::default().with_first_read_len(100).with_max_read_len(2000);
    let read = |script: FaultPlan| {
        let memory = MemoryStore::new();
        memory.insert("o", object.clone());
        let store = FaultStore::new(memory, script);
        let result = block_on(async {
            let reader = BatchReader::open_with(store.clone(), "o", &codecs, options()).await?;
            let all: Vec<_> = futures_util::TryStreamExt::try_collect(reader.blobs()).await?;
            Ok::<_, batcher_core::ReadError>(all)
        });
        (result, store.calls(Operation::Read))
    };
    let (clean, calls) = read(FaultPlan::new());
    assert!(clean.unwrap().into_iter().collect::<std::collections::BTreeMap<_, _>>() == expected(&state));
    assert!(calls > 5, "{calls}");
    for call in 0..calls {
        let (short, _) = read(FaultPlan::new().at(Operation::Read, call, Fault::ShortRead(1)));
        assert!(short.unwrap_err().is_retryable(), "{call}");
        for bit in [0, 77, 500] {
            let (flipped, _) = read(FaultPlan::new().at(Operation::Read, call, Fault::FlipBit(bit)));
            assert!(!flipped.unwrap_err().is_retryable(), "{call}, {bit}");
        }
        for fault in [Fault::Reject(StoreErrorKind::NotFound), Fault::Reject(StoreErrorKind::Timeout)] {
            let (failed, _) = read(FaultPlan::new().at(Operation::Read, call, fault));
            let error = failed.unwrap_err();
            assert_ne!(error.is_not_found(), error.is_retryable());
        }
    }
}
