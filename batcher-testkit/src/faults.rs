//! A store in which chosen calls go wrong.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Operation, Outcome, Payload, PutMode, ReadRange,
    ReadReply, SinkCapabilities, StoreError, StoreErrorKind,
};
use bytes::BytesMut;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::cancellation_point::cancellation_point;
use crate::fault_script::{Fault, FaultScript, FiredFault, Progress};

/// Wraps a store and makes the calls go wrong that a [`FaultScript`] names; all others it passes on as they are.
///
/// Clones share the script and the counts. Two runs in which the same calls are made in the same order go wrong in the
/// same places.
///
/// A part that was rejected or that hangs is never handed to the wrapped store, so that an upload which is completed
/// without it fails with [`StoreErrorKind::InvalidInput`], whatever the wrapped store would have made of it.
///
/// ```
/// use batcher_core::{BlobSource, Operation, ReadRange, StoreErrorKind};
/// use batcher_testkit::{Fault, FaultScript, FaultStore, MemoryStore, block_on};
///
/// let memory = MemoryStore::new();
/// memory.insert("epoch-7", "state");
/// let script = FaultScript::new()
///     .at(Operation::Read, 0, Fault::RejectBefore(StoreErrorKind::Throttled))
///     .at(Operation::Read, 1, Fault::ShortRead(2));
/// let store = FaultStore::new(memory, script);
///
/// let read = || block_on(store.read("epoch-7", ReadRange::Bounded(0..5)));
/// assert_eq!(read().expect_err("rejected").kind(), StoreErrorKind::Throttled);
/// assert_eq!(read()?.bytes, "sta");
/// assert_eq!(read()?.bytes, "state");
/// assert_eq!((store.calls(Operation::Read), store.fired().len()), (3, 2));
/// # Ok::<(), batcher_core::StoreError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FaultStore<S> {
    inner: S,
    faults: Faults,
}

impl<S> FaultStore<S> {
    /// Wraps `inner`.
    #[must_use]
    pub fn new(inner: S, script: FaultScript) -> Self {
        Self { inner, faults: Faults(Arc::new(Mutex::new(Progress::new(script)))) }
    }

    /// The wrapped store, in which nothing goes wrong.
    #[must_use]
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// How often an operation was called, gone wrong or not.
    #[must_use]
    pub fn calls(&self, operation: Operation) -> u64 {
        self.faults.progress().calls.get(operation)
    }

    /// What has gone wrong so far, in order. A fault of the answer is here once there was an answer to spoil: one of a
    /// call that the wrapped store itself refused, or of a future that was dropped before, is not.
    #[must_use]
    pub fn fired(&self) -> Vec<FiredFault> {
        self.faults.progress().fired.clone()
    }
}

#[async_trait]
impl<S: BlobSink> BlobSink for FaultStore<S> {
    fn capabilities(&self) -> SinkCapabilities {
        self.inner.capabilities()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        let due = self.faults.call(Operation::Put, Some(mode));
        self.faults.before(due, name).await?;
        self.inner.put(name, payload, mode).await?;
        self.faults.after(due, name)
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let due = self.faults.call(Operation::StartMultipart, Some(mode));
        self.faults.before(due, name).await?;
        let inner = self.inner.start_multipart(name, mode).await?;
        self.faults.after(due, name)?;
        let (faults, name) = (self.faults.clone(), name.to_owned());
        Ok(Box::new(FaultUpload { inner, faults, name, mode, lost_part: false }))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let due = self.faults.call(Operation::Delete, None);
        self.faults.before(due, name).await?;
        self.inner.delete(name).await?;
        self.faults.after(due, name)
    }
}

#[async_trait]
impl<S: BlobSource> BlobSource for FaultStore<S> {
    fn reads_suffixes(&self) -> bool {
        self.inner.reads_suffixes()
    }

    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let due = self.faults.call(Operation::Read, None);
        self.faults.before(due, name).await?;
        let reply = self.inner.read(name, range).await?;
        Ok(self.faults.spoil(due, reply))
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        let due = self.faults.call(Operation::Size, None);
        self.faults.before(due, name).await?;
        self.inner.size(name).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let prefix = prefix.to_owned();
        let list = async move {
            let due = self.faults.call(Operation::List, None);
            match self.faults.before(due, &prefix).await {
                Ok(()) => self.inner.list(&prefix),
                Err(error) => stream::iter([Err(error)]).boxed(),
            }
        };
        stream::once(list).flatten().boxed()
    }
}

