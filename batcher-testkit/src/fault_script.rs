//! Which calls are to fail, and how.

use batcher_core::{Operation, StoreErrorKind};

use crate::call_counts::CallCounts;

/// A way in which a call to a store goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing happens, and the store says so: an error of this kind, with the outcome
    /// [`NotApplied`](batcher_core::Outcome::NotApplied).
    RejectBefore(StoreErrorKind),
    /// It happens, and the answer is lost: [`StoreErrorKind::Unavailable`], with the outcome
    /// [`Unknown`](batcher_core::Outcome::Unknown) where the operation can have one. For all that changes the store.
    AckLost,
    /// A create happens, and the store says [`StoreErrorKind::AlreadyExists`], as a client does that has retried by
    /// itself and found its own object. For puts and completions; does not fire where they replace.
    OwnExists,
    /// A create does not happen, and the store says [`StoreErrorKind::AlreadyExists`] all the same, as S3's answer to
    /// a conflict is understood by some clients. For puts and completions; does not fire where they replace.
    PhantomExists,
    /// Nothing happens, and there is never an answer, nor a wake.
    Hang,
    /// This many bytes, or all that there are, are missing at the end of a read's reply.
    ShortRead(usize),
    /// One bit of a read's reply is wrong, counted from the lowest of the first byte and again from the start past
    /// the last. Does not fire on a reply of no bytes.
    FlipBit(u64),
}

impl Fault {
    /// Whether a call of this operation can go wrong in this way.
    #[must_use]
    pub fn applies_to(self, operation: Operation) -> bool {
        match self {
            Self::RejectBefore(_) | Self::Hang => operation != Operation::Open,
            Self::AckLost => matches!(
                operation,
                Operation::Put
                    | Operation::StartMultipart
                    | Operation::PutPart
                    | Operation::CompleteMultipart
                    | Operation::AbortMultipart
                    | Operation::Delete
            ),
            Self::OwnExists | Self::PhantomExists => {
                matches!(operation, Operation::Put | Operation::CompleteMultipart)
            }
            Self::ShortRead(_) | Self::FlipBit(_) => operation == Operation::Read,
        }
    }
}

/// Which calls of a [`FaultStore`](crate::FaultStore) go wrong, and how. Where several entries mean the same call, the
/// first one counts.
///
/// Calls of each operation are counted from 0, in the order in which their futures are first polled; those of
/// [`Operation::PutPart`] in the order in which they are asked for.
///
/// ```
/// use batcher_core::{Operation, StoreErrorKind};
/// use batcher_testkit::{Fault, FaultScript};
///
/// // The third read is a byte short, and from the second put on the store is full.
/// let script = FaultScript::new()
///     .at(Operation::Read, 2, Fault::ShortRead(1))
///     .from_call(Operation::Put, 1, Fault::RejectBefore(StoreErrorKind::NoSpace));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct FaultScript {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    operation: Operation,
    call: u64,
    persistent: bool,
    fault: Fault,
}

impl FaultScript {
    /// A script in which nothing goes wrong.
    pub fn new() -> Self {
        Self::default()
    }

    /// One call goes wrong.
    ///
    /// # Panics
    ///
    /// Where the fault does not [apply](Fault::applies_to) to the operation: the test would pass for the wrong reason.
    pub fn at(self, operation: Operation, call: u64, fault: Fault) -> Self {
        self.with(Entry { operation, call, persistent: false, fault })
    }

    /// One call and all after it go wrong.
    ///
    /// # Panics
    ///
    /// As [`at`](Self::at).
    pub fn from_call(self, operation: Operation, call: u64, fault: Fault) -> Self {
        self.with(Entry { operation, call, persistent: true, fault })
    }

    fn with(mut self, entry: Entry) -> Self {
        let (operation, fault) = (entry.operation, entry.fault);
        assert!(fault.applies_to(operation), "{fault:?} does not apply to {operation:?}");
        self.entries.push(entry);
        self
    }

    fn find(&self, operation: Operation, call: u64) -> Option<Fault> {
        let entry = self.entries.iter().find(|entry| {
            entry.operation == operation && (entry.call == call || entry.persistent && entry.call < call)
        });
        entry.map(|entry| entry.fault)
    }
}

/// A fault that has come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FiredFault {
    /// What was called.
    pub operation: Operation,
    /// Which call of it, from 0.
    pub call: u64,
    /// What went wrong.
    pub fault: Fault,
}

/// A script and how far it has come.
#[derive(Debug)]
pub(crate) struct Progress {
    script: FaultScript,
    pub(crate) calls: CallCounts,
    pub(crate) fired: Vec<FiredFault>,
}

impl Progress {
    pub(crate) fn new(script: FaultScript) -> Self {
        Self { script, calls: CallCounts::default(), fired: Vec::new() }
    }

    /// Counts a call and gives what is to go wrong with it.
    pub(crate) fn call(&mut self, operation: Operation) -> Option<FiredFault> {
        let call = self.calls.count(operation);
        self.script.find(operation, call).map(|fault| FiredFault { operation, call, fault })
    }
}
