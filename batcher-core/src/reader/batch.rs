//! An opened object of the container format: its root, and the way from a key to a blob's blocks.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use futures_channel::oneshot;

use super::dictionaries::Dictionaries;
use super::object::Object;
use super::{ReadError, ReadErrorKind};
use crate::format::{
    Binding, BlockPage, BlockPlace, Corruption, DICTIONARIES, FORMAT_VERSION, KeyEntry, KeyPage, Kind,
    MAX_BLOCK_LEN, Problem, Root, Section, Trailer, crc, same, skippable_payload,
};
use crate::{Codec, CodecRegistry, Executor};

/// Bytes of pages of each kind, as their frames decode, that are kept; the page used last always is.
const KEPT_LEN: usize = 4 << 20;

/// The root, and a few decoded pages.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) root: Root,
    pub(crate) trailer: Trailer,
    pub(crate) codec: Arc<dyn Codec>,
    pub(crate) binding: Binding,
    key_pages: Kept<KeyPage>,
    block_pages: Kept<BlockPage>,
    pub(super) dictionaries: Dictionaries,
}

impl Batch {
    /// Reads the root of an object that ends with this trailer.
    pub(crate) async fn open(
        object: &Object,
        trailer: Trailer,
        codecs: &CodecRegistry,
    ) -> Result<Self, ReadError> {
        let trailer_offset = object.len - Trailer::LEN as u64;
        let at_trailer = |problem: Problem| object.corrupt(problem.at(Section::Trailer, trailer_offset));
        if trailer.version != FORMAT_VERSION {
            return Err(object.error(ReadErrorKind::UnsupportedVersion { found: trailer.version.into() }));
        }
        let unknown = trailer.required_features & !DICTIONARIES;
        if unknown != 0 {
            return Err(object.error(ReadErrorKind::UnsupportedFeatures { unknown }));
        }
        if trailer.object_len != object.len {
            return Err(at_trailer(Problem::Length { expected: trailer.object_len, actual: object.len }));
        }
        let root_len =
            trailer.root_len().ok_or_else(|| at_trailer(Problem::Malformed("root outside the object")))?;
        if root_len > MAX_ROOT_LEN {
            return Err(at_trailer(Problem::Limit {
                what: "root length",
                claimed: root_len,
                limit: MAX_ROOT_LEN,
            }));
        }
        let root_offset = trailer.root_offset;
        let at_root = |problem: Problem| object.corrupt(problem.at(Section::Root, root_offset));
        let frame = object.read(root_offset..trailer_offset).await?;
        same(trailer.root_crc, crc(&frame)).map_err(at_root)?;
        let preamble = Root::preamble(&frame).map_err(at_root)?;
        let descriptor = &preamble.descriptor;
        if (descriptor.required_features, descriptor.optional_features)
            != (trailer.required_features, trailer.optional_features)
        {
            return Err(at_root(Problem::Malformed("features differ from the trailer's")));
        }
        same(trailer.header_crc, crc(&descriptor.header())).map_err(at_root)?;
        let codec = codecs
            .decoder(descriptor.codec, &descriptor.params)
            .map_err(|error| object.error(ReadErrorKind::CodecParams(error)))?
            .ok_or_else(|| object.error(ReadErrorKind::UnknownCodec(descriptor.codec)))?;
        let root = preamble.finish(&*codec, root_offset).map_err(at_root)?;
        let binding = Binding::new(&root.descriptor);
        Ok(Self {
            root,
            trailer,
            codec,
            binding,
            key_pages: Kept::default(),
            block_pages: Kept::default(),
            dictionaries: Dictionaries::default(),
        })
    }

    /// The place of a key's blob in the stream.
    pub(crate) async fn find(&self, object: &Object, key: &str) -> Result<Option<KeyEntry>, ReadError> {
        let after = self.root.key_pages.partition_point(|page| page.separator.as_slice() <= key.as_bytes());
        match after.checked_sub(1) {
            Some(number) => Ok(self.key_page(object, number).await?.find(key)),
            None => Ok(None),
        }
    }

    /// The key page of this number.
    pub(crate) async fn key_page(&self, object: &Object, number: usize) -> Result<Arc<KeyPage>, ReadError> {
        if let Some(page) = self.key_pages.get(number) {
            return Ok(page);
        }
        let page = &self.root.key_pages[number];
        let section = Section::KeyPage(number as u64);
        let frame = self.page_frame(object, section, page.offset, page.frame_len, page.decoded_len).await?;
        let next = self.root.key_pages.get(number + 1).map(|page| page.separator.as_slice());
        let decode = || {
            self.binding.check(Kind::KeyPage, number as u64, &frame, page.checksum)?;
            let content = self.decode_page(&frame, page.decoded_len)?;
            KeyPage::decode(&content, page.entries, &page.separator, next, self.root.stream_len)
        };
        let decoded = decode().map_err(|problem| object.corrupt(problem.at(section, page.offset)))?;
        Ok(self.key_pages.keep(number, page.decoded_len, decoded))
    }

