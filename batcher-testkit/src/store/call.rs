//! One call to a wrapped store, from its submission over its effect to its answer.

use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use batcher_core::{Operation, Outcome, Payload, StoreError, StoreErrorKind, Timer};
use futures_util::future::{BoxFuture, lazy};

use crate::cancellation_point::cancellation_point;
use crate::fault::{Call, Fault};
use crate::world::{Due, Effect, EventKind, InjectedPanic, Source, Submitted, Upload, World, Wreck};

/// How long a slow call takes.
const SLOW: Duration = Duration::from_secs(3600);

/// For how long a store that throttles asks to be left alone.
const RETRY_AFTER: Duration = Duration::from_secs(30);

/// How often a caller is woken for nothing.
const SPURIOUS_WAKES: u32 = 3;

#[derive(Clone)]
pub(super) struct StoreCall {
    pub(super) world: World,
    store: usize,
    operation: Operation,
    pub(super) name: Arc<str>,
    submitted: Submitted,
}

/// For calls that write no bytes of which only some could be there: nothing is.
pub(super) fn nothing_to_tear(
    call: StoreCall,
    _: u64,
) -> impl Future<Output = Result<(), StoreError>> + Send + 'static {
    lazy(move |_| {
        call.fire();
        Ok(())
    })
}

impl StoreCall {
    pub(super) fn new(world: World, store: usize, operation: Operation, submitted: Submitted) -> Self {
        Self { world, store, operation, name: Arc::clone(&submitted.key), submitted }
    }

    pub(super) fn id(&self) -> u32 {
        self.submitted.id
    }

    pub(super) fn store(&self) -> usize {
        self.store
    }

    pub(super) fn fault(&self) -> Option<Fault> {
        self.submitted.fault
    }

    /// Whether the wrapped store is never to be asked.
    pub(super) fn is_prevented(&self) -> bool {
        matches!(
            self.submitted.fault,
            Some(
                Fault::Reject(_)
                    | Fault::RequestLost
                    | Fault::PhantomExists
                    | Fault::Hang
                    | Fault::CrashBefore
                    | Fault::PanicBefore
            )
        )
    }

    /// Notes that the object holds this now.
    pub(super) fn wrote(&self, content: Option<Payload>) {
        let mut state = self.world.state();
        state.ledger(self.store).record(&self.name, content, Source::Call(self.id()));
        state.event(self.id(), EventKind::TookEffect);
        let wreck = match self.submitted.fault {
            Some(Fault::Vanishes) => Wreck::Gone,
            Some(Fault::Blanked) => Wreck::Zeros,
            _ => return,
        };
        state.doom(self.store, &self.name, self.id(), wreck);
    }

    /// Notes that only a part of the object is there.
    pub(super) fn tore(&self, part: Payload) {
        let mut state = self.world.state();
        state.ledger(self.store).record(&self.name, Some(part), Source::Fault);
        state.event(self.id(), EventKind::TookEffect);
        state.fire(self.id());
        state.damaged = true;
    }

    /// Notes that there is an upload now, of which nobody knows as long as it was not answered.
    pub(super) fn started(&self) {
        let mut state = self.world.state();
        let upload = Upload { name: self.name.to_string(), ended: false, excused: true, doubt: None };
        state.ledger(self.store).uploads.insert(self.id(), upload);
        state.event(self.id(), EventKind::TookEffect);
    }

    /// Notes that the call has taken effect, and no object has changed by it.
    pub(super) fn took_effect(&self) {
        self.world.state().event(self.id(), EventKind::TookEffect);
    }

    /// Notes that its caller was told that the object has been written.
    pub(super) fn told(&self) {
        self.world.state().stands(self.store, &self.name, self.id());
    }

    pub(super) fn upload(&self, change: impl FnOnce(&mut Upload)) {
        if let Some(upload) = self.world.state().ledger(self.store).uploads.get_mut(&self.id()) {
            change(upload);
        }
    }

    pub(super) fn error(&self, kind: StoreErrorKind) -> StoreError {
        StoreError::new(kind, self.operation, &*self.name)
    }

    pub(super) fn fire(&self) {
        self.world.state().fire(self.id());
    }

