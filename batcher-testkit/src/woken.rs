//! Waking a thread that polls a future.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::thread::{self, Thread};

/// Whether a future is to be polled, and the thread that does it.
///
/// A thread's token says only that something woke it: where one future is run within another, the inner one may
/// take the token that was for the outer one.
pub(crate) struct Woken {
    flag: AtomicBool,
    thread: Thread,
}

impl Woken {
    /// On this thread, and at once.
    pub(crate) fn here() -> Arc<Self> {
        Arc::new(Self { flag: AtomicBool::new(true), thread: thread::current() })
    }

    /// Whether it was woken since this was asked.
    pub(crate) fn take(&self) -> bool {
        self.flag.swap(false, Ordering::AcqRel)
    }

    /// Whether it was, without taking it for done.
    pub(crate) fn peek(&self) -> bool {
        self.flag.load(Ordering::Acquire)
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        if !self.flag.swap(true, Ordering::AcqRel) {
            self.thread.unpark();
        }
    }
}
