//! Flushes that begin to upload before all blobs are there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::cell::Cell;
use std::future::{pending, poll_fn, ready};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use batcher_codecs::Raw;
use batcher_core::{
    Batcher, BatcherBuilder, BlobSource, BlobStore, Executor, FlushErrorKind, Job, Limit, Operation, PutMode,
    ReadOptions, StoreErrorKind,
};
use batcher_testkit::{Fault, FaultPlan, FaultStore, MemoryStore, block_on};
use scenario::{State, check, expected, noise, open};

/// Ten blobs of 1,000 bytes each and a few more.
fn state() -> State {
    (0..10).map(|number| (format!("key-{number}"), noise(1000, number))).collect()
}

fn builder<S: BlobStore>(store: S) -> BatcherBuilder<Raw, S> {
    Batcher::builder(Raw, store).writer("w").block_len(500).multipart_threshold(2000).part_len(1000)
}

fn holds(memory: &MemoryStore, object: &str, state: &State) {
    block_on(async {
        check(&open(memory, object, ReadOptions::default()).await, &expected(state)).await;
    });
}

/// Ready once so many other things have been polled in between.
async fn after(polls: usize) {
    let mut left = polls;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}

#[test]
fn parts_go_up_before_all_blobs_are_there() {
    let memory = MemoryStore::new();
    let mut batcher = builder(memory.clone()).build().unwrap();
    let handle = batcher.handle();
    let sent = Cell::new(0);
    let operators = async {
        for (key, blob) in state() {
            handle.add(&key, blob).unwrap();
            after(20).await;
        }
        sent.set(memory.requests(Operation::PutPart));
    };
    let report = block_on(batcher.flush_when(7, operators)).unwrap();
    assert_eq!(sent.get(), 10);
    assert_eq!(report.requests(), memory.requests(Operation::PutPart) + 2);
    assert_eq!(memory.requests(Operation::StartMultipart), 1);
    holds(&memory, &report.receipts[0].object, &state());
}

#[test]
fn nothing_is_uploaded_early_where_it_would_be_one_put_in_the_end() {
    let memory = MemoryStore::new();
    let mut batcher = builder(memory.clone()).multipart_threshold(1 << 20).build().unwrap();
    let handle = batcher.handle();
    let operators = async {
        for (key, blob) in state() {
            handle.add(&key, blob).unwrap();
            after(5).await;
        }
    };
    let report = block_on(batcher.flush_when(7, operators)).unwrap();
    assert_eq!((report.requests(), memory.requests(Operation::Put)), (1, 1));
    assert!(block_on(batcher.flush_when(8, ready(()))).unwrap().receipts.is_empty());
    assert_eq!(batcher.next_part(8).unwrap(), 0);
}

#[test]
fn the_same_blobs_give_the_same_object_early_or_not() {
    let object = |early: bool| {
        let memory = MemoryStore::new();
        let mut batcher = builder(memory.clone()).build().unwrap();
        let handle = batcher.handle();
        let operators = async {
            for (key, blob) in state() {
                handle.add(&key, blob).unwrap();
                if early {
                    after(7).await;
                }
            }
        };
        let receipt = if early {
            block_on(batcher.flush_when(7, operators)).unwrap().receipts.remove(0)
        } else {
            block_on(operators);
            block_on(batcher.flush(7)).unwrap().receipts.remove(0)
        };
        memory.object(&receipt.object).unwrap()
    };
    assert_eq!(object(true), object(false));
}

#[test]
fn blobs_of_many_handles_are_all_there_and_the_last_of_a_key_wins() {
    let memory = MemoryStore::new();
    let mut batcher = builder(memory.clone()).build().unwrap();
    let handles: Vec<_> = (0..4).map(|_| batcher.handle()).collect();
    let mut latest = State::new();
    let operators = async {
        for turn in 0..40u8 {
            // Every key comes from every handle in turn, with empty blobs among them.
            let len = if turn % 5 == 0 { 0 } else { 700 };
            let blob = noise(len, turn.into());
            handles[usize::from(turn % 4)].add(&format!("key-{}", turn % 9), blob).unwrap();
            after(usize::from(turn % 3)).await;
        }
    };
    let report = block_on(batcher.flush_when(7, operators)).unwrap();
    for turn in 0..40u8 {
        let len = if turn % 5 == 0 { 0 } else { 700 };
        latest.retain(|(key, _)| *key != format!("key-{}", turn % 9));
        latest.push((format!("key-{}", turn % 9), noise(len, turn.into())));
    }
    assert_eq!(report.receipts[0].superseded, 31);
    holds(&memory, &report.receipts[0].object, &latest);
}

