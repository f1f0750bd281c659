//! Codecs: one block of bytes into one frame and back.
//!
//! A codec knows nothing of keys, indexes or stores. It neither keeps state between blocks nor reads a clock or
//! a random source: the same block must always give the same frame, because a retried flush must write the same
//! bytes.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The number by which an object names the codec of its frames.
///
/// Numbers below [`CodecId::FIRST_PRIVATE`] are assigned in `docs/FORMAT.md`; the rest are free for codecs that
/// users bring along.
///
/// ```
/// use batcher_core::CodecId;
/// const MINE: CodecId = CodecId::new(CodecId::FIRST_PRIVATE + 7);
/// assert_eq!(MINE.get(), 0x8007);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CodecId(u16);

impl CodecId {
    /// The first number that will never be assigned to a codec of this project.
    pub const FIRST_PRIVATE: u16 = 0x8000;
    /// Uncompressed data in LZ4 frames of stored blocks.
    pub const RAW: Self = Self(0);
    /// LZ4 frames.
    pub const LZ4: Self = Self(1);
    /// Zstandard frames.
    pub const ZSTD: Self = Self(2);
    /// A bare LZ4 block, as only the starting point's `LCB1` objects hold it. No object of the container format
    /// may name it.
    pub const LZ4_BLOCK: Self = Self(3);

    /// The id with this number.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// The number as it stands in an object.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Debug for CodecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CodecId({self})")
    }
}

impl fmt::Display for CodecId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RAW => f.write_str("raw"),
            Self::LZ4 => f.write_str("lz4"),
            Self::ZSTD => f.write_str("zstd"),
            Self::LZ4_BLOCK => f.write_str("lz4-block"),
            Self(number) => write!(f, "{number:#06x}"),
        }
    }
}

/// Turns one block into one self-delimiting frame, and a frame back into its block.
///
/// # Contract
///
/// - **Deterministic**: the same block gives the same frame, on every thread and in every process.
/// - **Total**: [`decode`](Codec::decode) returns an error, and never panics, whatever bytes it is given. It
///   allocates no more than a constant amount besides the output buffer, which the caller sized from a
///   checksummed index.
/// - **Exact**: `decode` fills `block` to the last byte or fails.
/// - **Not growing**: a block that does not shrink is stored, so that no frame is longer than
///   [`max_frame_len`](Codec::max_frame_len) of its block.
///
/// The suite of `batcher-testkit` checks all of it, in one line of a codec's tests, what is allocated where it is told
/// how to see that, and what is promised of dictionaries below where the codec trains one or takes one.
///
/// A codec whose frames are those of a standard tool keeps whole objects readable by that tool: see
/// `docs/FORMAT.md`.
///
/// # Example
///
/// ```
/// use batcher_core::{Codec, CodecError, CodecId};
///
/// /// Turns every bit over.
/// #[derive(Debug)]
/// struct Flip;
///
/// impl Codec for Flip {
///     fn id(&self) -> CodecId {
///         CodecId::new(CodecId::FIRST_PRIVATE)
///     }
///     fn max_frame_len(&self, block_len: usize) -> usize {
///         block_len
///     }
///     fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
///         let (expected, actual) = (block.len(), frame.len());
///         let frame = frame.get_mut(..expected).ok_or(CodecError::WrongLength { expected, actual })?;
///         for (to, from) in frame.iter_mut().zip(block) {
///             *to = !from;
///         }
///         Ok(expected)
///     }
///     fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
///         if frame.len() != block.len() {
///             return Err(CodecError::WrongLength { expected: block.len(), actual: frame.len() });
///         }
///         for (to, from) in block.iter_mut().zip(frame) {
///             *to = !from;
///         }
///         Ok(())
///     }
/// }
///
/// let mut frame = [0; 5];
/// let len = Flip.encode(b"state", &mut frame)?;
/// let mut block = [0; 5];
/// Flip.decode(&frame[..len], &mut block)?;
/// assert_eq!(&block, b"state");
/// # Ok::<(), CodecError>(())
/// ```
pub trait Codec: fmt::Debug + Send + Sync {
    /// The id that objects carry, by which a [`CodecRegistry`](crate::CodecRegistry) finds the decoder.
    fn id(&self) -> CodecId;

    /// Whatever a decoder needs besides the frames; stands in the object's header and is handed to the
    /// registered decoder factory. At most [`MAX_CODEC_PARAMS`] bytes; none by default.
    fn params(&self) -> &[u8] {
        &[]
    }

    /// The length of the longest frame that a block of `block_len` bytes can give.
    fn max_frame_len(&self, block_len: usize) -> usize;

