//! The mistakes that are planted.

/// A mistake, made in one place; without it the same component is as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bug {
    /// "Already exists" counts as success without a look at what is there.
    ExistsIsSuccess,
    /// "Already exists" counts as failure, and the object is written under another name.
    ExistsIsFailure,
    /// A write that timed out counts as done.
    TimeoutIsSuccess,
    /// The buffer is cleared before the store has acknowledged it.
    ClearedBeforeAcknowledgement,
    /// The buffer moves into the future of the flush, and is gone with it.
    ClearedOnDrop,
    /// What was added since goes into an object that may be there already.
    RetryWithOtherBytes,
    /// An object is deleted whose put was never answered.
    CleansUpAfterUnknown,
    /// Clearing away spares what is committed, and not what a flush has stored so far.
    ClearsAwayPending,
    /// The header is under no checksum.
    HeaderUnchecked,
    /// Nothing is under a checksum.
    NoChecksum,
    /// Checksums say nothing of the object and the place that the bytes belong to.
    ChecksumUnbound,
    /// Memory for a length is allocated before the length is checked.
    BelievesLength,
    /// A reply counts as whole, however few bytes it has.
    ShortReadIsWhole,
    /// An object counts as whole, however few bytes it has.
    TornIsWhole,
    /// A write is acknowledged first and written later.
    ForgottenSync,
    /// That an upload could not be completed is not looked at.
    SwallowedCompletion,
    /// An upload is left as it is when a part fails.
    UploadLeft,
    /// An upload is aborted whose completion was never answered, which then counts as not having happened.
    AbortAfterUnknown,
    /// An upload whose completion was never answered is left as it is, even when the object is there.
    DoubtLeft,
    /// A part that has failed does not keep an upload from being completed.
    CompletesAnyway,
    /// The second flush of an epoch takes the name of the first.
    SecondFlushOverwrites,
    /// The second try replaces whatever stands there.
    RetryReplaces,
    /// Nobody is told when a job is done.
    LostWakeup,
    /// A block whose job was dropped is left out.
    DroppedJobSkipped,
    /// A block whose encoding failed is left out.
    CodecErrorSwallowed,
    /// The length that a codec states is not checked.
    BelievesCodec,
    /// It tries for ever.
    RetriesForEver,
    /// It panics on an error that it did not expect.
    PanicsOnDenied,
    /// A restore goes by what a list shows.
    TrustsList,
    /// Each object is committed for itself.
    CommitsEachObject,
    /// Newer state is written over older state whose write may still come about.
    ForgetsLateWrite,
    /// A writer that was replaced can still write.
    ZombieWins,
    /// A create empties the file before it looks whether there is one.
    CreateTruncates,
}
