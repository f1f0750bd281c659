//! What the server said, from an error that does not tell.
//!
//! The types in which `object_store` 0.14.2 keeps a refused request's status and number of retries are private
//! (`client::retry`), and most statuses come out as `Error::Generic`. The texts of those types are all there is;
//! they are read here and nowhere else, and the tests hold them against real answers over a socket, so that a new
//! version which words them differently fails them.

use std::error::Error;

use batcher_core::StoreErrorKind;

use crate::io_error;

/// A server's refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The HTTP status; 200 where an error hides in the body of a success.
    status: u16,
    /// The store's own code of the error, such as `SlowDown`.
    code: Option<String>,
    /// Whether no request came before this one.
    first_attempt: bool,
}

impl Answer {
    /// The answer that caused `error`, if any did.
    pub(super) fn find(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut first_attempt = false;
        for error in io_error::chain(error) {
            let text = error.to_string();
            if let Some(request) = text.strip_prefix("Error performing ") {
                // "PUT <uri> in <time> - <cause>", or, after the time, ", after <n> retries, …".
                first_attempt = request.split(' ').nth(4) == Some("-");
            } else if let Some(refusal) = text.strip_prefix("Server returned non-2xx status code: ") {
                let status = refusal.get(..3)?.parse().ok()?;
                return Some(Self { status, code: code_in_body(refusal), first_attempt });
            } else if let Some(body) = text.strip_prefix("Server returned error response: ") {
                return Some(Self { status: 200, code: code_in_body(body), first_attempt });
            } else if text.starts_with("DeleteObjects request failed for key ")
                || text.starts_with("Bulk delete request failed for key ")
            {
                let (_, code) = text.strip_suffix(')')?.rsplit_once("(code: ")?;
                return Some(Self { status: 200, code: Some(code.to_owned()), first_attempt: false });
            }
        }
        None
    }

    /// Whether it says for certain that nothing was written: a plain refusal, and no earlier attempt that could have.
    pub(super) fn refuses_the_first_attempt(&self) -> bool {
        self.first_attempt && (400..500).contains(&self.status) && !matches!(self.status, 408 | 409 | 412)
    }

    /// Whether it says that there is no such upload in parts: it was completed by an attempt that was not answered, or
    /// given up by somebody, or, on Azure, where a name has one list of parts, by the completion of another.
    pub(super) fn lacks_the_upload(&self) -> bool {
        matches!(self.code.as_deref(), Some("NoSuchUpload" | "InvalidBlockList"))
    }

    /// What the caller would do.
    pub(super) fn kind(&self) -> StoreErrorKind {
        // S3 answers some of these with a plain 400.
        match self.code.as_deref() {
            Some("SlowDown" | "ServerBusy" | "TooManyRequests") => return StoreErrorKind::Throttled,
            Some("RequestTimeout" | "OperationTimedOut") => return StoreErrorKind::Timeout,
            Some("AccessDenied" | "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired") => {
                return StoreErrorKind::Denied;
            }
            Some("EntityTooLarge" | "KeyTooLongError" | "RequestBodyTooLarge") => {
                return StoreErrorKind::TooLarge;
            }
            Some("QuotaExceeded" | "XMinioStorageFull") => return StoreErrorKind::NoSpace,
            _ => {}
        }
        match self.status {
            401 | 403 | 407 => StoreErrorKind::Denied,
            400 | 414 | 416 => StoreErrorKind::InvalidInput,
            405 | 501 => StoreErrorKind::Unsupported,
            413 => StoreErrorKind::TooLarge,
            408 | 504 => StoreErrorKind::Timeout,
            429 | 503 => StoreErrorKind::Throttled,
            507 => StoreErrorKind::NoSpace,
            200..=299 | 409 | 425 | 500..=599 => StoreErrorKind::Unavailable,
            // Not 404 either: where it means the object, object_store says so itself; elsewhere it means the
            // credentials' server or the bucket.
            _ => StoreErrorKind::Other,
        }
    }
}

/// The code in an XML error of S3, Azure or GCS.
fn code_in_body(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    (code.len() <= 64).then(|| code.to_owned())
}
