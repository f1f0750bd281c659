//! How much waits to be compressed: what bounds the memory of blobs that come in faster than cores compress.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::waiter::wake;

/// Bytes of blocks that were copied together and are not yet compressed. Slices of the caller's own blobs do not count:
/// they take no memory besides.
#[derive(Debug)]
pub(crate) struct Backlog {
    waiting: AtomicUsize,
    limit: usize,
    wakers: Mutex<Vec<Waker>>,
}

impl Backlog {
    pub(crate) fn new(limit: usize) -> Self {
        // However low the limit: when nothing waits, there is room.
        Self { waiting: AtomicUsize::new(0), limit: limit.max(1), wakers: Mutex::default() }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) >= self.limit
    }

    pub(crate) fn grow(&self, bytes: usize) {
        self.waiting.fetch_add(bytes, Ordering::SeqCst);
    }

    pub(crate) fn shrink(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let before = self.waiting.fetch_sub(bytes, Ordering::SeqCst);
        if before >= self.limit && before - bytes < self.limit {
            let wakers = std::mem::take(&mut *self.wakers.lock().unwrap_or_else(PoisonError::into_inner));
            wakers.into_iter().for_each(wake);
        }
    }

    /// Ready where there is room.
    pub(crate) fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        if !self.is_full() {
            return Poll::Ready(());
        }
        let mut wakers = self.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|waker| waker.will_wake(context.waker())) {
            wakers.push(context.waker().clone());
        }
        drop(wakers);
        // Room may have come between the look and the registration.
        if self.is_full() { Poll::Pending } else { Poll::Ready(()) }
    }
}
