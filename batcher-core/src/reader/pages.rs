//! Pages of the index: read together, decoded on the executor, and the last few of them kept.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::{self, BoxStream, StreamExt};

use super::ReadError;
use super::batch::Batch;
use super::buffers::Buffers;
use super::object::Object;
use super::pipeline::{Begin, Decoding, Pipeline};
use super::plan::{Joined, PagePlace, join};
use super::read_ahead::ReadAhead;
use super::read_plan::ObjectPart;
use crate::Codec;
use crate::format::{Binding, BlockPage, KeyPage, Kind, Problem, Root, Section, skippable_payload};

/// Bytes of pages of each kind, as their frames decode, that are kept (of dictionaries with what their decoders take); the page used last always is.
const KEPT_LEN: usize = 4 << 20;

/// A kind of page.
pub(super) trait Page: Sized + Send + Sync + 'static {
    const KIND: Kind;
    const PART: ObjectPart;

    fn place(root: &Root, number: usize) -> PagePlace;

    /// Checks and reads what a page's frame decodes to.
    fn decode(content: &[u8], root: &Root, codec: &dyn Codec, number: usize) -> Result<Self, Problem>;

    fn kept(batch: &Batch) -> &Kept<Self>;

    /// About how many bytes a page is counted as where it is kept.
    fn kept_len(place: &PagePlace) -> usize {
        place.decoded_len
    }
}

impl Page for KeyPage {
    const KIND: Kind = Kind::KeyPage;
    const PART: ObjectPart = ObjectPart::KeyPages;

    fn place(root: &Root, number: usize) -> PagePlace {
        let page = &root.key_pages[number];
        PagePlace {
            section: Section::KeyPage(number as u64),
            number,
            range: page.offset..page.offset + page.frame_len,
            decoded_len: page.decoded_len,
            checksum: page.checksum,
        }
    }

    fn decode(content: &[u8], root: &Root, _codec: &dyn Codec, number: usize) -> Result<Self, Problem> {
        let page = &root.key_pages[number];
        let next = root.key_pages.get(number + 1).map(|page| page.separator.as_slice());
        Self::decode(content, page.entries, &page.separator, next, root.stream_len)
    }

    fn kept(batch: &Batch) -> &Kept<Self> {
        &batch.key_pages
    }
}

impl Page for BlockPage {
    const KIND: Kind = Kind::BlockPage;
    const PART: ObjectPart = ObjectPart::BlockPages;

    fn place(root: &Root, number: usize) -> PagePlace {
        let page = &root.block_pages[number];
        PagePlace {
            section: Section::BlockPage(number as u64),
            number,
            range: page.offset..page.offset + page.frame_len,
            decoded_len: page.decoded_len,
            checksum: page.checksum,
        }
    }

    fn decode(content: &[u8], root: &Root, _codec: &dyn Codec, number: usize) -> Result<Self, Problem> {
        Self::decode(content, &root.block_pages[number])
    }

    fn kept(batch: &Batch) -> &Kept<Self> {
        &batch.block_pages
    }
}

impl Batch {
    /// Pages of these numbers, which ascend: those that are kept at the call, and all others in as few reads as there can be. Where
    /// only a few are wanted they should be `keep`-t for the next call.
    pub(super) fn pages<'a, T: Page>(
        &'a self,
        object: &'a Object,
        numbers: Vec<usize>,
        keep: bool,
    ) -> BoxStream<'a, Result<(usize, Arc<T>), ReadError>> {
        let wanted: Vec<_> = numbers.into_iter().map(|number| (number, T::kept(self).get(number))).collect();
        let missing = wanted.iter().filter(|(_, kept)| kept.is_none()).map(|(number, _)| *number);
        let planned = self.page_reads::<T>(object, missing);
        let decoding = PageDecoding::<T> {
            root: Arc::clone(&self.root),
            codec: Arc::clone(&self.codec),
            binding: self.binding,
            buffers: Arc::clone(&object.buffers),
            page: std::marker::PhantomData,
        };
        let read = Pipeline::new(object, ReadAhead::of(object, self, planned), decoding);
        stream::unfold((wanted.into_iter(), read), move |(mut wanted, mut read)| async move {
            let (number, kept) = wanted.next()?;
            let page = match kept {
                Some(page) => Ok((number, page)),
                None => read.next().await?.map(|page| {
                    let page = Arc::new(page);
                    if keep {
                        T::kept(self).keep(number, T::kept_len(&T::place(&self.root, number)), &page);
                    }
                    (number, page)
                }),
            };
            Some((page, (wanted, read)))
        })
        .boxed()
    }

    /// The reads that get pages of these numbers.
    pub(super) fn page_reads<T: Page>(
        &self,
        object: &Object,
        numbers: impl IntoIterator<Item = usize>,
    ) -> Vec<Joined<PagePlace>> {
        join(numbers.into_iter().map(|number| T::place(&self.root, number)), object)
    }
}

struct PageDecoding<T> {
    root: Arc<Root>,
    codec: Arc<dyn Codec>,
    binding: Binding,
    buffers: Arc<Buffers>,
    page: std::marker::PhantomData<fn() -> T>,
}

impl<T: Page> Decoding for PageDecoding<T> {
    type Place = PagePlace;
    type Output = T;
    // Entries take about ten times as long as as many bytes of a block. Four pages of a batch of not too many keys.
    const JOB_LEN: usize = 64 << 10;

    fn begin(&mut self, place: &PagePlace, _idle: bool) -> Begin<T> {
        let (root, codec, binding) = (Arc::clone(&self.root), Arc::clone(&self.codec), self.binding);
        let (buffers, place) = (Arc::clone(&self.buffers), place.clone());
        Begin::Work(Box::new(move |frame| {
            binding.check(T::KIND, place.number as u64, &frame, place.checksum)?;
            let mut content = buffers.take(place.decoded_len);
            codec.decode(skippable_payload(&frame)?, &mut content[..place.decoded_len])?;
            let page = T::decode(&content[..place.decoded_len], &root, &*codec, place.number);
            buffers.give_back(content);
            page
        }))
    }
}

/// The pages used last, newest first.
#[derive(Debug)]
pub(super) struct Kept<T> {
    pages: Mutex<Vec<KeptPage<T>>>,
}

#[derive(Debug)]
struct KeptPage<T> {
    number: usize,
    len: usize,
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

    fn keep(&self, number: usize, len: usize, page: &Arc<T>) {
        let mut pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        pages.retain(|kept| kept.number != number);
        pages.insert(0, KeptPage { number, len, page: Arc::clone(page) });
        while pages.len() > 1 && pages.iter().map(|kept| kept.len).sum::<usize>() > KEPT_LEN {
            pages.pop();
        }
    }

    /// Which of these pages are not kept, without counting as use.
    pub(super) fn missing(&self, numbers: &[usize]) -> Vec<usize> {
        let pages = self.pages.lock().unwrap_or_else(PoisonError::into_inner);
        let is_kept = |number: &usize| pages.iter().any(|kept| kept.number == *number);
        numbers.iter().copied().filter(|number| !is_kept(number)).collect()
    }
}
