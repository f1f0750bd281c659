//! No compression, in frames that LZ4 tools read.

use batcher_core::{Codec, CodecError, CodecId};

use crate::lz4_frame::{self, Packer};

/// Stores blocks as they are, in LZ4 frames of stored blocks only.
///
/// For data that is compressed or encrypted already, and for processors that have nothing to spare. Standard LZ4
/// tools read the frames like any other; 23 bytes are added to a block, and 4 more for every 4 MiB after the first.
///
/// ```
/// use batcher_codecs::Raw;
/// use batcher_core::{Codec, CodecError};
///
/// let mut frame = [0; 5 + 23];
/// assert_eq!(Raw.encode(b"state", &mut frame)?, 5 + 23);
/// let mut block = [0; 5];
/// Raw.decode(&frame, &mut block)?;
/// assert_eq!(&block, b"state");
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw;

impl Codec for Raw {
    fn id(&self) -> CodecId {
        CodecId::RAW
    }

    fn max_frame_len(&self, block_len: usize) -> usize {
        lz4_frame::max_frame_len(block_len)
    }

    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        lz4_frame::encode(block, frame, &mut StoredOnly)
    }

    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        lz4_frame::decode(frame, block, |_, _| Err("packed block in a frame of stored blocks"))
    }
}

struct StoredOnly;

impl Packer for StoredOnly {
    fn pack(&mut self, _chunk: &[u8]) -> Option<&[u8]> {
        None
    }
}
