//! The rules that every codec keeps.

mod allocation;
mod damage;
mod dictionary;
mod digest;
mod frame;
mod identity;
mod length;
mod options;
mod rules;
mod same;
mod trial;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use batcher_core::Codec;

pub use self::digest::frame_digests;
pub use self::options::{AllocationProbe, CodecOptions};
pub use self::rules::codec_rules;
use self::trial::CodecTrial;
use super::report::{Finding, Report, Verdict};
use super::unmet::{Checked, panic_message, verdict};

/// One rule that every codec keeps.
#[derive(Clone, Copy)]
pub struct CodecRule {
    id: &'static str,
    summary: &'static str,
    check: fn(&CodecTrial<'_>) -> Checked,
}

impl CodecRule {
    /// The rule with this id.
    #[must_use]
    pub fn find(id: &str) -> Option<Self> {
        codec_rules().iter().find(|rule| rule.id == id).copied()
    }

    /// The rule's id, which stays the same from version to version.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// What the rule asks for, in a sentence.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    /// Checks the rule on the codecs that `make` gives, which are all alike and have not been used before. A panic of
    /// the codec is a breach of the rule.
    pub fn check<C: Codec + 'static>(&self, make: impl Fn() -> C + Sync, options: &CodecOptions) -> Finding {
        if options.leaves_out(self.id) {
            let verdict = Verdict::NotApplicable("left out by the options".to_owned());
            return Finding { rule: self.id, verdict, notes: Vec::new() };
        }
        let make = || Box::new(make()) as Box<dyn Codec>;
        let checked = catch_unwind(AssertUnwindSafe(|| {
            let trial = CodecTrial::new(&make, options);
            ((self.check)(&trial), trial.take_notes())
        }));
        let (verdict, notes) = match checked {
            Ok((checked, notes)) => (verdict(checked), notes),
            Err(panic) => (Verdict::Broken(panic_message(&*panic)), Vec::new()),
        };
        Finding { rule: self.id, verdict, notes }
    }
}

impl fmt::Debug for CodecRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CodecRule").field(&self.id).finish()
    }
}

/// Checks every rule on the codecs that `make` gives, which are all alike and have not been used before.
///
/// ```
/// use batcher_core::{Codec, CodecError, CodecId};
/// use batcher_testkit::conformance::{self, CodecOptions};
///
/// /// Puts one byte in front.
/// #[derive(Debug)]
/// struct Marked;
///
/// impl Codec for Marked {
///     fn id(&self) -> CodecId {
///         CodecId::new(CodecId::FIRST_PRIVATE)
///     }
///     fn max_frame_len(&self, block_len: usize) -> usize {
///         block_len.saturating_add(1)
///     }
///     fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
///         let (expected, actual) = (block.len() + 1, frame.len());
///         let frame = frame.get_mut(..expected).ok_or(CodecError::WrongLength { expected, actual })?;
///         frame[0] = b'M';
///         frame[1..].copy_from_slice(block);
///         Ok(expected)
///     }
///     fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
///         let Some(content) = frame.strip_prefix(b"M") else {
///             return Err(CodecError::Malformed { offset: 0, reason: "no mark" });
///         };
///         if content.len() != block.len() {
///             return Err(CodecError::WrongLength { expected: block.len(), actual: content.len() });
///         }
///         block.copy_from_slice(content);
///         Ok(())
///     }
/// }
///
/// let report = conformance::codec(|| Marked, &CodecOptions::default());
/// assert!(report.is_clean(), "{report}");
/// ```
pub fn codec<C: Codec + 'static>(make: impl Fn() -> C + Sync, options: &CodecOptions) -> Report {
    Report { findings: codec_rules().iter().map(|rule| rule.check(&make, options)).collect() }
}
