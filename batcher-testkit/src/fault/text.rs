//! Faults and sites as text, and back.

use std::fmt::{self, Write as _};
use std::str::FromStr;

use batcher_core::{Operation, StoreErrorKind};

use super::{Call, Fate, Fault, LATEST, Site};

/// Text that names no fault plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The part of the text that means nothing.
    pub text: String,
    /// What was expected there.
    pub expected: &'static str,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no {}", self.text, self.expected)
    }
}

impl std::error::Error for ParseError {}

fn no(expected: &'static str, text: &str) -> ParseError {
    ParseError { text: text.to_owned(), expected }
}

const CALLS: [(Call, &str); 15] = [
    (Call::Store(Operation::Put), "put"),
    (Call::Store(Operation::StartMultipart), "start"),
    (Call::Store(Operation::PutPart), "part"),
    (Call::Store(Operation::CompleteMultipart), "complete"),
    (Call::Store(Operation::AbortMultipart), "abort"),
    (Call::Store(Operation::Delete), "delete"),
    (Call::Store(Operation::Read), "read"),
    (Call::Store(Operation::Size), "size"),
    (Call::Store(Operation::List), "list"),
    (Call::Encode, "encode"),
    (Call::Decode, "decode"),
    (Call::Execute, "job"),
    (Call::Sleep, "sleep"),
    (Call::Attempt, "attempt"),
    (Call::Process, "process"),
];

const ERRORS: [(StoreErrorKind, &str); 11] = [
    (StoreErrorKind::NotFound, "not-found"),
    (StoreErrorKind::AlreadyExists, "already-exists"),
    (StoreErrorKind::Denied, "denied"),
    (StoreErrorKind::NoSpace, "no-space"),
    (StoreErrorKind::TooLarge, "too-large"),
    (StoreErrorKind::Throttled, "throttled"),
    (StoreErrorKind::Unavailable, "unavailable"),
    (StoreErrorKind::Timeout, "timeout"),
    (StoreErrorKind::Unsupported, "unsupported"),
    (StoreErrorKind::InvalidInput, "invalid-input"),
    (StoreErrorKind::Other, "other"),
];

const PLAIN: [(Fault, &str); 29] = [
    (Fault::RequestLost, "request-lost"),
    (Fault::AckLost, "ack-lost"),
    (Fault::OwnExists, "own-exists"),
    (Fault::PhantomExists, "phantom-exists"),
    (Fault::SlowEffect, "slow-effect"),
    (Fault::SlowAnswer, "slow-answer"),
    (Fault::Hang, "hang"),
    (Fault::HangAfter, "hang-after"),
    (Fault::Overtaken, "overtaken"),
    (Fault::Vanishes, "vanishes"),
    (Fault::Blanked, "blanked"),
    (Fault::CrashBefore, "crash-before"),
    (Fault::CrashAfter, "crash-after"),
    (Fault::PanicBefore, "panic-before"),
    (Fault::PanicAfter, "panic-after"),
    (Fault::SpuriousWakes, "spurious-wakes"),
    (Fault::ZeroedRead, "zeroed-read"),
    (Fault::Misdirected, "misdirected"),
    (Fault::Absent, "absent"),
    (Fault::ListRepeats, "list-repeats"),
    (Fault::ListReversed, "list-reversed"),
    (Fault::CodecFails, "codec-fails"),
    (Fault::CodecPanics, "codec-panics"),
    (Fault::CodecLies, "codec-lies"),
    (Fault::JobDropped, "job-dropped"),
    (Fault::JobLate, "job-late"),
    (Fault::ExecutorPanics, "executor-panics"),
    (Fault::Oversleeps, "oversleeps"),
    (Fault::ClockJumps, "clock-jumps"),
];

fn named<T: PartialEq>(table: &[(T, &'static str)], value: &T) -> &'static str {
    table.iter().find(|(entry, _)| entry == value).map_or("?", |(_, name)| name)
}

fn valued<T: Copy>(table: &[(T, &'static str)], name: &str) -> Option<T> {
    table.iter().find(|(_, entry)| *entry == name).map(|(value, _)| *value)
}

/// Writes a key so that it ends where it ends: all but a few ASCII characters as `%` and two hexadecimal digits.
pub(crate) fn write_key(key: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for byte in key.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                f.write_char(byte.into())?;
            }
            _ => write!(f, "%{byte:02x}")?,
        }
    }
    Ok(())
}

pub(crate) fn parse_key(text: &str) -> Result<String, ParseError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%' {
            let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
            let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
            bytes.push(byte.ok_or_else(|| no("escaped key", text))?);
            rest = &rest[2..];
        } else {
            bytes.push(*byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| no("key in UTF-8", text))
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(named(&CALLS, self))
    }
}

impl FromStr for Call {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        valued(&CALLS, text).ok_or_else(|| no("call", text))
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.call)?;
        write_key(&self.key, f)?;
        write!(f, "#{}", self.nth)
    }
}

fn parameter(calls: u32) -> String {
    if calls == LATEST { "end".to_owned() } else { calls.to_string() }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Done => f.write_str("done"),
            Self::Late(calls) => write!(f, "late-{}", parameter(*calls)),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reject(kind) => write!(f, "reject:{}", named(&ERRORS, kind)),
            Self::Late(calls) => write!(f, "late:{}", parameter(*calls)),
            Self::Torn(len) => write!(f, "torn:{len}"),
            Self::ShortRead(missing) => write!(f, "short:{missing}"),
            Self::FlipBit(bit) => write!(f, "flip:{bit}"),
            Self::Stale(effects) => write!(f, "stale:{effects}"),
            Self::ListMisses(object) => write!(f, "list-misses:{object}"),
            Self::ListBreaksOff(objects) => write!(f, "list-breaks-off:{objects}"),
            Self::Cancel { pending, effects } => write!(f, "cancel:{pending}:{effects}"),
            plain => f.write_str(named(&PLAIN, plain)),
        }
    }
}

fn number<T: FromStr>(text: &str) -> Result<T, ParseError> {
    text.parse().map_err(|_| no("number", text))
}

fn calls(text: &str) -> Result<u32, ParseError> {
    if text == "end" { Ok(LATEST) } else { number(text) }
}

impl FromStr for Fate {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        match (text, text.strip_prefix("late-")) {
            ("never", _) => Ok(Self::Never),
            ("done", _) => Ok(Self::Done),
            (_, Some(late)) => Ok(Self::Late(calls(late)?)),
            _ => Err(no("fate of effects", text)),
        }
    }
}

impl FromStr for Fault {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let Some((name, value)) = text.split_once(':') else {
            return valued(&PLAIN, text).ok_or_else(|| no("fault", text));
        };
        Ok(match name {
            "reject" => Self::Reject(valued(&ERRORS, value).ok_or_else(|| no("kind of error", value))?),
            "late" => Self::Late(calls(value)?),
            "torn" => Self::Torn(number(value)?),
            "short" => Self::ShortRead(number(value)?),
            "flip" => Self::FlipBit(number(value)?),
            "stale" => Self::Stale(number(value)?),
            "list-misses" => Self::ListMisses(number(value)?),
            "list-breaks-off" => Self::ListBreaksOff(number(value)?),
            "cancel" => {
                let (pending, effects) = value.split_once(':').ok_or_else(|| no("cancellation", value))?;
                Self::Cancel { pending: number(pending)?, effects: effects.parse()? }
            }
            _ => return Err(no("fault", text)),
        })
    }
}
