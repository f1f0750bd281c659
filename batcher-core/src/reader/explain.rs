//! What a call will read, before it does.

use std::ops::Range;

use futures_util::stream::TryStreamExt;

use super::assembly::BLOCK_JOB_LEN;
use super::batch::Batch;
use super::dictionaries::{Dictionary, dictionaries_of};
use super::index::{Index, IndexEntry};
use super::pages::Page;
use super::plan::{Joined, Place, join};
use super::read_plan::{ObjectPart, PlannedRequest, ReadPlan};
use super::{BatchReader, Content, ReadError};
use crate::format::{BlockPage, BlockPlace, KeyPage};

impl BatchReader {
    /// What [`get`](Self::get) will read for this key.
    ///
    /// Explaining reads pages of the index where they are not at hand, and no data. They are kept as far as about 4 MiB of
    /// each kind go: the plan is that of a call made next, with no other in between.
    ///
    /// ```
    /// use batcher_core::{BatchReader, ReadError};
    ///
    /// async fn is_cheap(reader: &BatchReader, key: &str) -> Result<bool, ReadError> {
    ///     let plan = reader.explain_get(key).await?;
    ///     println!("{plan:#}");
    ///     Ok(plan.requests.len() <= 1 && plan.read_bytes() < 1 << 20)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), as far as it concerns the index.
    pub async fn explain_get(&self, key: &str) -> Result<ReadPlan, ReadError> {
        self.explain_get_many(&[key]).await
    }

    /// What [`get_many`](Self::get_many) will read for these keys; as to what is read for that, see
    /// [`explain_get`](Self::explain_get).
    ///
    /// # Errors
    ///
    /// As [`get_many`](Self::get_many), as far as it concerns the index.
    pub async fn explain_get_many<K: AsRef<str> + Sync>(&self, keys: &[K]) -> Result<ReadPlan, ReadError> {
        let batch = match &self.content {
            Content::Batch(batch) => batch,
            Content::Legacy(legacy) => {
                let lens =
                    keys.iter().filter_map(|key| legacy.get(key.as_ref())).map(|blob| blob.len() as u64);
                return Ok(lens.fold(ReadPlan::default(), ReadPlan::with_blob));
            }
        };
        let found = self.find(batch, keys).await?;
        let index = Index::of(found);
        let entries = index.entries();
        let places = self.blocks(batch, entries, |number| keys[number].as_ref()).await?;
        let mut plan =
            entries.iter().map(|found| found.entry.len).fold(ReadPlan::default(), ReadPlan::with_blob);
        let mut key_pages: Vec<_> = keys.iter().filter_map(|key| batch.page_of(key.as_ref())).collect();
        key_pages.sort_unstable();
        key_pages.dedup();
        plan.add_pages::<KeyPage>(self, batch, &key_pages);
        plan.add_pages::<BlockPage>(self, batch, &batch.block_pages_of_all(entries));
        let dictionaries = dictionaries_of(&places);
        plan.add_pages::<Dictionary>(self, batch, &dictionaries);
        let reads = join(places, &self.object);
        plan.memory = self.memory_for(&reads).saturating_add(batch.decoder_bytes(&dictionaries));
        plan.add_blocks(self, &reads);
        Ok(plan)
    }

