//! Turns encoded blocks and their entries into the bytes of one object.

use std::sync::Arc;

use bytes::Bytes;

use super::block::{EncodedBlock, Encoding};
use super::dictionary::Dictionary;
use super::key_index::KeySection;
use super::page::{PutPage, Section};
use crate::format::{
    BLOCKS_PER_PAGE, Binding, BlockPageRef, BlockPlace, DICTIONARIES, Descriptor, DictionaryRef, Kind, Root,
    Trailer,
};
use crate::{BatchId, BatchReceipt, CodecError, Payload};

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

/// What an object's pages are bound to.
pub(crate) fn binding(id: &BatchId, with_dictionaries: bool, encoding: &Encoding) -> Binding {
    Binding::new(&describe(id, with_dictionaries, encoding))
}

/// Seals frames and the pages of their keys under an identity.
pub(crate) fn seal(
    frames: &[EncodedBlock],
    keys: KeySection,
    added: u64,
    dictionaries: &[Arc<Dictionary>],
    id: &BatchId,
    object: String,
    encoding: &Encoding,
) -> Result<Sealed, CodecError> {
    let codec = &*encoding.codec;
    let descriptor = describe(id, !dictionaries.is_empty(), encoding);
    let header = descriptor.header();
    let binding = Binding::new(&descriptor);
    let blocks = places(frames, dictionaries, header.len() as u64, binding);
    let data_end = blocks.last().map_or(header.len() as u64, BlockPlace::frame_end);
    let stream_len = blocks.last().map_or(0, BlockPlace::stream_end);
    let section = || Section { codec, binding, bytes: Vec::new() };

    let (head, dictionaries) = put_dictionaries(section(), dictionaries, data_end)?;
    let keys_start = data_end + head.len() as u64;
    let keys_end = keys_start + keys.bytes.len() as u64;
    let mut key_pages = keys.pages;
    for page in &mut key_pages {
        page.offset += keys_start;
    }
    let (mut tail, block_pages) =
        put_block_pages(section(), &blocks, header.len() as u64, keys_end, dictionaries.len())?;
    let root = Root {
        descriptor,
        blobs: keys.blobs,
        blob_bytes: keys.blob_bytes,
        stream_len,
        blocks: blocks.len() as u64,
        block_pages,
        dictionaries,
        key_pages,
    };
    let root_offset = keys_end + tail.len() as u64;
    let root_frame = root.encode(codec)?;
    let trailer = Trailer::new(&root.descriptor, root_offset, &root_frame, &header);
    tail.extend_from_slice(&root_frame);
    tail.extend_from_slice(&trailer.encode());

    let receipt = BatchReceipt {
        object,
        id: id.clone(),
        codec: codec.id(),
        object_len: trailer.object_len,
        checksum: trailer.root_crc,
        blobs: root.blobs,
        blob_bytes: keys.blob_bytes,
        superseded: added - root.blobs,
        superseded_bytes: stream_len - root.blob_bytes,
        blocks: root.blocks,
        first_key: keys.first,
        last_key: keys.last,
        requests: 0,
    };
    let payload = std::iter::once(Bytes::from(header))
        .chain(frames.iter().map(|encoded| encoded.frame.bytes()))
        .chain([head, keys.bytes, tail].into_iter().filter(|bytes| !bytes.is_empty()).map(Bytes::from))
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

/// The dictionaries, from an offset on.
fn put_dictionaries(
    mut section: Section<'_>,
    dictionaries: &[Arc<Dictionary>],
    data_end: u64,
) -> Result<(Vec<u8>, Vec<DictionaryRef>), CodecError> {
    let mut put = Vec::new();
    for (number, dictionary) in dictionaries.iter().enumerate() {
        let offset = data_end + section.bytes.len() as u64;
        let PutPage { frame_len, checksum } = section.put(Kind::Dictionary, number, &dictionary.bytes)?;
        put.push(DictionaryRef { offset, frame_len, decoded_len: dictionary.bytes.len(), checksum });
    }
    Ok((section.bytes, put))
}

/// Where the blocks stand, in pages from an offset on.
fn put_block_pages(
    mut section: Section<'_>,
    blocks: &[BlockPlace],
    header_len: u64,
    start: u64,
    dictionaries: usize,
) -> Result<(Vec<u8>, Vec<BlockPageRef>), CodecError> {
    let mut pages = Vec::new();
    let mut first_frame_offset = header_len;
    let mut first_stream_offset = 0;
    for (number, blocks) in blocks.chunks(BLOCKS_PER_PAGE).enumerate() {
        let mut content = Vec::new();
        for block in blocks {
            block.put(&mut content, dictionaries > 0);
        }
        let offset = start + section.bytes.len() as u64;
        let put = section.put(Kind::BlockPage, number, &content)?;
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
    Ok((section.bytes, pages))
}
