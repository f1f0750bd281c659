//! Turns encoded blocks and their entries into the bytes of one object.

use std::sync::Arc;

use bytes::Bytes;

use super::block::{EncodedBlock, Encoding};
use super::dictionary::Dictionary;
use super::run::{Indexed, LaneRuns, SortedRun, live};
use crate::codec::append_frame;
use crate::format::{
    BLOCKS_PER_PAGE, Binding, BlockPageRef, BlockPlace, DICTIONARIES, Descriptor, DictionaryRef, KeyEntry,
    KeyPageBuilder, KeyPageRef, Kind, Root, SKIPPABLE_HEAD, Trailer, finish_skippable, shared_len,
};
use crate::{BatchId, BatchReceipt, Codec, CodecError, Payload};

/// Bytes before compression to which a key page is filled at least.
const KEY_PAGE_LEN: usize = 16 * 1024;

/// Key pages in large batches are larger, so that there are about this many of them: their separators, one a page, have to
/// fit into the first read.
const KEY_PAGES: usize = 512;

/// The longest that a key page may grow, so that with one more entry it stays below what readers accept.
const MAX_KEY_PAGE_LEN: usize = 32 * 1024 * 1024;

/// About what an entry takes when most of its key is shared.
const TYPICAL_ENTRY_LEN: usize = 8;

/// Entries that a page has at least, however long its keys: their separators, one a page, must not outgrow the directory.
const MIN_PAGE_ENTRIES: u64 = 128;

/// Bytes of keys in full at which a page ends, however much of them is shared and so cut.
const UNFOLDED_LEN: usize = 16 * 1024 * 1024;

/// An object that is ready to be put: the same bytes every time.
#[derive(Debug)]
pub(crate) struct Sealed {
    pub(crate) payload: Payload,
    /// All of the receipt but the requests, which are still to be made.
    pub(crate) receipt: BatchReceipt,
}

fn describe(id: &BatchId, with_dictionaries: bool, encoding: &Encoding) -> Descriptor {
    Descriptor {
        codec: encoding.codec.id(),
        required_features: if with_dictionaries { DICTIONARIES } else { 0 },
        optional_features: 0,
        epoch: id.epoch,
        part: id.part,
        writer: id.writer.clone(),
        params: encoding.params.clone(),
    }
}

/// The first bytes of the object of this identity.
pub(crate) fn header(id: &BatchId, with_dictionaries: bool, encoding: &Encoding) -> Bytes {
    Bytes::from(describe(id, with_dictionaries, encoding).header())
}