    /// What [`blobs`](Self::blobs) will read; as to what is read for that, see [`explain_get`](Self::explain_get): all pages of
    /// blocks, about ten bytes for each block, and none of keys.
    ///
    /// # Errors
    ///
    /// [`ReadError`].
    pub async fn explain_blobs(&self) -> Result<ReadPlan, ReadError> {
        let summary = self.summary();
        let mut plan =
            ReadPlan { blobs: summary.blobs, blob_bytes: summary.blob_bytes, ..ReadPlan::default() };
        let Content::Batch(batch) = &self.content else { return Ok(plan) };
        let reads: Vec<Joined<BlockPlace>> = batch.all_blocks(&self.object, true).try_collect().await?;
        let key_pages = 0..batch.root.key_pages.len();
        let dictionaries = batch.all_dictionaries();
        // As many blobs as the root says, which nobody has counted.
        plan.memory = key_pages
            .clone()
            .map(|number| batch.root.key_pages[number].decoded_len as u64)
            .fold(summary.blobs.saturating_mul(Index::ENTRY_MEMORY), u64::saturating_add)
            .saturating_add(self.memory_for(&reads))
            .saturating_add(batch.decoder_bytes(&dictionaries));
        plan.add_pages::<KeyPage>(self, batch, &key_pages.collect::<Vec<_>>());
        plan.add_pages::<BlockPage>(self, batch, &(0..batch.root.block_pages.len()).collect::<Vec<_>>());
        plan.add_pages::<Dictionary>(self, batch, &dictionaries);
        plan.add_blocks(self, &reads);
        Ok(plan)
    }

    /// About what reads, and jobs with their blocks, take at a time.
    fn memory_for<P: Place>(&self, reads: &[Joined<P>]) -> u64 {
        let options = &self.object.options;
        let read_len = reads.iter().map(|read| read.range.end - read.range.start).max().unwrap_or(0);
        let lens = reads.iter().flat_map(|read| &read.places).map(Place::decoded_len);
        let (total, longest) =
            lens.fold((0u64, 0), |(sum, longest), len| (sum + len as u64, len.max(longest)));
        let parallelism = options.executor.parallelism();
        let slots = options.reads_in_flight.max(1).saturating_add(1).min(reads.len()) as u64;
        let jobs = parallelism.saturating_add(2) as u64;
        let blocks = jobs.saturating_mul(BLOCK_JOB_LEN.max(longest) as u64).min(total);
        read_len.saturating_mul(slots).saturating_add(blocks)
    }
}

impl ReadPlan {
    fn with_blob(mut self, len: u64) -> Self {
        self.blobs += 1;
        self.blob_bytes = self.blob_bytes.saturating_add(len);
        self
    }

    fn add_pages<T: Page>(&mut self, reader: &BatchReader, batch: &Batch, numbers: &[usize]) {
        let part = T::PART;
        let missing = T::kept(batch).missing(numbers);
        let len = |number: &usize| {
            let range = T::place(&batch.root, *number).range;
            range.end - range.start
        };
        self.cached_bytes += numbers.iter().map(len).sum::<u64>() - missing.iter().map(len).sum::<u64>();
        self.add_requests(reader, part, &batch.page_reads::<T>(&reader.object, missing));
    }

    fn add_blocks(&mut self, reader: &BatchReader, reads: &[Joined<BlockPlace>]) {
        for place in reads.iter().flat_map(|read| &read.places) {
            self.blocks += 1;
            self.decoded_bytes += place.block_len as u64;
        }
        self.add_requests(reader, ObjectPart::Blocks, reads);
    }

    fn add_requests<P: Place>(&mut self, reader: &BatchReader, part: ObjectPart, reads: &[Joined<P>]) {
        let object = &reader.object;
        let missing_len = |range: Range<u64>| {
            let missing = object.missing(&range);
            missing.end - missing.start
        };
        for read in reads {
            let wanted = read.places.iter().map(|place| missing_len(place.range())).sum();
            let needed: u64 = read.places.iter().map(|place| place.range().end - place.range().start).sum();
            self.cached_bytes += needed - wanted;
            let range = object.missing(&read.range);
            if !range.is_empty() {
                self.requests.push(PlannedRequest { part, range, wanted });
            }
        }
    }
}

impl Batch {
    /// The pages of blocks that hold any of these blobs, in order.
    pub(super) fn block_pages_of_all(&self, entries: &[IndexEntry]) -> Vec<usize> {
        let numbers: std::collections::BTreeSet<usize> =
            entries.iter().flat_map(|found| self.block_pages_of(&found.stream())).collect();
        numbers.into_iter().collect()
    }
}
