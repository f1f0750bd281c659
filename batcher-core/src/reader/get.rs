//! Single blobs, and several at once.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::assembly::overlap;
use super::batch::Batch;
use super::dictionaries::dictionaries_of;
use super::index::{Index, IndexEntry};
use super::plan::join;
use super::read_ahead::ReadAhead;
use super::{BatchReader, Content, ReadError};
use crate::format::{BlockPage, BlockPlace, KeyPage};

impl BatchReader {
    /// Reads one blob; `None` where the object does not have the key.
    ///
    /// A blob that is shorter than half of its block is copied out of it, so that it keeps no more memory than it needs.
    ///
    /// # Errors
    ///
    /// [`ReadError`], with the key; [`Memory`](crate::ReadErrorKind::Memory) where the blob is longer than
    /// [`ReadOptions::memory_limit`](crate::ReadOptions::memory_limit).
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, ReadError> {
        let mut blobs = self.get_many(&[key]).await.map_err(|error| error.with_key(key))?;
        Ok(blobs.pop().flatten())
    }

    /// Reads several blobs, each block once and neighbouring blocks together; the answers stand in the order of the
    /// keys. Pages of the index that are not at hand are read together, too.
    ///
    /// Blobs that fill together at least half of a block keep that block in memory, and others are copied out of it.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), where the memory limit is for the sum of all blobs; with one of the keys where a page of the
    /// index cannot be read that it needs, and without any where blocks cannot: several blobs may need them.
    pub async fn get_many<K: AsRef<str> + Sync>(&self, keys: &[K]) -> Result<Vec<Option<Bytes>>, ReadError> {
        match &self.content {
            Content::Batch(batch) => self.get_many_from(batch, keys).await,
            Content::Legacy(legacy) => Ok(keys.iter().map(|key| legacy.get(key.as_ref())).collect()),
        }
    }

    async fn get_many_from<K: AsRef<str> + Sync>(
        &self,
        batch: &Batch,
        keys: &[K],
    ) -> Result<Vec<Option<Bytes>>, ReadError> {
        let mut blobs: Vec<Option<Bytes>> = vec![None; keys.len()];
        let found = self.find(batch, keys).await?;
        let mut bytes = 0u64;
        for found in &found {
            bytes = bytes.saturating_add(found.entry.len);
            let allowed = self.object.allow("blobs", bytes);
            allowed.map_err(|error| error.with_key(keys[found.number as usize].as_ref()))?;
        }
        let index = Arc::new(Index::of(found));
        let places = self.blocks(batch, index.entries(), |number| keys[number].as_ref()).await?;
        let decoders = batch.decoders(&self.object, dictionaries_of(&places), true).await?;
        let reads = ReadAhead::of(&self.object, batch, join(places, &self.object));
        let mut assembled = self.assemble(batch, reads, decoders, Arc::clone(&index));
        while let Some(mut block) = assembled.try_next().await? {
            for (index_of, blob) in std::mem::take(&mut block.ended) {
                blobs[index.entries()[index_of].number as usize] = Some(blob);
            }
            let entries = &index.entries()[block.begun.clone()];
            let whole = || entries.iter().filter_map(|found| Some((found.number, block.whole(found.entry)?)));
            let kept: usize = whole().map(|(_, blob)| blob.len()).sum();
            let slices = kept >= block.block.len() / 2;
            for (number, blob) in whole() {
                let blob = if slices { block.block.slice_ref(blob) } else { Bytes::copy_from_slice(blob) };
                blobs[number as usize] = Some(blob);
            }
        }
        Ok(blobs)
    }

