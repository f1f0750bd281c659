//! Any `object_store::ObjectStore` as a store of the batcher.

mod answer;
mod error;
mod read;
mod upload;

use std::fmt;
use std::sync::Arc;

use ::object_store::path::Path;
use ::object_store::{
    ObjectStore, ObjectStoreExt, PutMode as TheirMode, PutMultipartOptions, PutOptions, PutPayload,
};
use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Operation, Outcome, Payload, PutMode, ReadRange,
    ReadReply, SinkCapabilities, StoreError, StoreErrorKind, check_name,
};
use futures_util::stream::{self, BoxStream, StreamExt};

use self::error::store_error;
use self::upload::ObjectStoreUpload;

/// The shortest part but the last, and the most parts, of S3 and of those who copy it.
const PART_LIMITS: (u64, u64) = (5 << 20, 10_000);

/// Any [`ObjectStore`] as a [`BlobSink`] and [`BlobSource`].
///
/// # Names
///
/// An object's name stands for itself: `a b/50%/é` is the key `a b/50%/é`, never an encoding of it.
/// `object_store::local::LocalFileSystem` refuses names that end in `#` and digits. Azure takes a backslash for a slash, so
/// that two names would be one object: see [`without_backslashes`](Self::without_backslashes).
///
/// # Errors
///
/// `object_store` retries on its own, so a refusal may be the answer to a second attempt after a first one that did
/// land. The outcome of a failed write is therefore [`NotApplied`](batcher_core::Outcome::NotApplied) only where the
/// client refused without asking, or the server refused the first attempt; everything else is
/// [`Unknown`](batcher_core::Outcome::Unknown). That goes for
/// [`AlreadyExists`](StoreErrorKind::AlreadyExists), too: the S3 client of version 0.14.2 says so when the object
/// is its own from an earlier attempt, and on a 409 when nothing landed at all. A 409 to anything but a create is
/// [`Unavailable`](StoreErrorKind::Unavailable).
///
/// # Durability
///
/// What `object_store` and the store behind it promise. `LocalFileSystem` does not sync by default: use
#[cfg_attr(feature = "local", doc = "[`LocalStore`](crate::LocalStore)")]
#[cfg_attr(not(feature = "local"), doc = "`LocalStore`")]
/// for directories.
///
/// # Lists
///
/// `object_store` lists by whole segments. A prefix that ends in the middle of one costs a list of the whole
/// directory above it, of which the rest is thrown away here. Its S3 client, as of version 0.14.2, takes an answer of
/// success whose body is an error for an empty list; S3 itself does not answer a list so.
///
/// ```
/// use std::sync::Arc;
/// use batcher_core::{BlobSink, BlobSource, Payload, PutMode};
/// use batcher_stores::ObjectStoreSink;
///
/// # fn main() -> Result<(), batcher_core::StoreError> { pollster::block_on(async {
/// let store = ObjectStoreSink::new(Arc::new(object_store::memory::InMemory::new()));
/// store.put("epoch-7/node-1", Payload::from(bytes::Bytes::from_static(b"state")), PutMode::Create).await?;
/// assert_eq!(store.size("epoch-7/node-1").await?, 5);
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct ObjectStoreSink {
    store: Arc<dyn ObjectStore>,
    capabilities: SinkCapabilities,
    suffixes: bool,
    backslashes: bool,
}

impl ObjectStoreSink {
    /// A sink that declares what most object stores can do: conditional create, deletion, suffix reads, and
    /// multipart uploads (never conditional: `object_store` has none) with the part limits of S3, 5 MiB and 10,000
    /// parts.
    #[must_use]
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        let (min_part_len, max_parts) = PART_LIMITS;
        let capabilities = SinkCapabilities::default()
            .with_create(true)
            .with_multipart(true)
            .with_delete(true)
            .with_part_limits(min_part_len, max_parts);
        Self { store, capabilities, suffixes: true, backslashes: true }
    }

    /// Declares that the store cannot create conditionally, as an S3 client with conditional puts disabled or a
    /// WebDAV server; every [`PutMode::Create`] is then refused without asking the store.
    #[must_use]
    pub fn without_create(mut self) -> Self {
        self.capabilities.create = false;
        self
    }

    /// Declares that the store has no multipart uploads.
    #[must_use]
    pub fn without_multipart(mut self) -> Self {
        self.capabilities.multipart = false;
        self
    }

    /// Declares that the store cannot read suffixes, as `object_store`'s Azure client; every
    /// [`ReadRange::Suffix`] is then refused without asking the store.
    #[must_use]
    pub fn without_suffix_reads(mut self) -> Self {
        self.suffixes = false;
        self
    }

    /// Declares that the store takes a backslash in a name for a slash, as Azure and SeaweedFS; such names are then
    /// [`InvalidInput`](StoreErrorKind::InvalidInput), without asking the store.
    #[must_use]
    pub fn without_backslashes(mut self) -> Self {
        self.backslashes = false;
        self
    }

    /// States the longest object in bytes that one put takes; a longer one is refused without asking the store.
    #[must_use]
    pub fn with_max_put_len(mut self, bytes: u64) -> Self {
        self.capabilities = self.capabilities.with_max_put_len(bytes);
        self
    }

    /// States the shortest part in bytes, the last one excepted, and the most parts of an upload.
    #[must_use]
    pub fn with_part_limits(mut self, min_part_len: u64, max_parts: u64) -> Self {
        self.capabilities = self.capabilities.with_part_limits(min_part_len, max_parts);
        self
    }

    fn path(&self, name: &str, operation: Operation) -> Result<Path, StoreError> {
        check_name(name, operation)?;
        let invalid = || StoreError::new(StoreErrorKind::InvalidInput, operation, name);
        if !self.backslashes && name.contains('\\') {
            return Err(invalid().with_source("this store takes a backslash for a slash"));
        }
        // Parsed, not converted: `Path::from` would percent-encode.
        Path::parse(name).map_err(|error| invalid().with_source(error))
    }
}

