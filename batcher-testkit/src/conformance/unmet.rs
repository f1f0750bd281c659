//! Why a rule did not pass, and short ways of saying so.

use std::any::Any;

use super::report::Verdict;

/// Why a rule did not pass.
#[derive(Debug)]
pub(crate) enum Unmet {
    Broken(String),
    NotApplicable(String),
}

pub(crate) type Checked<T = ()> = Result<T, Unmet>;

/// Ends a rule that is about something which the implementation does not claim to do.
pub(crate) fn applies(claimed: bool, otherwise: &str) -> Checked {
    if claimed { Ok(()) } else { Err(Unmet::NotApplicable(otherwise.to_owned())) }
}

pub(crate) fn verdict(checked: Checked) -> Verdict {
    match checked {
        Ok(()) => Verdict::Passed,
        Err(Unmet::Broken(message)) => Verdict::Broken(message),
        Err(Unmet::NotApplicable(reason)) => Verdict::NotApplicable(reason),
    }
}

/// What a panic said.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("without a message"))
}

/// Bytes as they are shown in a message: all of a few, else the first ones and the number.
pub(crate) fn show(bytes: &[u8]) -> String {
    match bytes.get(..24) {
        Some(first) if bytes.len() > 24 => format!("b\"{}…\" ({} bytes)", first.escape_ascii(), bytes.len()),
        _ => format!("b\"{}\"", bytes.escape_ascii()),
    }
}

/// Breaks the rule with a message.
macro_rules! broken {
    ($($message:tt)*) => { Err($crate::conformance::unmet::Unmet::Broken(format!($($message)*))) };
}

/// Breaks the rule unless a condition holds.
macro_rules! ensure {
    ($condition:expr, $($message:tt)*) => {
        if !$condition {
            return $crate::conformance::unmet::broken!($($message)*);
        }
    };
}

/// Breaks the rule unless two values are equal.
macro_rules! ensure_eq {
    ($actual:expr, $expected:expr, $($step:tt)*) => {
        match (&$actual, &$expected) {
            (actual, expected) => $crate::conformance::unmet::ensure!(
                *actual == *expected,
                "{}: expected {expected:?}, got {actual:?}",
                format_args!($($step)*)
            ),
        }
    };
}

pub(crate) use {broken, ensure, ensure_eq};
