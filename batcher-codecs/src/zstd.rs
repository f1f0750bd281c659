//! Zstandard frames.

use std::sync::Arc;

use ::zstd::zstd_safe::{
    self, CCtx, CParameter, DCtx, find_frame_compressed_size, get_error_name, get_frame_content_size,
};
use batcher_core::{Codec, CodecError, CodecId};

use crate::pool::Pool;

const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// Where the frame header descriptor stands, and behind it the window descriptor where there is one.
const DESCRIPTOR: usize = 4;
const SINGLE_SEGMENT: u8 = 1 << 5;
/// What standard tools accept without being told to use more memory; no level needs more.
const MAX_WINDOW_LEN: u64 = 1 << 27;
/// One standard Zstandard frame for each block, with the length of its content and without a checksum.
///
/// Content that does not shrink is stored. The decoder takes one frame, of exactly the length that the caller asks
/// for and that the frame states, and nothing else: no second frame, no skippable frame, no dictionary.
///
/// Clones share the library's contexts and output buffers: with blocks of 256 KiB 1 MiB for every thread that encodes
/// at the same time at the default level, and more at higher ones.
///
/// The bytes of a frame depend on the block, on the level, and on the version of the Zstandard library. Frames of all
/// levels decode alike.
///
/// ```
/// use batcher_codecs::Zstd;
/// use batcher_core::{Codec, CodecError};
///
/// let block = b"key=value;".repeat(100);
/// let codec = Zstd::new(9)?;
/// let mut frame = vec![0; codec.max_frame_len(block.len())];
/// let len = codec.encode(&block, &mut frame)?;
/// assert!(len < 100);
///
/// let mut decoded = vec![0; block.len()];
/// Zstd::default().decode(&frame[..len], &mut decoded)?;
/// assert_eq!(decoded, block);
/// # Ok::<(), CodecError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Zstd {
    level: i32,
    compressors: Arc<Pool<CCtx<'static>>>,
    decompressors: Arc<Pool<DCtx<'static>>>,
}

impl Zstd {
    /// The level of [`Zstd::default`].
    pub const DEFAULT_LEVEL: i32 = 1;

    /// A codec that compresses at this level: from about -130,000, the fastest, to 22, the smallest. As in the
    /// library, 0 stands for its own default, which is 3.
    ///
    /// # Errors
    ///
    /// [`CodecError::Params`] for a level that the library does not have.
    pub fn new(level: i32) -> Result<Self, CodecError> {
        if (zstd_safe::min_c_level()..=zstd_safe::max_c_level()).contains(&level) {
            Ok(Self { level, compressors: Arc::default(), decompressors: Arc::default() })
        } else {
            Err(CodecError::Params { reason: "no such Zstandard level" })
        }
    }

    /// The level at which it compresses.
    #[must_use]
    pub fn level(&self) -> i32 {
        self.level
    }
}

/// Level 1: state is written often and read rarely, so that the time to compress counts most. On rows of numbers and
/// text, level 3 was measured to take 1.4 to 1.6 times as long and to save 7 % at best.
impl Default for Zstd {
    fn default() -> Self {
        Self { level: Self::DEFAULT_LEVEL, compressors: Arc::default(), decompressors: Arc::default() }
    }
}

impl Codec for Zstd {
    fn id(&self) -> CodecId {
        CodecId::ZSTD
    }

    /// About 0.4 % more than the block: what the library wants to have room for.
    fn max_frame_len(&self, block_len: usize) -> usize {
        zstd_safe::compress_bound(block_len)
    }

    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        let mut context = match self.compressors.take() {
            Some(context) => context,
            None => new_context(self.level)?,
        };
        let len = context.compress2(frame, block).map_err(library)?;
        self.compressors.put_back(context);
        Ok(len)
    }

    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        check_shape(frame, block.len())?;
        let mut context = match self.decompressors.take() {
            Some(context) => context,
            None => DCtx::try_create().ok_or_else(out_of_memory)?,
        };
        // In one call the library decodes straight into the block, and allocates no window.
        let len = context.decompress(block, frame).map_err(malformed)?;
        self.decompressors.put_back(context);
        if len == block.len() {
            Ok(())
        } else {
            Err(CodecError::WrongLength { expected: block.len(), actual: len })
        }
    }
}

fn new_context(level: i32) -> Result<CCtx<'static>, CodecError> {
    let mut context = CCtx::try_create().ok_or_else(out_of_memory)?;
    for parameter in [
        CParameter::CompressionLevel(level),
        CParameter::ContentSizeFlag(true),
        CParameter::ChecksumFlag(false),
    ] {
        context.set_parameter(parameter).map_err(library)?;
    }
    Ok(context)
}

/// Makes sure, before anything is decoded, that there is one frame, that it is all there is, and that it states the
/// length of its content. The library would take several, and skip some.
fn check_shape(frame: &[u8], content_len: usize) -> Result<(), CodecError> {
    if !frame.starts_with(&MAGIC) {
        return Err(CodecError::Malformed { offset: 0, reason: "not a Zstandard frame" });
    }
    let at_header = |reason| CodecError::Malformed { offset: DESCRIPTOR, reason };
    let size = get_frame_content_size(frame).map_err(|_| at_header("damaged frame header"))?;
    let size = size.ok_or_else(|| at_header("frame does not state the length of its content"))?;
    if size != content_len as u64 {
        let actual = usize::try_from(size).unwrap_or(usize::MAX);
        return Err(CodecError::WrongLength { expected: content_len, actual });
    }
    if window_len(frame, size) > MAX_WINDOW_LEN {
        return Err(at_header("frame asks for a window of more than 128 MiB"));
    }
    let frame_len = find_frame_compressed_size(frame).map_err(malformed)?;
    if frame_len != frame.len() {
        return Err(CodecError::Malformed { offset: frame_len, reason: "bytes after the frame" });
    }
    Ok(())
}

/// How far back matches may reach.
fn window_len(frame: &[u8], content_len: u64) -> u64 {
    match frame.get(DESCRIPTOR..) {
        Some([descriptor, window, ..]) if descriptor & SINGLE_SEGMENT == 0 => {
            let base = 1_u64 << (10 + (window >> 3));
            base + base / 8 * u64::from(window & 7)
        }
        // No window is stated where all of the content is in it.
        _ => content_len,
    }
}

/// The library does not say where it stopped.
fn malformed(code: usize) -> CodecError {
    CodecError::Malformed { offset: 0, reason: get_error_name(code) }
}

fn library(code: usize) -> CodecError {
    CodecError::Library(get_error_name(code).into())
}

fn out_of_memory() -> CodecError {
    CodecError::Library("no memory for a context".into())
}
