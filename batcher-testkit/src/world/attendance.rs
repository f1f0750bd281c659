//! Polling effects that nobody waits for: whoever comes by does it, and whoever comes meanwhile waits.

use std::collections::VecDeque;
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

    /// Wakes all but the one who knows already, who is kept where it waits for more.
    fn tell(&self, but: &Waker, waits: bool) {
        let mut others: Vec<Waker> =
            self.wakers().extract_if(.., |waker| !waits || !waker.will_wake(but)).collect();
        others.retain(|waker| !waker.will_wake(but));
        others.into_iter().for_each(Waker::wake);
    }

    /// Nobody will be woken any longer: whose wakers they were may hold the world.
    pub(crate) fn take(&self) -> Vec<Waker> {
        std::mem::take(&mut *self.wakers())
    }
}

impl Wake for Attendants {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        // They stay here: whoever comes to an ended effect before this has woken them all has to do it too.
        let wakers = self.wakers().clone();
        wakers.into_iter().for_each(Waker::wake);
    }
}

/// That a thread is polling effects, which are nowhere else meanwhile.
#[derive(Debug)]
pub(crate) struct Attendance {
    by: ThreadId,
    earliest: Due,
    /// Who waits for its end, to poll then what is left of them.
    waiting: Vec<Waker>,
}

/// What there is to be done about effects that are due.
enum Look<'a> {
    Nothing,
    Poll(Attending<'a>),
    /// Other threads are polling them.
    Wait,
}

impl State {
    /// Whether other threads are polling effects that are due, and wake this one when they have. What this one polls
    /// itself cannot wait for that.
    fn awaits_others(&mut self, due: Due, waker: &Waker) -> bool {
        let me = thread::current().id();
        let mut awaits = false;
        for other in self.attendances.iter_mut().filter(|other| other.by != me && other.earliest <= due) {
            if !other.waiting.iter().any(|known| known.will_wake(waker)) {
                other.waiting.push(waker.clone());
            }
            awaits = true;
        }
        awaits
    }

    /// This thread has polled what it came to last; who waits for that.
    fn has_attended(&mut self) -> Vec<Waker> {
        let me = thread::current().id();
        let last = self.attendances.iter().rposition(|attendance| attendance.by == me);
        last.map(|last| self.attendances.remove(last).waiting).unwrap_or_default()
    }
}

impl World {
    /// Polls all effects that are due; whether none of them is left. The lock is not held meanwhile.
    pub(crate) fn poll_detached(&self, due: Due, context: &mut Context<'_>) -> bool {
        loop {
            match self.look(due, context.waker()) {
                Look::Nothing => return true,
                Look::Wait => return false,
                // Others may have given some back meanwhile.
                Look::Poll(mut attending) => {
                    if !attending.poll() {
                        return false;
                    }
                }
            }
        }
    }

    fn look<'a>(&'a self, due: Due, waker: &'a Waker) -> Look<'a> {
        let mut state = self.state();
        let mut effects: Vec<_> = state.detached.extract_if(.., |effect| effect.due <= due).collect();
        // An effect that was due earlier, or was submitted earlier, comes first.
        effects.sort_by_key(|effect| effect.due);
        let Some(first) = effects.first() else {
            return if state.awaits_others(due, waker) { Look::Wait } else { Look::Nothing };
        };
        let attendance = Attendance { by: thread::current().id(), earliest: first.due, waiting: Vec::new() };
        state.attendances.push(attendance);
        state.attending += 1;
        let attendants = Arc::clone(&state.attendants);
        Look::Poll(Attending {
            world: self,
            attendants,
            waker,
            effects: effects.into(),
            left: Vec::new(),
            ended: false,
        })
    }
}

/// Effects while they are being polled.
struct Attending<'a> {
    world: &'a World,
    attendants: Arc<Attendants>,
    waker: &'a Waker,
    /// Those that have not been polled yet.
    effects: VecDeque<Detached>,
    /// Those that have been and did not end.
    left: Vec<Detached>,
    /// Whether one of them has ended, be it by a panic.
    ended: bool,
}

impl Attending<'_> {
    /// Whether all have ended.
    fn poll(&mut self) -> bool {
        self.attendants.add(self.waker);
        let waker = Waker::from(Arc::clone(&self.attendants));
        let mut context = Context::from_waker(&waker);
        while let Some(mut detached) = self.effects.pop_front() {
            let ended = std::mem::replace(&mut self.ended, true);
            if detached.effect.as_mut().poll(&mut context).is_pending() {
                self.ended = ended;
                // What the store has begun goes on, even if whoever waited for it is dropped.
                self.left.push(Detached { due: Due::Now, ..detached });
            }
        }
        self.left.is_empty()
    }
}

impl Drop for Attending<'_> {
    fn drop(&mut self) {
        let mut state = self.world.state();
        let waits = !(self.left.is_empty() && self.effects.is_empty());
        // After a panic, what had not been polled is left as it was.
        let left = std::mem::take(&mut self.left).into_iter().chain(std::mem::take(&mut self.effects));
        let refused = state.keep(left);
        let waiting = state.has_attended();
        drop(state);
        drop(refused);
        waiting.into_iter().for_each(Waker::wake);
        if self.ended {
            self.attendants.tell(self.waker, waits);
        }
        // Only now has everybody been woken who has to be, and time may move on.
        let mut state = self.world.state();
        state.attending -= 1;
        state.progressed();
    }
}
