//! The root frame: the descriptor again, the totals, and the directory of all pages.

use super::fields::{Fields, put_shared_key, put_uvarint};
use super::{
    BLOCKS_PER_PAGE, DICTIONARIES, Descriptor, DictionaryRef, MAX_BLOCK_LEN, MAX_DICTIONARY_LEN, MAX_KEY_LEN,
    Problem, SKIPPABLE_HEAD, finish_skippable, skippable_payload,
};
use crate::codec::append_frame;
use crate::{Codec, CodecError};

const TAG: &[u8; 4] = b"ROOT";

/// The most bytes that all separators may take when their shared prefixes are unfolded.
const MAX_SEPARATORS: usize = 1 << 28;

/// A block page as the root knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BlockPageRef {
    pub(crate) offset: u64,
    pub(crate) frame_len: u64,
    pub(crate) decoded_len: usize,
    pub(crate) checksum: u32,
    pub(crate) data_bytes: u64,
    pub(crate) stream_bytes: u64,
    pub(crate) first_block: u64,
    pub(crate) count: u64,
    pub(crate) first_frame_offset: u64,
    pub(crate) first_stream_offset: u64,
    /// How many dictionaries the object has.
    pub(crate) dictionaries: usize,
}

/// A key page as the root knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyPageRef {
    pub(crate) offset: u64,
    pub(crate) frame_len: u64,
    pub(crate) decoded_len: usize,
    pub(crate) checksum: u32,
    pub(crate) entries: u64,
    pub(crate) separator: Vec<u8>,
}

/// All that an object says about itself as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) descriptor: Descriptor,
    pub(crate) blobs: u64,
    pub(crate) blob_bytes: u64,
    pub(crate) stream_len: u64,
    pub(crate) blocks: u64,
    pub(crate) block_pages: Vec<BlockPageRef>,
    pub(crate) dictionaries: Vec<DictionaryRef>,
    pub(crate) key_pages: Vec<KeyPageRef>,
}

/// A root up to the frame of its directory, which only the codec that it names can decode.
#[derive(Debug)]
pub(crate) struct RootPreamble<'a> {
    pub(crate) descriptor: Descriptor,
    blobs: u64,
    blob_bytes: u64,
    stream_len: u64,
    blocks: u64,
    key_pages: u64,
    block_pages: u64,
    /// 0 where the object does not have the feature.
    dictionaries: u64,
    directory_len: usize,
    directory: &'a [u8],
}

impl Root {
    /// The root frame.
    pub(crate) fn encode(&self, codec: &dyn Codec) -> Result<Vec<u8>, CodecError> {
        let mut directory = Vec::new();
        for page in &self.block_pages {
            put_uvarint(&mut directory, page.frame_len);
            put_uvarint(&mut directory, page.decoded_len as u64);
            directory.extend_from_slice(&page.checksum.to_le_bytes());
            put_uvarint(&mut directory, page.data_bytes);
            put_uvarint(&mut directory, page.stream_bytes);
        }
        for dictionary in &self.dictionaries {
            put_uvarint(&mut directory, dictionary.frame_len);
            put_uvarint(&mut directory, dictionary.decoded_len as u64);
            directory.extend_from_slice(&dictionary.checksum.to_le_bytes());
        }
        let separators: usize = self.key_pages.iter().map(|page| page.separator.len()).sum();
        if separators > MAX_SEPARATORS {
            let (len, limit) = (separators as u64, MAX_SEPARATORS as u64);
            return Err(CodecError::TooLarge { what: "separators of all key pages", len, limit });
        }
        let mut before: &[u8] = &[];
        for page in &self.key_pages {
            put_uvarint(&mut directory, page.frame_len);
            put_uvarint(&mut directory, page.decoded_len as u64);
            directory.extend_from_slice(&page.checksum.to_le_bytes());
            put_uvarint(&mut directory, page.entries);
            put_shared_key(&mut directory, before, &page.separator);
            before = &page.separator;
        }
        if directory.len() > MAX_BLOCK_LEN {
            return Err(CodecError::TooLarge {
                what: "directory",
                len: directory.len() as u64,
                limit: MAX_BLOCK_LEN as u64,
            });
        }
        let mut frame = vec![0; SKIPPABLE_HEAD];
        frame.extend_from_slice(TAG);
        self.descriptor.put(&mut frame);
        put_uvarint(&mut frame, self.blobs);
        put_uvarint(&mut frame, self.blob_bytes);
        put_uvarint(&mut frame, self.stream_len);
        put_uvarint(&mut frame, self.blocks);
        put_uvarint(&mut frame, self.key_pages.len() as u64);
        put_uvarint(&mut frame, self.block_pages.len() as u64);
        if !self.dictionaries.is_empty() {
            put_uvarint(&mut frame, self.dictionaries.len() as u64);
        }
        put_uvarint(&mut frame, directory.len() as u64);
        append_frame(codec, &directory, &mut frame)?;
        finish_skippable(&mut frame)?;
        Ok(frame)
    }

