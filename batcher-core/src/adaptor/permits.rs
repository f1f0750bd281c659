//! A fair counting semaphore whose permits cannot be lost.

use std::collections::VecDeque;
use std::mem;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;

use crate::waiter::Answer;

/// Hands out a fixed number of permits in the order in which they were asked for.
///
/// A permit on its way to a waiter travels as a value through a channel: wherever a future is dropped, the permit
/// is dropped with it and goes to the next one in the queue. The semaphores of async crates let newcomers
/// overtake, which starves large uploads behind many small ones.
#[derive(Clone, Debug)]
pub(super) struct Permits {
    shared: Arc<Mutex<Queue>>,
}

#[derive(Debug)]
struct Queue {
    free: usize,
    waiters: VecDeque<Answer<Permit>>,
    /// How long the queue may grow before waiters that have gone away are swept out.
    sweep_at: usize,
}

const FIRST_SWEEP: usize = 64;

/// The right to run one operation; given back on drop.
#[derive(Debug)]
pub(super) struct Permit {
    permits: Option<Permits>,
}

impl Permits {
    pub(super) fn new(count: NonZeroUsize) -> Self {
        let queue = Queue { free: count.get(), waiters: VecDeque::new(), sweep_at: FIRST_SWEEP };
        Self { shared: Arc::new(Mutex::new(queue)) }
    }

    /// Waits for a permit. Its place in the queue is taken when the future is first polled.
    pub(super) async fn acquire(&self) -> Permit {
        loop {
            let place = {
                let mut queue = self.lock();
                if queue.free > 0 {
                    // Permits are free only while nobody waits: releasing prefers waiters.
                    queue.free -= 1;
                    return Permit { permits: Some(self.clone()) };
                }
                queue.enter()
            };
            // The sending side is only ever dropped together with the queue, which `self` keeps alive.
            if let Ok(permit) = place.await {
                return permit;
            }
        }
    }

    fn release(self) {
        loop {
            let next = {
                let mut queue = self.lock();
                let Some(next) = queue.waiters.pop_front() else {
                    queue.free += 1;
                    return;
                };
                next
            };
            // Outside the lock: waking runs foreign code.
            let Some(mut unwanted) = next.offer(Permit { permits: Some(self.clone()) }) else { return };
            unwanted.permits = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn enter(&mut self) -> oneshot::Receiver<Permit> {
        if self.waiters.len() >= self.sweep_at {
            self.waiters.retain(|waiter| !waiter.is_unwanted());
            self.sweep_at = (self.waiters.len() * 2).max(FIRST_SWEEP);
        }
        let (waiter, place) = Answer::channel();
        self.waiters.push_back(waiter);
        place
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(permits) = mem::take(&mut self.permits) {
            permits.release();
        }
    }
}
