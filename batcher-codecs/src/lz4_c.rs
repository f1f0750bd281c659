//! LZ4 frames that the reference implementation decodes.

use batcher_core::{Codec, CodecError, CodecId};
use lz4::block::decompress_to_buffer;

use crate::{Lz4, lz4_frame};

/// [`Lz4`], but decoding by LZ4's reference implementation, which is written in C.
///
/// It encodes as [`Lz4`] does, to the same bytes, so that either reads what the other wrote. Of damaged frames it takes
/// some that [`Lz4`] refuses; that nothing is damaged is for the container's checksums to say.
///
/// Restoring JSON came 1.1 to 1.2 times as fast as with `lz4_flex`, zeros 10 times, and rows no faster
/// (`docs/PERFORMANCE.md`); in return the build needs a C compiler, and what decodes bytes from outside is no longer in
/// Rust. `lz4_flex` encodes because C was not faster at it.
///
/// [`registry`](crate::registry) does not have it, whatever features are on: who wants to restore with it adds it.
///
/// ```
/// use batcher_codecs::{Lz4, Lz4C, registry};
/// use batcher_core::{Codec, CodecError, CodecId};
///
/// let block = b"key=value;".repeat(100);
/// let mut frame = vec![0; Lz4::default().max_frame_len(block.len())];
/// let len = Lz4::default().encode(&block, &mut frame)?;
///
/// // What `BatchReader::open` takes.
/// let registry = registry().with(Lz4C::default());
/// let decoder = registry.decoder(CodecId::LZ4, &[])?.expect("a codec that was added");
/// let mut decoded = vec![0; block.len()];
/// decoder.decode(&frame[..len], &mut decoded)?;
/// assert_eq!(decoded, block);
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Lz4C {
    encoder: Lz4,
}

impl Codec for Lz4C {
    fn id(&self) -> CodecId {
        CodecId::LZ4
    }

    fn max_frame_len(&self, block_len: usize) -> usize {
        self.encoder.max_frame_len(block_len)
    }

    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        self.encoder.encode(block, frame)
    }

    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        lz4_frame::decode(frame, block, |packed, chunk| {
            // 4 MiB is the most that a chunk can have.
            let chunk_len = i32::try_from(chunk.len()).ok();
            decompress_to_buffer(packed, chunk_len, chunk).map_err(|_| lz4_frame::NOT_PACKED)
        })
    }
}
