//! The drop-in: the starting point's type, name by name, over the new batcher.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use batcher_codecs::Lz4;
use batcher_core::{
    AddError, AddErrorKind, BatchHandle, BatchId, BatchMetrics, Batcher, BlobSink, BlobSource, FlushError,
    PutMode, ReadError, StoreError, StoreErrorKind,
};
use batcher_stores::ObjectStoreSink;
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path;
use thiserror::Error;

use crate::CheckpointReader;
use crate::background::Background;

/// The flush threshold where none is given: 8 MiB.
const DEFAULT_FLUSH_THRESHOLD: usize = 8 << 20;

/// What each buffered blob counts besides its key and its data, as in the starting point, whose entries had two length
/// prefixes of four bytes.
const ENTRY_OVERHEAD: u64 = 8;

/// Accumulates state blobs and flushes them as one compressed object.
///
/// Call [`add`](Self::add) for each blob of a checkpoint and [`flush`](Self::flush) at its end, and in between whenever
/// [`should_flush`](Self::should_flush) says so; read the epoch back with [`open`](Self::open) or [`CheckpointReader::open`].
///
/// All methods may be called from plain threads and from asynchronous code on any runtime, and the batcher may be dropped
/// there. `flush` and reading block the calling thread until the store has answered: in asynchronous code that other tasks
/// share a thread with, prefer [`Batcher`], or call them through `tokio::task::spawn_blocking`. The store is used from a
/// thread with a tokio runtime of its own, so it must not depend on the caller's thread making progress.
///
/// # Objects
///
/// The first flush of an epoch writes `{prefix}checkpoints/batch-{epoch:06}.lz4`, further flushes of it
/// `batch-{epoch:06}-1.lz4`, `-2` and so on; [`CheckpointReader`] reads all of them. One batcher never writes a name twice but to
/// repeat a flush that failed, with the same bytes. The prefix becomes an object name as
/// `object_store::path::Path::from` makes it one: empty segments vanish, `.` and `..` and characters that stores do not
/// take are percent-encoded.
///
/// # Taking an epoch again
///
/// After a restart, the first flush of an epoch removes further objects that a dead attempt may have left (at the cost of one
/// HEAD request), and replaces its first one. What this cannot protect against is an attempt that is *not* dead: two
/// processes that write the same prefix and epoch replace each other's objects, and a reader may find one object of each.
/// A request of a dead attempt that the store carries out late does the same.
/// Nor does it know which flush of an epoch is the last: a checkpoint that was interrupted between two of its flushes, or while its leftovers
/// were being removed, reads as what there is of it. And the same batcher that takes an epoch again, after a rollback within the process,
/// adds to what it has flushed of it. Flush once an epoch, or keep a record of what is complete.
///
/// On stores that hide missing objects from those who may not list (S3 without `ListBucket` answers 403), listing must be allowed.
///
/// Use [`Batcher`], which creates and never replaces, with a writer name of its own for each process.
///
/// ```
/// use std::sync::Arc;
/// use batcher::CheckpointBatcher;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Arc::new(object_store::memory::InMemory::new());
/// let mut batcher = CheckpointBatcher::new(store, "nodes/abc123/".into(), None)?;
/// batcher.add("partition-0/agg".into(), vec![1, 2, 3]);
/// if batcher.should_flush() {
///     batcher.flush(7)?;
/// }
/// batcher.add("partition-1/agg".into(), vec![4]);
/// batcher.flush(7)?;
///
/// let checkpoint = batcher.open(7)?;
/// assert_eq!(checkpoint.get("partition-1/agg")?.as_deref(), Some(&[4][..]));
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct CheckpointBatcher {
    background: Arc<Background>,
    store: ObjectStoreSink,
    prefix: String,
    flush_threshold: u64,
    batcher: Arc<Mutex<Batcher<ObjectStoreSink>>>,
    handle: BatchHandle,
    metrics: Arc<BatchMetrics>,
    /// Blobs that no object can hold: they keep every flush from claiming that the checkpoint is complete.
    refused: BTreeMap<String, (AddErrorKind, Bytes)>,
    /// An epoch whose flush failed after one of its objects stood.
    unfinished: Option<u64>,
}

