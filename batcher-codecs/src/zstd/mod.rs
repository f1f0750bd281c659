//! Zstandard frames.

mod dictionary;
mod frame;

use std::sync::Arc;

use ::zstd::zstd_safe::{self, CCtx, CParameter, DCtx, get_error_name};
use batcher_core::{Codec, CodecError, CodecId};

use crate::pool::Pool;
use frame::check_shape;

/// One standard Zstandard frame for each block, with the length of its content and without a checksum.
///
/// Content that does not shrink is stored. The decoder takes one frame, of exactly the length that the caller asks
/// for and that the frame states, and nothing else: no second frame, no skippable frame, and a dictionary only
/// [where it was given one](Codec::with_dictionary).
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
    /// What all contexts have digested.
    dictionary: Option<Arc<[u8]>>,
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
            Ok(Self { level, ..Self::default() })
        } else {
            Err(CodecError::Params { reason: "no such Zstandard level" })
        }
    }

    /// The level at which it compresses.
    #[must_use]
    pub fn level(&self) -> i32 {
        self.level
    }

    fn new_compressor(&self) -> Result<CCtx<'static>, CodecError> {
        let mut context = CCtx::try_create().ok_or_else(out_of_memory)?;
        for parameter in [
            CParameter::CompressionLevel(self.level),
            CParameter::ContentSizeFlag(true),
            CParameter::ChecksumFlag(false),
        ] {
            context.set_parameter(parameter).map_err(library)?;
        }
        if let Some(dictionary) = &self.dictionary {
            context.load_dictionary(dictionary).map_err(library)?;
        }
        Ok(context)
    }

    fn new_decompressor(&self) -> Result<DCtx<'static>, CodecError> {
        let mut context = DCtx::try_create().ok_or_else(out_of_memory)?;
        if let Some(dictionary) = &self.dictionary {
            context.load_dictionary(dictionary).map_err(malformed)?;
        }
        Ok(context)
    }
}

/// Level 1: state is written often and read rarely, so that the time to compress counts most. In blocks of 256 KiB, level 3
/// was measured to take 1.7 times as long on rows of numbers and text, where it saved 7 % at best, 3.8 times on
/// variable-length integers and 1.3 times on noise (`docs/PERFORMANCE.md`).
impl Default for Zstd {
    fn default() -> Self {
        Self {
            level: Self::DEFAULT_LEVEL,
            dictionary: None,
            compressors: Arc::default(),
            decompressors: Arc::default(),
        }
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
            None => self.new_compressor()?,
        };
        let len = context.compress2(frame, block).map_err(library)?;
        self.compressors.put_back(context);
        Ok(len)
    }

    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        check_shape(frame, block.len())?;
        let mut context = match self.decompressors.take() {
            Some(context) => context,
            None => self.new_decompressor()?,
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

    fn train_dictionary(&self, samples: &[&[u8]], longest: usize) -> Option<Vec<u8>> {
        dictionary::train(samples, longest)
    }

    /// Each context digests the dictionary once.
    fn with_dictionary(&self, dictionary: &[u8]) -> Result<Arc<dyn Codec>, CodecError> {
        dictionary::check(dictionary)?;
        let codec = Self { level: self.level, dictionary: Some(dictionary.into()), ..Self::default() };
        // Now rather than at the first frame: a dictionary whose tables are damaged is not one.
        codec.decompressors.put_back(codec.new_decompressor()?);
        Ok(Arc::new(codec))
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
