//! The read side of a store.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::{Operation, StoreError, StoreErrorKind};

/// Which bytes of an object to read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ReadRange {
    /// From a start up to but not including an end, cut at the end of the object. A start at or past the end of the
    /// object reads nothing.
    Bounded(Range<u64>),
    /// The last bytes, or the whole object where it has no more.
    Suffix(u64),
}

impl ReadRange {
    /// The bytes of an object of `object_len` bytes that this range means.
    #[must_use]
    pub fn resolve(&self, object_len: u64) -> Range<u64> {
        match self {
            Self::Bounded(range) => {
                let end = range.end.min(object_len);
                range.start.min(end)..end
            }
            Self::Suffix(bytes) => object_len.saturating_sub(*bytes)..object_len,
        }
    }
}

/// What a read gave.
#[derive(Clone, Debug)]
pub struct ReadReply {
    /// The bytes asked for.
    pub bytes: Bytes,
    /// The length in bytes of the whole object.
    pub object_len: u64,
    /// What the store calls this version of the object (an ETag, a generation), where it says so: two replies with
    /// different versions are of different objects.
    pub version: Option<String>,
}

/// An object in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectInfo {
    /// Its full name.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
}

/// Gives objects back, whole or in ranges.
///
/// Implementations may answer a range with fewer bytes than were asked for only where the object ends; readers
/// check nonetheless.
#[async_trait]
pub trait BlobSource: fmt::Debug + Send + Sync {
    /// Whether [`ReadRange::Suffix`] works; where it does not, readers ask for the [`size`](Self::size) first. True by
    /// default.
    fn reads_suffixes(&self) -> bool {
        true
    }

    /// Reads a range of an object.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::NotFound`] where there is no such object, [`StoreErrorKind::Unsupported`] for a suffix that
    /// the store cannot read, and any other kind.
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError>;

    /// The length in bytes of an object.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::NotFound`] where there is no such object, and any other kind.
    async fn size(&self, name: &str) -> Result<u64, StoreError>;

    /// The objects whose names begin with `prefix`, which may end in the middle of a segment; in no particular order.
    ///
    /// # Errors
    ///
    /// A stream of one [`StoreErrorKind::Unsupported`] by default. After an error the list may be incomplete.
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let error = StoreError::new(StoreErrorKind::Unsupported, Operation::List, prefix);
        stream::iter([Err(error)]).boxed()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSource + ?Sized> BlobSource for Arc<S> {
    fn reads_suffixes(&self) -> bool {
        (**self).reads_suffixes()
    }
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        (**self).read(name, range).await
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        (**self).size(name).await
    }
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        (**self).list(prefix)
    }
}

/// Both sides of a store; implemented by everything that is both.
pub trait BlobStore: BlobSink + BlobSource {}

use crate::BlobSink;

impl<S: BlobSink + BlobSource + ?Sized> BlobStore for S {}
