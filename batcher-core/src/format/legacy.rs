//! Objects of the starting point's format, `LCB1`: read, never written.

use std::ops::Range;

use super::checksum::same;
use super::fields::Fields;
use super::{Problem, crc};
use crate::Codec;

/// The bytes that begin such an object.
pub(crate) const LEGACY_MAGIC: &[u8; 4] = b"LCB1";

/// An LZ4 block of n bytes decodes to fewer than 255 n bytes: no sequence yields more for each of its bytes.
const MAX_RATIO: u64 = 255;

/// A decoded object: the body and where in it each key and blob stands, in the order written.
#[derive(Debug)]
pub(crate) struct Legacy {
    pub(crate) body: Vec<u8>,
    pub(crate) entries: Vec<(Range<usize>, Range<usize>)>,
}

/// What stands before the compressed body.
#[derive(Debug)]
pub(crate) struct LegacyHead<'a> {
    version: u32,
    entries: u32,
    decoded_len: usize,
    block: &'a [u8],
}

impl<'a> LegacyHead<'a> {
    pub(crate) fn version(&self) -> u32 {
        self.version
    }

    /// The most bytes that the body and the places of its entries take in memory.
    pub(crate) fn memory(&self) -> u64 {
        // Eight bytes of body are an entry at least; in a map it takes about sixteen times as much.
        const ENTRY_MEMORY: u64 = 128;
        let entries = u64::from(self.entries).min(self.decoded_len as u64 / 8);
        (self.decoded_len as u64).saturating_add(entries * ENTRY_MEMORY)
    }

    /// Reads the head and checks the checksum, where the version has one. Any version is accepted, with nothing but
    /// its number believed where it is unknown.
    pub(crate) fn parse(object: &'a [u8]) -> Result<Self, Problem> {
        let mut fields = Fields::new(object);
        fields.bytes(LEGACY_MAGIC.len())?;
        let version = fields.u32()?;
        if !Self::is_known(version) {
            return Ok(Self { version, entries: 0, decoded_len: 0, block: &[] });
        }
        let entries = fields.u32()?;
        let decoded_len = fields.u32()?;
        if version == 2 {
            let expected = fields.u32()?;
            let mut summed = Fields::new(object);
            summed.bytes(object.len() - fields.remaining())?;
            same(expected, crc(summed.rest()))?;
        }
        let prepended = fields.u32()?;
        if prepended != decoded_len {
            return Err(Problem::Length { expected: decoded_len.into(), actual: prepended.into() });
        }
        let block = fields.rest();
        let limit = (block.len() as u64).saturating_mul(MAX_RATIO);
        if u64::from(decoded_len) > limit {
            return Err(Problem::Limit { what: "decoded length", claimed: decoded_len.into(), limit });
        }
        let decoded_len = usize::try_from(decoded_len)
            .map_err(|_| Problem::Malformed("decoded length over the address space"))?;
        Ok(Self { version, entries, decoded_len, block })
    }

    pub(crate) fn is_known(version: u32) -> bool {
        matches!(version, 1 | 2)
    }

    /// Decodes the body and finds the entries, which must fill it exactly.
    pub(crate) fn finish(self, codec: &dyn Codec) -> Result<Legacy, Problem> {
        let mut body = vec![0; self.decoded_len];
        codec.decode(self.block, &mut body)?;
        let mut entries = Vec::with_capacity((self.entries as usize).min(body.len() / 8));
        let mut fields = Fields::new(&body);
        while !fields.is_empty() {
            if entries.len() as u64 == u64::from(self.entries) {
                return Err(Problem::Malformed("more entries than stated"));
            }
            let key = take_range(&mut fields, body.len())?;
            if std::str::from_utf8(&body[key.clone()]).is_err() {
                return Err(Problem::Malformed("key is not UTF-8"));
            }
            entries.push((key, take_range(&mut fields, body.len())?));
        }
        if entries.len() as u64 != u64::from(self.entries) {
            return Err(Problem::Length { expected: self.entries.into(), actual: entries.len() as u64 });
        }
        Ok(Legacy { body, entries })
    }
}

fn take_range(fields: &mut Fields<'_>, whole: usize) -> Result<Range<usize>, Problem> {
    let len = fields.u32()? as usize;
    let start = whole - fields.remaining();
    fields.bytes(len)?;
    Ok(start..start + len)
}
