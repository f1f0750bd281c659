//! All blobs of an object, in one pass over it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::assembly::Assembled;
use super::index::Index;
use super::read_ahead::ReadAhead;
use super::{BatchReader, Content, ReadError};

impl BatchReader {
    /// All blobs with their keys, in the order in which they stand in the object, which is about the order in which they
    /// were added.
    ///
    /// Small blobs are slices of the block that they stand in: one that is kept keeps its block, of 256 KiB by default, and one that
    /// is dropped leaves it to the others. Whoever keeps few of many should copy them. Where all blobs of a block have been
    /// dropped, its memory serves for a later one.
    ///
    /// Reads ahead and decodes while it is polled. Besides the blobs that were handed out, it holds all keys with about 50
    /// bytes for each; [`reads_in_flight`](crate::ReadOptions::reads_in_flight) reads, and as many of the index, of
    /// [`max_read_len`](crate::ReadOptions::max_read_len) each; for each thread of the executor and for two more, 1 MiB
    /// of blocks or one that is longer; and blobs that span several blocks until they are whole, up to
    /// [`memory_limit`](crate::ReadOptions::memory_limit); and the object's dictionaries.
    ///
    /// # Errors
    ///
    /// The stream ends after the first error. [`Memory`](crate::ReadErrorKind::Memory) where the index or a blob is longer
    /// than [`ReadOptions::memory_limit`](crate::ReadOptions::memory_limit).
    pub fn blobs(&self) -> BoxStream<'_, Result<(String, Bytes), ReadError>> {
        self.blob_groups().map_ok(|group| stream::iter(group.into_blobs()).map(Ok)).try_flatten().boxed()
    }

    /// As [`blobs`](Self::blobs), but all blobs that can be had of one block at a time: for many small blobs, of which not each should
    /// be waited for and have memory for its key.
    ///
    /// ```
    /// use batcher_core::{BatchReader, ReadError};
    /// use futures_util::TryStreamExt;
    ///
    /// async fn total(reader: &BatchReader) -> Result<usize, ReadError> {
    ///     let mut total = 0;
    ///     let mut groups = reader.blob_groups();
    ///     while let Some(group) = groups.try_next().await? {
    ///         total += group.blobs().map(|(key, blob)| key.len() + blob.len()).sum::<usize>();
    ///     }
    ///     Ok(total)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`blobs`](Self::blobs).
    pub fn blob_groups(&self) -> BoxStream<'_, Result<BlobGroup, ReadError>> {
        match &self.content {
            Content::Batch(batch) => {
                let begun = async move {
                    let mut blocks =
                        ReadAhead::new(&self.object, batch, batch.all_blocks(&self.object, false));
                    let index = Arc::new(blocks.during(Index::load(self, batch)).await?);
                    let decoders = batch.decoders(&self.object, batch.all_dictionaries(), false);
                    let decoders = blocks.during(decoders).await?;
                    let groups = self
                        .assemble(batch, blocks, decoders, Arc::clone(&index))
                        .map_ok(move |assembled| BlobGroup { index: Arc::clone(&index), assembled });
                    Ok(groups)
                };
                stream::once(begun).try_flatten().boxed()
            }
            Content::Legacy(legacy) => {
                stream::iter([Ok(BlobGroup { index: legacy.index(), assembled: legacy.assembled() })]).boxed()
            }
        }
    }
}

/// Blobs that were read together, in the order in which they stand in their object; see
/// [`BatchReader::blob_groups`]. There may be none in it.
#[derive(Debug)]
pub struct BlobGroup {
    index: Arc<Index>,
    assembled: Assembled,
}

impl BlobGroup {
    /// The blobs with their keys.
    pub fn blobs(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let ended = self.assembled.ended.iter().map(|(index, blob)| (self.key(*index), &blob[..]));
        let begun =
            self.assembled.begun.clone().filter_map(|index| Some((self.key(index), self.whole(index)?)));
        ended.chain(begun)
    }

    /// The blobs with their keys, to be kept; as to memory, see [`BatchReader::blobs`].
    pub fn into_blobs(mut self) -> impl Iterator<Item = (String, Bytes)> + Send {
        let (mut ended, mut begun) =
            (std::mem::take(&mut self.assembled.ended).into_iter(), self.assembled.begun.clone());
        std::iter::from_fn(move || {
            if let Some((index, blob)) = ended.next() {
                return Some((self.key(index).to_owned(), blob));
            }
            begun.find_map(|index| {
                let blob = self.assembled.block.slice_ref(self.whole(index)?);
                Some((self.key(index).to_owned(), blob))
            })
        })
    }

    fn key(&self, index: usize) -> &str {
        // An index of a whole object has all keys.
        self.index.key(index).unwrap_or_default()
    }

    fn whole(&self, index: usize) -> Option<&[u8]> {
        self.assembled.whole(self.index.entries()[index].entry)
    }
}
