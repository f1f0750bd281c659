//! What the batcher calls without knowing it: wakers that panic, and what owners of blobs do when these are dropped.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod at_once;
mod later;

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use at_once::AtOnce;
use batcher_codecs::Raw;
use batcher_core::{
    BatchReader, Batcher, BatcherBuilder, BlobSource, Codec, CodecError, CodecId, CodecRegistry, Executor,
    FlushErrorKind, FlushReport, Inline, Job, Limit, ReadError, ReadErrorKind, ReadOptions,
};
use batcher_testkit::MemoryStore;
use bytes::Bytes;
use futures_util::TryStreamExt;
use later::{Later, run};

/// Nothing takes so long.
const LONG: Duration = Duration::from_secs(60);

/// That of a runtime that may have been shut down.
#[derive(Default)]
struct Gone(AtomicBool);

impl Wake for Gone {
    fn wake(self: Arc<Self>) {
        assert!(!self.0.load(Ordering::SeqCst), "the runtime is gone");
    }
}

/// Polls once on a runtime that is gone thereafter.
fn poll_before_it_goes<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    let runtime = Arc::new(Gone::default());
    let polled = future.poll(&mut Context::from_waker(&Waker::from(Arc::clone(&runtime))));
    runtime.0.store(true, Ordering::SeqCst);
    polled
}

/// The same; drops the future.
fn polled_by_the_gone<T>(future: impl Future<Output = T>) {
    assert!(poll_before_it_goes(pin!(future)).is_pending());
}

#[derive(Default)]
struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn poll_once<T>(future: Pin<&mut impl Future<Output = T>>) -> Poll<T> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// What comes of a future that waits for nothing but the store.
fn soon<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    for _ in 0..1000 {
        if let Poll::Ready(output) = poll_once(future.as_mut()) {
            return output;
        }
    }
    panic!("it waits");
}

fn builder() -> BatcherBuilder<Raw, MemoryStore> {
    Batcher::builder(Raw, MemoryStore::new()).block_len(1000)
}

fn later() -> (Later, Batcher<MemoryStore>) {
    let later = Later::default();
    let batcher = builder().backlog(1).executor(later.clone()).build().unwrap();
    (later, batcher)
}

/// Flushes, running what is handed over.
fn flushed(batcher: &mut Batcher<MemoryStore>, later: &Later) -> FlushReport {
    let mut flush = pin!(batcher.flush(9));
    for _ in 0..1000 {
        if let Poll::Ready(report) = poll_once(flush.as_mut()) {
            return report.unwrap();
        }
        run(later.take());
    }
    panic!("it waits");
}

#[test]
fn a_waker_that_panics_keeps_no_other_from_being_woken() {
    let (later, batcher) = later();
    let handle = batcher.handle();
    handle.add("key", vec![1; 700]).unwrap();
    handle.add("other", vec![1; 700]).unwrap();
    polled_by_the_gone(handle.ready());
    let counts = Arc::new(Counts::default());
    let mut ready = pin!(handle.ready());
    assert!(ready.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::clone(&counts)))).is_pending());
    run(later.take());
    assert_eq!(counts.0.load(Ordering::SeqCst), 1);
}

#[test]
fn a_job_is_dropped_before_a_waker_that_panics() {
    let (later, mut batcher) = later();
    let handle = batcher.handle();
    handle.add("key", vec![1; 700]).unwrap();
    handle.add("other", vec![1; 700]).unwrap();
    polled_by_the_gone(handle.ready());
    drop(later.take());
    assert_eq!(flushed(&mut batcher, &later).blobs(), 2);
}

#[test]
fn a_flush_whose_waker_panics_leaves_its_blocks_to_the_next() {
    for runs in [true, false] {
        let (later, mut batcher) = later();
        batcher.add("key", vec![1; 10_000]).unwrap();
        polled_by_the_gone(batcher.flush(1));
        let jobs = later.take();
        assert_eq!(jobs.len(), 10);
        match runs {
            true => run(jobs),
            false => drop(jobs),
        }
        assert_eq!(flushed(&mut batcher, &later).blobs(), 1);
    }
}

