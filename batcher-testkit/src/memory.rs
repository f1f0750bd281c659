//! The store that the others are measured by.

mod builder;
mod contents;
mod upload;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Operation, Outcome, Payload, PutMode, ReadRange,
    ReadReply, SinkCapabilities, StoreError, StoreErrorKind, check_name,
};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};

pub use self::builder::MemoryStoreBuilder;
use self::contents::Contents;
use self::upload::MemoryUpload;
use crate::cancellation_point::cancellation_point;

/// Objects in memory: the reference implementation of both sides of a store, for tests.
///
/// It does all that a store can do, by the book, and each of it can be switched off with [`MemoryStore::builder`].
/// Clones share their contents. What is in it can be looked at, and changed behind a user's back, without going through
/// the store's operations and without being counted.
///
/// Every operation is pending at least once before it takes effect, and every write once more between its effect and
/// its answer, so that a test can drop the future in either place.
///
/// ```
/// use batcher_core::{BlobSink, BlobSource, Operation, PutMode, ReadRange};
/// use batcher_testkit::{MemoryStore, block_on};
/// use bytes::Bytes;
///
/// let store = MemoryStore::new();
/// block_on(async {
///     store.put("epoch-7", Bytes::from_static(b"state").into(), PutMode::Create).await?;
///     let reply = store.read("epoch-7", ReadRange::Suffix(3)).await?;
///     assert_eq!((&reply.bytes[..], reply.object_len), (&b"ate"[..], 5));
///     Ok::<(), batcher_core::StoreError>(())
/// })?;
/// assert_eq!(store.names(), ["epoch-7"]);
/// assert_eq!(store.requests(Operation::Put), 1);
/// # Ok::<(), batcher_core::StoreError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    settings: MemoryStoreBuilder,
    contents: Mutex<Contents>,
}

impl Shared {
    /// No panic can leave the contents in a state that they should not be in.
    fn contents(&self) -> MutexGuard<'_, Contents> {
        self.contents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl MemoryStore {
    /// An empty store that can do everything.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty store that cannot do everything.
    pub fn builder() -> MemoryStoreBuilder {
        MemoryStoreBuilder::default()
    }

    /// The names of all objects, in order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.shared.contents().infos("").into_iter().map(|info| info.name).collect()
    }

    /// All bytes of an object.
    #[must_use]
    pub fn object(&self, name: &str) -> Option<Bytes> {
        self.shared.contents().object(name).map(|object| object.bytes.clone())
    }

    /// Puts an object there, or another one in its place, as somebody else's write would.
    pub fn insert(&self, name: impl Into<String>, bytes: impl Into<Bytes>) {
        self.shared.contents().insert(name.into(), bytes.into());
    }

    /// Takes an object away, as somebody else's delete would.
    pub fn remove(&self, name: &str) -> Option<Bytes> {
        self.shared.contents().remove(name)
    }

    /// How often an operation was begun: its future polled or, for [`Operation::PutPart`], asked for.
    #[must_use]
    pub fn requests(&self, operation: Operation) -> u64 {
        self.shared.contents().calls.get(operation)
    }

    /// How many uploads were neither completed nor aborted, and would go on costing.
    #[must_use]
    pub fn open_uploads(&self) -> usize {
        self.shared.contents().open_uploads()
    }

    /// The beginning of every operation.
    async fn request(&self, operation: Operation, name: &str) -> Result<(), StoreError> {
        self.shared.contents().calls.count(operation);
        cancellation_point().await;
        check_name(name, operation)
    }
}

/// An error by which nothing has changed.
fn refused(kind: StoreErrorKind, operation: Operation, name: &str) -> StoreError {
    StoreError::new(kind, operation, name).with_outcome(Outcome::NotApplied)
}

#[async_trait]
impl BlobSink for MemoryStore {
    fn capabilities(&self) -> SinkCapabilities {
        self.shared.settings.capabilities().clone()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        self.request(Operation::Put, name).await?;
        let capabilities = self.shared.settings.capabilities();
        if mode == PutMode::Create && !capabilities.create {
            return Err(refused(StoreErrorKind::Unsupported, Operation::Put, name));
        }
        if capabilities.max_put_len.is_some_and(|max| payload.len() > max) {
            return Err(refused(StoreErrorKind::TooLarge, Operation::Put, name));
        }
        if !self.shared.contents().put(name, payload.to_bytes(), mode) {
            return Err(refused(StoreErrorKind::AlreadyExists, Operation::Put, name));
        }
        cancellation_point().await;
        Ok(())
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        self.request(Operation::StartMultipart, name).await?;
        let capabilities = self.shared.settings.capabilities();
        let supported = match mode {
            PutMode::Create => capabilities.multipart_create,
            PutMode::Replace => capabilities.multipart,
        };
        if !supported {
            return Err(refused(StoreErrorKind::Unsupported, Operation::StartMultipart, name));
        }
        let id = self.shared.contents().start_upload();
        cancellation_point().await;
        Ok(Box::new(MemoryUpload::new(self.clone(), id, name, mode)))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.request(Operation::Delete, name).await?;
        if !self.shared.settings.capabilities().delete {
            return Err(refused(StoreErrorKind::Unsupported, Operation::Delete, name));
        }
        self.shared.contents().remove(name);
        cancellation_point().await;
        Ok(())
    }
}

#[async_trait]
impl BlobSource for MemoryStore {
    fn reads_suffixes(&self) -> bool {
        self.shared.settings.reads_suffixes()
    }

    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        self.request(Operation::Read, name).await?;
        if matches!(range, ReadRange::Suffix(_)) && !self.reads_suffixes() {
            return Err(refused(StoreErrorKind::Unsupported, Operation::Read, name));
        }
        let contents = self.shared.contents();
        let object = contents.object(name);
        let object = object.ok_or_else(|| refused(StoreErrorKind::NotFound, Operation::Read, name))?;
        Ok(object.read(&range))
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.request(Operation::Size, name).await?;
        let contents = self.shared.contents();
        let object = contents.object(name);
        let object = object.ok_or_else(|| refused(StoreErrorKind::NotFound, Operation::Size, name))?;
        Ok(object.bytes.len() as u64)
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let prefix = prefix.to_owned();
        let infos = async move {
            self.shared.contents().calls.count(Operation::List);
            cancellation_point().await;
            stream::iter(self.shared.contents().infos(&prefix).into_iter().map(Ok))
        };
        stream::once(infos).flatten().boxed()
    }
}