    /// The entries of those keys that the object has, with the keys' numbers.
    pub(super) async fn find<K: AsRef<str> + Sync>(
        &self,
        batch: &Batch,
        keys: &[K],
    ) -> Result<Vec<IndexEntry>, ReadError> {
        let key = |number: u32| keys[number as usize].as_ref();
        let mut wanted: Vec<(usize, u32)> = (0..)
            .zip(keys)
            .filter_map(|(number, key)| Some((batch.page_of(key.as_ref())?, number)))
            .collect();
        // Pages stand in the order of their keys.
        wanted.sort_unstable_by_key(|(page, _)| *page);
        let mut numbers: Vec<usize> = wanted.iter().map(|(page, _)| *page).collect();
        numbers.dedup();
        let mut pages = batch.pages::<KeyPage>(&self.object, numbers, true);
        let mut found = Vec::with_capacity(wanted.len());
        for of_page in wanted.chunk_by(|(a, _), (b, _)| a == b) {
            let page = pages.try_next().await.map_err(|error| error.with_key(key(of_page[0].1)))?;
            let Some((_, page)) = page else { break };
            for (_, number) in of_page {
                if let Some(entry) = page.find(key(*number)) {
                    found.push(IndexEntry::numbered(entry, *number));
                }
            }
        }
        Ok(found)
    }

    /// The blocks of these blobs, which stand in the order of the stream, each once and in order.
    pub(super) async fn blocks<'k>(
        &self,
        batch: &Batch,
        entries: &[IndexEntry],
        key: impl Fn(usize) -> &'k str,
    ) -> Result<Vec<BlockPlace>, ReadError> {
        let numbers = batch.block_pages_of_all(entries);
        let mut places: Vec<BlockPlace> = Vec::new();
        let mut pages = batch.pages::<BlockPage>(&self.object, numbers.clone(), true);
        let mut first = 0;
        for number in numbers {
            let needs = |found: &IndexEntry| batch.block_pages_of(&found.stream()).contains(&number);
            // Those before need none of the pages from here on, unless one is as long as a page or overlaps it.
            first += entries[first..].iter().take_while(|found| !needs(found)).count();
            let page = pages.try_next().await;
            let page = page.map_err(|error| error.with_key(key(entries[first].number as usize)))?;
            let Some((_, page)) = page else { break };
            let blocks = page.blocks();
            for found in &entries[first..] {
                let stream = found.stream();
                if stream.is_empty() {
                    // It may stand in the midst of a block all the same.
                    continue;
                }
                if blocks.last().is_none_or(|block| block.stream_end() <= stream.start) {
                    break;
                }
                let from = blocks.partition_point(|block| block.stream_end() <= stream.start);
                let to = blocks.partition_point(|block| block.stream_offset < stream.end);
                let after = places.last().map_or(0, |last| last.number + 1);
                let new = blocks[from..to.max(from)].iter().filter(|block| block.number >= after);
                places.extend(new);
            }
        }
        Ok(places)
    }

    /// Reads one blob piece by piece, a block at a time, however long it is; `None` where the object does not have the
    /// key. A piece is a slice of its block.
    ///
    /// # Errors
    ///
    /// [`ReadError`], with the key; the stream ends after the first.
    pub async fn chunks(
        &self,
        key: &str,
    ) -> Result<Option<BoxStream<'_, Result<Bytes, ReadError>>>, ReadError> {
        let batch = match &self.content {
            Content::Batch(batch) => batch,
            Content::Legacy(legacy) => {
                return Ok(legacy.get(key).map(|blob| stream::iter([Ok(blob)]).boxed()));
            }
        };
        let found = self.find(batch, &[key]).await?;
        let Some(entry) = found.first().map(|found| found.entry) else { return Ok(None) };
        let places = self.blocks(batch, &found, |_| key).await?;
        let decoders = batch.decoders(&self.object, dictionaries_of(&places), true).await;
        let decoders = decoders.map_err(|error| error.with_key(key))?;
        let key = key.to_owned();
        let reads = ReadAhead::of(&self.object, batch, join(places, &self.object));
        let chunks = self
            .assemble(batch, reads, decoders, Arc::default())
            .map_ok(move |block| match &block.place {
                Some(place) => block.block.slice_ref(overlap(place, &block.block, entry)),
                None => Bytes::new(),
            })
            .map_err(move |error| error.with_key(&key));
        Ok(Some(chunks.boxed()))
    }
}
