//! Whatever ends the demo early.

use std::error::Error;

pub(super) type Failure = Box<dyn Error + Send + Sync>;

/// The error with all its causes, in one line.
pub(super) fn describe(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
