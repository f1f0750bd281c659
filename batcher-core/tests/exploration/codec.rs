//! A codec that needs no more than a few bytes to learn something.

use std::sync::Arc;

use batcher_codecs::{Lz4, Raw};
use batcher_core::{Codec, CodecError, CodecId};

/// The longest dictionary that it is asked for.
pub(crate) const LONGEST: usize = 4;

/// Stores blocks; with a dictionary, which is the first bytes that it is shown, compresses them. Frames that need one
/// end with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Learner {
    dictionary: Option<Arc<[u8]>>,
    lz4: Lz4,
}

impl Codec for Learner {
    fn id(&self) -> CodecId {
        CodecId::new(CodecId::FIRST_PRIVATE)
    }

    fn max_frame_len(&self, block_len: usize) -> usize {
        self.lz4.max_frame_len(block_len) + LONGEST
    }

    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        let Some(dictionary) = &self.dictionary else { return Raw.encode(block, frame) };
        let len = self.lz4.encode(block, frame)?;
        frame[len..len + dictionary.len()].copy_from_slice(dictionary);
        Ok(len + dictionary.len())
    }

    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        let Some(dictionary) = &self.dictionary else { return Raw.decode(frame, block) };
        let other = CodecError::Malformed { offset: 0, reason: "another dictionary" };
        self.lz4.decode(frame.strip_suffix(&**dictionary).ok_or(other)?, block)
    }

    fn train_dictionary(&self, samples: &[&[u8]], longest: usize) -> Option<Vec<u8>> {
        Some(samples.concat().into_iter().take(longest).collect())
    }

    fn with_dictionary(&self, dictionary: &[u8]) -> Result<Arc<dyn Codec>, CodecError> {
        Ok(Arc::new(Self { dictionary: Some(dictionary.into()), lz4: Lz4::default() }))
    }
}
