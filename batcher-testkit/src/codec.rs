//! A codec in which chosen calls go wrong.

use std::sync::Arc;

use batcher_core::{Codec, CodecError, CodecId};

use crate::digest::Digest;
use crate::fault::{Call, CallInfo, Fault};
use crate::world::{InjectedPanic, World};

/// Wraps a codec and makes the calls go wrong that its [`World`] chooses. Made by [`World::codec`].
///
/// Calls are told apart by a digest of the block or the frame, not by when they are made, so that a thread pool makes no
/// difference. Training a dictionary counts as encoding its samples, and taking one as decoding it.
#[derive(Clone, Debug)]
pub struct FaultCodec<C> {
    world: World,
    inner: C,
}

impl<C> FaultCodec<C> {
    pub(crate) fn in_world(world: World, inner: C) -> Self {
        Self { world, inner }
    }

    /// Whether the call is to go wrong, and how.
    fn call(&self, call: Call, bytes: &[u8]) -> Option<Fault> {
        let mut digest = Digest::seeded(0);
        digest.update(bytes);
        let key = format!("{:016x}", digest.finish());
        let mut state = self.world.state();
        let submitted = state.submit(call, &key, CallInfo::default());
        let wrong = match submitted.fault {
            Some(Fault::CodecFails | Fault::CodecPanics) => true,
            // Whoever decodes states no length.
            Some(Fault::CodecLies) => call == Call::Encode,
            _ => false,
        };
        if wrong {
            state.fire(submitted.id);
        }
        submitted.fault
    }
}

#[deny(clippy::missing_trait_methods)]
impl<C: Codec> Codec for FaultCodec<C> {
    fn id(&self) -> CodecId {
        self.inner.id()
    }

    fn params(&self) -> &[u8] {
        self.inner.params()
    }

    fn max_frame_len(&self, block_len: usize) -> usize {
        self.inner.max_frame_len(block_len)
    }

    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        match self.call(Call::Encode, block) {
            Some(Fault::CodecFails) => Err(CodecError::Library("injected".into())),
            Some(Fault::CodecPanics) => std::panic::resume_unwind(Box::new(InjectedPanic)),
            Some(Fault::CodecLies) => Ok(usize::MAX),
            _ => self.inner.encode(block, frame),
        }
    }

    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        match self.call(Call::Decode, frame) {
            Some(Fault::CodecFails) => Err(CodecError::Malformed { offset: 0, reason: "injected" }),
            Some(Fault::CodecPanics) => std::panic::resume_unwind(Box::new(InjectedPanic)),
            _ => self.inner.decode(frame, block),
        }
    }

    fn train_dictionary(&self, samples: &[&[u8]], longest: usize) -> Option<Vec<u8>> {
        match self.call(Call::Encode, &samples.concat()) {
            Some(Fault::CodecFails) => None,
            Some(Fault::CodecPanics) => std::panic::resume_unwind(Box::new(InjectedPanic)),
            Some(Fault::CodecLies) => Some(vec![0; longest + 1]),
            _ => self.inner.train_dictionary(samples, longest),
        }
    }

    fn with_dictionary(&self, dictionary: &[u8]) -> Result<Arc<dyn Codec>, CodecError> {
        match self.call(Call::Decode, dictionary) {
            Some(Fault::CodecFails) => return Err(CodecError::Malformed { offset: 0, reason: "injected" }),
            Some(Fault::CodecPanics) => std::panic::resume_unwind(Box::new(InjectedPanic)),
            _ => {}
        }
        let inner = self.inner.with_dictionary(dictionary)?;
        Ok(Arc::new(FaultCodec { world: self.world.clone(), inner }))
    }
}
