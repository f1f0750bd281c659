//! Batches of a single block and few blobs: where it is short or one job has compressed it, the rest is done at once, and
//! whatever becomes of that job, nothing is lost.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod at_once;
mod later;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use at_once::AtOnce;
use batcher_codecs::{Lz4, registry};
use batcher_core::{
    BatchReader, Batcher, BatcherBuilder, Codec, CodecError, CodecId, Executor, FlushError, FlushErrorKind,
    FlushReport, Job,
};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use futures_util::future::join;
use futures_util::{TryStreamExt, poll};
use later::{Later, run};

/// Longer than what a flush compresses itself.
const LONG: &[u8] = &[7; 20_000];

fn small_batch<C: Codec + 'static>(
    builder: BatcherBuilder<C, MemoryStore>,
    later: &Later,
) -> Batcher<MemoryStore> {
    let mut batcher = builder.executor(later.clone()).build().unwrap();
    batcher.add("early", LONG).unwrap();
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

/// Polls as often as a store takes that has what it needs.
async fn polled<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = Box::pin(future);
    for _ in 0..10 {
        if let Poll::Ready(output) = poll!(&mut future) {
            return Poll::Ready(output);
        }
    }
    Poll::Pending
}

async fn read(memory: &MemoryStore, report: &FlushReport) -> BTreeMap<String, Bytes> {
    let reader = BatchReader::open(memory.clone(), &report.receipts[0].object, &registry()).await.unwrap();
    reader.blobs().try_collect().await.unwrap()
}

#[test]
fn a_small_batch_takes_one_job() {
    block_on(async {
        let (later, memory) = (Later::default(), MemoryStore::new());
        let mut batcher = small_batch(Batcher::builder(Lz4::default(), memory.clone()), &later);
        let mut flush = Box::pin(batcher.flush(1));
        assert!(poll!(&mut flush).is_pending());
        let jobs = later.take();
        assert_eq!(jobs.len(), 1);
        run(jobs);
        let Poll::Ready(Ok(report)) = polled(flush).await else { panic!("there is another job") };
        assert_eq!((report.blobs(), report.receipts[0].blocks), (2, 1));
    });
}

/// What is over sooner than a job begins the flush does itself, whatever becomes of the job.
#[test]
fn a_short_last_block_waits_for_no_job() {
    block_on(async {
        for len in [1, 16 * 1024] {
            let (later, memory) = (Later::default(), MemoryStore::new());
            let builder = Batcher::builder(Lz4::default(), memory.clone()).executor(later.clone());
            // Whatever stayed on the account would fill it.
            let mut batcher = builder.block_len(32 * 1024).memory_limit(40_000).build().unwrap();
            for epoch in 1..10 {
                batcher.add("short", &LONG[..len]).unwrap();
                let Poll::Ready(Ok(report)) = polled(batcher.flush(epoch)).await else {
                    panic!("it waits for the job")
                };
                assert_eq!(read(&memory, &report).await["short"], LONG[..len]);
                let left = later.take();
                assert_eq!(left.len(), 1, "of the block, which was handed over all the same");
                match epoch % 2 {
                    0 => drop(left),
                    _ => run(left),
                }
            }
        }
    });
}

/// Runs jobs later, until it is shut down.
#[derive(Clone, Debug, Default)]
struct Ends(Later, Arc<AtomicBool>);

impl Executor for Ends {
    fn execute(&self, job: Job) {
        if !self.1.load(Ordering::Relaxed) {
            self.0.execute(job);
        }
    }
}

#[test]
fn a_short_last_block_needs_no_executor() {
    block_on(async {
        let memory = MemoryStore::new();
        let ends = Ends::default();
        ends.1.store(true, Ordering::Relaxed);
        let mut batcher = Batcher::builder(Lz4::default(), memory.clone()).executor(ends).build().unwrap();
        batcher.add("short", "blob").unwrap();
        let report = batcher.flush(1).await.unwrap();
        assert_eq!(read(&memory, &report).await["short"], "blob");
    });
}

/// A codec that fails at first.
#[derive(Debug, Default)]
struct FailsOnce(Lz4, AtomicBool);

impl Codec for FailsOnce {
    fn id(&self) -> CodecId {
        self.0.id()
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        self.0.max_frame_len(block_len)
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        match self.1.swap(true, Ordering::Relaxed) {
            true => self.0.encode(block, frame),
            false => Err(CodecError::Abandoned),
        }
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        self.0.decode(frame, block)
    }
}

