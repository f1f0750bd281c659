//! Reads back what the drop-in wrote, and what the starting point wrote.

use std::collections::BTreeMap;
use std::sync::Arc;

use batcher_core::{BatchReader, VerifyReport};
use batcher_stores::ObjectStoreSink;
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::ObjectStore;

use crate::CheckpointStoreError;
use crate::background::Background;
use crate::checkpoint_batcher::object_name;

/// One epoch's checkpoint: all objects that [`CheckpointBatcher`](crate::CheckpointBatcher) flushed for it. Of a key in
/// several of them, the last one's blob counts. Objects of the starting point's own format are read, too.
///
/// Its methods may be called from anywhere, and block as those of [`CheckpointBatcher`](crate::CheckpointBatcher) do.
///
/// ```
/// # use std::sync::Arc;
/// # use batcher::{CheckpointBatcher, CheckpointReader};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let store = Arc::new(object_store::memory::InMemory::new());
/// # let mut batcher = CheckpointBatcher::new(store.clone(), "nodes/abc123/".into(), None)?;
/// # batcher.add("partition-0/agg".into(), vec![1, 2, 3]);
/// # batcher.flush(7)?;
/// let checkpoint = CheckpointReader::open(store, "nodes/abc123/", 7)?;
/// for (key, blob) in checkpoint.restore()? {
///     println!("{key}: {} bytes", blob.len());
/// }
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct CheckpointReader {
    background: Arc<Background>,
    /// In the order in which they were flushed.
    parts: Arc<Vec<BatchReader>>,
}

impl CheckpointReader {
    /// Opens the checkpoint of an epoch.
    ///
    /// # Errors
    ///
    /// [`CheckpointStoreError::Read`], of which [`is_not_found`](crate::ReadError::is_not_found) is true where the epoch has no
    /// object; [`CheckpointStoreError::WrongObject`] where the store answers with another object than was asked for; and
    /// [`CheckpointStoreError::Io`] where the thread that reads cannot be created.
    pub fn open(store: Arc<dyn ObjectStore>, prefix: &str, epoch: u64) -> Result<Self, CheckpointStoreError> {
        Self::open_on(Arc::new(Background::start()?), ObjectStoreSink::new(store), prefix, epoch)
    }

    pub(crate) fn open_on(
        background: Arc<Background>,
        store: ObjectStoreSink,
        prefix: &str,
        epoch: u64,
    ) -> Result<Self, CheckpointStoreError> {
        let prefix = prefix.to_owned();
        let parts = background.run(move |runtime| {
            runtime.block_on(async {
                let mut parts = Vec::new();
                loop {
                    let name = object_name(&prefix, epoch, parts.len() as u64);
                    match crate::open(store.clone(), &name).await {
                        Ok(part) => {
                            let found = part.summary().id;
                            let number = parts.len() as u64;
                            // The starting point's objects have no identity; ours must be the one asked for.
                            if let Some(found) = found.filter(|id| (id.epoch, id.part) != (epoch, number)) {
                                return Err(CheckpointStoreError::WrongObject { object: name, found });
                            }
                            parts.push(part);
                        }
                        Err(error) if error.is_not_found() && !parts.is_empty() => return Ok(parts),
                        Err(error) => return Err(error.into()),
                    }
                }
            })
        })??;
        Ok(Self { background, parts: Arc::new(parts) })
    }

    /// Reads one blob; `None` where the checkpoint does not have the key.
    ///
    /// # Errors
    ///
    /// [`CheckpointStoreError::Read`].
    pub fn get(&self, key: &str) -> Result<Option<Bytes>, CheckpointStoreError> {
        let key = key.to_owned();
        self.read(move |parts, runtime| {
            for part in parts.iter().rev() {
                if let Some(blob) = runtime.block_on(part.get(&key))? {
                    return Ok(Some(blob));
                }
            }
            Ok(None)
        })
    }

    /// All keys with the lengths of their blobs in bytes.
    ///
    /// # Errors
    ///
    /// [`CheckpointStoreError::Read`].
    pub fn keys(&self) -> Result<BTreeMap<String, u64>, CheckpointStoreError> {
        self.read(|parts, runtime| {
            let mut keys = BTreeMap::new();
            for part in parts {
                runtime.block_on(part.keys().try_for_each(|blob| {
                    keys.insert(blob.key, blob.len);
                    std::future::ready(Ok(()))
                }))?;
            }
            Ok(keys)
        })
    }

    /// Reads all blobs. For state that does not fit in memory, use [`BatchReader::blobs`]. Small blobs are slices of the blocks that
    /// they stand in: whoever keeps few of them should copy those.
    ///
    /// # Errors
    ///
    /// [`CheckpointStoreError::Read`].
    pub fn restore(&self) -> Result<BTreeMap<String, Bytes>, CheckpointStoreError> {
        self.read(|parts, runtime| {
            let mut blobs = BTreeMap::new();
            for part in parts {
                runtime.block_on(part.blob_groups().try_for_each(|group| {
                    blobs.extend(group.into_blobs());
                    std::future::ready(Ok(()))
                }))?;
            }
            Ok(blobs)
        })
    }

    /// Reads and checks every byte of every object, and answers a report for each.
    ///
    /// # Errors
    ///
    /// [`CheckpointStoreError::Read`] for the first thing that is wrong.
    pub fn verify(&self) -> Result<Vec<VerifyReport>, CheckpointStoreError> {
        self.read(|parts, runtime| parts.iter().map(|part| runtime.block_on(part.verify())).collect())
    }

    /// The names of the checkpoint's objects.
    #[must_use]
    pub fn objects(&self) -> Vec<&str> {
        self.parts.iter().map(BatchReader::object).collect()
    }

    fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&[BatchReader], &tokio::runtime::Runtime) -> Result<T, batcher_core::ReadError>
        + Send
        + 'static,
    ) -> Result<T, CheckpointStoreError> {
        let parts = Arc::clone(&self.parts);
        Ok(self.background.run(move |runtime| read(&parts, runtime))??)
    }
}
