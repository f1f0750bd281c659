//! Bare LZ4 blocks, as old objects hold them.

use std::sync::Arc;

use batcher_core::{Codec, CodecError, CodecId};
use lz4_flex::block::{DecompressError, decompress_into};

use crate::lz4_workspace::Lz4Workspace;
use crate::pool::Pool;

/// The longest block that the LZ4 format can hold, in bytes.
const MAX_BLOCK_LEN: usize = 0x7E00_0000;

/// A bare LZ4 block: only for reading objects in the starting point's format, `LCB1`.
///
/// Nothing marks its beginning, its end or its length; no tool opens it; and what does not shrink grows. It encodes,
/// too, so that tests can make such objects. For anything new there is [`Lz4`](crate::Lz4).
///
/// A block's compressed bytes hold at most 255 times their number: whoever allocates for a length that is read from an
/// untrusted place can bound it so.
///
/// ```
/// use batcher_codecs::Lz4Block;
/// use batcher_core::{Codec, CodecError};
///
/// // Five literal bytes.
/// let mut block = [0; 5];
/// Lz4Block::default().decode(b"\x50state", &mut block)?;
/// assert_eq!(&block, b"state");
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Lz4Block {
    workspaces: Arc<Pool<Lz4Workspace>>,
}

impl Codec for Lz4Block {
    fn id(&self) -> CodecId {
        CodecId::LZ4_BLOCK
    }

    /// A two-hundred-and-fifty-fifth more than the block: the format's bound.
    fn max_frame_len(&self, block_len: usize) -> usize {
        block_len.saturating_add(block_len / 255 + 16)
    }

    /// # Errors
    ///
    /// [`CodecError::WrongLength`] for a block of more than `0x7E00_0000` bytes, the format's limit.
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        let too_long = CodecError::WrongLength { expected: MAX_BLOCK_LEN, actual: block.len() };
        if block.len() > MAX_BLOCK_LEN {
            return Err(too_long);
        }
        let mut workspace = self.workspaces.take().unwrap_or_default();
        let packed = workspace.compress(block).ok_or(too_long)?;
        let (len, room) = (packed.len(), frame.len());
        let place = frame.get_mut(..len).ok_or(CodecError::WrongLength { expected: len, actual: room })?;
        place.copy_from_slice(packed);
        self.workspaces.put_back(workspace);
        Ok(len)
    }

    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        match decompress_into(frame, block) {
            Ok(len) if len == block.len() => Ok(()),
            Ok(actual) => Err(CodecError::WrongLength { expected: block.len(), actual }),
            Err(DecompressError::OutputTooSmall { expected: actual, .. }) => {
                Err(CodecError::WrongLength { expected: block.len(), actual })
            }
            Err(_) => Err(CodecError::Malformed { offset: 0, reason: "not an LZ4 block" }),
        }
    }
}
