//! Codecs for the checkpoint batcher: LZ4, Zstandard, and none.
//!
//! Every codec but [`Lz4Block`] makes one standard frame of each block, so that frames one after the other are a file
//! which `lz4 -dc` or `zstd -dc` decodes. None of them puts a checksum over the content: the container has one over
//! the stored bytes. Each decoder takes what its encoder writes, and little else.
//!
//! | codec | frames | feature |
//! | --- | --- | --- |
//! | [`Raw`] | LZ4, blocks stored | |
//! | [`Lz4`] | LZ4 | `lz4`, on by default |
//! | [`Lz4C`] | LZ4, decoded in C | `lz4-c` |
//! | [`Lz4Block`] | none; only for the starting point's objects | `lz4` |
//! | [`Zstd`] | Zstandard | `zstd` |
//!
//! ```
//! use batcher_codecs::{Raw, registry};
//! use batcher_core::{Codec, CodecError};
//!
//! let mut frame = vec![0; Raw.max_frame_len(5)];
//! let len = Raw.encode(b"state", &mut frame)?;
//!
//! let decoder = registry().decoder(Raw.id(), Raw.params())?.expect("a codec of this crate");
//! let mut block = [0; 5];
//! decoder.decode(&frame[..len], &mut block)?;
//! assert_eq!(&block, b"state");
//! # Ok::<(), CodecError>(())
//! ```

#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "lz4")]
mod lz4_block;
#[cfg(feature = "lz4-c")]
mod lz4_c;
mod lz4_frame;
#[cfg(feature = "lz4")]
mod lz4_workspace;
#[cfg(any(feature = "lz4", feature = "zstd"))]
mod pool;
mod raw;
mod registry;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(feature = "lz4")]
pub use lz4::Lz4;
#[cfg(feature = "lz4")]
pub use lz4_block::Lz4Block;
#[cfg(feature = "lz4-c")]
pub use lz4_c::Lz4C;
pub use raw::Raw;
pub use registry::registry;
#[cfg(feature = "zstd")]
pub use zstd::Zstd;
