//! Polling effects that nobody waits for: whoever comes by does it, and whoever comes meanwhile waits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Wake, Waker};
use std::thread::{self, ThreadId};

use super::World;
use super::detached::{Detached, Due};
use super::state::State;

/// Who waits for effects that nobody else waits for. An effect is polled by whoever comes, and its end concerns them all.
#[derive(Debug, Default)]
pub(crate) struct Attendants(Mutex<Vec<Waker>>);

impl Attendants {
    fn wakers(&self) -> MutexGuard<'_, Vec<Waker>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, waker: &Waker) {
        let mut wakers = self.wakers();
        if !wakers.iter().any(|known| known.will_wake(waker)) {
            wakers.push(waker.clone());
        }
    }

    /// Wakes all but the one who knows already.
    fn tell(&self, but: &Waker) {
        let others: Vec<Waker> = self.wakers().extract_if(.., |waker| !waker.will_wake(but)).collect();
        others.into_iter().for_each(Waker::wake);
    }
}

impl Wake for Attendants {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        let wakers = std::mem::take(&mut *self.wakers());
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// That a thread is polling effects, which are nowhere else meanwhile.
#[derive(Debug)]
pub(crate) struct Attendance {
    by: ThreadId,
    earliest: Due,
    /// Whether others wait for its end.
    awaited: bool,
}

impl State {
    /// Whether other threads are polling effects that are due; they will say when they have. What this one polls itself
    /// cannot wait for that.
    fn awaits_others(&mut self, due: Due) -> bool {
        let me = thread::current().id();
        let mut awaits = false;
        for other in self.attendances.iter_mut().filter(|other| other.by != me && other.earliest <= due) {
            other.awaited = true;
            awaits = true;
        }
        awaits
    }

    /// This thread has polled what it came to last; whether others wait for that.
    fn has_attended(&mut self) -> bool {
        let me = thread::current().id();
        let last = self.attendances.iter().rposition(|attendance| attendance.by == me);
        last.is_some_and(|last| self.attendances.remove(last).awaited)
    }
}

impl World {
    /// Polls all effects that are due; whether none of them is left. The lock is not held meanwhile.
    pub(crate) fn poll_detached(&self, due: Due, context: &mut Context<'_>) -> bool {
        let done = match self.attend(due, context.waker()) {
            Some(mut attending) => attending.poll(),
            None => true,
        };
        done && !self.awaits_others(due, context.waker())
    }

    fn attend<'a>(&'a self, due: Due, waker: &'a Waker) -> Option<Attending<'a>> {
        let mut state = self.state();
        if state.detached.is_empty() {
            return None;
        }
        let mut effects: Vec<_> = state.detached.extract_if(.., |effect| effect.due <= due).collect();
        // An effect that was due earlier, or was submitted earlier, comes first.
        effects.sort_by_key(|effect| effect.due);
        let earliest = effects.first()?.due;
        state.attendances.push(Attendance { by: thread::current().id(), earliest, awaited: false });
        let attendants = Arc::clone(&state.attendants);
        Some(Attending { world: self, attendants, waker, effects, polled: false, ended: false })
    }

    /// Whether other threads are polling effects that are due. They wake this one when they have.
    fn awaits_others(&self, due: Due, waker: &Waker) -> bool {
        let attendants = {
            let mut state = self.state();
            if !state.awaits_others(due) {
                return false;
            }
            Arc::clone(&state.attendants)
        };
        attendants.add(waker);
        // They may have looked for whom to wake before.
        self.state().awaits_others(due)
    }
}

/// Effects while they are being polled.
struct Attending<'a> {
    world: &'a World,
    attendants: Arc<Attendants>,
    waker: &'a Waker,
    effects: Vec<Detached>,
    /// Whether none of them has panicked.
    polled: bool,
    /// Whether one of them has ended.
    ended: bool,
}

impl Attending<'_> {
    /// Whether all have ended.
    fn poll(&mut self) -> bool {
        self.attendants.add(self.waker);
        let waker = Waker::from(Arc::clone(&self.attendants));
        let begun = self.effects.len();
        self.effects
            .retain_mut(|effect| effect.effect.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        // What the store has begun goes on, even if whoever waited for it is dropped.
        self.effects.iter_mut().for_each(|effect| effect.due = Due::Now);
        self.ended = self.effects.len() < begun;
        self.polled = true;
        self.effects.is_empty()
    }
}

impl Drop for Attending<'_> {
    fn drop(&mut self) {
        let mut state = self.world.state();
        if self.polled {
            state.detached.append(&mut self.effects);
        }
        let awaited = state.has_attended();
        drop(state);
        if self.ended || awaited {
            self.attendants.tell(self.waker);
        }
    }
}
