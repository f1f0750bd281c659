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
    BatchReader, Batcher, BatcherBuilder, Codec, CodecError, CodecId, Executor, FlushError, FlushErrorKind,
    FlushReport, Job,
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

fn small_batch<C: Codec + 'static>(
    builder: BatcherBuilder<C, MemoryStore>,
    later: &Later,
) -> Batcher<MemoryStore> {
    let mut batcher = builder.executor(later.clone()).build().unwrap();
    batcher.add("early", "blob").unwrap();
    batcher.add("empty", "").unwrap();
    batcher
}

/// Drives a flush, running jobs as they come, and these after the first of them.
async fn driven(
    flush: impl Future<Output = Result<FlushReport, FlushError>>,
    later: &Later,
    mut left: Vec<Job>,
) -> Result<FlushReport, FlushError> {
    let mut flush = Box::pin(flush);
    for _ in 0..100 {
        if let Poll::Ready(flushed) = poll!(&mut flush) {
            return flushed;
        }
        run(later.take());
        run(std::mem::take(&mut left));
    }
    panic!("it waits for nothing")
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
        let report = driven(batcher.flush(1), &later, Vec::new()).await.unwrap();
        assert_eq!(read(&memory, &report).await.len(), 2);
    });
}

/// The job of the flush that was dropped has run, or runs beside that of the next.
#[test]
fn a_batch_whose_flush_was_dropped_goes_into_the_next_epoch() {
    for (has_run, grows) in [(true, true), (true, false), (false, true), (false, false)] {
        block_on(async {
            let (later, memory) = (Later::default(), MemoryStore::new());
            let mut batcher = small_batch(Batcher::builder(Lz4::default(), memory.clone()), &later);
            assert!(poll!(Box::pin(batcher.flush(1))).is_pending());
            let mut left = later.take();
            if has_run {
                run(std::mem::take(&mut left));
            }
            if grows {
                batcher.add("late", "blob").unwrap();
            }
            let report = driven(batcher.flush(2), &later, left).await.unwrap();
            assert_eq!(read(&memory, &report).await.len(), 2 + usize::from(grows));
        });
    }
}

/// Whose frames are all too long.
#[derive(Debug)]
struct TooLong;

impl Codec for TooLong {
    fn id(&self) -> CodecId {
        CodecId::LZ4
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        block_len
    }
    fn encode(&self, block: &[u8], _frame: &mut [u8]) -> Result<usize, CodecError> {
        Err(CodecError::TooLarge { what: "frame", len: block.len() as u64, limit: 0 })
    }
    fn decode(&self, _frame: &[u8], _block: &mut [u8]) -> Result<(), CodecError> {
        Err(CodecError::Abandoned)
    }
}

#[test]
fn what_the_codec_said_is_answered_by_the_flush_that_waits() {
    block_on(async {
        for dropped in [false, true] {
            let later = Later::default();
            let mut batcher = small_batch(Batcher::builder(TooLong, MemoryStore::new()), &later);
            let mut left = Vec::new();
            if dropped {
                assert!(poll!(Box::pin(batcher.flush(1))).is_pending());
                left = later.take();
            }
            let error = driven(batcher.flush(2), &later, left).await.unwrap_err();
            assert!(matches!(error.kind(), FlushErrorKind::Encode(CodecError::TooLarge { .. })), "{dropped}");
            assert!(!error.is_retryable());
            assert_eq!(batcher.discard(), 2);
        }
    });
}

#[test]
fn a_flush_that_begins_early_compresses_what_a_refused_one_held() {
    block_on(async {
        let (later, memory) = (Later::default(), MemoryStore::new());
        let mut batcher = small_batch(Batcher::builder(Lz4::default(), memory.clone()), &later);
        assert!(poll!(Box::pin(batcher.flush(1))).is_pending());
        let _ = driven(batcher.flush(2), &later, Vec::new()).await.unwrap();
        batcher.add("late", "blob").unwrap();
        let error = batcher.flush(1).await.unwrap_err();
        assert!(matches!(error.kind(), FlushErrorKind::EpochGivenUp));
        assert!(later.take().is_empty());
        let (complete, completed) = futures_channel::oneshot::channel();
        let mut flush = Box::pin(batcher.flush_when(3, async { completed.await.unwrap() }));
        assert!(poll!(&mut flush).is_pending());
        let jobs = later.take();
        assert_eq!(jobs.len(), 1);
        run(jobs);
        complete.send(()).unwrap();
        let report = driven(flush, &later, Vec::new()).await.unwrap();
        assert_eq!((read(&memory, &report).await.len(), report.receipts[0].blocks), (1, 1));
    });
}

/// The store is asked for what was left, and that may take long.
#[test]
fn what_comes_in_behind_a_batch_that_was_left_is_compressed_at_once() {
    block_on(async {
        let (later, memory) = (Later::default(), MemoryStore::new());
        let mut batcher = small_batch(Batcher::builder(Lz4::default(), memory.clone()), &later);
        let mut flush = Box::pin(batcher.flush(1));
        assert!(poll!(&mut flush).is_pending());
        run(later.take());
        assert!(poll!(&mut flush).is_pending());
        drop(flush);
        batcher.add("late", "blob").unwrap();
        let mut flush = Box::pin(batcher.flush(1));
        assert!(poll!(&mut flush).is_pending());
        assert_eq!(later.0.lock().unwrap().len(), 1);
        let report = driven(flush, &later, Vec::new()).await.unwrap();
        assert_eq!((report.receipts.len(), report.blobs()), (2, 3));
    });
}
