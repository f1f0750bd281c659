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

    pub(crate) fn wake(&self) {
        if let Some(waker) = self.0.take() {
            wake(waker);
        }
    }
}

/// What somebody waits for, or that it does not come.
#[derive(Debug)]
pub(crate) struct Answer<T>(Option<oneshot::Sender<T>>);

impl<T> Answer<T> {
    pub(crate) fn channel() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Self(Some(sender)), receiver)
    }

    /// Nothing comes of it where nobody waits any longer.
    pub(crate) fn give(self, answer: T) {
        drop(self.offer(answer));
    }

    /// Gives the answer back where nobody waits any longer.
    pub(crate) fn offer(mut self, answer: T) -> Option<T> {
        let sender = self.0.take()?;
        // It has been put where whoever waits finds it before these are woken.
        catch_unwind(AssertUnwindSafe(|| sender.send(answer))).unwrap_or(Ok(())).err()
    }

    /// Whether nobody waits any longer.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.0.as_ref().is_none_or(oneshot::Sender::is_canceled)
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
