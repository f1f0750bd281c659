//! Whatever ends a task early.

use std::error::Error;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;

/// The error with all its causes, in one line.
pub(crate) fn describe(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
