//! What can go wrong with a call, and in which calls it can.

mod kind;
mod plan;
mod site;
mod text;
mod variants;

pub use self::kind::FaultKind;
pub use self::plan::FaultPlan;
pub(crate) use self::plan::{Chosen, Entry, Plan};
pub use self::site::{Call, Site};
pub use self::text::ParseError;
pub(crate) use self::variants::{CallInfo, Depth, PendingPoint};

/// What becomes of the effects that are under way when a future is dropped or a process dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fate {
    /// They never come about, as far as they have not yet.
    Never,
    /// They come about at once.
    Done,
    /// They come about right before the effect of the so-manieth call to a store after this; [`LATEST`] is later than
    /// any call.
    Late(u32),
}

/// As the number of calls by which an effect is late: later than any call, when the [world is
/// settled](crate::World::settle).
pub const LATEST: u32 = u32::MAX;

/// A way in which a call goes wrong. Every call has three moments: it is submitted, it takes effect, it is answered; a
/// fault moves, drops or alters one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing happens, and the store says so: an error of this kind with the outcome
    /// [`NotApplied`](batcher_core::Outcome::NotApplied). A [`Throttled`](batcher_core::StoreErrorKind::Throttled) asks
    /// for a pause of 30 s.
    Reject(batcher_core::StoreErrorKind),
    /// Nothing happens, and nobody knows: a [`Timeout`](batcher_core::StoreErrorKind::Timeout) with the outcome
    /// [`Unknown`](batcher_core::Outcome::Unknown), but for calls that [never write an object](batcher_core::StoreError::new).
    RequestLost,
    /// It happens, and the answer is lost: [`Unavailable`](batcher_core::StoreErrorKind::Unavailable), with the same outcome.
    AckLost,
    /// A create happens, and the store says [`AlreadyExists`](batcher_core::StoreErrorKind::AlreadyExists), as a client
    /// does that has retried by itself and found its own object.
    OwnExists,
    /// A create does not happen, and the store says [`AlreadyExists`](batcher_core::StoreErrorKind::AlreadyExists) all
    /// the same, as S3's answer to a conflict is understood by some clients.
    PhantomExists,
    /// A [`Timeout`](batcher_core::StoreErrorKind::Timeout) at once; the effect comes about right before that of the
    /// so-manieth call after this one.
    Late(u32),
    /// An hour passes before the effect, which is then answered.
    SlowEffect,
    /// An hour passes between the effect and its answer.
    SlowAnswer,
    /// Nothing happens, and there is never an answer.
    Hang,
    /// It happens, and there is never an answer.
    HangAfter,
    /// The effect waits until a call that was submitted later has been answered, or until nothing else can happen.
    Overtaken,
    /// An object of only so many of the bytes is there, as in stores that are not atomic; the answer is lost. Where the store
    /// refuses it, that is the answer.
    Torn(u64),
    /// It happens and is acknowledged; when the process dies or is restarted, the object is gone.
    Vanishes,
    /// It happens and is acknowledged; when the process dies or is restarted, the object holds nothing but zeros.
    Blanked,
    /// The process dies before the effect.
    CrashBefore,
    /// The process dies between the effect and its answer.
    CrashAfter,
    /// The store panics before the effect.
    PanicBefore,
    /// The store panics between the effect and its answer.
    PanicAfter,
    /// The caller is woken three times for nothing.
    SpuriousWakes,
    /// So many bytes, or all that there are, are missing at the end of a read's reply.
    ShortRead(u64),
    /// One bit of a read's reply is wrong, counted from the lowest of the first byte and again from the start past the
    /// last.
    FlipBit(u64),
    /// A read's reply holds nothing but zeros.
    ZeroedRead,
    /// A read's reply holds the bytes that stand elsewhere: in another object, or in another place of the same.
    Misdirected,
    /// A read, a size or a list sees the store as it was before the last so many effects on the object, or on the
    /// prefix.
    Stale(u32),
    /// A read or a size does not find an object that is there.
    Absent,
    /// A list leaves out the so-manieth object.
    ListMisses(u32),
    /// A list has each object twice.
    ListRepeats,
    /// A list comes in the opposite order.
    ListReversed,
    /// A list breaks off with an error after so many objects.
    ListBreaksOff(u32),
    /// The future is dropped when it is pending for the so-manieth time, counted from 0.
    Cancel {
        /// When.
        pending: u32,
        /// What becomes of the effects that are under way.
        effects: Fate,
    },
    /// The codec fails.
    CodecFails,
    /// The codec panics.
    CodecPanics,
    /// The codec states a length that cannot be: of a frame, or of a dictionary. One that decodes states none.
    CodecLies,
    /// The executor drops the job.
    JobDropped,
    /// The executor runs the job only when nothing else can happen.
    JobLate,
    /// The executor panics instead of taking the job.
    ExecutorPanics,
    /// A pause takes an hour longer than asked for.
    Oversleeps,
    /// Time moves on by a day in the middle of a pause.
    ClockJumps,
}

/// How long a fault lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// For one call.
    Once,
    /// From that call on, for all calls of the same operation on whatever name, until the world is
    /// [healed](crate::World::heal).
    Persistent,
    /// From that call on, for all calls of all operations of all stores, until the world is healed: credentials have expired,
    /// or nothing gets through.
    Outage,
}