    /// The block page of this number.
    pub(crate) async fn block_page(
        &self,
        object: &Object,
        number: usize,
    ) -> Result<Arc<BlockPage>, ReadError> {
        if let Some(page) = self.block_pages.get(number) {
            return Ok(page);
        }
        let page = &self.root.block_pages[number];
        let section = Section::BlockPage(number as u64);
        let frame = self.page_frame(object, section, page.offset, page.frame_len, page.decoded_len).await?;
        let decode = || {
            self.binding.check(Kind::BlockPage, number as u64, &frame, page.checksum)?;
            BlockPage::decode(&self.decode_page(&frame, page.decoded_len)?, page)
        };
        let decoded = decode().map_err(|problem| object.corrupt(problem.at(section, page.offset)))?;
        Ok(self.block_pages.keep(number, page.decoded_len, decoded))
    }

    pub(super) async fn page_frame(
        &self,
        object: &Object,
        section: Section,
        offset: u64,
        frame_len: u64,
        decoded_len: usize,
    ) -> Result<bytes::Bytes, ReadError> {
        // What a frame of that content can take at most, so that no read is longer than what it can be good for.
        let limit = self.codec.max_frame_len(decoded_len) as u64 + 8;
        if frame_len > limit {
            let problem = Problem::Limit { what: "page frame length", claimed: frame_len, limit };
            return Err(object.corrupt(problem.at(section, offset)));
        }
        object.read(offset..offset + frame_len).await
    }

    pub(super) fn decode_page(&self, frame: &[u8], decoded_len: usize) -> Result<Vec<u8>, Problem> {
        let mut content = vec![0; decoded_len];
        self.codec.decode(skippable_payload(frame)?, &mut content)?;
        Ok(content)
    }

    /// The blocks that hold a range of the stream, in order.
    pub(crate) async fn blocks(
        &self,
        object: &Object,
        stream: Range<u64>,
    ) -> Result<Vec<BlockPlace>, ReadError> {
        let mut places = Vec::new();
        if stream.is_empty() {
            return Ok(places);
        }
        let pages = &self.root.block_pages;
        let first =
            pages.partition_point(|page| page.first_stream_offset + page.stream_bytes <= stream.start);
        for (number, reference) in pages.iter().enumerate().skip(first) {
            if reference.first_stream_offset >= stream.end {
                break;
            }
            let page = self.block_page(object, number).await?;
            let blocks = page.blocks();
            let from = blocks.partition_point(|block| block.stream_end() <= stream.start);
            let to = blocks.partition_point(|block| block.stream_offset < stream.end);
            places.extend_from_slice(&blocks[from..to]);
        }
        Ok(places)
    }

    /// Checks and decodes one block's frame, on the executor.
    pub(crate) async fn decode_block(
        &self,
        object: &Object,
        place: BlockPlace,
        codec: Arc<dyn Codec>,
        frame: bytes::Bytes,
    ) -> Result<bytes::Bytes, ReadError> {
        let binding = self.binding;
        let decoded = run(&object.options.executor, move || {
            binding.check(Kind::Block, place.number, &frame, place.checksum)?;
            let mut block = vec![0; place.block_len];
            codec.decode(&frame, &mut block)?;
            Ok(bytes::Bytes::from(block))
        })
        .await
        .ok_or_else(|| object.error(ReadErrorKind::Abandoned))?;
        decoded.map_err(|problem: Problem| object.corrupt(at_block(problem, &place)))
    }

    /// Refuses a block whose frame is longer than any frame of its content.
    pub(crate) fn check_frame_len(&self, object: &Object, place: &BlockPlace) -> Result<(), ReadError> {
        let limit = self.codec.max_frame_len(place.block_len) as u64;
        if place.frame_len > limit {
            let problem = Problem::Limit { what: "frame length", claimed: place.frame_len, limit };
            return Err(object.corrupt(at_block(problem, place)));
        }
        Ok(())
    }
}

/// A root holds at most a directory that decodes to 64 MiB, in a frame hardly longer than that.
const MAX_ROOT_LEN: u64 = 2 * MAX_BLOCK_LEN as u64;

fn at_block(problem: Problem, place: &BlockPlace) -> Corruption {
    problem.at(Section::Block(place.number), place.frame_offset)
}

/// Runs a piece of work on the executor; `None` where the executor dropped it, or it panicked.
async fn run<T: Send + 'static>(
    executor: &Arc<dyn Executor>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (answer, answered) = oneshot::channel();
    executor.execute(Box::new(move || {
        // Nobody waits any longer where the reading future was dropped.
        let _ = answer.send(work());
    }));
    answered.await.ok()
}

/// The pages used last, newest first.
#[derive(Debug)]
struct Kept<T> {
    pages: Mutex<Vec<KeptPage<T>>>,
}

#[derive(Debug)]
struct KeptPage<T> {
    number: usize,
    decoded_len: usize,
    page: Arc<T>,
}

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self { pages: Mutex::default() }
    }
}

impl<T> Kept<T> {
    fn get(&self, number: usize) -> Option<Arc<T>> {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let index = pages.iter().position(|kept| kept.number == number)?;
        let page = pages.remove(index);
        let found = Arc::clone(&page.page);
        pages.insert(0, page);
        Some(found)
    }

    fn keep(&self, number: usize, decoded_len: usize, page: T) -> Arc<T> {
        let page = Arc::new(page);
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.retain(|kept| kept.number != number);
        pages.insert(0, KeptPage { number, decoded_len, page: Arc::clone(&page) });
        while pages.len() > 1 && pages.iter().map(|kept| kept.decoded_len).sum::<usize>() > KEPT_LEN {
            pages.pop();
        }
        page
    }
}