impl CheckpointBatcher {
    /// Creates a batcher.
    ///
    /// `prefix` is put in front of all object paths, for instance `"nodes/abc123/"`. `flush_threshold` is the uncompressed
    /// size of the buffer, in bytes, from which on [`should_flush`](Self::should_flush) is true; 8 MiB where there is none.
    ///
    /// # Errors
    ///
    /// [`io::Error`] where the thread or its runtime cannot be created, and with
    /// [`InvalidInput`](io::ErrorKind::InvalidInput) where the prefix is too long for an object name.
    pub fn new(
        store: Arc<dyn ObjectStore>,
        prefix: String,
        flush_threshold: Option<usize>,
    ) -> io::Result<Self> {
        let store = ObjectStoreSink::new(store);
        let naming = prefix.clone();
        let batcher = crate::builder(Lz4::default(), store.clone())
            .put_mode(PutMode::Replace)
            .memory_limit(usize::MAX)
            .naming(move |id, _| object_name(&naming, id.epoch, id.part))
            .build()
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        Ok(Self {
            background: Arc::new(Background::start()?),
            store,
            prefix,
            flush_threshold: flush_threshold.unwrap_or(DEFAULT_FLUSH_THRESHOLD) as u64,
            handle: batcher.handle(),
            metrics: Arc::clone(batcher.metrics()),
            batcher: Arc::new(Mutex::new(batcher)),
            refused: BTreeMap::new(),
            unfinished: None,
        })
    }

    /// Adds a state blob to the buffer.
    ///
    /// The key names the partition and operator, for instance `"partition-0/agg"`; of the same key twice before a flush the
    /// last blob counts. A key of more than [`MAX_KEY_LEN`](crate::MAX_KEY_LEN) bytes cannot be stored: the blob is kept, and
    /// every flush fails with [`CheckpointStoreError::Refused`] until [`take_refused`](Self::take_refused) has taken it away.
    #[expect(clippy::needless_pass_by_value, reason = "the starting point's signature")]
    pub fn add(&mut self, key: String, data: Vec<u8>) {
        if let Err(error) = self.handle.add(&key, data) {
            self.refuse(error);
        }
    }

    fn refuse(&mut self, error: AddError) {
        let kind = error.kind();
        let (key, blob) = error.into_parts();
        self.refused.insert(key, (kind, blob));
    }

    /// Whether the buffer has reached the flush threshold.
    #[must_use]
    pub fn should_flush(&self) -> bool {
        self.size() >= self.flush_threshold
    }

    /// The size of the buffer in bytes, uncompressed: keys, data, and 8 bytes a blob.
    #[must_use]
    pub fn buffer_size(&self) -> usize {
        usize::try_from(self.size()).unwrap_or(usize::MAX)
    }

    fn size(&self) -> u64 {
        let batcher = self.lock();
        let refused: usize = self.refused.iter().map(|(key, (_, blob))| key.len() + blob.len()).sum();
        batcher.buffered_bytes()
            + refused as u64
            + (batcher.len() + self.refused.len() as u64) * ENTRY_OVERHEAD
    }