    /// Reads the root up to the directory's frame.
    pub(crate) fn preamble(frame: &[u8]) -> Result<RootPreamble<'_>, Problem> {
        let mut fields = Fields::new(skippable_payload(frame)?);
        if fields.bytes(TAG.len())? != TAG {
            return Err(Problem::Malformed("another tag than a root's"));
        }
        let descriptor = Descriptor::take(&mut fields)?;
        let blobs = fields.uvarint()?;
        let blob_bytes = fields.uvarint()?;
        let stream_len = fields.uvarint()?;
        let blocks = fields.uvarint()?;
        let key_pages = fields.uvarint()?;
        let block_pages = fields.uvarint()?;
        let mut dictionaries = 0;
        if descriptor.required_features & DICTIONARIES != 0 {
            dictionaries = fields.uvarint()?;
            if dictionaries == 0 {
                return Err(Problem::Malformed("the feature of dictionaries without any"));
            }
        }
        let directory_len = decoded_len(&mut fields, "directory length")?;
        let directory = fields.rest();
        Ok(RootPreamble {
            descriptor,
            blobs,
            blob_bytes,
            stream_len,
            blocks,
            key_pages,
            block_pages,
            dictionaries,
            directory_len,
            directory,
        })
    }
}

fn decoded_len(fields: &mut Fields<'_>, what: &'static str) -> Result<usize, Problem> {
    let len = fields.length()?;
    if len > MAX_BLOCK_LEN {
        return Err(Problem::Limit { what, claimed: len as u64, limit: MAX_BLOCK_LEN as u64 });
    }
    Ok(len)
}

/// The length of a page's frame. None is empty: so an object has no more pages than it has bytes for them, however long a
/// directory it claims.
fn page_frame_len(fields: &mut Fields<'_>) -> Result<u64, Problem> {
    let len = fields.uvarint()?;
    if len <= SKIPPABLE_HEAD as u64 {
        return Err(Problem::Malformed("page without any content"));
    }
    Ok(len)
}