/// The flush waits for further blocks when it is dropped.
#[test]
fn all_blocks_of_a_blob_are_handed_over_whatever_a_waker_does() {
    let mut batcher = builder().multipart_threshold(1).executor(Inline).build().unwrap();
    let handle = batcher.handle();
    polled_by_the_gone(batcher.flush_when(1, pending()));
    handle.add("key", vec![1; 10_000]).unwrap();
    assert_eq!(soon(batcher.flush(2)).unwrap().blobs(), 1);
}

#[test]
fn blocks_that_wait_for_a_dictionary_outlive_a_waker_that_panics() {
    for runs in [true, false] {
        let later = Later::default();
        let mut batcher = builder().dictionary(100).executor(later.clone()).build().unwrap();
        for number in 0..20 {
            batcher.add(&number.to_string(), vec![1; 400]).unwrap();
        }
        polled_by_the_gone(batcher.flush(1));
        match runs {
            true => run(later.take()),
            false => drop(later.take()),
        }
        assert_eq!(flushed(&mut batcher, &later).blobs(), 20);
    }
}

/// What a block held that is compressed is no backlog, even where its own job has not come to it.
#[test]
fn what_a_flush_has_compressed_itself_is_not_waited_for() {
    let (later, mut batcher) = later();
    batcher.add("key", "short").unwrap();
    let _report = soon(batcher.flush(1)).unwrap();
    soon(batcher.handle().ready());
    assert_eq!(later.take().len(), 1);
}

#[test]
fn what_is_given_up_is_no_backlog() {
    let (later, mut batcher) = later();
    let handle = batcher.handle();
    handle.add("key", vec![1; 700]).unwrap();
    handle.add("other", vec![1; 700]).unwrap();
    assert!(poll_once(pin!(handle.ready())).is_pending());
    batcher.discard();
    soon(handle.ready());
    run(later.take());
    soon(handle.ready());
}

/// A blob whose owner does something when it goes.
struct Owner<F: Fn()>(usize, F);

impl<F: Fn()> AsRef<[u8]> for Owner<F> {
    fn as_ref(&self) -> &[u8] {
        &[7; 40_000][..self.0]
    }
}

impl<F: Fn()> Drop for Owner<F> {
    fn drop(&mut self) {
        (self.1)();
    }
}

#[test]
fn a_blob_may_drop_jobs_when_it_goes() {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        let (later, mut batcher) = later();
        let jobs = later.clone();
        batcher.add("key", Bytes::from_owner(Owner(2000, move || drop(jobs.take())))).unwrap();
        batcher.discard();
        done.send(()).unwrap();
    });
    is_done.recv_timeout(LONG).expect("it is over");
}

/// Nor is there a moment at which it could be answered before the blob has gone.
#[test]
fn a_flush_that_is_answered_holds_no_blob() {
    let later = Later::default();
    // Blocks longer than what a flush compresses itself.
    let mut batcher = builder().block_len(20_000).executor(later.clone()).build().unwrap();
    let (goes, going) = mpsc::channel();
    let (go_on, goes_on) = mpsc::channel::<()>();
    let seams = Mutex::new((goes, goes_on));
    let owner = Owner(40_000, move || {
        let seams = seams.lock().unwrap();
        seams.0.send(()).unwrap();
        seams.1.recv_timeout(LONG).unwrap();
    });
    batcher.add("key", Bytes::from_owner(owner)).unwrap();
    let mut flush = pin!(batcher.flush(1));
    assert!(poll_once(flush.as_mut()).is_pending());
    thread::scope(|scope| {
        let mut jobs = later.take();
        let last = jobs.pop().unwrap();
        run(jobs);
        scope.spawn(last);
        going.recv_timeout(LONG).unwrap();
        for _ in 0..100 {
            assert!(poll_once(flush.as_mut()).is_pending());
        }
        go_on.send(()).unwrap();
    });
    assert_eq!(soon(flush).unwrap().blobs(), 1);
}