/// Seals frames under an identity. Sorts what is not sorted yet, and else leaves the entries as they are.
pub(crate) fn seal(
    lanes: &[LaneRuns],
    blobs: u64,
    frames: &[EncodedBlock],
    dictionaries: &[Arc<Dictionary>],
    id: &BatchId,
    object: String,
    encoding: &Encoding,
) -> Result<Sealed, CodecError> {
    let codec = &*encoding.codec;
    let descriptor = describe(id, !dictionaries.is_empty(), encoding);
    let header = descriptor.header();
    let mut tail = Tail { codec, binding: Binding::new(&descriptor), bytes: Vec::new() };
    let blocks = places(frames, dictionaries, header.len() as u64, tail.binding);
    let data_end = blocks.last().map_or(header.len() as u64, BlockPlace::frame_end);
    let stream_len = blocks.last().map_or(0, BlockPlace::stream_end);

    let dictionaries = tail.put_dictionaries(dictionaries, data_end)?;
    let runs: Vec<(SortedRun<'_>, &[u32])> = lanes
        .iter()
        .flat_map(|lane| lane.runs.iter().map(|run| (run.sorted(), lane.numbers.as_slice())))
        .collect();
    let live = live(runs.iter().map(|(run, numbers)| (run, *numbers)));
    let keys = tail.put_key_pages(live, blobs, &blocks, data_end)?;
    let block_pages = tail.put_block_pages(&blocks, header.len() as u64, data_end, dictionaries.len())?;
    let root = Root {
        descriptor,
        blobs: keys.blobs,
        blob_bytes: keys.blob_bytes,
        stream_len,
        blocks: blocks.len() as u64,
        block_pages,
        dictionaries,
        key_pages: keys.pages,
    };
    let root_offset = data_end + tail.bytes.len() as u64;
    let root_frame = root.encode(codec)?;
    let trailer = Trailer::new(&root.descriptor, root_offset, &root_frame, &header);
    let mut index = tail.bytes;
    index.extend_from_slice(&root_frame);
    index.extend_from_slice(&trailer.encode());

    let receipt = BatchReceipt {
        object,
        id: id.clone(),
        codec: codec.id(),
        object_len: trailer.object_len,
        checksum: trailer.root_crc,
        blobs: root.blobs,
        blob_bytes: keys.blob_bytes,
        superseded: blobs - root.blobs,
        superseded_bytes: stream_len - root.blob_bytes,
        blocks: root.blocks,
        first_key: keys.first,
        last_key: keys.last,
        requests: 0,
    };
    let payload = std::iter::once(Bytes::from(header))
        .chain(frames.iter().map(|encoded| encoded.frame.bytes()))
        .chain([Bytes::from(index)])
        .collect();
    Ok(Sealed { payload, receipt })
}

/// Where each block stands, and its checksum bound to that place.
fn places(
    frames: &[EncodedBlock],
    dictionaries: &[Arc<Dictionary>],
    header_len: u64,
    binding: Binding,
) -> Vec<BlockPlace> {
    let (mut frame_offset, mut stream_offset) = (header_len, 0);
    (0..)
        .zip(frames)
        .map(|(number, encoded)| {
            let frame_len = encoded.frame.len();
            let place = BlockPlace {
                number,
                frame_offset,
                frame_len: frame_len as u64,
                stream_offset,
                block_len: encoded.block_len,
                checksum: binding.of_summed(Kind::Block, number, encoded.frame_crc, frame_len),
                dictionary: encoded.dictionary.as_ref().and_then(|needed| {
                    dictionaries.iter().position(|dictionary| Arc::ptr_eq(dictionary, needed))
                }),
            };
            frame_offset = place.frame_end();
            stream_offset = place.stream_end();
            place
        })
        .collect()
}

/// The pages between the last data frame and the root.
struct Tail<'a> {
    codec: &'a dyn Codec,
    binding: Binding,
    bytes: Vec<u8>,
}

/// All key pages, and what was counted on the way.
#[derive(Default)]
struct KeySection {
    pages: Vec<KeyPageRef>,
    blobs: u64,
    blob_bytes: u64,
    first: String,
    last: String,
}

/// A key as it was added: keys come in as strings.
fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

/// A page that was put: its frame's length and checksum.
struct PutPage {
    frame_len: u64,
    checksum: u32,
}

