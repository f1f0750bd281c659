//! The names that objects may have in every store.

use crate::{Operation, StoreError, StoreErrorKind};

/// The longest object name in bytes, S3's limit.
pub const MAX_NAME_LEN: usize = 1024;

/// Checks that `name` means one and the same object in every store: non-empty segments divided by single `/`,
/// none of them `.` or `..`, no ASCII control characters, no more than [`MAX_NAME_LEN`] bytes. Any other character,
/// space, percent sign and non-ASCII included, stands for itself.
///
/// Implementations of [`BlobSink`](crate::BlobSink) and [`BlobSource`](crate::BlobSource) call it first, so that no
/// name can leave their root, and so that no two names meet in one object.
///
/// # Errors
///
/// [`StoreErrorKind::InvalidInput`], saying which rule the name breaks.
///
/// ```
/// use batcher_core::{check_name, Operation};
/// assert!(check_name("nodes/abc 123/50%/données", Operation::Put).is_ok());
/// for bad in ["", "/a", "a/", "a//b", "a/../b", ".", "a\nb"] {
///     assert!(check_name(bad, Operation::Put).is_err(), "{bad:?}");
/// }
/// ```
pub fn check_name(name: &str, operation: Operation) -> Result<(), StoreError> {
    let broken = if name.len() > MAX_NAME_LEN {
        "longer than 1024 bytes"
    } else if name.split('/').any(str::is_empty) {
        "empty, or with an empty segment"
    } else if name.split('/').any(|segment| segment == "." || segment == "..") {
        "with a relative segment"
    } else if name.bytes().any(|byte| byte.is_ascii_control()) {
        "with a control character"
    } else {
        return Ok(());
    };
    Err(StoreError::new(StoreErrorKind::InvalidInput, operation, name)
        .with_source(format!("object name is {broken}")))
}