#[test]
fn an_owner_that_panics_when_it_goes_keeps_nothing_from_being_released() {
    let later = Later::default();
    let mut batcher = builder().memory_limit(7000).executor(later.clone()).build().unwrap();
    let blob = || Bytes::from_owner(Owner(2000, || panic!("the owner")));
    for epoch in 1..4 {
        // There is room for no more, but where all of it has been given back.
        for key in ["a", "b", "c"] {
            batcher.add(key, blob()).unwrap();
        }
        match epoch {
            2 => assert_eq!(flushed(&mut batcher, &later).blobs(), 3),
            _ => assert_eq!(batcher.discard(), 3),
        }
    }
}

/// Compresses nothing until it is told to, or fails.
#[derive(Debug)]
struct Told(mpsc::Sender<()>, Mutex<mpsc::Receiver<bool>>);

impl Codec for Told {
    fn id(&self) -> CodecId {
        Raw.id()
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        Raw.max_frame_len(block_len)
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        self.0.send(()).unwrap();
        match self.1.lock().unwrap().recv_timeout(LONG).unwrap() {
            true => Raw.encode(block, frame),
            false => Err(CodecError::Abandoned),
        }
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        Raw.decode(frame, block)
    }
}

/// Whatever becomes of a block while it is compressed, it is backlog until then, or until it is given up, and once.
#[test]
fn a_block_counts_as_backlog_as_long_as_it_is_wanted_and_not_compressed() {
    let (begins, begun) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let later = Later::default();
    let builder = Batcher::builder(Told(begins, Mutex::new(told)), MemoryStore::new()).block_len(30_000);
    let mut batcher = builder.backlog(1).executor(later.clone()).build().unwrap();
    let handle = batcher.handle();
    let is_ready = || poll_once(pin!(handle.ready())).is_ready();
    let job = || later.take().pop().unwrap();
    assert!(is_ready());
    // Longer than what a flush compresses itself.
    handle.add("key", vec![1; 20_000]).unwrap();
    assert!(!is_ready());
    tell.send(false).unwrap();
    job()();
    assert!(is_ready(), "it has failed, and has no job");
    assert!(poll_once(pin!(batcher.flush(1))).is_pending());
    assert!(!is_ready(), "it has another");
    tell.send(true).unwrap();
    job()();
    assert!(is_ready());

    handle.add("key", vec![1; 20_000]).unwrap();
    thread::scope(|scope| {
        begun.try_iter().for_each(drop);
        scope.spawn(job());
        begun.recv_timeout(LONG).unwrap();
        assert!(!is_ready());
        batcher.discard();
        assert!(is_ready());
        tell.send(true).unwrap();
    });
    assert!(is_ready());
    handle.add("key", vec![1; 20_000]).unwrap();
    assert!(!is_ready());
}

#[test]
fn blocks_that_wait_for_a_dictionary_are_no_backlog_once_they_are_given_up() {
    let later = Later::default();
    let mut batcher = builder().backlog(1).dictionary(100).executor(later.clone()).build().unwrap();
    let handle = batcher.handle();
    // The sample, and what comes while it is trained from.
    for _ in 0..9 {
        batcher.add("key", vec![1; 400]).unwrap();
    }
    assert!(poll_once(pin!(handle.ready())).is_pending());
    batcher.discard();
    assert!(poll_once(pin!(handle.ready())).is_ready());
    run(later.take());
    assert!(poll_once(pin!(handle.ready())).is_ready());
    batcher.add("key", vec![1; 400]).unwrap();
    assert_eq!(flushed(&mut batcher, &later).blobs(), 1);
}

