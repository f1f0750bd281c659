//! Single blobs, and several at once.

use std::collections::BTreeMap;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::batch::Batch;
use super::dictionaries::Decoders;
use super::plan::{PlannedRead, plan};
use super::{BatchReader, Content, ReadError};
use crate::format::{BlockPlace, KeyEntry};

impl BatchReader {
    /// Reads one blob; `None` where the object does not have the key.
    ///
    /// # Errors
    ///
    /// [`ReadError`], with the key; [`Memory`](crate::ReadErrorKind::Memory) where the blob is longer than
    /// [`ReadOptions::memory_limit`](crate::ReadOptions::memory_limit).
    pub async fn get(&self, key: &str) -> Result<Option<Bytes>, ReadError> {
        let blob = match &self.content {
            Content::Batch(batch) => self.get_from(batch, key).await,
            Content::Legacy(legacy) => Ok(legacy.get(key)),
        };
        blob.map_err(|error| error.with_key(key))
    }

    async fn get_from(&self, batch: &Batch, key: &str) -> Result<Option<Bytes>, ReadError> {
        let Some(entry) = batch.find(&self.object, key).await? else { return Ok(None) };
        self.object.allow("blob", entry.len)?;
        let places = batch.blocks(&self.object, entry.offset..entry.end()).await?;
        if let [place] = places.as_slice() {
            let block = self.read_blocks(batch, vec![*place]).try_next().await?;
            return Ok(block.map(|(place, block)| cut_out(&place, &block, entry)));
        }
        let mut blob = self.object.allocate("blob", entry.len)?;
        let mut blocks = self.read_blocks(batch, places);
        while let Some((place, block)) = blocks.try_next().await? {
            blob.extend_from_slice(overlap(&place, &block, entry));
        }
        Ok(Some(Bytes::from(blob)))
    }

