//! The write side of a store.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;

use crate::{Operation, Payload, StoreError, StoreErrorKind};

/// Whether a put may replace an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PutMode {
    /// Only where there is no object of that name yet; of several writers one at most wins.
    Create,
    /// Whatever stands there is replaced, atomically.
    Replace,
}

/// What a sink can do. A capability that is declared and does not hold is a defect of the sink.
///
/// ```
/// use batcher_core::SinkCapabilities;
/// let capabilities = SinkCapabilities::default().with_create(true).with_delete(true);
/// assert!(capabilities.create && !capabilities.multipart);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SinkCapabilities {
    /// [`PutMode::Create`] is honoured: a taken name is never overwritten, by however many writers at once.
    pub create: bool,
    /// [`BlobSink::start_multipart`] works with [`PutMode::Replace`].
    pub multipart: bool,
    /// [`BlobSink::start_multipart`] honours [`PutMode::Create`], too.
    pub multipart_create: bool,
    /// [`BlobSink::delete`] works.
    pub delete: bool,
    /// The longest object in bytes that one put takes.
    pub max_put_len: Option<u64>,
    /// The shortest part in bytes, the last one excepted.
    pub min_part_len: Option<u64>,
    /// The most parts of one multipart upload.
    pub max_parts: Option<u64>,
}

impl SinkCapabilities {
    /// Sets [`create`](Self::create).
    #[must_use]
    pub fn with_create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Sets [`multipart`](Self::multipart).
    #[must_use]
    pub fn with_multipart(mut self, multipart: bool) -> Self {
        self.multipart = multipart;
        self
    }

    /// Sets [`multipart_create`](Self::multipart_create).
    #[must_use]
    pub fn with_multipart_create(mut self, multipart_create: bool) -> Self {
        self.multipart_create = multipart_create;
        self
    }

    /// Sets [`delete`](Self::delete).
    #[must_use]
    pub fn with_delete(mut self, delete: bool) -> Self {
        self.delete = delete;
        self
    }

    /// Sets [`max_put_len`](Self::max_put_len).
    #[must_use]
    pub fn with_max_put_len(mut self, bytes: u64) -> Self {
        self.max_put_len = Some(bytes);
        self
    }

    /// Sets [`min_part_len`](Self::min_part_len) and [`max_parts`](Self::max_parts).
    #[must_use]
    pub fn with_part_limits(mut self, min_part_len: u64, max_parts: u64) -> Self {
        self.min_part_len = Some(min_part_len);
        self.max_parts = Some(max_parts);
        self
    }
}

/// Takes whole objects and keeps them.
///
/// # Contract
///
/// - An object becomes visible whole or not at all, and stays so once `put` has returned `Ok`: to say so is to promise
///   that a power cut loses nothing.
/// - Every error states its [`Outcome`](crate::Outcome) honestly; one that does not know says
///   [`Unknown`](crate::Outcome::Unknown).
/// - Dropping the future of a write leaves its outcome unknown: it may still take effect.
/// - Names follow [`check_name`](crate::check_name).
///
/// The suite of `batcher-testkit` checks all but the power cut, in one line of a store's tests, and outcomes as far as a store
/// errs without a network that fails.
///
/// `put` alone makes a working sink; `Batcher` needs the read side, [`BlobSource`](crate::BlobSource), too, because an
/// "already exists" can only be judged by reading back.
#[async_trait]
pub trait BlobSink: fmt::Debug + Send + Sync {
    /// What this sink can do; nothing but replacing puts by default.
    fn capabilities(&self) -> SinkCapabilities {
        SinkCapabilities::default()
    }

    /// Stores an object.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::AlreadyExists`] where `mode` is [`PutMode::Create`] and the name is taken,
    /// [`StoreErrorKind::Unsupported`] where the sink cannot create conditionally, and any other kind.
    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError>;

    /// Starts an upload in parts, which becomes visible when it is completed.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unsupported`] by default, and for modes that [`capabilities`](Self::capabilities) does not
    /// name.
    async fn start_multipart(
        &self,
        name: &str,
        _mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unsupported, Operation::StartMultipart, name))
    }

    /// Removes an object. Removing one that is not there is a success: a retry must not fail for having worked.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::Unsupported`] by default.
    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        Err(StoreError::new(StoreErrorKind::Unsupported, Operation::Delete, name))
    }
}

/// An upload in parts. Parts stand in the object in the order in which [`put_part`](Self::put_part) was called, in
/// whichever order they finish.
///
/// Dropping it neither completes nor aborts it.
#[async_trait]
pub trait MultipartUpload: fmt::Debug + Send {
    /// Sends the next part. Several of the returned futures may run at once.
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>>;

    /// Makes the object visible; every part's future must have succeeded.
    ///
    /// # Errors
    ///
    /// As [`BlobSink::put`]. The upload is then of no further use but for [`abort`](Self::abort).
    async fn complete(&mut self) -> Result<(), StoreError>;

    /// Gives the parts back to the store. Only for an upload whose completion was never asked for, or whose object is
    /// known to stand: after an unknown outcome the parts may yet become the object.
    ///
    /// # Errors
    ///
    /// Any kind; the parts may then stay and cost until the store's own expiry removes them.
    async fn abort(&mut self) -> Result<(), StoreError>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSink + ?Sized> BlobSink for Arc<S> {
    fn capabilities(&self) -> SinkCapabilities {
        (**self).capabilities()
    }
    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        (**self).put(name, payload, mode).await
    }
    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        (**self).start_multipart(name, mode).await
    }
    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        (**self).delete(name).await
    }
}
