//! Running futures without a runtime.

#![allow(missing_docs, reason = "tests")]

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

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

#[test]
fn one_within_another_takes_no_wake_that_is_not_for_it() {
    async fn twice(then: fn()) {
        let mut polls = 0;
        poll_fn(move |context| {
            polls += 1;
            if polls == 2 {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            then();
            Poll::Pending
        })
        .await;
    }
    let running = thread::spawn(|| block_on(twice(|| block_on(twice(|| {})))));
    let since = Instant::now();
    while !running.is_finished() {
        assert!(since.elapsed() < Duration::from_secs(10), "the outer one was woken and sleeps");
        thread::yield_now();
    }
}
