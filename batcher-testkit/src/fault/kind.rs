//! Faults without their parameters, as one selects and counts them.

use batcher_core::StoreErrorKind;

use super::{Fault, Span};

/// A kind of fault, whatever its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[expect(missing_docs, reason = "each stands for the faults of the same name, which are documented there")]
pub enum FaultKind {
    Reject(StoreErrorKind),
    RequestLost,
    AckLost,
    OwnExists,
    PhantomExists,
    Late,
    SlowEffect,
    SlowAnswer,
    Hang,
    HangAfter,
    Overtaken,
    Torn,
    Vanishes,
    Blanked,
    CrashBefore,
    CrashAfter,
    PanicBefore,
    PanicAfter,
    SpuriousWakes,
    ShortRead,
    FlipBit,
    ZeroedRead,
    Misdirected,
    Stale,
    Absent,
    ListMisses,
    ListRepeats,
    ListReversed,
    ListBreaksOff,
    Cancel,
    CodecFails,
    CodecPanics,
    CodecLies,
    JobDropped,
    JobLate,
    ExecutorPanics,
    Oversleeps,
    ClockJumps,
}

impl FaultKind {
    /// Every kind that there is.
    pub const ALL: &'static [Self] = &[
        Self::Reject(StoreErrorKind::Throttled),
        Self::Reject(StoreErrorKind::Unavailable),
        Self::Reject(StoreErrorKind::Denied),
        Self::Reject(StoreErrorKind::NoSpace),
        Self::Reject(StoreErrorKind::TooLarge),
        Self::RequestLost,
        Self::AckLost,
        Self::OwnExists,
        Self::PhantomExists,
        Self::Late,
        Self::SlowEffect,
        Self::SlowAnswer,
        Self::Hang,
        Self::HangAfter,
        Self::Overtaken,
        Self::Torn,
        Self::Vanishes,
        Self::Blanked,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::PanicBefore,
        Self::PanicAfter,
        Self::SpuriousWakes,
        Self::ShortRead,
        Self::FlipBit,
        Self::ZeroedRead,
        Self::Misdirected,
        Self::Stale,
        Self::Absent,
        Self::ListMisses,
        Self::ListRepeats,
        Self::ListReversed,
        Self::ListBreaksOff,
        Self::Cancel,
        Self::CodecFails,
        Self::CodecPanics,
        Self::CodecLies,
        Self::JobDropped,
        Self::JobLate,
        Self::ExecutorPanics,
        Self::Oversleeps,
        Self::ClockJumps,
    ];

    /// The kinds after which the store still holds all that it has acknowledged, and holds no half of anything: those
    /// that code must get over without losing anything.
    #[must_use]
    pub fn survivable() -> Vec<Self> {
        Self::ALL.iter().copied().filter(|kind| !kind.damages()).collect()
    }

    /// Whether the store breaks its own promise for good: it holds half an object, or loses one that it has
    /// acknowledged. Code cannot get over that; it can only say so instead of giving out wrong data.
    #[must_use]
    pub fn damages(self) -> bool {
        matches!(self, Self::Torn | Self::Vanishes | Self::Blanked)
    }

    /// Whether it can befall all calls to stores at once, from one on.
    pub(crate) fn can_be_outage(self) -> bool {
        use StoreErrorKind::{Denied, Throttled, Unavailable};
        matches!(self, Self::Reject(Throttled | Unavailable | Denied) | Self::RequestLost)
    }

    /// For how long it is tried.
    pub(crate) fn spans(self, lasting: bool) -> impl Iterator<Item = Span> {
        let persistent = (lasting && self.can_persist()).then_some(Span::Persistent);
        let outage = (lasting && self.can_be_outage()).then_some(Span::Outage);
        [Some(Span::Once), persistent, outage].into_iter().flatten()
    }

    /// Whether it makes sense for it to last.
    fn can_persist(self) -> bool {
        matches!(
            self,
            Self::Reject(_)
                | Self::RequestLost
                | Self::AckLost
                | Self::OwnExists
                | Self::PhantomExists
                | Self::Hang
                | Self::SlowAnswer
                | Self::ShortRead
                | Self::FlipBit
                | Self::Absent
                | Self::CodecFails
                | Self::JobDropped
                | Self::JobLate
        )
    }
}

impl Fault {
    /// The fault without its parameters.
    #[must_use]
    pub fn kind(self) -> FaultKind {
        match self {
            Self::Reject(kind) => FaultKind::Reject(kind),
            Self::RequestLost => FaultKind::RequestLost,
            Self::AckLost => FaultKind::AckLost,
            Self::OwnExists => FaultKind::OwnExists,
            Self::PhantomExists => FaultKind::PhantomExists,
            Self::Late(_) => FaultKind::Late,
            Self::SlowEffect => FaultKind::SlowEffect,
            Self::SlowAnswer => FaultKind::SlowAnswer,
            Self::Hang => FaultKind::Hang,
            Self::HangAfter => FaultKind::HangAfter,
            Self::Overtaken => FaultKind::Overtaken,
            Self::Torn(_) => FaultKind::Torn,
            Self::Vanishes => FaultKind::Vanishes,
            Self::Blanked => FaultKind::Blanked,
            Self::CrashBefore => FaultKind::CrashBefore,
            Self::CrashAfter => FaultKind::CrashAfter,
            Self::PanicBefore => FaultKind::PanicBefore,
            Self::PanicAfter => FaultKind::PanicAfter,
            Self::SpuriousWakes => FaultKind::SpuriousWakes,
            Self::ShortRead(_) => FaultKind::ShortRead,
            Self::FlipBit(_) => FaultKind::FlipBit,
            Self::ZeroedRead => FaultKind::ZeroedRead,
            Self::Misdirected => FaultKind::Misdirected,
            Self::Stale(_) => FaultKind::Stale,
            Self::Absent => FaultKind::Absent,
            Self::ListMisses(_) => FaultKind::ListMisses,
            Self::ListRepeats => FaultKind::ListRepeats,
            Self::ListReversed => FaultKind::ListReversed,
            Self::ListBreaksOff(_) => FaultKind::ListBreaksOff,
            Self::Cancel { .. } => FaultKind::Cancel,
            Self::CodecFails => FaultKind::CodecFails,
            Self::CodecPanics => FaultKind::CodecPanics,
            Self::CodecLies => FaultKind::CodecLies,
            Self::JobDropped => FaultKind::JobDropped,
            Self::JobLate => FaultKind::JobLate,
            Self::ExecutorPanics => FaultKind::ExecutorPanics,
            Self::Oversleeps => FaultKind::Oversleeps,
            Self::ClockJumps => FaultKind::ClockJumps,
        }
    }
}