/// A block whose job is still waiting has failed elsewhere, and has another job by the time at which that one is dropped.
#[test]
fn a_dropped_job_is_no_failure_while_another_one_waits() {
    block_on(async {
        let (later, memory) = (Later::default(), MemoryStore::new());
        let builder = Batcher::builder(FailsOnce::default(), memory.clone()).executor(later.clone());
        let mut batcher = builder.build().unwrap();
        batcher.add("short", "blob").unwrap();
        assert!(matches!(polled(batcher.flush(1)).await, Poll::Ready(Err(_))));
        let first = later.take();
        assert_eq!(first.len(), 1);
        batcher.add("long", LONG).unwrap();
        let mut flush = Box::pin(batcher.flush(2));
        assert!(poll!(&mut flush).is_pending());
        drop(first);
        assert!(poll!(&mut flush).is_pending());
        let report = driven(flush, &later, Vec::new()).await.unwrap();
        assert_eq!(read(&memory, &report).await.len(), 2);
    });
}

/// A job that has failed is not over yet when a flush sees that, is called again, and its job dropped.
#[test]
fn a_job_that_is_dropped_while_the_one_before_ends_is_told() {
    let ends = Ends::default();
    let builder = Batcher::builder(FailsOnce::default(), MemoryStore::new());
    let mut batcher = builder.backlog(1).executor(ends.clone()).build().unwrap();
    batcher.add("long", LONG).unwrap();
    let (end, handle) = (Arc::clone(&ends.1), batcher.handle());
    let flush = AtOnce::new(Box::pin(async move {
        let flushes = async {
            batcher.flush(1).await.unwrap_err();
            end.store(true, Ordering::Relaxed);
            batcher.flush(1).await
        };
        // Which is woken by the backlog, in the midst of the job.
        join(handle.ready(), flushes).await.1
    }));
    flush.poll();
    run(ends.0.take());
    let error = flush.output().expect("it waits for nothing").unwrap_err();
    assert!(matches!(error.kind(), FlushErrorKind::Encode(CodecError::Abandoned)));
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
fn a_flush_that_begins_early_takes_what_a_refused_one_had_compressed() {
    block_on(async {
        let (later, memory) = (Later::default(), MemoryStore::new());
        let mut batcher = small_batch(Batcher::builder(Lz4::default(), memory.clone()), &later);
        assert!(poll!(Box::pin(batcher.flush(1))).is_pending());
        let _ = driven(batcher.flush(2), &later, Vec::new()).await.unwrap();
        batcher.add("late", "blob").unwrap();
        let error = batcher.flush(1).await.unwrap_err();
        assert!(matches!(error.kind(), FlushErrorKind::EpochGivenUp));
        let jobs = later.take();
        assert_eq!(jobs.len(), 1);
        let (complete, completed) = futures_channel::oneshot::channel();
        let mut flush = Box::pin(batcher.flush_when(3, async { completed.await.unwrap() }));
        assert!(poll!(&mut flush).is_pending());
        assert!(later.take().is_empty());
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

/// One block, and enough blobs for their pages to be worth a job.
fn many_blobs(later: &Later, memory: &MemoryStore) -> Batcher<MemoryStore> {
    let builder = Batcher::builder(Lz4::default(), memory.clone()).executor(later.clone());
    let mut batcher = builder.build().unwrap();
    batcher.add("0000", LONG).unwrap();
    for number in 1..1000 {
        batcher.add(&format!("{number:04}"), "").unwrap();
    }
    batcher
}

#[test]
fn key_pages_are_made_beside_the_block_and_whatever_becomes_of_either_job_nothing_is_lost() {
    block_on(async {
        let mut same = None;
        for (drops_block, drops_pages) in [(false, false), (true, false), (false, true), (true, true)] {
            let (later, memory) = (Later::default(), MemoryStore::new());
            let mut batcher = many_blobs(&later, &memory);
            let mut flush = Box::pin(batcher.flush(1));
            assert!(poll!(&mut flush).is_pending());
            let [block, pages] = <[Job; 2]>::try_from(later.take()).ok().unwrap();
            match drops_pages {
                true => drop(pages),
                false => pages(),
            }
            match drops_block {
                true => drop(block),
                false => block(),
            }
            if drops_block {
                let error = flush.await.unwrap_err();
                assert!(matches!(error.kind(), FlushErrorKind::Encode(CodecError::Abandoned)));
                flush = Box::pin(batcher.flush(1));
            }
            let report = driven(flush, &later, Vec::new()).await.unwrap();
            assert_eq!(report.blobs(), 1000);
            assert_eq!(read(&memory, &report).await.len(), 1000, "{drops_block} {drops_pages}");
            let bytes = memory.object(&report.receipts[0].object).unwrap();
            assert!(*same.get_or_insert_with(|| bytes.clone()) == bytes, "{drops_block} {drops_pages}");
        }
    });
}

/// What is left to index then is little.
#[test]
fn where_the_pages_are_made_there_is_no_further_job() {
    block_on(async {
        let (later, memory) = (Later::default(), MemoryStore::new());
        let mut batcher = many_blobs(&later, &memory);
        let mut flush = Box::pin(batcher.flush(1));
        assert!(poll!(&mut flush).is_pending());
        let jobs = later.take();
        assert_eq!(jobs.len(), 2);
        run(jobs);
        let Poll::Ready(Ok(report)) = polled(flush).await else { panic!("there is another job") };
        let receipt = &report.receipts[0];
        assert_eq!((&*receipt.first_key, &*receipt.last_key), ("0000", "0999"));
        assert!(later.take().is_empty());
    });
}

/// An executor that drops every second job would else drop the same one for ever.
#[test]
fn pages_that_are_made_are_not_made_again() {
    block_on(async {
        let (later, memory) = (Later::default(), MemoryStore::new());
        let mut batcher = many_blobs(&later, &memory);
        for _ in 0..3 {
            let mut flush = Box::pin(batcher.flush(1));
            assert!(poll!(&mut flush).is_pending());
            let mut jobs = later.take().into_iter();
            drop(jobs.next());
            jobs.for_each(|job| job());
            assert!(flush.await.is_err());
        }
        // What is left is the block's job.
        let mut flush = Box::pin(batcher.flush(1));
        assert!(poll!(&mut flush).is_pending());
        assert_eq!(later.0.lock().unwrap().len(), 1);
        let report = driven(flush, &later, Vec::new()).await.unwrap();
        assert_eq!(read(&memory, &report).await.len(), 1000);
    });
}

/// The pages' job of a flush that was dropped runs beside the next one, which waits for it and not for a lock.
#[test]
fn the_pages_of_a_dropped_flush_serve_the_next() {
    block_on(async {
        let (later, memory) = (Later::default(), MemoryStore::new());
        let mut batcher = many_blobs(&later, &memory);
        assert!(poll!(Box::pin(batcher.flush(1))).is_pending());
        let left = later.take();
        assert_eq!(left.len(), 2);
        let report = driven(batcher.flush(1), &later, left).await.unwrap();
        assert_eq!(read(&memory, &report).await.len(), 1000);
        assert!(later.take().is_empty());
    });
}

/// A flush does not compress for long by itself: it would keep others from its thread.
#[test]
fn few_blobs_with_long_keys_take_jobs() {
    block_on(async {
        let (later, memory) = (Later::default(), MemoryStore::new());
        let builder = Batcher::builder(Lz4::default(), memory.clone()).executor(later.clone());
        let mut batcher = builder.build().unwrap();
        // So much of each key is that of the one before that the pages' separators are long, too.
        let prefix = "k".repeat(60_000);
        for number in 0..300 {
            batcher.add(&format!("{prefix}{number:03}"), "x").unwrap();
        }
        let mut flush = Box::pin(batcher.flush(1));
        assert!(poll!(&mut flush).is_pending());
        let jobs = later.take();
        assert_eq!(jobs.len(), 2, "the block and the pages");
        run(jobs);
        assert!(poll!(&mut flush).is_pending());
        let jobs = later.take();
        assert_eq!(jobs.len(), 1, "the index");
        run(jobs);
        let report = driven(flush, &later, Vec::new()).await.unwrap();
        assert_eq!(read(&memory, &report).await.len(), 300);
    });
}

/// A job that has not begun keeps nothing of a batch that is gone.
#[test]
fn a_discarded_batch_leaves_nothing_to_the_job_of_its_pages() {
    block_on(async {
        let later = Later::default();
        let builder = Batcher::builder(Lz4::default(), MemoryStore::new()).executor(later.clone());
        let mut batcher = builder.idle_memory(0).build().unwrap();
        for number in 0..3000 {
            batcher.add(&format!("{number:020}"), "x").unwrap();
        }
        assert!(poll!(Box::pin(batcher.flush(1))).is_pending());
        assert_eq!(later.0.lock().unwrap().len(), 2);
        let freed = allocation_counter::measure(|| assert_eq!(batcher.discard(), 3000)).bytes_current;
        // Of 20 bytes of key and some 40 of entry.
        assert!(freed < -150_000, "{freed}");
    });
}