/// The index of many blocks is made by a job.
#[test]
fn a_job_that_makes_an_index_survives_a_waker_that_panics() {
    for runs in [true, false] {
        let (later, mut batcher) = later();
        batcher.add("key", vec![1; 100_000]).unwrap();
        assert!(poll_once(pin!(batcher.flush(1))).is_pending());
        run(later.take());
        polled_by_the_gone(batcher.flush(1));
        let jobs = later.take();
        assert_eq!(jobs.len(), 1);
        match runs {
            true => run(jobs),
            false => drop(jobs),
        }
        assert_eq!(flushed(&mut batcher, &later).blobs(), 1);
    }
}

#[test]
fn an_abandoned_block_wakes_the_flush() {
    let (later, mut batcher) = later();
    batcher.add("key", vec![1; 10_000]).unwrap();
    let flush = AtOnce::new(Box::pin(async move { batcher.flush(1).await }));
    flush.poll();
    drop(later.take());
    let error = flush.output().expect("it is woken").unwrap_err();
    assert!(matches!(error.kind(), FlushErrorKind::Encode(CodecError::Abandoned)));
}

/// An executor whose threads are gone.
#[derive(Debug)]
struct NoThreads;

impl Executor for NoThreads {
    fn execute(&self, _: Job) {
        panic!("no threads");
    }
}

/// A reader of some blobs that decodes there.
fn reader(executor: impl Executor + 'static) -> BatchReader {
    let mut batcher = builder().build().unwrap();
    for key in ["a", "b", "c"] {
        batcher.add(key, vec![1; 10_000]).unwrap();
    }
    let receipt = soon(batcher.flush(1)).unwrap().receipts.remove(0);
    let options = ReadOptions::default().with_executor(Arc::new(executor));
    let codecs = CodecRegistry::default().with(Raw);
    soon(BatchReader::open_with(batcher.store().clone(), &receipt.object, &codecs, options)).unwrap()
}

#[test]
fn what_an_executor_that_panics_would_decode_is_not_read() {
    let reader = reader(NoThreads);
    let abandoned = |error: ReadError| {
        assert!(matches!(error.kind(), ReadErrorKind::Abandoned) && error.is_retryable());
    };
    abandoned(soon(reader.get("b")).unwrap_err());
    abandoned(soon(reader.blobs().try_collect::<Vec<_>>()).unwrap_err());
    abandoned(soon(reader.verify()).unwrap_err());
}

#[test]
fn a_job_that_decodes_survives_a_waker_that_panics() {
    let later = Later::default();
    let reader = reader(later.clone());
    let mut blobs = pin!(reader.blobs().try_collect::<Vec<_>>());
    let mut jobs = 0;
    let read = loop {
        if let Poll::Ready(read) = poll_before_it_goes(blobs.as_mut()) {
            break read;
        }
        let handed_over = later.take();
        jobs += handed_over.len();
        run(handed_over);
    };
    // The index, sorting it, and what is in the blocks.
    assert_eq!((read.unwrap().len(), jobs >= 3), (3, true));
}

#[test]
fn a_job_that_would_decode_is_dropped_before_a_waker_that_panics() {
    let later = Later::default();
    let reader = reader(later.clone());
    let mut blobs = pin!(reader.blobs().try_collect::<Vec<_>>());
    let mut jobs = Vec::new();
    while jobs.is_empty() {
        assert!(poll_before_it_goes(blobs.as_mut()).is_pending());
        jobs = later.take();
    }
    drop(jobs);
    let error = soon(blobs).unwrap_err();
    assert!(matches!(error.kind(), ReadErrorKind::Abandoned));
}

/// Who has to wait for a permit, and for what comes after it, is woken by whoever gives the permit back.
#[test]
fn a_permit_is_given_back_whatever_its_next_holder_does() {
    let store = Limit::new(MemoryStore::new(), 1.try_into().unwrap());
    store.inner().insert("object", "bytes");
    let mut first = pin!(store.size("object"));
    assert!(poll_once(first.as_mut()).is_pending());
    let mut second = Box::pin(store.size("object"));
    assert!(poll_before_it_goes(second.as_mut()).is_pending());
    assert_eq!(soon(first).unwrap(), 5);
    assert_eq!(soon(second).unwrap(), 5);
}
