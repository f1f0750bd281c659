//! Where something can go wrong.

use std::sync::Arc;

use batcher_core::Operation;

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Call {
    /// An operation of a store.
    Store(Operation),
    /// [`Codec::encode`](batcher_core::Codec::encode).
    Encode,
    /// [`Codec::decode`](batcher_core::Codec::decode).
    Decode,
    /// [`Executor::execute`](batcher_core::Executor::execute).
    Execute,
    /// [`Timer::sleep`](batcher_core::Timer::sleep).
    Sleep,
    /// [`World::attempt`](crate::World::attempt).
    Attempt,
    /// [`World::process`](crate::World::process).
    Process,
}

impl From<Operation> for Call {
    fn from(operation: Operation) -> Self {
        Self::Store(operation)
    }
}

impl Call {
    pub(crate) const ALL: [Self; 15] = [
        Self::Store(Operation::Put),
        Self::Store(Operation::StartMultipart),
        Self::Store(Operation::PutPart),
        Self::Store(Operation::CompleteMultipart),
        Self::Store(Operation::AbortMultipart),
        Self::Store(Operation::Delete),
        Self::Store(Operation::Read),
        Self::Store(Operation::Size),
        Self::Store(Operation::List),
        Self::Encode,
        Self::Decode,
        Self::Execute,
        Self::Sleep,
        Self::Attempt,
        Self::Process,
    ];

    /// Its place among all calls.
    pub(crate) fn index(self) -> usize {
        match self {
            Self::Store(Operation::Put) => 0,
            Self::Store(Operation::StartMultipart) => 1,
            Self::Store(Operation::PutPart) => 2,
            Self::Store(Operation::CompleteMultipart) => 3,
            Self::Store(Operation::AbortMultipart) => 4,
            Self::Store(Operation::Delete) => 5,
            Self::Store(Operation::Read) => 6,
            Self::Store(Operation::Size) => 7,
            // No store is asked anything else.
            Self::Store(_) => 8,
            Self::Encode => 9,
            Self::Decode => 10,
            Self::Execute => 11,
            Self::Sleep => 12,
            Self::Attempt => 13,
            Self::Process => 14,
        }
    }

    /// Whether it changes a store.
    pub(crate) fn writes(self) -> bool {
        matches!(
            self,
            Self::Store(
                Operation::Put
                    | Operation::StartMultipart
                    | Operation::PutPart
                    | Operation::CompleteMultipart
                    | Operation::AbortMultipart
                    | Operation::Delete
            )
        )
    }

    /// Whether it is a future that can be dropped from outside.
    pub(crate) fn is_region(self) -> bool {
        matches!(self, Self::Attempt | Self::Process)
    }

    pub(crate) fn is_store(self) -> bool {
        matches!(self, Self::Store(_))
    }
}

/// One call, told apart from all others by what follows from what the code under test does, and not from when: the
/// operation, what it is about, and how many of the same there were before.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Site {
    /// What is called.
    pub call: Call,
    /// The name of the object, the prefix of a list, the label of an attempt or a process, a digest of the block of a
    /// codec; empty for executors and timers.
    pub key: Arc<str>,
    /// The number of calls of the same operation with the same key before this one.
    pub nth: u32,
}