    /// Reads several blobs, each block once and neighbouring blocks together; the answers stand in the order of the
    /// keys.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), where the memory limit is for the sum of all blobs, and without a key where blocks cannot be
    /// read: several blobs may need them.
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
        let mut places: BTreeMap<u64, BlockPlace> = BTreeMap::new();
        let mut wanted = Vec::new();
        let mut bytes = 0u64;
        for (index, key) in keys.iter().enumerate() {
            let key = key.as_ref();
            let found = batch.find(&self.object, key).await.map_err(|error| error.with_key(key))?;
            let Some(entry) = found else { continue };
            bytes = bytes.saturating_add(entry.len);
            self.object.allow("blobs", bytes).map_err(|error| error.with_key(key))?;
            let blocks = batch.blocks(&self.object, entry.offset..entry.end()).await;
            for place in blocks.map_err(|error| error.with_key(key))? {
                places.insert(place.number, place);
            }
            wanted.push(Wanted { entry, index, blob: Vec::new() });
        }
        wanted.sort_unstable_by_key(|wanted| wanted.entry.offset);
        let mut begun = 0;
        let mut open: Vec<Wanted> = Vec::new();
        let mut blocks = self.read_blocks(batch, places.into_values().collect());
        while let Some((place, block)) = blocks.try_next().await? {
            while begun < wanted.len() && wanted[begun].entry.offset < place.stream_end() {
                open.push(std::mem::take(&mut wanted[begun]));
                begun += 1;
            }
            for wanted in &mut open {
                if wanted.blob.is_empty() && wanted.entry.end() <= place.stream_end() {
                    blobs[wanted.index] = Some(cut_out(&place, &block, wanted.entry));
                } else {
                    wanted.blob.extend_from_slice(overlap(&place, &block, wanted.entry));
                    if wanted.entry.end() <= place.stream_end() {
                        blobs[wanted.index] = Some(Bytes::from(std::mem::take(&mut wanted.blob)));
                    }
                }
            }
            open.retain(|wanted| wanted.entry.end() > place.stream_end());
        }
        // Empty blobs at the very end of the stream are in no block.
        for wanted in open.into_iter().chain(wanted.into_iter().skip(begun)) {
            blobs[wanted.index] = Some(Bytes::new());
        }
        Ok(blobs)
    }

    /// Reads one blob piece by piece, a block at a time, however long it is; `None` where the object does not have the
    /// key.
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
        let Some(entry) = batch.find(&self.object, key).await.map_err(|error| error.with_key(key))? else {
            return Ok(None);
        };
        let places = batch
            .blocks(&self.object, entry.offset..entry.end())
            .await
            .map_err(|error| error.with_key(key))?;
        let key = key.to_owned();
        let chunks = self
            .read_blocks(batch, places)
            .map_ok(move |(place, block)| block.slice_ref(overlap(&place, &block, entry)))
            .map_err(move |error| error.with_key(&key));
        Ok(Some(chunks.boxed()))
    }

    /// Reads and decodes blocks, given in ascending order; several reads and decodings are under way at once, and the
    /// blocks come out in order.
    pub(super) fn read_blocks<'a>(
        &'a self,
        batch: &'a Batch,
        places: Vec<BlockPlace>,
    ) -> BoxStream<'a, Result<(BlockPlace, Bytes), ReadError>> {
        let reading = async move {
            let decoders = batch.decoders(&self.object, &places).await?;
            Ok(self.read_decoded(batch, places, decoders))
        };
        stream::once(reading).try_flatten().boxed()
    }

    fn read_decoded<'a>(
        &'a self,
        batch: &'a Batch,
        places: Vec<BlockPlace>,
        decoders: Decoders,
    ) -> BoxStream<'a, Result<(BlockPlace, Bytes), ReadError>> {
        let options = &self.object.options;
        let decodings = options.executor.parallelism().saturating_add(1);
        stream::iter(plan(places, options))
            .map(move |read| self.read_planned(batch, read))
            .buffered(options.reads_in_flight.max(1))
            .map_ok(|frames| stream::iter(frames).map(Ok))
            .try_flatten()
            .map_ok(move |(place, frame)| {
                let decoder = decoders.of(&place);
                async move {
                    let block = batch.decode_block(&self.object, place, decoder, frame).await?;
                    Ok((place, block))
                }
            })
            .try_buffered(decodings)
            .boxed()
    }

    async fn read_planned(
        &self,
        batch: &Batch,
        read: PlannedRead,
    ) -> Result<Vec<(BlockPlace, Bytes)>, ReadError> {
        for place in &read.blocks {
            batch.check_frame_len(&self.object, place)?;
        }
        let bytes = self.object.read(read.range.clone()).await?;
        let at = |offset: u64| usize::try_from(offset - read.range.start).unwrap_or(usize::MAX);
        let frame = |place: BlockPlace| (place, bytes.slice(at(place.frame_offset)..at(place.frame_end())));
        Ok(read.blocks.into_iter().map(frame).collect())
    }
}

#[derive(Debug, Default)]
struct Wanted {
    entry: KeyEntry,
    index: usize,
    blob: Vec<u8>,
}

/// The part of a block that belongs to a blob.
pub(super) fn overlap<'a>(place: &BlockPlace, block: &'a [u8], entry: KeyEntry) -> &'a [u8] {
    let start = entry.offset.clamp(place.stream_offset, place.stream_end()) - place.stream_offset;
    let end = entry.end().clamp(place.stream_offset, place.stream_end()) - place.stream_offset;
    // Both are at most the block's length, which is in memory.
    let narrow = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
    &block[narrow(start)..narrow(end)]
}

/// A blob that one block holds whole: a slice of the block where it fills most of it, and else a copy, lest a small blob
/// keep a large block in memory.
pub(super) fn cut_out(place: &BlockPlace, block: &Bytes, entry: KeyEntry) -> Bytes {
    let bytes = overlap(place, block, entry);
    if bytes.len() > block.len() / 2 { block.slice_ref(bytes) } else { Bytes::copy_from_slice(bytes) }
}
