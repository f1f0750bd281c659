//! A batcher among other tasks: when it wakes them, and when it lets them run.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Wake, Waker};

use batcher_codecs::Raw;
use batcher_core::{Batcher, Executor, Job};
use batcher_testkit::MemoryStore;
use bytes::Bytes;

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

/// Counts how often it is woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_waiting_producer_is_woken_once_there_is_room_and_not_before() {
    let later = Later::default();
    let mut batcher = Batcher::builder(Raw, MemoryStore::new())
        .executor(later.clone())
        .block_len(100)
        .backlog(50)
        .build()
        .unwrap();
    let handles = [batcher.handle(), batcher.handle(), batcher.handle(), batcher.handle()];
    for handle in &handles {
        handle.add("key", vec![0; 50]).unwrap();
    }
    // A flush helps with the last block alone: three times as much waits as should.
    assert!(pin!(batcher.flush(1)).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    let woken = Arc::<Woken>::default();
    let waker = Arc::clone(&woken).into();
    let mut ready = pin!(handles[0].ready());
    assert!(ready.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    let jobs = std::mem::take(&mut *later.0.lock().unwrap());
    let after_each = jobs.into_iter().map(|job| {
        job();
        woken.0.load(Ordering::SeqCst)
    });
    assert_eq!(after_each.collect::<Vec<_>>(), [0, 0, 1, 1]);
    assert!(ready.poll(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn a_flush_of_many_blocks_lets_others_run_in_between() {
    let polls = |blocks: usize| {
        let mut batcher = Batcher::builder(Raw, MemoryStore::new()).block_len(1).build().unwrap();
        batcher.add("key", Bytes::from(vec![0; blocks])).unwrap();
        let woken = Arc::<Woken>::default();
        let waker = Arc::clone(&woken).into();
        let mut flush = pin!(batcher.flush(1));
        let mut polls = 1;
        while flush.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            assert_eq!(woken.0.load(Ordering::SeqCst), polls, "it wants to go on");
            polls += 1;
        }
        polls
    };
    // The store is waited for, too.
    let few = polls(1);
    assert_eq!([1023, 1024, 2047, 2048].map(polls), [few, few + 1, few + 1, few + 2]);
}
