//! The world of one test case: what goes wrong in it, what has taken effect, and what time it is.

mod attendance;
mod clock;
mod detached;
mod driver;
mod ledger;
mod model;
mod record;
mod region;
mod state;

use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use batcher_core::{BlobStore, Codec, Executor, Operation, Timer};
use bytes::Bytes;

pub use self::clock::VirtualTime;
pub(crate) use self::detached::{Due, Effect};
pub use self::driver::Stuck;
pub(crate) use self::driver::{Ended, Limits};
pub(crate) use self::ledger::{Doubt, Source, Upload, Wreck};
pub(crate) use self::record::Behind;
pub use self::record::{CallRecord, EventKind, FiredFault, History, HistoryEvent};
pub(crate) use self::region::InjectedPanic;
use self::region::Region;
pub(crate) use self::state::{Chance, Chooser, LateJob, Odds, State, Submitted};
use crate::codec::FaultCodec;
use crate::executor::FaultExecutor;
use crate::fault::{Call, FaultPlan};
use crate::judge::{Judge, Violation};
use crate::store::FaultStore;

/// One test case: wraps stores, codecs, executors and time so that chosen calls go wrong, keeps the effects of calls whose
/// futures were dropped, and judges what came of it.
///
/// A scenario gets its world from an [`Exploration`](crate::Exploration); a test of one particular case makes its own from a
/// [`FaultPlan`] and [runs](Self::run) a future in it. Clones are the same world; two worlds have nothing in common.
///
/// ```
/// use batcher_core::{BlobSink, BlobSource, Operation, PutMode};
/// use batcher_testkit::{Fault, FaultPlan, MemoryStore, World};
/// use bytes::Bytes;
///
/// // The put is answered by nobody, and comes about after the next call.
/// let world = World::new(FaultPlan::new().at(Operation::Put, 0, Fault::Late(2)));
/// let store = world.store(MemoryStore::new());
/// world.run(async {
///     let put = store.put("epoch-7", Bytes::from_static(b"state").into(), PutMode::Create).await;
///     assert!(put.is_err());
///     assert!(store.size("epoch-7").await.is_err());
///     assert_eq!(store.size("epoch-7").await.ok(), Some(5));
/// })?;
/// # Ok::<(), batcher_testkit::Stuck>(())
/// ```
#[derive(Clone)]
pub struct World {
    shared: Arc<Mutex<State>>,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new(FaultPlan::new())
    }
}

impl World {
    /// A world in which this goes wrong.
    #[must_use]
    pub fn new(plan: FaultPlan) -> Self {
        Self::choosing(Chooser::planned(plan))
    }

    pub(crate) fn choosing(chooser: Chooser) -> Self {
        Self { shared: Arc::new(Mutex::new(State::new(chooser))) }
    }

    /// No panic of the code under test can leave the state in a form that it should not be in.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wraps a store; a source or a sink alone within [`ReadOnly`](crate::ReadOnly) or [`WriteOnly`](crate::WriteOnly).
    ///
    /// Adaptors that wait by [`timer`](Self::timer) belong around what this returns. Within, they are taken for a store that works on a
    /// thread of its own, for which time stands still: the run is stuck after 30 seconds.
    pub fn store<S: BlobStore + 'static>(&self, store: S) -> FaultStore<S> {
        let store = Arc::new(store);
        let dynamic: Arc<dyn BlobStore> = store.clone();
        let index = self.state().add_store(dynamic);
        FaultStore::in_world(self.clone(), store, index)
    }

    /// Wraps a codec.
    pub fn codec<C: Codec>(&self, codec: C) -> FaultCodec<C> {
        FaultCodec::in_world(self.clone(), codec)
    }

    /// Wraps an executor.
    pub fn executor<E: Executor + 'static>(&self, executor: E) -> FaultExecutor<E> {
        FaultExecutor::in_world(self.clone(), executor)
    }

    /// This world's time, which passes only when nothing else can happen.
    #[must_use]
    pub fn timer(&self) -> VirtualTime {
        VirtualTime::in_world(self.clone())
    }

    /// Runs a future whose caller may give up: `None` where a fault drops it, where what it waits for will never come,
    /// or where a wrapped store panics.
    ///
    /// Effects that are under way when it is dropped become what the fault says, or come about if it says nothing.
    pub async fn attempt<F: Future>(&self, label: &str, future: F) -> Option<F::Output> {
        Region::new(self.clone(), Call::Attempt, label, future).await
    }

    /// Runs a future that holds all that one process holds in memory: `None` where the process dies, as by
    /// [`Fault::CrashAfter`](crate::Fault::CrashAfter). What stores have acknowledged and a fault takes away at a crash is
    /// then gone.
    pub async fn process<F: Future>(&self, label: &str, future: F) -> Option<F::Output> {
        Region::new(self.clone(), Call::Process, label, future).await
    }

    /// Takes away what stores have acknowledged without keeping it, as a power cut would, and waits until it is gone. A process that
    /// dies does so by itself.
    pub async fn restart(&self) {
        self.lose_doomed();
        poll_fn(|context| self.poll_lost(context)).await;
    }

    /// Ends all faults that last and have begun: the credentials are refreshed, the disk has room again. One that begins
    /// later lasts until the next healing: heal after each try, not once.
    pub fn heal(&self) {
        self.state().heal();
    }

    /// Whether a store has been made to break its own promise for good, by a fault that
    /// [damages](crate::FaultKind::damages): what it has acknowledged is then gone, or it holds half an object, which must be said
    /// and not covered up. What is only to be lost at a crash or a restart, or was written again before, is no damage yet.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.state().damaged
    }

    /// Whether anything has gone wrong so far.
    #[must_use]
    pub fn has_faults(&self) -> bool {
        !self.state().fired.is_empty()
    }

    /// Lets all effects come about that are still under way: nothing that happened before is late any longer.
    pub async fn settle(&self) {
        detached::Settle::new(self.clone()).await;
    }

    /// Puts an object into the store behind the wrapped one as somebody else's, which must never be replaced or deleted.
    ///
    /// # Errors
    ///
    /// Those of the store.
    pub async fn plant<S: BlobStore + 'static>(
        &self,
        store: &FaultStore<S>,
        name: &str,
        bytes: impl Into<Bytes>,
    ) -> Result<(), batcher_core::StoreError> {
        store.plant(name, bytes.into().into()).await
    }

    /// Says that objects whose names begin so may be written again with other bytes, which otherwise counts as a defect.
    pub fn allow_rewrites(&self, prefix: &str) {
        self.state().rewritable.push(prefix.to_owned());
    }

    /// How often an operation was called, gone wrong or not.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> u32 {
        self.state().total(operation.into())
    }

    /// What has gone wrong so far, in order. A fault of the answer is here once there was an answer to spoil: one of a
    /// call that the wrapped store itself refused is not, and what is to be lost at a crash is once it is lost.
    #[must_use]
    pub fn fired(&self) -> Vec<FiredFault> {
        self.state().fired.clone()
    }

    /// Everything that has happened so far.
    #[must_use]
    pub fn history(&self) -> History {
        self.state().history()
    }

    /// Reports a defect found by a judge of one's own.
    pub fn report(&self, judge: Judge, message: impl Into<String>) {
        self.state().violations.push(Violation { judge, message: message.into() });
    }

    /// The defects found so far.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.state().violations.clone()
    }

    /// Time since the world began.
    #[must_use]
    pub fn now(&self) -> std::time::Duration {
        self.timer().now()
    }
}
