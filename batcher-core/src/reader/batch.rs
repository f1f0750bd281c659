//! An opened object of the container format: its root, and the way from a key to a blob's blocks.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::dictionaries::Dictionary;
use super::object::Object;
use super::pages::Kept;
use super::pipeline::guarded;
use super::plan::{Joined, Place, join};
use super::{ReadError, ReadErrorKind};
use crate::executor::hand_over;
use crate::format::{
    Binding, BlockPage, BlockPlace, DICTIONARIES, FORMAT_VERSION, KeyPage, MAX_BLOCK_LEN, Problem, Root,
    Section, Trailer, crc, same,
};
use crate::waiter::Answer;
use crate::{Codec, CodecId, CodecRegistry, Executor};

/// The root, and a few decoded pages.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) root: Arc<Root>,
    pub(crate) trailer: Trailer,
    pub(crate) codec: Arc<dyn Codec>,
    pub(crate) binding: Binding,
    pub(super) key_pages: Kept<KeyPage>,
    pub(super) block_pages: Kept<BlockPage>,
    pub(super) dictionaries: Kept<Dictionary>,
}

impl Batch {
    /// Reads the root of an object that ends with this trailer, and whose length is the one that the trailer states where the
    /// version is ours.
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
        if descriptor.codec == CodecId::LZ4_BLOCK {
            // Its frames do not say where they end; it is registered for the starting point's objects.
            return Err(object.error(ReadErrorKind::UnknownCodec(descriptor.codec)));
        }
        let codec = codecs
            .decoder(descriptor.codec, &descriptor.params)
            .map_err(|error| object.error(ReadErrorKind::CodecParams(error)))?
            .ok_or_else(|| object.error(ReadErrorKind::UnknownCodec(descriptor.codec)))?;
        let root = Arc::new(guarded(|| preamble.finish(&*codec, root_offset)).map_err(at_root)?);
        let binding = Binding::new(&root.descriptor);
        Ok(Self {
            root,
            trailer,
            codec,
            binding,
            key_pages: Kept::default(),
            block_pages: Kept::default(),
            dictionaries: Kept::default(),
        })
    }

    /// The number of the page that holds a key, where any does.
    pub(super) fn page_of(&self, key: &str) -> Option<usize> {
        let pages = &self.root.key_pages;
        pages.partition_point(|page| page.separator.as_slice() <= key.as_bytes()).checked_sub(1)
    }

    /// The pages of blocks that hold a range of the stream.
    pub(super) fn block_pages_of(&self, stream: &Range<u64>) -> Range<usize> {
        let pages = &self.root.block_pages;
        let first =
            pages.partition_point(|page| page.first_stream_offset + page.stream_bytes <= stream.start);
        let end = pages.partition_point(|page| page.first_stream_offset < stream.end);
        if stream.is_empty() { first..first } else { first..end }
    }

    /// All blocks, those of a few pages at a time: an object of terabytes has millions.
    ///
    /// No read is left under way when some are answered: while they are read, nobody asks for more, and a store that takes
    /// only so many requests would wait for that one for ever.
    pub(super) fn all_blocks<'a>(
        &'a self,
        object: &'a Object,
        keep: bool,
    ) -> BoxStream<'a, Result<Joined<BlockPlace>, ReadError>> {
        let reads = self.page_reads::<BlockPage>(object, 0..self.root.block_pages.len());
        stream::iter(reads)
            .then(move |read| {
                let numbers = read.places.into_iter().map(|place| place.number).collect();
                self.pages::<BlockPage>(object, numbers, keep).try_collect::<Vec<_>>()
            })
            .map_ok(move |pages| {
                let blocks =
                    move |(_, page): (usize, Arc<BlockPage>)| join(page.blocks().iter().copied(), object);
                stream::iter(pages.into_iter().flat_map(blocks)).map(Ok)
            })
            .try_flatten()
            .boxed()
    }

    /// Refuses a frame that is longer than any of its content, so that no read is longer than what it can be good for.
    pub(super) fn check_frame_len(&self, object: &Object, place: &impl Place) -> Result<(), ReadError> {
        let range = place.range();
        let limit = (self.codec.max_frame_len(place.decoded_len()) + place.head_len()) as u64;
        let claimed = range.end - range.start;
        if claimed > limit {
            let problem = Problem::Limit { what: "frame length", claimed, limit };
            return Err(object.corrupt(problem.at(place.section(), range.start)));
        }
        Ok(())
    }
}

/// A root holds at most a directory that decodes to 64 MiB, in a frame hardly longer than that.
const MAX_ROOT_LEN: u64 = 2 * MAX_BLOCK_LEN as u64;

/// Runs a piece of work on the executor; `None` where the executor dropped it. It calls no code but ours: where it panics, so does this.
pub(super) async fn run<T: Send + 'static>(
    executor: &Arc<dyn Executor>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (answer, answered) = Answer::channel();
    hand_over(&**executor, move || answer.give(catch_unwind(AssertUnwindSafe(work))));
    answered.await.ok().map(|worked| worked.unwrap_or_else(|panic| resume_unwind(panic)))
}
