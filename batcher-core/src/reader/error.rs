//! Why an object or a blob could not be read.

use std::fmt;

use thiserror::Error;

use crate::{CodecError, CodecId, Corruption, FORMAT_VERSION, Problem, StoreError, StoreErrorKind};

/// Why an object or a blob could not be read, by what the caller would do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The store failed; its error says whether there is no such object and whether trying again can help.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// The store answered with fewer bytes than there are; try again.
    #[error("{actual} bytes came at byte {offset} instead of {expected}")]
    ShortRead {
        /// Where in the object the read began.
        offset: u64,
        /// Bytes asked for.
        expected: u64,
        /// Bytes that came.
        actual: u64,
    },
    /// The object was replaced by another while it was being read; open it again.
    #[error("the object was replaced while it was being read")]
    Replaced,
    /// The object is not of this format, nor of the starting point's; it begins with these bytes. An empty object is
    /// one of these.
    #[error("not a batch object of {object_len} bytes, beginning with {start:02x?}")]
    Foreign {
        /// Its length in bytes.
        object_len: u64,
        /// Its first bytes, at most eight.
        start: Vec<u8>,
    },
    /// The object begins as one of this format and ends as none: its end is missing. Fall back to an older one.
    #[error("cut short after {object_len} bytes")]
    Truncated {
        /// Its length in bytes.
        object_len: u64,
    },
    /// The object is of a version of the format that this library does not know; use a newer library.
    #[error("format version {found}, where at most {FORMAT_VERSION} can be read")]
    UnsupportedVersion {
        /// The object's version.
        found: u32,
    },
    /// The object needs features that this library does not know; use a newer library.
    #[error("required features {unknown:#x} are not known")]
    UnsupportedFeatures {
        /// The bits that are not known.
        unknown: u32,
    },
    /// No codec is registered under the object's codec id; register one.
    #[error("codec {0} is not registered")]
    UnknownCodec(CodecId),
    /// The registered codec cannot work with the object's parameters.
    #[error("the codec cannot be set up from the object's parameters")]
    CodecParams(#[source] CodecError),
    /// The object contradicts itself; fall back to an older one, or to another copy.
    #[error("corrupt")]
    Corrupt(#[source] Corruption),
    /// The codec failed for a reason of its own, as for want of memory, or panicked. That says nothing about the object; after a
    /// failure of its library, try again.
    #[error("the codec failed")]
    Codec(#[source] CodecError),
    /// More memory would be needed than [`ReadOptions::memory_limit`](crate::ReadOptions::memory_limit) allows, or than
    /// there is. Raise the limit, or read large blobs in [chunks](crate::BatchReader::chunks).
    #[error("{what} of {len} bytes, over the limit of {limit}")]
    Memory {
        /// What would need it.
        what: &'static str,
        /// How many bytes.
        len: u64,
        /// How many bytes are allowed.
        limit: u64,
    },
    /// The executor dropped a job; try again.
    #[error("the executor dropped the job")]
    Abandoned,
}

/// An object or a blob that could not be read.
#[derive(Error)]
pub struct ReadError {
    #[source]
    kind: Box<ReadErrorKind>,
    object: Box<str>,
    key: Option<Box<str>>,
}

impl ReadError {
    pub(crate) fn new(kind: impl Into<ReadErrorKind>, object: &str) -> Self {
        Self { kind: Box::new(kind.into()), object: object.into(), key: None }
    }

    pub(crate) fn with_key(mut self, key: &str) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Why.
    #[must_use]
    pub fn kind(&self) -> &ReadErrorKind {
        &self.kind
    }

    /// The object's name.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }

    /// The blob's key, where it was one blob that was asked for.
    #[must_use]
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Whether there is no object of that name.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(&*self.kind, ReadErrorKind::Store(error) if error.kind() == StoreErrorKind::NotFound)
    }

    /// Whether reading again may succeed; after [`ReadErrorKind::Replaced`], opening again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match &*self.kind {
            ReadErrorKind::Store(error) => error.kind().is_retryable(),
            ReadErrorKind::ShortRead { .. } | ReadErrorKind::Replaced | ReadErrorKind::Abandoned => true,
            ReadErrorKind::Codec(error) => matches!(error, CodecError::Library(_)),
            _ => false,
        }
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.key {
            Some(key) => write!(f, "cannot read {key:?} from {:?}: {}", self.object, self.kind),
            None => write!(f, "cannot read {:?}: {}", self.object, self.kind),
        }
    }
}

impl fmt::Debug for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadError")
            .field("kind", &self.kind)
            .field("object", &self.object)
            .field("key", &self.key)
            .finish()
    }
}

impl From<StoreError> for ReadErrorKind {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Corruption> for ReadErrorKind {
    fn from(corruption: Corruption) -> Self {
        match corruption.problem {
            Problem::Codec(error @ (CodecError::Library(_) | CodecError::Panicked)) => Self::Codec(error),
            problem => Self::Corrupt(Corruption { problem, ..corruption }),
        }
    }
}