    /// Runs the call to its answer, with whatever goes wrong on the way.
    pub(super) async fn run<R, T>(
        self,
        effect: BoxFuture<'static, Result<R, StoreError>>,
        tear: impl FnOnce(Self, u64) -> T,
    ) -> Result<R, StoreError>
    where
        R: Send + 'static,
        T: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let answer = self.outcome(effect, tear).await;
        self.answered(answer.as_ref().err());
        answer
    }

    /// Notes what the caller is told.
    pub(super) fn answered(&self, failed: Option<&StoreError>) {
        let answered =
            failed.map_or(EventKind::Succeeded, |error| EventKind::Failed(error.kind(), error.outcome()));
        let overtaken = self.world.state().answer(self.id(), answered);
        overtaken.into_iter().for_each(Waker::wake);
    }

    /// What comes of the call, which its caller has not been told yet.
    pub(super) async fn outcome<R, T>(
        &self,
        effect: BoxFuture<'static, Result<R, StoreError>>,
        tear: impl FnOnce(Self, u64) -> T,
    ) -> Result<R, StoreError>
    where
        R: Send + 'static,
        T: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let writes = Call::from(self.operation).writes();
        let mut effect = Effect::new(self.world.clone(), effect, writes);
        if self.is_prevented() {
            effect.abandon();
        }
        self.world.catch_up(self.submitted.store_call).await;
        match self.submitted.fault {
            None => effect.answer().await,
            Some(fault) => self.go_wrong(fault, effect, tear).await,
        }
    }

    async fn go_wrong<R, T>(
        &self,
        fault: Fault,
        mut effect: Effect<R>,
        tear: impl FnOnce(Self, u64) -> T,
    ) -> Result<R, StoreError>
    where
        R: Send + 'static,
        T: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let writes = Call::from(self.operation).writes();
        match fault {
            Fault::Reject(kind) => {
                cancellation_point().await;
                self.fire();
                let error = self.error(kind).with_outcome(Outcome::NotApplied);
                let throttled = kind == StoreErrorKind::Throttled;
                Err(if throttled { error.with_retry_after(RETRY_AFTER) } else { error })
            }
            Fault::RequestLost => {
                cancellation_point().await;
                self.fire();
                Err(self.error(StoreErrorKind::Timeout))
            }
            Fault::PhantomExists => {
                cancellation_point().await;
                self.fire();
                Err(self.error(StoreErrorKind::AlreadyExists))
            }
            Fault::OwnExists => {
                effect.answer().await?;
                self.fire();
                Err(self.error(StoreErrorKind::AlreadyExists))
            }
            Fault::AckLost if writes => {
                effect.answer().await?;
                self.fire();
                Err(self.error(StoreErrorKind::Unavailable))
            }
            Fault::Late(calls) if writes => {
                self.fire();
                effect.detach(Due::after(self.submitted.store_call, calls));
                cancellation_point().await;
                Err(self.error(StoreErrorKind::Timeout))
            }
            Fault::Torn(len) => {
                effect.abandon();
                let torn = Box::pin(tear(self.clone(), len));
                // As with a whole one, the store may refuse it.
                Effect::new(self.world.clone(), torn, true).await?;
                Err(self.error(StoreErrorKind::Unavailable))
            }
            Fault::SlowEffect => {
                self.fire();
                self.pause().await;
                effect.answer().await
            }
            Fault::SlowAnswer => {
                let answer = effect.answer().await;
                self.fire();
                self.pause().await;
                answer
            }
            Fault::Hang => {
                self.fire();
                self.hang().await
            }
            Fault::HangAfter if writes => {
                let _ = effect.answer().await;
                self.fire();
                self.hang().await
            }
            Fault::Overtaken => {
                self.fire();
                self.be_overtaken().await;
                effect.answer().await
            }
            Fault::CrashBefore => {
                self.fire();
                self.world.state().crash = true;
                self.hang().await
            }
            Fault::CrashAfter if writes => {
                let _ = effect.answer().await;
                self.fire();
                self.world.state().crash = true;
                self.hang().await
            }
            Fault::PanicBefore => {
                cancellation_point().await;
                self.fire();
                std::panic::resume_unwind(Box::new(InjectedPanic))
            }
            Fault::PanicAfter if writes => {
                let _ = effect.answer().await;
                self.fire();
                std::panic::resume_unwind(Box::new(InjectedPanic))
            }
            Fault::SpuriousWakes => {
                self.fire();
                for _ in 0..SPURIOUS_WAKES {
                    cancellation_point().await;
                }
                effect.answer().await
            }
            _ => effect.answer().await,
        }
    }

    /// Never ends. The world knows of it, and lets an attempt give up that waits for it.
    async fn hang<R>(&self) -> R {
        self.world.state().hanging += 1;
        let _hanging = Hanging(self.world.clone());
        pending().await
    }

    async fn pause(&self) {
        let time = self.world.timer();
        time.wait_until(time.now().saturating_add(SLOW)).await;
    }

    /// Waits until a call that was submitted later has been answered, or until nothing else can happen.
    async fn be_overtaken(&self) {
        let rounds = self.world.state().idle_rounds;
        poll_fn(|context| {
            let mut state = self.world.state();
            if state.latest_answered > Some(self.id()) || state.idle_rounds != rounds {
                return Poll::Ready(());
            }
            if !state.overtaken.iter().any(|waker| waker.will_wake(context.waker())) {
                state.overtaken.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

/// A call that will never be answered, until its caller no longer waits.
struct Hanging(World);

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.state().hanging -= 1;
    }
}