    /// Writes the frame of `block` to the front of `frame`, which has at least
    /// [`max_frame_len`](Codec::max_frame_len) bytes of arbitrary content, and returns the frame's length. A slice and
    /// not a growing vector, so that one buffer serves many blocks and is never cleared in between.
    ///
    /// # Errors
    ///
    /// Any [`CodecError`], and one at least where `frame` is too short after all. The block stays buffered and the next
    /// flush encodes it again.
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError>;

    /// Decodes exactly one frame into exactly `block.len()` bytes.
    ///
    /// # Errors
    ///
    /// [`CodecError::Malformed`] where `frame` is not one whole frame of this codec, and
    /// [`CodecError::WrongLength`] where it holds more or fewer bytes than `block`. What `block` holds afterwards
    /// is then unspecified.
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError>;

    /// Trains a dictionary of at most `longest` bytes from blobs that are alike: what small blocks can refer to besides
    /// themselves. `None`, as by default, where the codec knows no dictionaries or finds none. The same samples must always
    /// give the same dictionary.
    fn train_dictionary(&self, samples: &[&[u8]], longest: usize) -> Option<Vec<u8>> {
        let _ = (samples, longest);
        None
    }

    /// This codec with a dictionary, for frames that are encoded and decoded with it. The dictionary is digested once and not
    /// for each block, and frames are not longer than [`max_frame_len`](Codec::max_frame_len) of the codec without. Whatever bytes it is given, it must neither panic nor, in decoding, fail to be [total](Codec#contract).
    ///
    /// # Errors
    ///
    /// [`CodecError::NoDictionaries`], as by default, and [`CodecError::Malformed`] where the bytes are no dictionary.
    fn with_dictionary(&self, dictionary: &[u8]) -> Result<Arc<dyn Codec>, CodecError> {
        let _ = dictionary;
        Err(CodecError::NoDictionaries)
    }
}

/// Appends the frame of `block` to `out`.
pub(crate) fn append_frame(codec: &dyn Codec, block: &[u8], out: &mut Vec<u8>) -> Result<(), CodecError> {
    let (start, longest) = (out.len(), codec.max_frame_len(block.len()));
    out.resize(start + longest, 0);
    let len = checked_len(codec.encode(block, &mut out[start..])?, longest)?;
    out.truncate(start + len);
    Ok(())
}

/// A frame length as a codec stated it, where it can be one.
pub(crate) fn checked_len(len: usize, longest: usize) -> Result<usize, CodecError> {
    if (1..=longest).contains(&len) {
        Ok(len)
    } else {
        Err(CodecError::WrongLength { expected: longest, actual: len })
    }
}

/// The most parameter bytes that an object's header can hold for its codec.
pub const MAX_CODEC_PARAMS: usize = 4096;

#[deny(clippy::missing_trait_methods)]
impl<C: Codec + ?Sized> Codec for Arc<C> {
    fn id(&self) -> CodecId {
        (**self).id()
    }
    fn params(&self) -> &[u8] {
        (**self).params()
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        (**self).max_frame_len(block_len)
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        (**self).encode(block, frame)
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        (**self).decode(frame, block)
    }
    fn train_dictionary(&self, samples: &[&[u8]], longest: usize) -> Option<Vec<u8>> {
        (**self).train_dictionary(samples, longest)
    }
    fn with_dictionary(&self, dictionary: &[u8]) -> Result<Arc<dyn Codec>, CodecError> {
        (**self).with_dictionary(dictionary)
    }
}

/// Why a block could not be encoded or a frame not be decoded.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CodecError {
    /// The bytes are not one whole frame of this codec.
    #[error("malformed frame at byte {offset}: {reason}")]
    Malformed {
        /// Where in the frame the decoder stopped, as far as it can tell.
        offset: usize,
        /// What is wrong there.
        reason: &'static str,
    },
    /// The frame holds another number of bytes than the index says.
    #[error("frame holds {actual} bytes where {expected} were expected")]
    WrongLength {
        /// The length that the caller asked for.
        expected: usize,
        /// The length that the frame holds, as far as it was seen.
        actual: usize,
    },
    /// The codec's parameters are not ones that it can work with.
    #[error("unusable codec parameters: {reason}")]
    Params {
        /// What is wrong with them.
        reason: &'static str,
    },
    /// The codec knows no dictionaries.
    #[error("the codec knows no dictionaries")]
    NoDictionaries,
    /// What is to be encoded is larger than the format can hold.
    #[error("{what} of {len} bytes, over the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its length in bytes.
        len: u64,
        /// The longest that can be encoded.
        limit: u64,
    },
    /// The codec panicked; the block is kept.
    #[error("the codec panicked")]
    Panicked,
    /// The executor dropped the job before it ran; the block is kept.
    #[error("the executor dropped the job")]
    Abandoned,
    /// The codec's library failed for a reason of its own.
    #[error("codec library failed")]
    Library(#[source] Box<dyn std::error::Error + Send + Sync>),
}
