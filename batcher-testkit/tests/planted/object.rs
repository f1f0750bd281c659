//! The smallest container format that gives nothing wrong back: a header, then entries, each under a checksum.
//!
//! All numbers are 32 bits, little-endian. Header: magic, checksum, number of entries, length of all entries. Entry: checksum,
//! lengths of key, frame and blob, key, frame. Checksums bind what they cover to the object's name and to the place.

use batcher_core::ReadRange;
use bytes::Bytes;

use crate::bug::Bug;
use crate::tools::{Failure, Tools};

pub(crate) type Blobs = Vec<(String, Bytes)>;

/// An encoded blob.
pub(crate) struct Block {
    pub(crate) key: String,
    pub(crate) frame: Vec<u8>,
    pub(crate) blob_len: usize,
}

const MAGIC: u32 = u32::from_le_bytes(*b"tiny");
const HEADER_LEN: usize = 16;
const MAX_BLOB_LEN: usize = 1 << 20;

pub(crate) fn encode(name: &str, blocks: &[Block], tools: &Tools) -> Bytes {
    let mut body = Vec::new();
    for (index, block) in blocks.iter().enumerate() {
        let lengths = [block.key.len(), block.frame.len(), block.blob_len].map(number).concat();
        let checked = [&lengths, block.key.as_bytes(), &block.frame].concat();
        body.extend(checksum(name, index + 1, &checked, tools).to_le_bytes());
        body.extend(checked);
    }
    let counts = [blocks.len(), body.len()].map(number).concat();
    let header = [MAGIC, checksum(name, 0, &counts, tools)].map(u32::to_le_bytes).concat();
    [header, counts, body].concat().into()
}

fn number(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap().to_le_bytes()
}

fn checksum(name: &str, place: usize, bytes: &[u8], tools: &Tools) -> u32 {
    if tools.has(Bug::ChecksumUnbound) {
        return crc32c::crc32c(bytes);
    }
    let bound = crc32c::crc32c(&[name.as_bytes(), &number(place)].concat());
    crc32c::crc32c_append(bound, bytes)
}

/// Reads all blobs of an object.
pub(crate) async fn read(name: &str, tools: &Tools) -> Result<Blobs, Failure> {
    let header = tools.store.read(name, ReadRange::Bounded(0..HEADER_LEN as u64)).await?;
    let mut rest = &header.bytes[..];
    let [magic, sum, count, body_len] =
        take_numbers(&mut rest).ok_or(Failure::Corrupt("a cut header"))?.map(|number| number as usize);
    let early = tools.has(Bug::BelievesLength).then(|| Vec::with_capacity(body_len));
    let believed = tools.has(Bug::HeaderUnchecked) || tools.has(Bug::NoChecksum);
    let sum_is = checksum(name, 0, &header.bytes[8..], tools) as usize;
    if magic != MAGIC as usize || (sum != sum_is && !believed) {
        return Err(Failure::Corrupt("a header that is none"));
    }
    let there = usize::try_from(header.object_len).unwrap().saturating_sub(HEADER_LEN);
    if body_len != there && !tools.has(Bug::TornIsWhole) {
        return Err(Failure::Corrupt("an object of another length"));
    }
    let end = (HEADER_LEN + body_len.min(there)) as u64;
    let reply = tools.store.read(name, ReadRange::Bounded(HEADER_LEN as u64..end)).await?;
    if reply.bytes.len() != body_len.min(there) && !tools.has(Bug::ShortReadIsWhole) {
        return Err(Failure::Corrupt("a short read"));
    }
    let mut body = early.unwrap_or_else(|| Vec::with_capacity(body_len.min(there)));
    body.extend_from_slice(&reply.bytes);
    decode(name, count, &body, tools)
}

fn decode(name: &str, count: usize, mut body: &[u8], tools: &Tools) -> Result<Blobs, Failure> {
    let mut blobs = Vec::new();
    for index in 0..count {
        let Some((sum, checked)) = take_entry(&mut body) else {
            if tools.has(Bug::ShortReadIsWhole) || tools.has(Bug::TornIsWhole) {
                break;
            }
            return Err(Failure::Corrupt("a cut entry"));
        };
        let sum_is = checksum(name, index + 1, checked, tools);
        if sum != sum_is && !tools.has(Bug::NoChecksum) {
            return Err(Failure::Corrupt("an entry that is not as it was written"));
        }
        let mut rest = checked;
        let [key_len, _, blob_len] = take_numbers(&mut rest).ok_or(Failure::Corrupt("a cut entry"))?;
        let (key, frame) = rest.split_at(key_len as usize);
        if blob_len as usize > MAX_BLOB_LEN {
            return Err(Failure::Corrupt("a blob over the limit"));
        }
        let mut blob = vec![0; blob_len as usize];
        tools.codec.decode(frame, &mut blob)?;
        let key = std::str::from_utf8(key).map_err(|_| Failure::Corrupt("a key that is no text"))?;
        blobs.push((key.to_owned(), blob.into()));
    }
    Ok(blobs)
}

/// The checksum of an entry and all bytes under it.
fn take_entry<'a>(body: &mut &'a [u8]) -> Option<(u32, &'a [u8])> {
    let [sum] = take_numbers(body)?;
    let mut lengths = *body;
    let [key_len, frame_len, _] = take_numbers(&mut lengths)?;
    let len = (key_len as usize).checked_add(frame_len as usize)?.checked_add(12)?;
    let (entry, rest) = body.split_at_checked(len)?;
    *body = rest;
    Some((sum, entry))
}

fn take_numbers<const N: usize>(bytes: &mut &[u8]) -> Option<[u32; N]> {
    let (taken, rest) = bytes.split_at_checked(4 * N)?;
    *bytes = rest;
    let mut numbers = [0; N];
    for (number, bytes) in numbers.iter_mut().zip(taken.chunks_exact(4)) {
        *number = u32::from_le_bytes(bytes.try_into().ok()?);
    }
    Some(numbers)
}
