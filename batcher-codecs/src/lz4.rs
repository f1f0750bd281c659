//! LZ4 frames.

use std::sync::Arc;

use batcher_core::{Codec, CodecError, CodecId};
use lz4_flex::block::decompress_into;

use crate::lz4_frame;
use crate::lz4_workspace::Lz4Workspace;
use crate::pool::Pool;

/// One standard LZ4 frame for each block: the default codec.
///
/// Each frame states the length of its content, has independent LZ4 blocks of the smallest of 64 KiB, 256 KiB, 1 MiB
/// and 4 MiB that holds the content in one (or of 4 MiB where none does), and no checksum but that of its header.
/// An LZ4 block that does not shrink is stored. The decoder takes such frames and no others, and the content that
/// they state must be that which the caller asks for.
///
/// Clones share the tables and buffers that compression needs: at most 5 MiB for every thread that encodes at the
/// same time, 0.4 MiB with blocks of up to 256 KiB.
///
/// The bytes of a frame depend on the block, on the version of `lz4_flex`, and on whether a pointer has 32 or 64
/// bits.
///
/// ```
/// use batcher_codecs::Lz4;
/// use batcher_core::{Codec, CodecError};
///
/// let block = b"key=value;".repeat(100);
/// let codec = Lz4::default();
/// let mut frame = vec![0; codec.max_frame_len(block.len())];
/// let len = codec.encode(&block, &mut frame)?;
/// assert!(len < 100);
///
/// let mut decoded = vec![0; block.len()];
/// codec.decode(&frame[..len], &mut decoded)?;
/// assert_eq!(decoded, block);
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Lz4 {
    workspaces: Arc<Pool<Lz4Workspace>>,
}

impl Codec for Lz4 {
    fn id(&self) -> CodecId {
        CodecId::LZ4
    }

    fn max_frame_len(&self, block_len: usize) -> usize {
        lz4_frame::max_frame_len(block_len)
    }

    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        let mut workspace = self.workspaces.take().unwrap_or_default();
        let len = lz4_frame::encode(block, frame, &mut workspace);
        self.workspaces.put_back(workspace);
        len
    }

    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        lz4_frame::decode(frame, block, |packed, chunk| {
            decompress_into(packed, chunk).map_err(|_| lz4_frame::NOT_PACKED)
        })
    }
}