impl RootPreamble<'_> {
    /// Decodes the directory and checks that everything in it adds up to `root_offset`.
    pub(crate) fn finish(self, codec: &dyn Codec, root_offset: u64) -> Result<Root, Problem> {
        let mut directory = vec![0; self.directory_len];
        codec.decode(self.directory, &mut directory)?;
        let mut fields = Fields::new(&directory);
        if self.block_pages != self.blocks.div_ceil(BLOCKS_PER_PAGE as u64) {
            return Err(Problem::Malformed("number of block pages does not fit the number of blocks"));
        }
        let mut places =
            Places { root: &self, frame: self.descriptor.header_len() as u64, stream: 0, pages: 0 };
        let mut block_pages = places.take_block_pages(&mut fields, root_offset)?;
        let mut offset = places.frame;
        let dictionaries = self.take_dictionaries(&mut fields, &mut offset, root_offset)?;
        let key_pages = self.take_key_pages(&mut fields, &mut offset, root_offset)?;
        for page in &mut block_pages {
            page.offset = offset;
            page.dictionaries = dictionaries.len();
            offset = sum(offset, page.frame_len)?;
        }
        if !fields.is_empty() {
            return Err(Problem::Malformed("directory goes on after its last entry"));
        }
        if offset != root_offset {
            return Err(Problem::Length { expected: root_offset, actual: offset });
        }
        if self.blob_bytes > 0 && self.stream_len == 0 {
            return Err(Problem::Malformed("blobs without a stream"));
        }
        if self.blobs == 0 && self.blocks > 0 {
            return Err(Problem::Malformed("a stream without blobs"));
        }
        Ok(Root {
            descriptor: self.descriptor,
            blobs: self.blobs,
            blob_bytes: self.blob_bytes,
            stream_len: self.stream_len,
            blocks: self.blocks,
            block_pages,
            dictionaries,
            key_pages,
        })
    }

    fn take_dictionaries(
        &self,
        fields: &mut Fields<'_>,
        offset: &mut u64,
        root_offset: u64,
    ) -> Result<Vec<DictionaryRef>, Problem> {
        let mut dictionaries = Vec::new();
        for _ in 0..self.dictionaries {
            let frame_len = page_frame_len(fields)?;
            let decoded_len = fields.length()?;
            if decoded_len > MAX_DICTIONARY_LEN {
                return Err(Problem::Limit {
                    what: "dictionary length",
                    claimed: decoded_len as u64,
                    limit: MAX_DICTIONARY_LEN as u64,
                });
            }
            let checksum = fields.u32()?;
            dictionaries.push(DictionaryRef { offset: *offset, frame_len, decoded_len, checksum });
            *offset = offset_after(*offset, frame_len, root_offset)?;
        }
        Ok(dictionaries)
    }

    fn take_key_pages(
        &self,
        fields: &mut Fields<'_>,
        offset: &mut u64,
        root_offset: u64,
    ) -> Result<Vec<KeyPageRef>, Problem> {
        let mut pages = Vec::new();
        let mut separator = Vec::new();
        let mut entries_sum = 0u64;
        let mut unfolded = 0usize;
        for number in 0..self.key_pages {
            let frame_len = page_frame_len(fields)?;
            let decoded_len = decoded_len(fields, "key page length")?;
            let checksum = fields.u32()?;
            let entries = fields.uvarint()?;
            if entries == 0 {
                return Err(Problem::Malformed("key page without any entry"));
            }
            entries_sum = sum(entries_sum, entries)?;
            let before = separator.clone();
            fields.shared_key(&mut separator, MAX_KEY_LEN)?;
            let ascending = if number == 0 { separator.is_empty() } else { before < separator };
            if !ascending {
                return Err(Problem::Malformed("separators are not in ascending order"));
            }
            unfolded += separator.len();
            if unfolded > MAX_SEPARATORS {
                return Err(Problem::Limit {
                    what: "length of all separators",
                    claimed: unfolded as u64,
                    limit: MAX_SEPARATORS as u64,
                });
            }
            pages.push(KeyPageRef {
                offset: *offset,
                frame_len,
                decoded_len,
                checksum,
                entries,
                separator: separator.clone(),
            });
            *offset = offset_after(*offset, frame_len, root_offset)?;
        }
        if entries_sum != self.blobs {
            return Err(Problem::Length { expected: self.blobs, actual: entries_sum });
        }
        Ok(pages)
    }
}

/// Adds up where the blocks of each page begin.
struct Places<'a> {
    root: &'a RootPreamble<'a>,
    frame: u64,
    stream: u64,
    /// Bytes of the pages' own frames.
    pages: u64,
}

impl Places<'_> {
    fn take_block_pages(
        &mut self,
        fields: &mut Fields<'_>,
        root_offset: u64,
    ) -> Result<Vec<BlockPageRef>, Problem> {
        let mut pages = Vec::new();
        let mut first_block = 0;
        for _ in 0..self.root.block_pages {
            let frame_len = page_frame_len(fields)?;
            let decoded_len = decoded_len(fields, "block page length")?;
            let checksum = fields.u32()?;
            let data_bytes = fields.uvarint()?;
            let stream_bytes = fields.uvarint()?;
            let count = (self.root.blocks - first_block).min(BLOCKS_PER_PAGE as u64);
            pages.push(BlockPageRef {
                offset: 0,
                frame_len,
                decoded_len,
                checksum,
                data_bytes,
                stream_bytes,
                first_block,
                count,
                first_frame_offset: self.frame,
                first_stream_offset: self.stream,
                dictionaries: 0,
            });
            first_block += count;
            self.pages = offset_after(self.pages, frame_len, root_offset)?;
            self.frame = sum(self.frame, data_bytes)?;
            self.stream = sum(self.stream, stream_bytes)?;
        }
        if self.stream != self.root.stream_len {
            return Err(Problem::Length { expected: self.root.stream_len, actual: self.stream });
        }
        Ok(pages)
    }
}

/// Where a page ends, which is not behind the root's beginning.
fn offset_after(offset: u64, frame_len: u64, root_offset: u64) -> Result<u64, Problem> {
    let end = sum(offset, frame_len)?;
    if end > root_offset {
        return Err(Problem::Length { expected: root_offset, actual: end });
    }
    Ok(end)
}

fn sum(a: u64, b: u64) -> Result<u64, Problem> {
    a.checked_add(b).ok_or(Problem::Malformed("lengths over 64 bits"))
}