#[test]
fn a_dropped_one_loses_nothing_and_its_upload_is_cleared_away() {
    for (next, epoch) in [("flush", 7), ("flush", 8), ("when", 7), ("when", 8)] {
        let memory = MemoryStore::new();
        let mut batcher = builder(memory.clone()).build().unwrap();
        let handle = batcher.handle();
        for (key, blob) in &state()[..7] {
            handle.add(key, blob.clone()).unwrap();
        }
        let mut flush = Box::pin(batcher.flush_when(7, pending()));
        block_on(async {
            for _ in 0..50 {
                after(1).await;
                assert!(futures_util::poll!(&mut flush).is_pending());
            }
        });
        drop(flush);
        assert_eq!(memory.open_uploads(), 1);
        assert_eq!(batcher.len(), 7);
        for (key, blob) in &state()[7..] {
            handle.add(key, blob.clone()).unwrap();
        }
        let report = block_on(async {
            match next {
                "flush" => batcher.flush(epoch).await,
                _ => batcher.flush_when(epoch, after(30)).await,
            }
        })
        .unwrap();
        assert_eq!((memory.open_uploads(), batcher.len()), (0, 0));
        assert_eq!(report.receipts[0].id.part, 0);
        holds(&memory, &report.receipts[0].object, &state());
    }
}

#[test]
fn a_store_that_fails_early_is_asked_again_in_the_end() {
    for operation in [Operation::StartMultipart, Operation::PutPart] {
        let plan = FaultPlan::new().at(operation, 0, Fault::Reject(StoreErrorKind::Throttled));
        let memory = MemoryStore::new();
        let mut batcher = builder(FaultStore::new(memory.clone(), plan)).build().unwrap();
        for (key, blob) in state() {
            batcher.add(&key, blob).unwrap();
        }
        let report = block_on(batcher.flush_when(7, after(50))).unwrap();
        assert_eq!(memory.open_uploads(), 0);
        holds(&memory, &report.receipts[0].object, &state());
    }
}

#[test]
fn where_parts_cannot_be_created_all_goes_up_in_one_put() {
    let memory = MemoryStore::builder().without_multipart_create().build();
    for (mode, puts) in [(PutMode::Create, 1), (PutMode::Replace, 0)] {
        let mut batcher = builder(memory.clone()).writer(format!("{mode:?}")).put_mode(mode).build().unwrap();
        for (key, blob) in state() {
            batcher.add(&key, blob).unwrap();
        }
        let before = memory.requests(Operation::Put);
        let report = block_on(batcher.flush_when(7, after(50))).unwrap();
        assert_eq!(report.blobs(), 10);
        assert_eq!(memory.requests(Operation::Put) - before, puts);
    }
}

/// Keeps jobs until it is told to run or to drop them.
#[derive(Clone, Debug, Default)]
struct Later {
    jobs: Arc<Mutex<Vec<Kept>>>,
}

struct Kept(Job);

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kept")
    }
}

impl Executor for Later {
    fn execute(&self, job: Job) {
        self.jobs.lock().unwrap().push(Kept(job));
    }
}

impl Later {
    fn take(&self) -> Vec<Kept> {
        std::mem::take(&mut *self.jobs.lock().unwrap())
    }
}

