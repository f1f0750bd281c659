//! A fair counting semaphore whose permits cannot be lost.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use crate::waiter::Waiter;

/// Hands out a fixed number of permits in the order in which they were asked for.
///
/// A permit on its way to somebody lies at their place in the queue: wherever a future is dropped, what lies at its place
/// goes to the next one. The semaphores of async crates let newcomers overtake, which starves large uploads behind many
/// small ones.
#[derive(Clone, Debug)]
pub(super) struct Permits {
    shared: Arc<Mutex<Queue>>,
}

#[derive(Debug)]
struct Queue {
    free: usize,
    places: VecDeque<Arc<Place>>,
    /// How long the queue may grow before places that have been left are swept out.
    sweep_at: usize,
}

const FIRST_SWEEP: usize = 64;

/// The right to run one operation; given back on drop.
#[derive(Debug)]
pub(super) struct Permit {
    permits: Permits,
}

/// A place in the queue.
#[derive(Debug)]
struct Place {
    state: Mutex<State>,
    waiter: Waiter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    /// A permit lies here.
    Granted,
    Left,
}

impl Place {
    fn new() -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::Waiting), waiter: Waiter::default() })
    }

    /// Goes from one state to another; whether it was in the first.
    fn change(&self, from: State, to: State) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = *state == from;
        if changes {
            *state = to;
        }
        changes
    }

    fn is_left(&self) -> bool {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) == State::Left
    }
}

/// Whoever waits at a place.
#[derive(Debug)]
struct Waiting {
    place: Arc<Place>,
    permits: Permits,
}

impl Future for Waiting {
    type Output = Permit;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Permit> {
        self.place.waiter.register(context);
        if self.place.change(State::Granted, State::Left) {
            Poll::Ready(Permit { permits: self.permits.clone() })
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.place.change(State::Waiting, State::Left) && self.place.change(State::Granted, State::Left) {
            self.permits.release();
        }
        // Last: what a waker does when it goes is foreign code, too.
        self.place.waiter.forget();
    }
}

impl Permits {
    pub(super) fn new(count: NonZeroUsize) -> Self {
        let queue = Queue { free: count.get(), places: VecDeque::new(), sweep_at: FIRST_SWEEP };
        Self { shared: Arc::new(Mutex::new(queue)) }
    }

    /// Waits for a permit. Its place in the queue is taken when the future is first polled.
    pub(super) async fn acquire(&self) -> Permit {
        let place = {
            let mut queue = self.lock();
            if queue.free > 0 {
                // Permits are free only while nobody waits: releasing prefers those who do.
                queue.free -= 1;
                return Permit { permits: self.clone() };
            }
            queue.enter()
        };
        Waiting { place, permits: self.clone() }.await
    }

    fn release(&self) {
        loop {
            let next = {
                let mut queue = self.lock();
                let Some(next) = queue.places.pop_front() else {
                    queue.free += 1;
                    return;
                };
                next
            };
            if next.change(State::Waiting, State::Granted) {
                // Outside the lock: waking runs foreign code.
                next.waiter.wake();
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn enter(&mut self) -> Arc<Place> {
        if self.places.len() >= self.sweep_at {
            self.places.retain(|place| !place.is_left());
            self.sweep_at = (self.places.len() * 2).max(FIRST_SWEEP);
        }
        let place = Place::new();
        self.places.push_back(Arc::clone(&place));
        place
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.release();
    }
}
