//! With which parameters a kind of fault is tried in a call.

use batcher_core::{Operation, StoreErrorKind};

use super::{Call, Fate, Fault, FaultKind, LATEST};

/// What is known of a call once it has been made, and decides what can go wrong with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallInfo {
    /// Whether it is a write that must not replace.
    pub(crate) creates: bool,
    /// Bytes written; bytes that stand where a read asks.
    pub(crate) len: u64,
    /// Effects on the same object, or below the same prefix, before this call.
    pub(crate) effects_before: u32,
    /// Whether what is read or listed is there.
    pub(crate) present: bool,
    /// How many moments of calls there had been, its own submission included.
    pub(crate) submitted: usize,
    /// The innermost attempt or process within which it is made.
    pub(crate) region: Option<u32>,
    /// The innermost process, which can crash, within which it is made.
    pub(crate) process: Option<u32>,
    /// Whether it is made within an attempt or a process, which ends what would last for ever and what panics.
    pub(crate) in_attempt: bool,
    /// For attempts and processes: when they were pending, once for each state of the calls in them.
    pub(crate) pendings: Vec<PendingPoint>,
}

/// A moment at which an attempt or a process was pending.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PendingPoint {
    /// How often it had been pending before.
    pub(crate) nth: u32,
    /// How many moments of calls there had been.
    pub(crate) moments: usize,
    /// Whether a write had been submitted that the wrapped store had not begun: it may still never come about.
    pub(crate) open_writes: bool,
}

/// How finely the parameters are tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Depth {
    /// The most calls by which an effect is late, besides [`LATEST`].
    pub(crate) late_window: u32,
    /// Only one parameter of those that make little difference, and only the first and the last lateness.
    pub(crate) coarse: bool,
}

impl FaultKind {
    /// Every fault of this kind that is tried in such a call; none where the kind does not apply.
    pub(crate) fn variants(self, call: Call, info: &CallInfo, depth: Depth, add: &mut impl FnMut(Fault)) {
        let operation = match call {
            Call::Store(operation) => Some(operation),
            _ => None,
        };
        let puts = matches!(operation, Some(Operation::Put | Operation::CompleteMultipart));
        let looks = matches!(operation, Some(Operation::Read | Operation::Size));
        let reads_bytes = operation == Some(Operation::Read) && info.len > 0;
        let lists = operation == Some(Operation::List) && info.present;
        let window = if depth.coarse { depth.late_window.min(1) } else { depth.late_window };
        let late = || (1..=window).chain([LATEST]);
        match self {
            Self::Reject(kind @ (StoreErrorKind::NoSpace | StoreErrorKind::TooLarge)) => {
                let takes_bytes =
                    puts || matches!(operation, Some(Operation::PutPart | Operation::StartMultipart));
                if takes_bytes {
                    add(Fault::Reject(kind));
                }
            }
            Self::Reject(kind) if call.is_store() => add(Fault::Reject(kind)),
            Self::RequestLost if call.is_store() => add(Fault::RequestLost),
            Self::AckLost if call.writes() => add(Fault::AckLost),
            Self::OwnExists if puts && info.creates => add(Fault::OwnExists),
            Self::PhantomExists if puts && info.creates => add(Fault::PhantomExists),
            Self::Late if call.writes() => late().for_each(|calls| add(Fault::Late(calls))),
            Self::SlowEffect if call.is_store() => add(Fault::SlowEffect),
            Self::SlowAnswer if call.is_store() => add(Fault::SlowAnswer),
            Self::Hang if call.is_store() && info.in_attempt => add(Fault::Hang),
            Self::HangAfter if call.writes() && info.in_attempt => add(Fault::HangAfter),
            Self::Overtaken if call.is_store() => add(Fault::Overtaken),
            Self::Torn if operation == Some(Operation::Put) && info.len > 0 => {
                depth.distinct([info.len / 2, 0, info.len - 1], |len| add(Fault::Torn(len)));
            }
            Self::Vanishes if puts => add(Fault::Vanishes),
            Self::Blanked if puts => add(Fault::Blanked),
            Self::CrashBefore if call.is_store() && info.process.is_some() => add(Fault::CrashBefore),
            Self::CrashAfter if call.writes() && info.process.is_some() => add(Fault::CrashAfter),
            Self::PanicBefore if call.is_store() && info.in_attempt => add(Fault::PanicBefore),
            Self::PanicAfter if call.writes() && info.in_attempt => add(Fault::PanicAfter),
            Self::SpuriousWakes if call.is_store() => add(Fault::SpuriousWakes),
            Self::ShortRead if reads_bytes => {
                depth.distinct([1, info.len / 2, info.len], |missing| add(Fault::ShortRead(missing)));
            }
            Self::FlipBit if reads_bytes => {
                depth.distinct([info.len * 4, 0, info.len * 8 - 1], |bit| add(Fault::FlipBit(bit)));
            }
            Self::ZeroedRead if reads_bytes => add(Fault::ZeroedRead),
            Self::Misdirected if reads_bytes => add(Fault::Misdirected),
            Self::Stale if looks || operation == Some(Operation::List) => {
                (1..=info.effects_before.min(2)).for_each(|effects| add(Fault::Stale(effects)));
            }
            Self::Absent if looks && info.present => add(Fault::Absent),
            Self::ListMisses if lists => add(Fault::ListMisses(0)),
            Self::ListRepeats if lists => add(Fault::ListRepeats),
            Self::ListReversed if lists && info.effects_before > 1 => add(Fault::ListReversed),
            Self::ListBreaksOff if operation == Some(Operation::List) => {
                add(Fault::ListBreaksOff(0));
                if info.present {
                    add(Fault::ListBreaksOff(1));
                }
            }
            Self::CodecFails if matches!(call, Call::Encode | Call::Decode) => add(Fault::CodecFails),
            Self::CodecPanics if matches!(call, Call::Encode | Call::Decode) => add(Fault::CodecPanics),
            Self::CodecLies if call == Call::Encode => add(Fault::CodecLies),
            Self::JobDropped if call == Call::Execute => add(Fault::JobDropped),
            Self::JobLate if call == Call::Execute => add(Fault::JobLate),
            Self::ExecutorPanics if call == Call::Execute => add(Fault::ExecutorPanics),
            Self::Oversleeps if call == Call::Sleep => add(Fault::Oversleeps),
            Self::ClockJumps if call == Call::Sleep => add(Fault::ClockJumps),
            Self::Cancel if matches!(call, Call::Attempt | Call::Process) => {
                for point in &info.pendings {
                    let mut cancel = |effects| add(Fault::Cancel { pending: point.nth, effects });
                    cancel(Fate::Done);
                    if point.open_writes {
                        late().map(Fate::Late).chain([Fate::Never]).for_each(cancel);
                    }
                }
            }
            _ => {}
        }
    }
}

impl Depth {
    fn distinct(self, values: [u64; 3], mut each: impl FnMut(u64)) {
        let values = if self.coarse { &values[..1] } else { &values };
        for (index, value) in values.iter().enumerate() {
            if !values[..index].contains(value) {
                each(*value);
            }
        }
    }
}
