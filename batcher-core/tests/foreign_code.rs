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
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use at_once::AtOnce;
use batcher_codecs::Raw;
use batcher_core::{Batcher, BatcherBuilder, CodecError, FlushErrorKind, FlushReport, Inline};
use batcher_testkit::MemoryStore;
use bytes::Bytes;
use later::{Later, run};

/// As that of a runtime that has been shut down.
struct Gone;

impl Wake for Gone {
    fn wake(self: Arc<Self>) {
        panic!("the runtime is gone");
    }
}

/// Polls once on a runtime that is gone thereafter; drops the future.
fn polled_by_the_gone<T>(future: impl Future<Output = T>) {
    assert!(pin!(future).poll(&mut Context::from_waker(&Waker::from(Arc::new(Gone)))).is_pending());
}

#[derive(Default)]
struct Counts(AtomicUsize);

impl Wake for Counts {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// What comes of a future that waits for nothing but the store.
fn soon<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    for _ in 0..1000 {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
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
        if let Poll::Ready(report) = flush.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
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
    // On an executor that takes no notice.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(later.take())));
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
    assert!(pin!(handle.ready()).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    batcher.discard();
    soon(handle.ready());
    run(later.take());
    soon(handle.ready());
}

/// A blob whose owner does something when it goes.
struct Owner<F: Fn()>(F);

impl<F: Fn()> AsRef<[u8]> for Owner<F> {
    fn as_ref(&self) -> &[u8] {
        &[7; 2000]
    }
}

impl<F: Fn()> Drop for Owner<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[test]
fn a_blob_may_drop_jobs_when_it_goes() {
    let (done, is_done) = mpsc::channel();
    std::thread::spawn(move || {
        let (later, mut batcher) = later();
        let jobs = later.clone();
        batcher.add("key", Bytes::from_owner(Owner(move || drop(jobs.take())))).unwrap();
        batcher.discard();
        done.send(()).unwrap();
    });
    is_done.recv_timeout(Duration::from_secs(60)).expect("it is over");
}

#[test]
fn a_flush_that_is_answered_holds_no_blob() {
    let (later, mut batcher) = later();
    let gone = Arc::new(AtomicBool::new(false));
    let goes = Arc::clone(&gone);
    let blob = Bytes::from_owner(Owner(move || goes.store(true, Ordering::SeqCst)));
    batcher.add("key", blob).unwrap();
    // It goes on in the midst of the job that wakes it.
    let flush = AtOnce::new(Box::pin(async move {
        let _report = batcher.flush(1).await.unwrap();
        gone.load(Ordering::SeqCst)
    }));
    flush.poll();
    run(later.take());
    assert!(flush.output().expect("it is woken"));
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
