//! Batches of a single block: one job does all that there is to do, and whatever becomes of it, nothing is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use batcher_codecs::{Lz4, registry};
use batcher_core::{
    BatchReader, Batcher, BatcherBuilder, CodecError, Executor, FlushErrorKind, FlushReport, Job,
};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use futures_util::{TryStreamExt, poll};

/// Keeps jobs until it is told to run or to drop them.
#[derive(Clone, Default)]
struct Later(Arc<Mutex<Vec<Job>>>);

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}

impl Executor for Later {
    fn execute(&self, job: Job) {
        self.0.lock().unwrap().push(job);
    }
}

impl Later {
    fn take(&self) -> Vec<Job> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

fn run(jobs: Vec<Job>) {
    for job in jobs {
        job();
    }
}

fn small_batch(builder: BatcherBuilder<Lz4, MemoryStore>, later: &Later) -> Batcher<MemoryStore> {
    let mut batcher = builder.executor(later.clone()).build().unwrap();
    batcher.add("early", "blob").unwrap();
    batcher.add("empty", "").unwrap();
    batcher
}

/// Flushes, running jobs as they come, and these after the first of them.
async fn flush(
    batcher: &mut Batcher<MemoryStore>,
    epoch: u64,
    later: &Later,
    mut left: Vec<Job>,
) -> FlushReport {
    let mut flush = Box::pin(batcher.flush(epoch));
    loop {
        if let Poll::Ready(flushed) = poll!(&mut flush) {
            return flushed.unwrap();
        }
        run(later.take());
        run(std::mem::take(&mut left));
    }
}

async fn read(memory: &MemoryStore, report: &FlushReport) -> BTreeMap<String, Bytes> {
    let reader = BatchReader::open(memory.clone(), &report.receipts[0].object, &registry()).await.unwrap();
    reader.blobs().try_collect().await.unwrap()
}

#[test]
fn the_only_block_is_compressed_and_indexed_by_one_job() {
    block_on(async {
        let (later, memory) = (Later::default(), MemoryStore::new());
        let mut batcher = small_batch(Batcher::builder(Lz4::default(), memory.clone()), &later);
        let mut flush = Box::pin(batcher.flush(1));
        assert!(poll!(&mut flush).is_pending());
        let jobs = later.take();
        assert_eq!(jobs.len(), 1);
        run(jobs);
        // The store takes a few polls.
        let mut polled = poll!(&mut flush);
        for _ in 0..10 {
            if polled.is_pending() {
                polled = poll!(&mut flush);
            }
        }
        let Poll::Ready(Ok(report)) = polled else { panic!("there is another job") };
        assert_eq!((report.blobs(), report.receipts[0].blocks), (2, 1));
    });
}

#[test]
fn a_dropped_job_leaves_the_block_to_the_next_flush() {
    block_on(async {
        let (later, memory) = (Later::default(), MemoryStore::new());
        let mut batcher = small_batch(Batcher::builder(Lz4::default(), memory.clone()), &later);
        for _ in 0..3 {
            let mut flush = Box::pin(batcher.flush(1));
            assert!(poll!(&mut flush).is_pending());
            drop(later.take());
            let error = flush.await.unwrap_err();
            assert!(matches!(error.kind(), FlushErrorKind::Encode(CodecError::Abandoned)));
        }
        let report = flush(&mut batcher, 1, &later, Vec::new()).await;
        assert_eq!(read(&memory, &report).await.len(), 2);
    });
}

/// The job of the flush that was dropped has run, or runs beside that of the next.
#[test]
fn a_batch_whose_flush_was_dropped_goes_into_the_next_epoch() {
    for has_run in [true, false] {
        block_on(async {
            let (later, memory) = (Later::default(), MemoryStore::new());
            let mut batcher = small_batch(Batcher::builder(Lz4::default(), memory.clone()), &later);
            assert!(poll!(Box::pin(batcher.flush(1))).is_pending());
            let mut left = later.take();
            if has_run {
                run(std::mem::take(&mut left));
            }
            batcher.add("late", "blob").unwrap();
            let report = flush(&mut batcher, 2, &later, left).await;
            assert_eq!(read(&memory, &report).await.len(), 3);
        });
    }
}

#[test]
fn a_flush_that_begins_early_compresses_what_a_dropped_one_held() {
    block_on(async {
        let (later, memory) = (Later::default(), MemoryStore::new());
        let mut batcher = small_batch(Batcher::builder(Lz4::default(), memory.clone()), &later);
        // The second flush takes away what was added after the first, whose object it waits for.
        for key in ["second", "third"] {
            let mut flush = Box::pin(batcher.flush(1));
            assert!(poll!(&mut flush).is_pending());
            run(later.take());
            assert!(poll!(&mut flush).is_pending());
            drop(flush);
            batcher.add(key, "blob").unwrap();
        }
        let (begun, complete) = futures_channel::oneshot::channel();
        let mut flush = Box::pin(batcher.flush_when(2, async { complete.await.unwrap() }));
        assert!(poll!(&mut flush).is_pending());
        let jobs = later.take();
        assert_eq!(jobs.len(), 1);
        run(jobs);
        begun.send(()).unwrap();
        let report = loop {
            if let Poll::Ready(flushed) = poll!(&mut flush) {
                break flushed.unwrap();
            }
            run(later.take());
        };
        assert_eq!((read(&memory, &report).await.len(), report.receipts[0].blocks), (4, 3));
    });
}
