//! Running futures without a runtime.

#![allow(missing_docs, reason = "tests")]

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;

use batcher_testkit::block_on;

#[test]
fn a_wake_before_sleeping_is_not_lost() {
    let mut left = 1000;
    let polls = block_on(poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(1000);
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    }));
    assert_eq!(polls, 1000);
}

#[test]
fn another_thread_can_wake() {
    let ready = AtomicBool::new(false);
    thread::scope(|scope| {
        let ready = &ready;
        block_on(poll_fn(move |context| {
            if ready.load(Ordering::Acquire) {
                return Poll::Ready(());
            }
            let waker = context.waker().clone();
            scope.spawn(move || {
                ready.store(true, Ordering::Release);
                waker.wake();
            });
            Poll::Pending
        }));
    });
    assert!(ready.into_inner());
}

#[test]
fn one_runs_within_another() {
    assert_eq!(block_on(async { block_on(async { 1 }) + 1 }), 2);
}