impl Tail<'_> {
    fn put_page(&mut self, kind: Kind, number: usize, content: &[u8]) -> Result<PutPage, CodecError> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; SKIPPABLE_HEAD]);
        append_frame(self.codec, content, &mut self.bytes)?;
        let frame = &mut self.bytes[start..];
        finish_skippable(frame)?;
        Ok(PutPage { frame_len: frame.len() as u64, checksum: self.binding.of(kind, number as u64, frame) })
    }

    fn put_dictionaries(
        &mut self,
        dictionaries: &[Arc<Dictionary>],
        data_end: u64,
    ) -> Result<Vec<DictionaryRef>, CodecError> {
        let mut put = Vec::new();
        for (number, dictionary) in dictionaries.iter().enumerate() {
            let offset = data_end + self.bytes.len() as u64;
            let PutPage { frame_len, checksum } =
                self.put_page(Kind::Dictionary, number, &dictionary.bytes)?;
            put.push(DictionaryRef { offset, frame_len, decoded_len: dictionary.bytes.len(), checksum });
        }
        Ok(put)
    }

    /// Of entries in the order of their keys, out of so many that were added.
    fn put_key_pages<'a>(
        &mut self,
        live: impl Iterator<Item = Indexed<'a>>,
        added: u64,
        blocks: &[BlockPlace],
        data_end: u64,
    ) -> Result<KeySection, CodecError> {
        let stream_len = blocks.last().map_or(0, BlockPlace::stream_end);
        let place = |entry: &Indexed<'_>| KeyEntry {
            offset: blocks
                .get(entry.block as usize)
                .map_or(stream_len, |block| block.stream_offset + u64::from(entry.start)),
            len: entry.len,
        };
        let added = usize::try_from(added).unwrap_or(usize::MAX);
        let page_len =
            (added.saturating_mul(TYPICAL_ENTRY_LEN) / KEY_PAGES).clamp(KEY_PAGE_LEN, MAX_KEY_PAGE_LEN);
        let mut section = KeySection::default();
        let mut builder = KeyPageBuilder::default();
        let mut separator = Vec::new();
        let mut unfolded = 0;
        let mut live = live.peekable();
        while let Some(entry) = live.next() {
            let key = entry.key;
            if section.blobs == 0 {
                section.first = text(key);
            }
            builder.push(key, place(&entry));
            unfolded += key.len();
            section.blobs += 1;
            section.blob_bytes += entry.len;
            let next = live.peek().map(|next| next.key);
            let full = builder.len() >= page_len && builder.entries() >= MIN_PAGE_ENTRIES;
            if !full && unfolded < UNFOLDED_LEN && next.is_some() {
                continue;
            }
            let count = builder.entries();
            let content = builder.take();
            let offset = data_end + self.bytes.len() as u64;
            let put = self.put_page(Kind::KeyPage, section.pages.len(), &content)?;
            section.pages.push(KeyPageRef {
                offset,
                frame_len: put.frame_len,
                decoded_len: content.len(),
                checksum: put.checksum,
                entries: count,
                separator: std::mem::take(&mut separator),
            });
            unfolded = 0;
            match next {
                // The shortest prefix of the next key that is greater than this one.
                Some(next) => separator = next[..=shared_len(key, next)].to_vec(),
                None => section.last = text(key),
            }
        }
        Ok(section)
    }

    fn put_block_pages(
        &mut self,
        blocks: &[BlockPlace],
        header_len: u64,
        data_end: u64,
        dictionaries: usize,
    ) -> Result<Vec<BlockPageRef>, CodecError> {
        let mut pages = Vec::new();
        let mut first_frame_offset = header_len;
        let mut first_stream_offset = 0;
        for (number, blocks) in blocks.chunks(BLOCKS_PER_PAGE).enumerate() {
            let mut content = Vec::new();
            for block in blocks {
                block.put(&mut content, dictionaries > 0);
            }
            let offset = data_end + self.bytes.len() as u64;
            let put = self.put_page(Kind::BlockPage, number, &content)?;
            let frame_end = blocks.last().map_or(first_frame_offset, BlockPlace::frame_end);
            let stream_end = blocks.last().map_or(first_stream_offset, BlockPlace::stream_end);
            pages.push(BlockPageRef {
                offset,
                frame_len: put.frame_len,
                decoded_len: content.len(),
                checksum: put.checksum,
                data_bytes: frame_end - first_frame_offset,
                stream_bytes: stream_end - first_stream_offset,
                first_block: (number * BLOCKS_PER_PAGE) as u64,
                count: blocks.len() as u64,
                first_frame_offset,
                first_stream_offset,
                dictionaries,
            });
            (first_frame_offset, first_stream_offset) = (frame_end, stream_end);
        }
        Ok(pages)
    }
}
