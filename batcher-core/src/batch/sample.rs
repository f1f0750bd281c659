//! The first small blobs of a batch: what a dictionary is trained from, and tried on.

use std::sync::Arc;

use super::dictionary::Dictionary;
use crate::Codec;
use crate::codec::append_frame;

/// How many times the dictionary's length the sample is: the trainer's time grows with it, and 100 times gave no better
/// dictionaries of 4 KiB.
const TIMES: usize = 32;

/// The longest sample in bytes: as much is held back until a dictionary is there.
const MAX_SAMPLE_LEN: usize = 1 << 20;

/// How much of one blob goes into the sample: what blobs have in common stands at their beginnings.
const MAX_PIECE_LEN: usize = 64 * 1024;

/// The most of a sample that a dictionary may be long.
const SHARE: usize = 8;

/// Bytes that a dictionary takes in an object besides its frame: its head, its entry, and a byte in that of each block.
const OVERHEAD: usize = 32;

/// What a sample is for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SampleLimits {
    /// The longest dictionary in bytes.
    pub(crate) dictionary_len: usize,
    pub(crate) block_len: usize,
}

impl SampleLimits {
    fn sample_len(&self) -> usize {
        self.dictionary_len.saturating_mul(TIMES).min(MAX_SAMPLE_LEN)
    }
}

/// Pieces of blobs, one after the other.
#[derive(Debug, Default)]
pub(crate) struct Sample {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Bytes of all blobs that were shown, of which long ones are not in the sample whole.
    shown: usize,
    limits: SampleLimits,
}

impl Sample {
    pub(crate) fn new(limits: SampleLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    pub(crate) fn push(&mut self, blob: &[u8]) {
        self.shown += blob.len();
        self.bytes.extend_from_slice(&blob[..blob.len().min(MAX_PIECE_LEN)]);
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.shown >= self.limits.sample_len()
    }

    /// The longest that a dictionary from it may be: 0 where there is too little.
    pub(crate) fn longest_dictionary(&self) -> usize {
        self.limits.dictionary_len.min(self.bytes.len() / SHARE)
    }

    /// A dictionary that pays for itself.
    pub(crate) fn train(&self, codec: &Arc<dyn Codec>) -> Option<Dictionary> {
        let longest = self.longest_dictionary();
        if longest == 0 {
            return None;
        }
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let pieces: Vec<&[u8]> =
            starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end]).collect();
        let bytes = codec.train_dictionary(&pieces, longest)?;
        if bytes.is_empty() || bytes.len() > longest {
            return None;
        }
        let dictionary = Dictionary { codec: codec.with_dictionary(&bytes).ok()?, bytes };
        let with = self.encoded_len(&*dictionary.codec)?;
        let without = self.encoded_len(&**codec)?;
        let own = frame_len(&**codec, &dictionary.bytes, &mut Vec::new())? + OVERHEAD;
        (with + own < without).then_some(dictionary)
    }

    /// Bytes of the sample's frames, in blocks as long as the batch's.
    fn encoded_len(&self, codec: &dyn Codec) -> Option<usize> {
        let mut buffer = Vec::new();
        self.bytes.chunks(self.limits.block_len).map(|block| frame_len(codec, block, &mut buffer)).sum()
    }
}

fn frame_len(codec: &dyn Codec, block: &[u8], buffer: &mut Vec<u8>) -> Option<usize> {
    buffer.clear();
    append_frame(codec, block, buffer).ok()?;
    Some(buffer.len())
}
