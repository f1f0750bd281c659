//! Whoever waits for a block, for room, for a dictionary, for a job's answer or for a permit.
//!
//! A waker is the caller's code. Its runtime may be gone, and it may panic, long after its future was dropped: that must not keep
//! others from being woken, nor a job from doing the rest of its work.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};

use futures_channel::oneshot;
use futures_util::task::AtomicWaker;

/// The task, if any, that waits for one thing.
#[derive(Debug, Default)]
pub(crate) struct Waiter(AtomicWaker);

impl Waiter {
    pub(crate) fn register(&self, context: &Context<'_>) {
        self.0.register(context.waker());
    }

    /// Nobody waits any longer: what belongs to the task must not be held by whoever would have woken it.
    pub(crate) fn forget(&self) {
        drop(self.0.take());
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = self.0.take() {
            wake(waker);
        }
    }
}

/// What a job answers, or that it answers nothing.
#[derive(Debug)]
pub(crate) struct Answer<T>(Option<oneshot::Sender<T>>);

impl<T> Answer<T> {
    pub(crate) fn channel() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(sender)), receiver)
    }

    /// Nothing comes of it where nobody waits any longer.
    pub(crate) fn give(mut self, answer: T) {
        if let Some(sender) = self.0.take() {
            let _ = catch_unwind(AssertUnwindSafe(|| sender.send(answer)));
        }
    }
}

impl<T> Drop for Answer<T> {
    fn drop(&mut self) {
        let _ = catch_unwind(AssertUnwindSafe(|| drop(self.0.take())));
    }
}

pub(crate) fn wake(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}