/// By the store's display form: some stores' debug forms hold credentials.
impl fmt::Debug for ObjectStoreSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStoreSink")
            .field("store", &format_args!("{}", self.store))
            .field("capabilities", &self.capabilities)
            .field("suffixes", &self.suffixes)
            .field("backslashes", &self.backslashes)
            .finish()
    }
}

#[async_trait]
impl BlobSink for ObjectStoreSink {
    fn capabilities(&self) -> SinkCapabilities {
        self.capabilities.clone()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        let path = self.path(name, Operation::Put)?;
        let theirs = match mode {
            PutMode::Replace => TheirMode::Overwrite,
            PutMode::Create if self.capabilities.create => TheirMode::Create,
            PutMode::Create => {
                return Err(StoreError::new(StoreErrorKind::Unsupported, Operation::Put, name));
            }
        };
        if self.capabilities.max_put_len.is_some_and(|max| payload.len() > max) {
            return Err(StoreError::new(StoreErrorKind::TooLarge, Operation::Put, name)
                .with_outcome(Outcome::NotApplied));
        }
        self.store
            .put_opts(&path, put_payload(&payload), PutOptions::from(theirs))
            .await
            .map_err(|error| store_error(error, Operation::Put, name, mode == PutMode::Create))?;
        Ok(())
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let path = self.path(name, Operation::StartMultipart)?;
        if mode == PutMode::Create || !self.capabilities.multipart {
            return Err(StoreError::new(StoreErrorKind::Unsupported, Operation::StartMultipart, name));
        }
        let upload = self
            .store
            .put_multipart_opts(&path, PutMultipartOptions::default())
            .await
            .map_err(|error| store_error(error, Operation::StartMultipart, name, false))?;
        Ok(Box::new(ObjectStoreUpload::new(upload, name)))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name, Operation::Delete)?;
        let deleted = self.store.delete(&path).await;
        match deleted.map_err(|error| store_error(error, Operation::Delete, name, false)) {
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(()),
            deleted => deleted,
        }
    }
}

#[async_trait]
impl BlobSource for ObjectStoreSink {
    fn reads_suffixes(&self) -> bool {
        self.suffixes
    }

    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let path = self.path(name, Operation::Read)?;
        if !self.suffixes && matches!(range, ReadRange::Suffix(_)) {
            return Err(StoreError::new(StoreErrorKind::Unsupported, Operation::Read, name));
        }
        read::read(&*self.store, &path, name, &range).await
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        let path = self.path(name, Operation::Size)?;
        let meta = self.store.head(&path).await;
        Ok(meta.map_err(|error| store_error(error, Operation::Size, name, false))?.size)
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let parent = match prefix.rsplit_once('/') {
            None => None,
            Some((parent, _)) => match self.path(parent, Operation::List) {
                Ok(parent) => Some(parent),
                // No object's name begins like that.
                Err(_) => return stream::empty().boxed(),
            },
        };
        let prefix = prefix.to_owned();
        self.store
            .list(parent.as_ref())
            .filter_map(move |entry| {
                let entry = match entry {
                    Ok(meta) if !meta.location.as_ref().starts_with(&prefix) => None,
                    Ok(meta) => Some(Ok(ObjectInfo { name: meta.location.into(), len: meta.size })),
                    Err(error) => Some(Err(store_error(error, Operation::List, &prefix, false))),
                };
                std::future::ready(entry)
            })
            .boxed()
    }
}

/// The same chunks, uncopied.
fn put_payload(payload: &Payload) -> PutPayload {
    payload.chunks().iter().cloned().collect()
}
