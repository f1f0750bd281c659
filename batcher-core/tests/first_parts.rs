//! When the first parts of an object go up, how many, and what that takes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::fmt;
use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use allocation_counter::measure;
use batcher_codecs::Raw;
use batcher_core::{Batcher, BatcherBuilder, Executor, Job, Operation};
use batcher_testkit::{MemoryStore, block_on};
use scenario::noise;

/// Keeps jobs until it is told to run them.
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

/// Whether somebody wants to be polled.
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Polls a future for as long as it wants to be, and drops it.
fn run_until_stalled<T>(future: impl Future<Output = T>) -> Poll<T> {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Arc::clone(&woken).into();
    let (mut future, mut polled) = (pin!(future), Poll::Pending);
    while polled.is_pending() && woken.0.swap(false, Ordering::SeqCst) {
        polled = future.as_mut().poll(&mut Context::from_waker(&waker));
    }
    polled
}

fn builder(memory: &MemoryStore) -> BatcherBuilder<Raw, MemoryStore> {
    Batcher::builder(Raw, memory.clone()).block_len(1000).part_len(1000)
}

#[test]
fn blocks_that_are_compressed_go_up_whether_or_not_more_come_in() {
    let memory = MemoryStore::new();
    let mut batcher = builder(&memory).multipart_threshold(1).build().unwrap();
    batcher.add("key", noise(5000, 1)).unwrap();
    assert!(run_until_stalled(batcher.flush_when(1, pending())).is_pending());
    assert_eq!(memory.requests(Operation::PutPart), 5);
}

/// The first eighth of what is compressed says how long the object will be.
#[test]
fn an_upload_begins_early_where_the_object_will_be_twice_as_long_as_the_threshold() {
    // Forty blocks, and their frames a little longer; how many of them are compressed when it begins.
    let begins = |threshold: u64| {
        let memory = MemoryStore::new();
        let later = Later::default();
        let mut batcher =
            builder(&memory).multipart_threshold(threshold).executor(later.clone()).build().unwrap();
        batcher.add("key", noise(40_000, 1)).unwrap();
        let jobs = std::mem::take(&mut *later.0.lock().unwrap());
        let mut flush = pin!(batcher.flush(1));
        for (job, run) in jobs.into_iter().zip(1..) {
            job();
            assert!(flush.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            if memory.requests(Operation::StartMultipart) > 0 {
                return run;
            }
        }
        panic!("all of it is compressed");
    };
    assert_eq!([3000, 4000, 18_000].map(begins), [3, 4, 5]);
    assert_eq!([21_000, 30_000].map(begins), [21, 30]);
}

#[test]
fn an_early_upload_sends_no_more_parts_than_the_store_takes() {
    let memory = MemoryStore::builder().with_max_parts(4).build();
    let mut batcher = builder(&memory).multipart_threshold(1).build().unwrap();
    batcher.add("key", noise(10_000, 1)).unwrap();
    assert!(run_until_stalled(batcher.flush_when(1, pending())).is_pending());
    assert_eq!((memory.requests(Operation::PutPart), memory.open_uploads()), (3, 0));
    // Longer ones, and as many as it takes.
    let _report = block_on(batcher.flush(1)).unwrap();
    assert_eq!(memory.requests(Operation::PutPart), 7);
}

#[test]
fn an_early_upload_of_short_frames_takes_little_memory() {
    let memory = MemoryStore::new();
    let mut batcher = builder(&memory).multipart_threshold(1).part_len(200_000).build().unwrap();
    let handle = batcher.handle();
    let mut added = 0;
    let adds = poll_fn(|context| {
        handle.add("key", noise(1000, added)).unwrap();
        added += 1;
        context.waker().wake_by_ref();
        if added < 1000 { Poll::Pending } else { Poll::Ready(()) }
    });
    let measured = measure(|| assert_eq!(block_on(batcher.flush_when(1, adds)).unwrap().requests(), 8));
    assert!(measured.bytes_max < 16 << 20, "{measured:?}");
}
