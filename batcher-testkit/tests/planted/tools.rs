//! What a component works with.

use std::fmt;
use std::sync::Arc;

use batcher_core::{BlobStore, Codec, CodecError, CodecId, Executor, Inline, StoreError, Timer};
use batcher_testkit::World;

use crate::bug::Bug;

#[derive(Clone, Debug)]
pub(crate) struct Tools {
    pub(crate) store: Arc<dyn BlobStore>,
    pub(crate) codec: Arc<dyn Codec>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) timer: Arc<dyn Timer>,
    bug: Option<Bug>,
}

impl Tools {
    pub(crate) fn new(world: &World, store: impl BlobStore + 'static, bug: Option<Bug>) -> Self {
        Self {
            store: Arc::new(store),
            codec: Arc::new(world.codec(Inverted)),
            executor: Arc::new(world.executor(Inline)),
            timer: Arc::new(world.timer()),
            bug,
        }
    }

    /// Whether this mistake is to be made.
    pub(crate) fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }
}

/// Why something does not work.
#[derive(Debug)]
pub(crate) enum Failure {
    Store(StoreError),
    Codec(CodecError),
    /// The executor has dropped a job.
    JobDropped,
    /// Another object stands where ours was to be.
    Conflict,
    Corrupt(&'static str),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Codec(error) => error.fmt(f),
            Self::JobDropped => f.write_str("a job was dropped"),
            Self::Conflict => f.write_str("somebody else's object is in the way"),
            Self::Corrupt(what) => f.write_str(what),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CodecError> for Failure {
    fn from(error: CodecError) -> Self {
        Self::Codec(error)
    }
}

/// The simplest codec whose frames are not their blocks.
#[derive(Clone, Copy, Debug)]
struct Inverted;

impl Codec for Inverted {
    fn id(&self) -> CodecId {
        CodecId::new(CodecId::FIRST_PRIVATE)
    }

    fn max_frame_len(&self, block_len: usize) -> usize {
        block_len
    }

    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        frame.iter_mut().zip(block).for_each(|(to, from)| *to = !from);
        Ok(block.len())
    }

    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        if frame.len() != block.len() {
            return Err(CodecError::WrongLength { expected: block.len(), actual: frame.len() });
        }
        block.iter_mut().zip(frame).for_each(|(to, from)| *to = !from);
        Ok(())
    }
}
