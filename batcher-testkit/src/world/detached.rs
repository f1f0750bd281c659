//! Effects that outlive the futures that asked for them.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use batcher_core::{PutMode, StoreError};
use futures_util::future::BoxFuture;

use super::World;
use super::ledger::Source;
use super::state::State;
use crate::cancellation_point::cancellation_point;
use crate::fault::{Fate, LATEST};

/// When an effect comes about that nobody waits for any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Now,
    /// Right before that of the call with this number among the calls to stores.
    Call(u32),
    /// When the world is settled.
    Settling,
}

impl Due {
    /// So many calls after the one with this number.
    pub(crate) fn after(store_call: u32, calls: u32) -> Self {
        if calls == LATEST { Self::Settling } else { Self::Call(store_call.saturating_add(calls)) }
    }
}

pub(crate) struct Detached {
    pub(crate) due: Due,
    pub(crate) effect: BoxFuture<'static, ()>,
}

impl std::fmt::Debug for Detached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Detached({:?})", self.due)
    }
}

impl World {
    pub(crate) fn detach(&self, due: Due, effect: BoxFuture<'static, ()>) {
        let refused = self.state().keep([Detached { due, effect }]);
        drop(refused);
    }

    /// Has the world wait for a future of a wrapped store, as it does for an [`Effect`], while this is held.
    pub(crate) fn in_store(&self) -> InStore {
        self.state().in_stores += 1;
        InStore(self.clone())
    }

    /// Has what is doomed lost before the next call.
    pub(crate) fn lose_doomed(&self) {
        let doomed = std::mem::take(&mut self.state().doomed);
        for (index, name, call, wreck) in doomed {
            let (world, state) = (self.clone(), self.state());
            let (store, ledger) = &state.stores[index];
            let Some(content) = ledger.wrecked(&name, call, wreck) else { continue };
            let store = Arc::clone(store);
            drop(state);
            let effect = async move {
                let _in_store = world.in_store();
                let lost = match content.clone() {
                    None => store.delete(&name).await,
                    Some(content) => store.put(&name, content, PutMode::Replace).await,
                };
                // A store that can neither delete nor replace keeps what it has.
                if lost.is_ok() {
                    let mut state = world.state();
                    state.ledger(index).record(&name, content, Source::Fault);
                    state.fire(call);
                    state.damaged = true;
                }
            };
            self.detach(Due::Now, Box::pin(effect));
        }
    }

    /// Ready when what is lost is lost.
    pub(super) fn poll_lost(&self, context: &mut Context<'_>) -> Poll<()> {
        if self.poll_detached(Due::Now, context) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Waits until everything has come about that is due before the effect of this call.
    pub(crate) async fn catch_up(&self, store_call: u32) {
        std::future::poll_fn(|context| {
            if self.poll_detached(Due::Call(store_call), context) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// A future of a wrapped store that was polled and has not ended.
pub(crate) struct InStore(World);

impl Drop for InStore {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_stores -= 1;
        state.progressed();
    }
}

impl State {
    /// Keeps effects until they are due, or gives them back where the case has ended: they hold the world.
    #[must_use]
    pub(crate) fn keep(&mut self, effects: impl IntoIterator<Item = Detached>) -> Vec<Detached> {
        let effects = effects.into_iter();
        if self.ended {
            return effects.collect();
        }
        self.detached.extend(effects);
        Vec::new()
    }
}

/// A future of a wrapped store. Where it is dropped before its end, what it asked for comes about all the same if
/// it is a write, unless a fault says otherwise.
pub(crate) struct Effect<R: Send + 'static> {
    world: World,
    future: Option<BoxFuture<'static, Result<R, StoreError>>>,
    writes: bool,
    in_store: Option<InStore>,
    at_once: bool,
}

impl<R: Send + 'static> Effect<R> {
    pub(crate) fn new(world: World, future: BoxFuture<'static, Result<R, StoreError>>, writes: bool) -> Self {
        world.state().open_writes += u32::from(writes);
        Self { world, future: Some(future), writes, in_store: None, at_once: true }
    }

    /// It will not come about.
    pub(crate) fn abandon(&mut self) {
        self.close();
        self.future = None;
    }

    /// It is no longer a write of which it is open whether it will begin.
    fn close(&mut self) {
        self.world.state().open_writes -= u32::from(std::mem::take(&mut self.writes));
    }

    /// Nobody waits for it any longer.
    pub(crate) fn detach(&mut self, due: Due) {
        self.close();
        if let Some(future) = self.future.take() {
            let world = self.world.clone();
            self.world.detach(due, Self::unattended(world, future));
        }
    }

    /// Waits for its end, with a moment before it and one after it at which the caller can be dropped, whatever the
    /// wrapped store does.
    pub(crate) async fn answer(mut self) -> Result<R, StoreError> {
        cancellation_point().await;
        let answer = (&mut self).await;
        if self.at_once {
            cancellation_point().await;
        }
        answer
    }

    /// Answers nobody, and comes about or not as it will.
    fn unattended(world: World, future: BoxFuture<'static, Result<R, StoreError>>) -> BoxFuture<'static, ()> {
        let effect = Self { world, future: Some(future), writes: false, in_store: None, at_once: true };
        Box::pin(async move { drop(effect.await) })
    }
}

impl<R: Send + 'static> Future for Effect<R> {
    type Output = Result<R, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.future.is_some() && self.in_store.is_none() {
            self.in_store = Some(self.world.in_store());
            self.world.state().open_writes -= u32::from(self.writes);
        }
        let Some(future) = self.future.as_mut() else { return Poll::Pending };
        let polled = future.as_mut().poll(context);
        self.at_once &= polled.is_ready();
        if polled.is_ready() {
            self.future = None;
            self.in_store = None;
        }
        polled
    }
}

impl<R: Send + 'static> Drop for Effect<R> {
    fn drop(&mut self) {
        let begun = self.in_store.is_some();
        let mut state = self.world.state();
        state.open_writes -= u32::from(!begun && self.writes && self.future.is_some());
        let Some(future) = self.future.take() else { return };
        let due = match state.fate.unwrap_or(Fate::Done) {
            _ if !self.writes => None,
            // What the store has begun can be neither stopped nor put off.
            _ if begun => Some(Due::Now),
            Fate::Never => None,
            Fate::Done => Some(Due::Now),
            Fate::Late(calls) => Some(Due::after(state.store_calls, calls)),
        };
        drop(state);
        // Outside of the lock: both may run code of the wrapped store.
        match due {
            None => drop(future),
            Some(due) => self.world.detach(due, Self::unattended(self.world.clone(), future)),
        }
    }
}

/// Waits until nothing is under way any longer.
pub(crate) struct Settle {
    world: World,
}

impl Settle {
    pub(crate) fn new(world: World) -> Self {
        Self { world }
    }
}

impl Future for Settle {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.world.poll_detached(Due::Settling, context) { Poll::Ready(()) } else { Poll::Pending }
    }
}