#[test]
fn a_block_that_cannot_be_compressed_early_is_tried_again_in_the_end() {
    let memory = MemoryStore::new();
    let later = Later::default();
    let mut batcher = builder(memory.clone()).executor(later.clone()).build().unwrap();
    for (key, blob) in state() {
        batcher.add(&key, blob).unwrap();
    }
    let complete = async {
        after(5).await;
        let mut jobs = later.take();
        drop(jobs.remove(3));
        jobs.into_iter().for_each(|job| (job.0)());
        after(50).await;
    };
    let mut flush = Box::pin(batcher.flush_when(7, complete));
    let report = block_on(poll_fn(|context| {
        context.waker().wake_by_ref();
        let polled = flush.as_mut().poll(context);
        // The block that was dropped, and in the end the index.
        if later.jobs.lock().unwrap().len() == 1 {
            later.take().into_iter().for_each(|job| (job.0)());
        }
        polled
    }))
    .unwrap();
    holds(&memory, &report.receipts[0].object, &state());
}

#[test]
fn an_epoch_that_was_given_up_is_refused_before_anything_is_waited_for() {
    let plan = FaultPlan::new().at(Operation::Put, 0, Fault::Reject(StoreErrorKind::Throttled));
    let memory = MemoryStore::new();
    let mut batcher = builder(FaultStore::new(memory, plan)).multipart_threshold(u64::MAX).build().unwrap();
    batcher.add("key", vec![1]).unwrap();
    block_on(batcher.flush(7)).unwrap_err();
    assert_eq!(block_on(batcher.flush(8)).unwrap().blobs(), 1);
    let error = block_on(batcher.flush_when(7, pending())).unwrap_err();
    assert!(matches!(error.kind(), FlushErrorKind::EpochGivenUp), "{error:?}");
}

#[test]
fn a_blob_of_several_blocks_stays_in_one_piece_among_those_of_other_handles() {
    // The tail of each shares a block with what comes next, or has one of its own.
    for len in [501, 700, 750, 751, 999, 1000, 1200] {
        let memory = MemoryStore::new();
        let mut batcher = builder(memory.clone()).build().unwrap();
        let handles = [batcher.handle(), batcher.handle()];
        let state: State =
            (0..12).map(|number| (format!("key-{number}"), noise(len - number, number as u64))).collect();
        let operators = async {
            for ((key, blob), handle) in state.iter().zip(handles.iter().cycle()) {
                handle.add(key, blob.clone()).unwrap();
                after(20).await;
            }
        };
        let report = block_on(batcher.flush_when(7, operators)).unwrap();
        holds(&memory, &report.receipts[0].object, &state);
    }
}

/// Polls a future so often that it would be ready if it could be.
fn ready_at_last<T>(future: impl Future<Output = T>) -> Option<T> {
    block_on(async {
        let mut future = std::pin::pin!(future);
        for _ in 0..10_000 {
            if let Poll::Ready(ready) = futures_util::poll!(&mut future) {
                return Some(ready);
            }
            after(1).await;
        }
        None
    })
}

#[test]
fn whoever_adds_may_hold_what_the_upload_waits_for() {
    let memory = MemoryStore::new();
    let one_at_a_time = Limit::new(memory.clone(), NonZeroUsize::MIN);
    let mut batcher = builder(one_at_a_time.clone()).build().unwrap();
    let handle = batcher.handle();
    let operators = async {
        for (key, blob) in state() {
            handle.add(&key, blob).unwrap();
            let _ = one_at_a_time.size("counters").await;
        }
    };
    let report = ready_at_last(batcher.flush_when(7, operators)).expect("they wait for one another").unwrap();
    holds(&memory, &report.receipts[0].object, &state());
}

#[test]
fn all_blobs_are_taken_though_the_flush_fails() {
    let plan = FaultPlan::new().from_call(Operation::Put, 0, Fault::Reject(StoreErrorKind::Throttled));
    let mut batcher =
        builder(FaultStore::new(MemoryStore::new(), plan)).multipart_threshold(u64::MAX).build().unwrap();
    batcher.add("key", vec![1]).unwrap();
    block_on(batcher.flush(7)).unwrap_err();
    let handle = batcher.handle();
    // By value: it goes with the flush.
    let operators = async move {
        for (key, blob) in state() {
            after(5).await;
            handle.add(&key, blob).unwrap();
        }
    };
    let error = block_on(batcher.flush_when(7, operators)).unwrap_err();
    assert!(matches!(error.kind(), FlushErrorKind::Store(_)), "{error:?}");
    assert_eq!(batcher.len(), 11);
}
