//! What goes wrong with a store, typed by what the caller would do about it.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

/// What a caller would do about a failed store operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// There is no object of that name.
    NotFound,
    /// A create found the name taken, or the store claims so: some clients say this of their own earlier attempt,
    /// and some of a mere conflict in which nothing landed. Read back and compare before believing either.
    AlreadyExists,
    /// The credentials are missing, expired or not good for this; somebody must mend them.
    Denied,
    /// The store is full or over its quota; somebody must make room.
    NoSpace,
    /// The object, part or name is larger than the store takes.
    TooLarge,
    /// The store asks for patience; try again after [`StoreError::retry_after`] or a back-off.
    Throttled,
    /// A passing fault of the network or the store; try again.
    Unavailable,
    /// No answer within the time allowed; try again.
    Timeout,
    /// The store cannot do this at all; do without.
    Unsupported,
    /// The name, range or configuration is not one that the store can take; the caller must change it.
    InvalidInput,
    /// Anything else; trying again is not expected to help.
    Other,
}

impl StoreErrorKind {
    /// Whether the same operation may succeed when it is tried again unchanged.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Throttled | Self::Unavailable | Self::Timeout)
    }
}

/// Whether a failed write took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It did not, and never will.
    NotApplied,
    /// It may have, or may still. Never clean up after this; write the same bytes again or read back.
    Unknown,
}

/// What was asked of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// [`BlobSink::put`](crate::BlobSink::put).
    Put,
    /// [`BlobSink::start_multipart`](crate::BlobSink::start_multipart).
    StartMultipart,
    /// [`MultipartUpload::put_part`](crate::MultipartUpload::put_part).
    PutPart,
    /// [`MultipartUpload::complete`](crate::MultipartUpload::complete).
    CompleteMultipart,
    /// [`MultipartUpload::abort`](crate::MultipartUpload::abort).
    AbortMultipart,
    /// [`BlobSink::delete`](crate::BlobSink::delete).
    Delete,
    /// [`BlobSource::read`](crate::BlobSource::read).
    Read,
    /// [`BlobSource::size`](crate::BlobSource::size).
    Size,
    /// [`BlobSource::list`](crate::BlobSource::list).
    List,
    /// Construction from a URL or from options.
    Open,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Put => "put",
            Self::StartMultipart => "start multipart upload of",
            Self::PutPart => "put part of",
            Self::CompleteMultipart => "complete multipart upload of",
            Self::AbortMultipart => "abort multipart upload of",
            Self::Delete => "delete",
            Self::Read => "read",
            Self::Size => "get size of",
            Self::List => "list",
            Self::Open => "open",
        })
    }
}

/// A store operation that failed: what, on which object, what to do about it, and whether a write took effect.
///
/// ```
/// use batcher_core::{Operation, Outcome, StoreError, StoreErrorKind};
/// let error = StoreError::new(StoreErrorKind::Timeout, Operation::Put, "epoch-7/node-1");
/// assert!(error.kind().is_retryable());
/// // A write that nobody answered may have landed.
/// assert_eq!(error.outcome(), Outcome::Unknown);
/// ```
#[derive(Debug, Error)]
#[error("cannot {operation} {object:?}: {kind:?} (outcome: {outcome:?})")]
pub struct StoreError {
    kind: StoreErrorKind,
    operation: Operation,
    object: String,
    outcome: Outcome,
    retry_after: Option<Duration>,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl StoreError {
    /// An error with the outcome that is safe to assume for its kind: a write refused for want of rights, a bad
    /// name or a missing capability did not happen; of everything else that changes the store one cannot know.
    #[must_use]
    pub fn new(kind: StoreErrorKind, operation: Operation, object: impl Into<String>) -> Self {
        let refused = matches!(
            kind,
            StoreErrorKind::Denied | StoreErrorKind::Unsupported | StoreErrorKind::InvalidInput
        );
        let reads = matches!(
            operation,
            Operation::Read | Operation::Size | Operation::List | Operation::Open | Operation::StartMultipart
        );
        let outcome = if refused || reads { Outcome::NotApplied } else { Outcome::Unknown };
        Self { kind, operation, object: object.into(), outcome, retry_after: None, source: None }
    }

    /// States the outcome where the store knows it.
    #[must_use]
    pub fn with_outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// States how long the store asked to be left alone.
    #[must_use]
    pub fn with_retry_after(mut self, pause: Duration) -> Self {
        self.retry_after = Some(pause);
        self
    }

    /// Keeps the underlying error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Names another object, as an adaptor that renames must.
    #[must_use]
    pub fn with_object(mut self, object: impl Into<String>) -> Self {
        self.object = object.into();
        self
    }

    /// What a caller would do about it.
    #[must_use]
    pub fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// What was asked.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The object's name, or the prefix of a list.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }

    /// Whether the write took effect; [`Outcome::NotApplied`] for reads.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// How long the store asked to be left alone.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }
}
