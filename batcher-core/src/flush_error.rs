//! Why a flush did not end in an acknowledged object.

use thiserror::Error;

use crate::{BatchId, CodecError, Outcome, StoreError, StoreErrorKind};

/// Why a flush failed. Whichever it is, every blob is still held, and the next flush of the same epoch writes
/// the same object, byte for byte.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FlushErrorKind {
    /// The store failed or refused; its error says whether trying again can help.
    #[error("the store failed")]
    Store(#[source] StoreError),
    /// An object of that name and another content stands in the store: another writer is using the same writer name,
    /// or an earlier life of this one got there first. Nothing was overwritten. Flushing the same epoch again cannot
    /// help; flush another epoch, or discard.
    #[error("another object of that name is there")]
    Conflict,
    /// The codec failed, or the executor dropped its job, or the batch is larger than the format can hold.
    #[error("the batch could not be encoded")]
    Encode(#[source] CodecError),
    /// An earlier flush of this epoch failed and another epoch was flushed instead, which took the blobs along. Go on with
    /// a newer epoch.
    #[error("the epoch was given up for another")]
    EpochGivenUp,
    /// The epoch is older than the batcher remembers having flushed: it can no longer tell which names it has used for
    /// it. Flush a newer one.
    #[error("the epoch is older than {oldest}, the oldest that is remembered")]
    EpochForgotten {
        /// The oldest epoch that can still be flushed.
        oldest: u64,
    },
}

/// A flush that did not end in an acknowledged object. Nothing is lost: see [`FlushErrorKind`].
#[derive(Debug, Error)]
#[error("cannot flush {id} to {object:?}: {kind}")]
pub struct FlushError {
    #[source]
    kind: Box<FlushErrorKind>,
    id: Box<BatchId>,
    object: String,
}

impl FlushError {
    pub(crate) fn new(kind: FlushErrorKind, id: &BatchId, object: impl Into<String>) -> Self {
        Self { kind: Box::new(kind), id: Box::new(id.clone()), object: object.into() }
    }

    /// Why.
    #[must_use]
    pub fn kind(&self) -> &FlushErrorKind {
        &self.kind
    }

    /// The identity of the object that was to be written.
    #[must_use]
    pub fn id(&self) -> &BatchId {
        &self.id
    }

    /// The name of the object that was to be written; empty where it had none yet.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }

    /// Whether the object may stand in the store all the same, by this flush or by an earlier one of the same object.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        match &*self.kind {
            FlushErrorKind::Store(error) => error.outcome(),
            _ => Outcome::NotApplied,
        }
    }

    /// Whether the same flush may succeed when it is called again.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match &*self.kind {
            // "Already exists" gets here only where nothing was there, time and again.
            FlushErrorKind::Store(error) => {
                error.kind().is_retryable() || error.kind() == StoreErrorKind::AlreadyExists
            }
            FlushErrorKind::Encode(error) => matches!(error, CodecError::Abandoned | CodecError::Panicked),
            _ => false,
        }
    }
}
