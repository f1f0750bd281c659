//! A store in which chosen calls go wrong.

mod call;
mod list;
mod reply;
mod upload;

use std::sync::Arc;

use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, BlobStore, MultipartUpload, ObjectInfo, Operation, Payload, PutMode, ReadRange,
    ReadReply, SinkCapabilities, StoreError,
};
use futures_util::future::FutureExt;
use futures_util::stream::BoxStream;

use self::call::StoreCall;
use self::upload::FaultUpload;
use crate::fault::{CallInfo, FaultPlan};
use crate::world::{FiredFault, Source, World};

/// Wraps a store and makes the calls go wrong that its [`World`] chooses; all others it passes on as they are.
///
/// Made by [`World::store`], or by [`FaultStore::new`] with a world of its own. Clones are the same store. A write whose future is
/// dropped comes about all the same, with the next call or when the world is [settled](World::settle), as requests do
/// that have left the machine.
///
/// Outside of [`World::run`] and of explorations it works under any runtime, but for the faults that wait until nothing else
/// can happen or until time has passed: those then wait for ever.
///
/// A part that was rejected or that hangs is never handed to the wrapped store, so that an upload which is completed
/// without it fails with [`InvalidInput`](batcher_core::StoreErrorKind::InvalidInput), whatever the wrapped store would have
/// made of it.
///
/// ```
/// use batcher_core::{BlobSource, Operation, ReadRange, StoreErrorKind};
/// use batcher_testkit::{Fault, FaultPlan, FaultStore, MemoryStore, block_on};
///
/// let memory = MemoryStore::new();
/// memory.insert("epoch-7", "state");
/// let plan = FaultPlan::new()
///     .at(Operation::Read, 0, Fault::Reject(StoreErrorKind::Throttled))
///     .at(Operation::Read, 1, Fault::ShortRead(2));
/// let store = FaultStore::new(memory, plan);
///
/// let read = || block_on(store.read("epoch-7", ReadRange::Bounded(0..5)));
/// assert_eq!(read().expect_err("rejected").kind(), StoreErrorKind::Throttled);
/// assert_eq!(read()?.bytes, "sta");
/// assert_eq!(read()?.bytes, "state");
/// assert_eq!((store.calls(Operation::Read), store.fired().len()), (3, 2));
/// # Ok::<(), batcher_core::StoreError>(())
/// ```
#[derive(Debug)]
pub struct FaultStore<S> {
    world: World,
    inner: Arc<S>,
    /// Its place among the stores of the world.
    index: usize,
}

impl<S> Clone for FaultStore<S> {
    fn clone(&self) -> Self {
        Self { world: self.world.clone(), inner: Arc::clone(&self.inner), index: self.index }
    }
}

impl<S: BlobStore + 'static> FaultStore<S> {
    /// Wraps `inner` in a world of its own, in which this goes wrong.
    #[must_use]
    pub fn new(inner: S, plan: FaultPlan) -> Self {
        World::new(plan).store(inner)
    }

    pub(crate) fn in_world(world: World, inner: Arc<S>, index: usize) -> Self {
        Self { world, inner, index }
    }

    /// The wrapped store, in which nothing goes wrong.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The world that chooses what goes wrong.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// How often an operation was called, gone wrong or not.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> u32 {
        self.world.calls(operation)
    }

    /// What has gone wrong so far: see [`World::fired`].
    #[must_use]
    pub fn fired(&self) -> Vec<FiredFault> {
        self.world.fired()
    }

    pub(crate) async fn plant(&self, name: &str, payload: Payload) -> Result<(), StoreError> {
        let in_store = self.world.in_store();
        self.inner.put(name, payload.clone(), PutMode::Replace).await?;
        drop(in_store);
        self.world.state().ledger(self.index).record(name, Some(payload), Source::Planted);
        Ok(())
    }

    /// Submits a call.
    fn call(&self, operation: Operation, name: &str, mut info: CallInfo) -> StoreCall {
        let mut state = self.world.state();
        let ledger = state.ledger(self.index);
        match operation {
            Operation::Read | Operation::Size => info.effects_before = ledger.effects_on(name),
            Operation::List => info.effects_before = ledger.effects_below(name),
            _ => {}
        }
        let submitted = state.submit(operation.into(), name, info);
        drop(state);
        StoreCall::new(self.world.clone(), self.index, operation, submitted)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobStore + 'static> BlobSink for FaultStore<S> {
    fn capabilities(&self) -> SinkCapabilities {
        self.inner.capabilities()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        let info = CallInfo { creates: mode == PutMode::Create, len: payload.len(), ..CallInfo::default() };
        let call = self.call(Operation::Put, name, info);
        let (inner, torn, effect) = (Arc::clone(&self.inner), Arc::clone(&self.inner), call.clone());
        let whole = payload.clone();
        let effect = async move {
            inner.put(&effect.name, whole.clone(), mode).await?;
            effect.wrote(Some(whole));
            Ok(())
        };
        let tear = move |call: StoreCall, len| async move {
            let cut = payload.to_bytes();
            let part = Payload::from(cut.slice(..cut.len().min(usize::try_from(len).unwrap_or(usize::MAX))));
            torn.put(&call.name, part.clone(), mode).await?;
            if part.len() < payload.len() {
                call.tore(part);
            } else {
                call.wrote(Some(part));
                call.fire();
            }
            Ok(())
        };
        call.clone().run(effect.boxed(), tear).await.inspect(|()| call.told())
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let info = CallInfo { creates: mode == PutMode::Create, ..CallInfo::default() };
        let call = self.call(Operation::StartMultipart, name, info);
        let (inner, effect) = (Arc::clone(&self.inner), call.clone());
        let effect = async move {
            let upload = inner.start_multipart(&effect.name, mode).await?;
            effect.started();
            Ok(upload)
        };
        let upload = call.clone().run(effect.boxed(), call::nothing_to_tear).await?;
        call.upload(|upload| upload.excused = false);
        Ok(Box::new(FaultUpload::new(self.clone(), call.id(), upload, name, mode)))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let call = self.call(Operation::Delete, name, CallInfo::default());
        let (inner, effect) = (Arc::clone(&self.inner), call.clone());
        let effect = async move {
            inner.delete(&effect.name).await?;
            effect.wrote(None);
            Ok(())
        };
        call.run(effect.boxed(), call::nothing_to_tear).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobStore + 'static> BlobSource for FaultStore<S> {
    fn reads_suffixes(&self) -> bool {
        self.inner.reads_suffixes()
    }

    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let call = self.call(Operation::Read, name, CallInfo::default());
        let (inner, read, asked) = (Arc::clone(&self.inner), name.to_owned(), range.clone());
        let effect = async move { inner.read(&read, asked).await };
        let reply = call.outcome(effect.boxed(), call::nothing_to_tear).await;
        let reply = reply::read(&call, &range, reply);
        call.answered(reply.as_ref().err());
        reply
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        let call = self.call(Operation::Size, name, CallInfo::default());
        let (inner, sized) = (Arc::clone(&self.inner), name.to_owned());
        let effect = async move { inner.size(&sized).await };
        let size = call.outcome(effect.boxed(), call::nothing_to_tear).await;
        let size = reply::size(&call, size);
        call.answered(size.as_ref().err());
        size
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        list::list(self.clone(), prefix.to_owned())
    }
}
