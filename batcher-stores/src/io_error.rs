//! What an operating system's error means to a store.

#[cfg(any(feature = "object-store", feature = "opendal"))]
use std::error::Error;
use std::io;

use batcher_core::{Operation, StoreErrorKind};

/// The kind of an I/O error that `operation` met.
pub(crate) fn kind(error: &io::Error, operation: Operation) -> StoreErrorKind {
    use io::ErrorKind;
    let looks = matches!(operation, Operation::Read | Operation::Size | Operation::List | Operation::Delete);
    match error.kind() {
        ErrorKind::NotFound => StoreErrorKind::NotFound,
        ErrorKind::AlreadyExists => StoreErrorKind::AlreadyExists,
        // A name leads through an object, or to a directory of objects: there is no object of that name, and none
        // can be made.
        ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::DirectoryNotEmpty if looks => {
            StoreErrorKind::NotFound
        }
        ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::DirectoryNotEmpty
        | ErrorKind::InvalidInput => StoreErrorKind::InvalidInput,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => StoreErrorKind::Denied,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreErrorKind::NoSpace,
        ErrorKind::FileTooLarge | ErrorKind::InvalidFilename => StoreErrorKind::TooLarge,
        ErrorKind::Unsupported => StoreErrorKind::Unsupported,
        ErrorKind::TimedOut => StoreErrorKind::Timeout,
        ErrorKind::Interrupted
        | ErrorKind::WouldBlock
        | ErrorKind::ResourceBusy
        | ErrorKind::StaleNetworkFileHandle
        | ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::NotConnected
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof => StoreErrorKind::Unavailable,
        _ => StoreErrorKind::Other,
    }
}

/// `error` and what caused it, outermost first.
#[cfg(any(feature = "object-store", feature = "opendal"))]
pub(crate) fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

/// The I/O error at the bottom of `error`, if there is one.
#[cfg(any(feature = "object-store", feature = "opendal"))]
pub(crate) fn find<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    chain(error).filter_map(|error| error.downcast_ref::<io::Error>()).last()
}
