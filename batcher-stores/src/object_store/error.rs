//! `object_store`'s errors in the batcher's terms.

use ::object_store::Error;
use batcher_core::{Operation, Outcome, StoreError, StoreErrorKind};

use super::answer::Answer;
use crate::io_error;

/// Says what `error` means to the caller of `operation`; `create` where it must not overwrite.
pub(super) fn store_error(error: Error, operation: Operation, name: &str, create: bool) -> StoreError {
    let answer = Answer::find(&error);
    let uploads = matches!(operation, Operation::PutPart | Operation::CompleteMultipart);
    let lacks_the_upload = uploads && answer.as_ref().is_some_and(Answer::lacks_the_upload);
    let kind = match &error {
        // A new upload may do.
        _ if lacks_the_upload => StoreErrorKind::Unavailable,
        Error::NotFound { .. } => StoreErrorKind::NotFound,
        Error::AlreadyExists { .. } | Error::Precondition { .. } if create => StoreErrorKind::AlreadyExists,
        // Another request to the same object is in the way.
        Error::AlreadyExists { .. } => StoreErrorKind::Unavailable,
        Error::NotSupported { .. } | Error::NotImplemented { .. } => StoreErrorKind::Unsupported,
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => StoreErrorKind::Denied,
        Error::InvalidPath { .. } | Error::UnknownConfigurationKey { .. } => StoreErrorKind::InvalidInput,
        Error::JoinError { .. } => StoreErrorKind::Unavailable,
        _ => answer
            .as_ref()
            .map(Answer::kind)
            .or_else(|| transport_kind(&error))
            .or_else(|| Some(io_error::kind(io_error::find(&error)?, operation)))
            .unwrap_or(StoreErrorKind::Other),
    };
    let asked = !matches!(
        error,
        Error::NotSupported { .. }
            | Error::NotImplemented { .. }
            | Error::InvalidPath { .. }
            | Error::UnknownConfigurationKey { .. }
    );
    let refused = !asked
        || (kind != StoreErrorKind::AlreadyExists
            && !lacks_the_upload
            && answer.as_ref().is_some_and(Answer::refuses_the_first_attempt));
    let writes = matches!(
        operation,
        Operation::Put
            | Operation::PutPart
            | Operation::CompleteMultipart
            | Operation::AbortMultipart
            | Operation::Delete
    );
    let outcome = if writes && !refused { Outcome::Unknown } else { Outcome::NotApplied };
    StoreError::new(kind, operation, name).with_outcome(outcome).with_source(error)
}

/// The kind of a request that got no answer.
#[cfg(any(feature = "aws", feature = "azure", feature = "gcp", feature = "http"))]
fn transport_kind(error: &Error) -> Option<StoreErrorKind> {
    use ::object_store::client::{HttpError, HttpErrorKind};
    let error = io_error::chain(error).find_map(|error| error.downcast_ref::<HttpError>())?;
    Some(match error.kind() {
        HttpErrorKind::Timeout => StoreErrorKind::Timeout,
        _ => StoreErrorKind::Unavailable,
    })
}

#[cfg(not(any(feature = "aws", feature = "azure", feature = "gcp", feature = "http")))]
fn transport_kind(_error: &Error) -> Option<StoreErrorKind> {
    None
}
