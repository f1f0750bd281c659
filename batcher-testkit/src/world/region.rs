//! A future that can be dropped from outside: an attempt that its caller gives up, or a process that dies.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::World;
use crate::fault::{Call, CallInfo, Fate, Fault};

/// What a wrapped store panics with where a fault says so. It is thrown without the panic hook: nothing is printed.
pub(crate) struct InjectedPanic;

pub(crate) struct Region<F: Future> {
    world: World,
    call: Call,
    label: String,
    future: Option<Pin<Box<F>>>,
    /// Its place among all calls, once it has begun.
    id: Option<u32>,
    cancel: Option<(u32, Fate)>,
    pendings: u32,
    /// How many events there had been when it was last pending.
    events: usize,
}

impl<F: Future> Region<F> {
    pub(crate) fn new(world: World, call: Call, label: &str, future: F) -> Self {
        let future = Some(Box::pin(future));
        Self { world, call, label: label.to_owned(), future, id: None, cancel: None, pendings: 0, events: 0 }
    }

    fn begin(&mut self) -> u32 {
        if let Some(id) = self.id {
            return id;
        }
        let mut state = self.world.state();
        let submitted = state.submit(self.call, &self.label, CallInfo::default());
        state.regions.push((submitted.id, None));
        if let Some(Fault::Cancel { pending, effects }) = submitted.fault {
            self.cancel = Some((pending, effects));
        }
        *self.id.insert(submitted.id)
    }

    /// Why it ends now, being pending: what becomes of the effects under way.
    fn ends_now(&mut self, id: u32, waker: &Waker) -> Option<Fate> {
        let waker = Some(waker.clone());
        // Dropped after the lock: with a waker may go whatever it wakes.
        let _before;
        let mut state = self.world.state();
        let region = state.regions.iter_mut().find(|(region, _)| *region == id);
        _before = region.map(|(_, known)| std::mem::replace(known, waker));
        let pending = self.pendings;
        state.pending(id, pending, &mut self.events);
        self.pendings += 1;
        if let Some((at, effects)) = self.cancel
            && at == pending
        {
            state.fire(id);
            return Some(effects);
        }
        if self.call == Call::Process && std::mem::take(&mut state.crash) {
            return Some(Fate::Done);
        }
        // The innermost comes here first, because its poll ends first.
        std::mem::take(&mut state.give_up).then_some(Fate::Done)
    }

    /// Drops the future, and with it all that it holds.
    fn end(&mut self, effects: Option<Fate>) {
        let Some(future) = self.future.take() else { return };
        if let Some(effects) = effects {
            self.world.state().fate.get_or_insert(effects);
        }
        drop(future);
        let Some(id) = self.id else { return };
        // As above.
        let _ended: Vec<_>;
        let mut state = self.world.state();
        if effects.is_some() {
            state.fate = None;
        }
        _ended = state.regions.extract_if(.., |(region, _)| *region == id).collect();
        if self.call == Call::Process && effects.is_some() {
            state.die(id);
            drop(state);
            self.world.lose_doomed();
        }
    }
}

impl<F: Future> Region<F> {
    /// Given up. Whoever goes on behind a process that has died finds that gone which goes with it.
    fn poll_lost(&self, context: &mut Context<'_>) -> Poll<Option<F::Output>> {
        let lost = if self.call == Call::Process { self.world.poll_lost(context) } else { Poll::Ready(()) };
        lost.map(|()| None)
    }
}

impl<F: Future> Unpin for Region<F> {}

impl<F: Future> Future for Region<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let id = this.begin();
        let Some(future) = this.future.as_mut() else { return this.poll_lost(context) };
        this.world.state().enter(this.call, id);
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        this.world.state().leave(id);
        match polled {
            Ok(Poll::Ready(output)) => {
                this.end(None);
                Poll::Ready(Some(output))
            }
            Ok(Poll::Pending) => match this.ends_now(id, context.waker()) {
                None => Poll::Pending,
                Some(effects) => {
                    this.end(Some(effects));
                    this.poll_lost(context)
                }
            },
            Err(payload) if payload.is::<InjectedPanic>() => {
                this.end(Some(Fate::Done));
                this.poll_lost(context)
            }
            Err(payload) => {
                this.end(Some(Fate::Done));
                resume_unwind(payload)
            }
        }
    }
}

impl<F: Future> Drop for Region<F> {
    fn drop(&mut self) {
        self.end(None);
    }
}
