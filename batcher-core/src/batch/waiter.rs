//! Whoever waits for a block, for room or for a dictionary.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::{Context, Waker};

use futures_util::task::AtomicWaker;

/// The task, if any, that waits for one thing.
#[derive(Debug, Default)]
pub(crate) struct Waiter(AtomicWaker);

impl Waiter {
    pub(crate) fn register(&self, context: &Context<'_>) {
        self.0.register(context.waker());
    }

    pub(crate) fn wake(&self) {
        if let Some(waker) = self.0.take() {
            wake(waker);
        }
    }
}

/// Wakes a task. Its runtime may be gone, and its waker panic, long after its future was dropped: that must not keep
/// others from being woken, nor a job from doing the rest of its work.
pub(crate) fn wake(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}