#[derive(Debug)]
struct FaultUpload {
    inner: Box<dyn MultipartUpload>,
    faults: Faults,
    name: String,
    mode: PutMode,
    /// Whether there is a part that the wrapped upload does not know of.
    lost_part: bool,
}

#[async_trait]
impl MultipartUpload for FaultUpload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        let due = self.faults.call(Operation::PutPart, Some(self.mode));
        let inner = if due.is_some_and(|due| prevents(due.fault)) {
            self.lost_part = true;
            None
        } else {
            Some(self.inner.put_part(part))
        };
        let (faults, name) = (self.faults.clone(), self.name.clone());
        async move {
            faults.before(due, &name).await?;
            if let Some(inner) = inner {
                inner.await?;
            }
            faults.after(due, &name)
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        let due = self.faults.call(Operation::CompleteMultipart, Some(self.mode));
        self.faults.before(due, &self.name).await?;
        if self.lost_part {
            let kind = StoreErrorKind::InvalidInput;
            return Err(StoreError::new(kind, Operation::CompleteMultipart, &*self.name));
        }
        self.inner.complete().await?;
        self.faults.after(due, &self.name)
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        let due = self.faults.call(Operation::AbortMultipart, Some(self.mode));
        self.faults.before(due, &self.name).await?;
        self.inner.abort().await?;
        self.faults.after(due, &self.name)
    }
}

/// Whether the wrapped store is not even asked.
fn prevents(fault: Fault) -> bool {
    matches!(fault, Fault::RejectBefore(_) | Fault::PhantomExists | Fault::Hang)
}

/// What goes wrong, shared by a store, its clones and its uploads.
#[derive(Clone, Debug)]
struct Faults(Arc<Mutex<Progress>>);

impl Faults {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call and gives the fault that is due for it. To an upload, `mode` is the one that it was started with.
    fn call(&self, operation: Operation, mode: Option<PutMode>) -> Option<FiredFault> {
        let due = self.progress().call(operation);
        due.filter(|due| {
            let of_creates = matches!(due.fault, Fault::OwnExists | Fault::PhantomExists);
            !of_creates || mode == Some(PutMode::Create)
        })
    }

    fn fire(&self, fault: FiredFault) {
        self.progress().fired.push(fault);
    }

    /// Goes wrong in place of the call.
    async fn before(&self, due: Option<FiredFault>, name: &str) -> Result<(), StoreError> {
        let Some(due) = due.filter(|due| prevents(due.fault)) else { return Ok(()) };
        cancellation_point().await;
        self.fire(due);
        match due.fault {
            Fault::RejectBefore(kind) => {
                Err(StoreError::new(kind, due.operation, name).with_outcome(Outcome::NotApplied))
            }
            Fault::PhantomExists => Err(StoreError::new(StoreErrorKind::AlreadyExists, due.operation, name)),
            _ => pending().await,
        }
    }

    /// Goes wrong after the call has had its effect.
    fn after(&self, due: Option<FiredFault>, name: &str) -> Result<(), StoreError> {
        let Some(due) = due else { return Ok(()) };
        let kind = match due.fault {
            Fault::AckLost => StoreErrorKind::Unavailable,
            Fault::OwnExists => StoreErrorKind::AlreadyExists,
            _ => return Ok(()),
        };
        self.fire(due);
        Err(StoreError::new(kind, due.operation, name))
    }

    /// Goes wrong with the bytes of a reply.
    fn spoil(&self, due: Option<FiredFault>, mut reply: ReadReply) -> ReadReply {
        let Some(due) = due else { return reply };
        match due.fault {
            Fault::ShortRead(missing) => {
                reply.bytes.truncate(reply.bytes.len().saturating_sub(missing));
            }
            Fault::FlipBit(bit) if !reply.bytes.is_empty() => {
                let mut bytes = BytesMut::from(&*reply.bytes);
                let place = usize::try_from(bit / 8 % bytes.len() as u64).unwrap_or(0);
                bytes[place] ^= 1 << (bit % 8);
                reply.bytes = bytes.freeze();
            }
            _ => return reply,
        }
        self.fire(due);
        reply
    }
}