    /// Number of blobs in the buffer.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.lock().len()).unwrap_or(usize::MAX).saturating_add(self.refused.len())
    }

    /// Whether the buffer is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The shared counters.
    #[must_use]
    pub fn metrics(&self) -> &Arc<BatchMetrics> {
        &self.metrics
    }

    /// Takes away the blobs that no object can hold, by key.
    pub fn take_refused(&mut self) -> Vec<(String, Bytes)> {
        std::mem::take(&mut self.refused).into_iter().map(|(key, (_, blob))| (key, blob)).collect()
    }

    /// Flushes the buffered blobs as one LZ4-compressed object, and clears the buffer when the store has acknowledged it.
    /// Does nothing where the buffer is empty.
    ///
    /// # Errors
    ///
    /// [`CheckpointStoreError`]; the buffer is then kept. Flushing the same epoch again repeats the same object; flushing another
    /// epoch takes the blobs along, and closes the one that failed, unless some of them stand in an object of that epoch already: then only
    /// flushing it again goes on ([`Unfinished`](CheckpointStoreError::Unfinished)).
    pub fn flush(&mut self, epoch: u64) -> Result<(), CheckpointStoreError> {
        if let Some((key, (kind, blob))) = self.refused.first_key_value() {
            let (key, kind, blob_len) = (key.clone(), *kind, blob.len());
            return Err(CheckpointStoreError::Refused { key, blob_len, kind });
        }
        if let Some(unfinished) = self.unfinished.filter(|unfinished| *unfinished != epoch) {
            return Err(CheckpointStoreError::Unfinished { epoch: unfinished });
        }
        if self.is_empty() {
            return Ok(());
        }
        let (batcher, store, prefix) = (Arc::clone(&self.batcher), self.store.clone(), self.prefix.clone());
        let flushed = self.background.run(move |runtime| {
            let mut batcher = batcher.lock().unwrap_or_else(PoisonError::into_inner);
            runtime.block_on(async {
                if batcher.next_part(epoch)? == 0 {
                    remove_leftovers(&store, &prefix, epoch).await?;
                }
                // Where each object is follows from its epoch: nobody needs the receipts.
                let _receipts = batcher.flush(epoch).await?;
                Ok(())
            })
        });
        let flushed = flushed.map_err(CheckpointStoreError::from).flatten();
        let stands = !self.lock().unreported().is_empty();
        self.unfinished = (flushed.is_err() && stands).then_some(epoch);
        flushed
    }

    /// Opens a checkpoint under this batcher's store and prefix: see [`CheckpointReader::open`].
    ///
    /// # Errors
    ///
    /// As [`CheckpointReader::open`].
    pub fn open(&self, epoch: u64) -> Result<CheckpointReader, CheckpointStoreError> {
        CheckpointReader::open_on(Arc::clone(&self.background), self.store.clone(), &self.prefix, epoch)
    }

    fn lock(&self) -> MutexGuard<'_, Batcher<ObjectStoreSink>> {
        self.batcher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The name of an epoch's first object, or of a further one.
pub(crate) fn object_name(prefix: &str, epoch: u64, part: u64) -> String {
    let name = match part {
        0 => format!("{prefix}checkpoints/batch-{epoch:06}.lz4"),
        part => format!("{prefix}checkpoints/batch-{epoch:06}-{part}.lz4"),
    };
    Path::from(name).to_string()
}

/// Removes the further objects of an epoch, the last one first, so that whatever is left when this is interrupted is
/// still without a gap.
async fn remove_leftovers(store: &ObjectStoreSink, prefix: &str, epoch: u64) -> Result<(), StoreError> {
    let mut parts = 0;
    loop {
        match store.size(&object_name(prefix, epoch, parts + 1)).await {
            Ok(_) => parts += 1,
            Err(error) if error.kind() == StoreErrorKind::NotFound => break,
            Err(error) => return Err(error),
        }
    }
    for part in (1..=parts).rev() {
        store.delete(&object_name(prefix, epoch, part)).await?;
    }
    Ok(())
}

/// Why a checkpoint was not flushed or not read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CheckpointStoreError {
    /// The flush failed; the buffer is kept.
    #[error(transparent)]
    Flush(#[from] FlushError),
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The object under a name of this epoch is another one, whole as it is: the store or something before it mixes up
    /// objects. Read again, or from elsewhere.
    #[error("{object:?} holds {found}")]
    WrongObject {
        /// The name that was read.
        object: String,
        /// What was found there.
        found: BatchId,
    },
    /// The store failed while leftovers of an earlier attempt were being removed; the buffer is kept.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A blob cannot be stored under its key; the buffer is kept. See
    /// [`take_refused`](CheckpointBatcher::take_refused).
    #[error("blob of {blob_len} bytes under key {key:.80?} was refused: {kind}")]
    Refused {
        /// The blob's key.
        key: String,
        /// The blob's length in bytes.
        blob_len: usize,
        /// Why.
        kind: AddErrorKind,
    },
    /// An earlier flush failed after one of its objects was stored: its blobs belong to that epoch, and no other epoch can
    /// be flushed until that one is. The buffer is kept.
    #[error("epoch {epoch} is stored in part; flush it again first")]
    Unfinished {
        /// The epoch to be flushed first.
        epoch: u64,
    },
    /// The store or the codec panicked, or the batcher's thread cannot be had; the buffer is kept.
    #[error(transparent)]
    Io(#[from] io::Error),
}
