//! How most users set up: with all codecs of this crate, and with all cores.

use std::sync::Arc;

use batcher_codecs::registry;
use batcher_core::{
    BatchReader, Batcher, BatcherBuilder, BlobSource, BlobStore, Codec, Executor, Inline, ReadError,
    ReadOptions,
};

use crate::ThreadPool;

/// Starts to set up a [`Batcher`] that compresses with `codec`, on all cores, and writes to `store`.
///
/// As [`Batcher::builder`], but with the [shared](ThreadPool::shared) threads as [executor](BatcherBuilder::executor); where the
/// system gives no threads, everything is compressed on the threads that add.
///
/// ```
/// # use batcher_testkit::MemoryStore;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { pollster::block_on(async {
/// let store = MemoryStore::new();
/// let mut batcher = batcher::builder(batcher::Lz4::default(), store.clone()).writer("node-7").build()?;
/// batcher.add("partition-0/agg", vec![0; 100_000])?;
/// let report = batcher.flush(1).await?;
///
/// let reader = batcher::open(store, &report.receipts[0].object).await?;
/// assert_eq!(reader.len(), 1);
/// # Ok(()) }) }
/// ```
pub fn builder<C: Codec + 'static, S: BlobStore>(codec: C, store: S) -> BatcherBuilder<C, S> {
    Batcher::builder(codec, store).executor(executor())
}

/// Opens an object that was written with one of this crate's codecs, and decompresses on all cores.
///
/// As [`BatchReader::open_with`] with [`registry`] and [`read_options`].
///
/// # Errors
///
/// As [`BatchReader::open`].
pub async fn open(source: impl BlobSource + 'static, object: &str) -> Result<BatchReader, ReadError> {
    BatchReader::open_with(source, object, &registry(), read_options()).await
}

/// The [default options](ReadOptions::default), but with the [shared](ThreadPool::shared) threads as executor.
#[must_use]
pub fn read_options() -> ReadOptions {
    ReadOptions::default().with_executor(executor())
}

/// The shared threads, or none where the system gives none.
pub(crate) fn executor() -> Arc<dyn Executor> {
    match ThreadPool::shared() {
        Ok(pool) => Arc::new(pool),
        Err(_) => Arc::new(Inline),
    }
}
