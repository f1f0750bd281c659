//! All blobs of an object, in one pass over it.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::batch::Batch;
use super::get::{cut_out, overlap};
use super::{BatchReader, Content, ReadError};
use crate::format::{BlockPlace, KeyEntry};

impl BatchReader {
    /// All blobs with their keys, in the order in which they stand in the object, which is about the order in which they
    /// were added.
    ///
    /// Holds all keys, about 40 bytes a blob besides, the blocks under way, and blobs that span several blocks until they are
    /// whole.
    ///
    /// # Errors
    ///
    /// The stream ends after the first error. [`Memory`](crate::ReadErrorKind::Memory) where the index or a blob is longer
    /// than [`ReadOptions::memory_limit`](crate::ReadOptions::memory_limit).
    pub fn blobs(&self) -> BoxStream<'_, Result<(String, Bytes), ReadError>> {
        match &self.content {
            Content::Batch(batch) => stream::once(Restore::start(self, batch))
                .map_ok(|restore| {
                    stream::try_unfold(restore, |mut restore| async move {
                        Ok(restore.next().await?.map(|blob| (blob, restore)))
                    })
                })
                .try_flatten()
                .boxed(),
            Content::Legacy(legacy) => stream::iter(legacy.blobs.iter())
                .map(|(key, range)| Ok((key.clone(), legacy.body.slice(range.clone()))))
                .boxed(),
        }
    }
}

/// One pass over all blocks.
struct Restore<'a> {
    reader: &'a BatchReader,
    index: Index,
    /// The next entry that has not begun.
    next: usize,
    blocks: BoxStream<'a, Result<(BlockPlace, Bytes), ReadError>>,
    /// The block whose blobs are being handed out, one at a time: blobs may overlap, so that all of them together can be
    /// far longer than the block.
    block: Option<(BlockPlace, Bytes)>,
    /// Blobs of which an earlier block holds the beginning.
    open: Vec<(usize, Vec<u8>)>,
    /// The sum of their lengths in bytes.
    open_bytes: u64,
    ready: VecDeque<(String, Bytes)>,
}

/// All entries of an object, in the order of their blobs in the stream.
struct Index {
    keys: String,
    entries: Vec<(KeyEntry, Range<usize>)>,
}

impl Index {
    fn key(&self, index: usize) -> String {
        self.keys[self.entries[index].1.clone()].to_owned()
    }

    async fn load(reader: &BatchReader, batch: &Batch) -> Result<Self, ReadError> {
        let mut index = Self { keys: String::new(), entries: Vec::new() };
        for number in 0..batch.root.key_pages.len() {
            let page = batch.key_page(&reader.object, number).await?;
            for entry in 0..page.len() {
                let start = index.keys.len();
                index.keys.push_str(page.key(entry));
                index.entries.push((page.entry(entry), start..index.keys.len()));
            }
            let held = index.keys.len() + index.entries.len() * size_of::<(KeyEntry, Range<usize>)>();
            reader.object.allow("index", held as u64)?;
        }
        index.entries.sort_by_key(|(entry, _)| entry.offset);
        Ok(index)
    }
}

impl<'a> Restore<'a> {
    async fn start(reader: &'a BatchReader, batch: &'a Batch) -> Result<Self, ReadError> {
        let index = Index::load(reader, batch).await?;
        // The places of one page of blocks at a time: an object of terabytes has millions of blocks.
        let blocks = stream::iter(&batch.root.block_pages)
            .then(|page| {
                let stream = page.first_stream_offset..page.first_stream_offset + page.stream_bytes;
                batch.blocks(&reader.object, stream)
            })
            .map_ok(|places| reader.read_blocks(batch, places))
            .try_flatten()
            .boxed();
        Ok(Self {
            reader,
            index,
            next: 0,
            blocks,
            block: None,
            open: Vec::new(),
            open_bytes: 0,
            ready: VecDeque::new(),
        })
    }

    async fn next(&mut self) -> Result<Option<(String, Bytes)>, ReadError> {
        loop {
            if let Some(blob) = self.ready.pop_front() {
                return Ok(Some(blob));
            }
            if let Some((place, block)) = self.block.take() {
                if let Some(blob) = self.begin_next(&place, &block)? {
                    self.block = Some((place, block));
                    return Ok(Some(blob));
                }
                continue;
            }
            match self.blocks.try_next().await? {
                Some((place, block)) => {
                    self.go_on(&place, &block);
                    self.block = Some((place, block));
                }
                None if self.next < self.index.entries.len() => {
                    // Empty blobs at the very end of the stream are in no block.
                    self.ready.push_back((self.index.key(self.next), Bytes::new()));
                    self.next += 1;
                }
                None => return Ok(None),
            }
        }
    }

    /// Adds a block to the blobs that began before it.
    fn go_on(&mut self, place: &BlockPlace, block: &Bytes) {
        let entries = &self.index.entries;
        for (index, blob) in &mut self.open {
            blob.extend_from_slice(overlap(place, block, entries[*index].0));
        }
        let ended = self.open.extract_if(.., |(index, _)| entries[*index].0.end() <= place.stream_end());
        for (index, blob) in ended {
            self.open_bytes -= entries[index].0.len;
            self.ready.push_back((self.index.key(index), Bytes::from(blob)));
        }
    }

    /// Begins the blobs that begin in this block, up to the first that also ends in it and is given out; `None` where all
    /// have begun.
    fn begin_next(
        &mut self,
        place: &BlockPlace,
        block: &Bytes,
    ) -> Result<Option<(String, Bytes)>, ReadError> {
        while let Some((entry, _)) = self.index.entries.get(self.next)
            && entry.offset < place.stream_end()
        {
            let index = self.next;
            self.next += 1;
            let object = &self.reader.object;
            if entry.end() <= place.stream_end() {
                object.allow("blob", entry.len).map_err(|error| error.with_key(&self.index.key(index)))?;
                return Ok(Some((self.index.key(index), cut_out(place, block, *entry))));
            }
            self.open_bytes = self.open_bytes.saturating_add(entry.len);
            let mut blob = object
                .allow("blobs that span several blocks", self.open_bytes)
                .and_then(|()| object.allocate("blob", entry.len))
                .map_err(|error| error.with_key(&self.index.key(index)))?;
            blob.extend_from_slice(overlap(place, block, *entry));
            self.open.push((index, blob));
        }
        Ok(None)
    }
}
