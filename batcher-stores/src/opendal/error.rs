//! OpenDAL's errors in the batcher's terms.

use ::opendal::{Error, ErrorKind};
use batcher_core::{Operation, Outcome, StoreError, StoreErrorKind};

use crate::io_error;

/// Says what `error` means to the caller of `operation`.
pub(super) fn store_error(error: Error, operation: Operation, name: &str) -> StoreError {
    let reads = matches!(operation, Operation::Read | Operation::Size | Operation::List);
    let kind = match error.kind() {
        ErrorKind::NotFound => StoreErrorKind::NotFound,
        // An object that is read under a condition has changed since its length was asked.
        ErrorKind::ConditionNotMatch if reads => StoreErrorKind::Unavailable,
        ErrorKind::AlreadyExists | ErrorKind::ConditionNotMatch => StoreErrorKind::AlreadyExists,
        ErrorKind::PermissionDenied => StoreErrorKind::Denied,
        ErrorKind::RateLimited => StoreErrorKind::Throttled,
        ErrorKind::Unsupported => StoreErrorKind::Unsupported,
        ErrorKind::IsADirectory | ErrorKind::NotADirectory if reads => StoreErrorKind::NotFound,
        ErrorKind::IsADirectory | ErrorKind::NotADirectory | ErrorKind::ConfigInvalid => {
            StoreErrorKind::InvalidInput
        }
        // Another request to the same object is in the way; or the object has shrunk since its length was asked.
        ErrorKind::Conflict | ErrorKind::RangeNotSatisfied => StoreErrorKind::Unavailable,
        // OpenDAL calls any I/O error temporary, a full disk included, so that one goes first.
        _ => match io_error::find(&error) {
            Some(io) => io_error::kind(io, operation),
            None if error.is_temporary() || error.is_persistent() => StoreErrorKind::Unavailable,
            None => StoreErrorKind::Other,
        },
    };
    let failed = StoreError::new(kind, operation, name);
    let failed = if reads || matches!(kind, StoreErrorKind::Unsupported | StoreErrorKind::InvalidInput) {
        failed.with_outcome(Outcome::NotApplied)
    } else if operation == Operation::StartMultipart {
        failed
    } else {
        failed.with_outcome(Outcome::Unknown)
    };
    failed.with_source(error)
}
