//! The container format, version 1, as `docs/FORMAT.md` states it: bytes in, bytes out, no I/O.
//!
//! Encoding and decoding of each part stand side by side in the part's own file. Nothing here believes a length that
//! is not backed by bytes at hand or by a stated limit.

mod block_page;
mod checksum;
mod corruption;
mod descriptor;
mod dictionary;
mod fields;
mod key_page;
mod legacy;
mod root;
mod trailer;

use crate::CodecError;

pub(crate) use block_page::{BlockPage, BlockPlace};
pub(crate) use checksum::{Binding, Kind, crc, same};
pub use corruption::{Corruption, Problem, Section};
pub(crate) use descriptor::Descriptor;
pub use dictionary::MAX_DICTIONARY_LEN;
pub(crate) use dictionary::{DICTIONARIES, DictionaryRef};
pub(crate) use fields::shared_len;
pub(crate) use key_page::{KeyEntry, KeyPage, KeyPageBuilder};
pub(crate) use legacy::{LEGACY_MAGIC, LegacyHead};
pub(crate) use root::{BlockPageRef, KeyPageRef, Root};
pub(crate) use trailer::Trailer;

/// The format's version that this library writes.
pub const FORMAT_VERSION: u16 = 1;

/// The longest key in bytes.
pub const MAX_KEY_LEN: usize = 65_536;

/// The longest writer name in bytes.
pub const MAX_WRITER_LEN: usize = 1024;

/// The most bytes that one block, page or directory decodes to: the most that a reader allocates at once because of
/// what an object says.
pub const MAX_BLOCK_LEN: usize = 1 << 26;

/// Blocks that one block page describes.
pub(crate) const BLOCKS_PER_PAGE: usize = 4096;

/// The bytes that begin a header's payload and end a trailer.
pub(crate) const TAG: &[u8; 8] = b"CKPTBTCH";

/// The magic of our skippable frames.
pub(crate) const SKIPPABLE_MAGIC: u32 = 0x184D_2A5B;

/// Bytes of a skippable frame before its payload.
pub(crate) const SKIPPABLE_HEAD: usize = 8;

/// Lays the head of a skippable frame over the first eight bytes of `frame`, whose payload is complete.
pub(crate) fn finish_skippable(frame: &mut [u8]) -> Result<(), CodecError> {
    let payload = (frame.len() - SKIPPABLE_HEAD) as u64;
    let len = u32::try_from(payload).map_err(|_| CodecError::TooLarge {
        what: "page",
        len: payload,
        limit: u32::MAX.into(),
    })?;
    frame[..4].copy_from_slice(&SKIPPABLE_MAGIC.to_le_bytes());
    frame[4..8].copy_from_slice(&len.to_le_bytes());
    Ok(())
}

/// The payload of what must be exactly one of our skippable frames.
pub(crate) fn skippable_payload(frame: &[u8]) -> Result<&[u8], Problem> {
    let mut fields = fields::Fields::new(frame);
    if fields.u32()? != SKIPPABLE_MAGIC {
        return Err(Problem::Malformed("another magic than a skippable frame of this format"));
    }
    let expected = u64::from(fields.u32()?);
    let payload = fields.rest();
    if payload.len() as u64 != expected {
        return Err(Problem::Length { expected, actual: payload.len() as u64 });
    }
    Ok(payload)
}
