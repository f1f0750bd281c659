//! The batcher: blobs in, objects in a store out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_channel::oneshot;

use crate::batch::{Block, Cut, Encoding, Entries, Intake, Sealed, encoded, release, seal};
use crate::delivery::{Delivery, DeliveryConfig, OpenUploads, Undelivered};
use crate::epochs::{Closed, Epochs};
use crate::{
    AddError, BatchHandle, BatchId, BatchMetrics, BatchReceipt, BatcherBuilder, BlobStore, Codec, CodecError,
    FlushError, FlushErrorKind, FlushReport, Naming,
};

/// Accumulates state blobs and writes them as one compressed object a flush.
///
/// Blobs are compressed while they arrive, in blocks, by the [executor](BatcherBuilder::executor). What has been
/// added is held until the store has acknowledged it: a flush that fails, or whose future is dropped at any point, loses
/// nothing, and flushing the same epoch again writes the same object byte for byte, followed by another with what was
/// added since. Flushing another epoch instead takes the blobs along into that epoch's object, and the epoch that failed
/// is given up for good.
///
/// A key that is added twice before a flush keeps the last blob only.
///
/// ```
/// # use batcher_testkit::{block_on, MemoryStore};
/// # use batcher_codecs::{registry, Lz4};
/// use batcher_core::{Batcher, BatchReader};
///
/// # block_on(async {
/// let store = MemoryStore::new();
/// let mut batcher = Batcher::builder(Lz4::default(), store.clone()).writer("node-7").build()?;
/// batcher.add("partition-0/counts", vec![1, 2, 3])?;
/// batcher.add("partition-1/counts", vec![4, 5])?;
/// let report = batcher.flush(42).await?;
///
/// let reader = BatchReader::open(store, &report.receipts[0].object, &registry()).await?;
/// assert_eq!(reader.get("partition-1/counts").await?.as_deref(), Some(&[4, 5][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Batcher<S> {
    intake: Arc<Intake>,
    /// The batcher's own way in.
    handle: BatchHandle,
    store: S,
    writer: String,
    naming: NamingDebug,
    flush_threshold: u64,
    delivery: DeliveryConfig,
    epochs: Epochs,
    /// A batch that has its identity and is not yet acknowledged.
    pending: Option<Pending>,
    /// Blobs of a batch whose epoch was given up for another.
    carried: Cut,
    metrics: Arc<BatchMetrics>,
    /// Receipts that no flush has answered yet, because it failed or was dropped after the object stood.
    acknowledged: Vec<BatchReceipt>,
    /// Uploads of batches that were given up, to be cleared away by the next flush.
    orphans: OpenUploads,
}

impl<S> Drop for Batcher<S> {
    fn drop(&mut self) {
        self.intake.close();
    }
}

struct NamingDebug(Naming);

impl std::fmt::Debug for NamingDebug {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Naming")
    }
}

/// A batch between its cut and its acknowledgement. Everything that a flush does is kept here and not in the flush's
/// future, so that the future can be dropped at any point.
#[derive(Debug)]
struct Pending {
    id: BatchId,
    object: String,
    blobs: u64,
    added_bytes: u64,
    /// Bytes that the entries take in memory.
    entries_held: usize,
    blocks: Vec<Arc<Block>>,
    /// Shared with the job that sorts and indexes them; locked by nobody else while that job is about.
    entries: Arc<Mutex<Entries>>,
    stage: Stage,
    requests: u64,
    uploads: OpenUploads,
    /// Whether the object may stand in the store.
    in_doubt: bool,
}

#[derive(Debug)]
enum Stage {
    Encoding,
    Indexing(oneshot::Receiver<Result<Sealed, CodecError>>),
    Sealed(Sealed),
}

impl<S: BlobStore> Batcher<S> {
    /// Starts to set up a batcher that compresses with `codec` and writes to `store`.
    pub fn builder<C: Codec + 'static>(codec: C, store: S) -> BatcherBuilder<C, S> {
        BatcherBuilder::new(codec, store)
    }

    pub(crate) fn new(
        intake: Arc<Intake>,
        store: S,
        writer: String,
        naming: Naming,
        flush_threshold: u64,
        delivery: DeliveryConfig,
    ) -> Self {
        Self {
            handle: intake.handle(),
            intake,
            store,
            writer,
            naming: NamingDebug(naming),
            flush_threshold,
            delivery,
            epochs: Epochs::default(),
            pending: None,
            carried: Cut::default(),
            metrics: Arc::default(),
            acknowledged: Vec::new(),
            orphans: OpenUploads::default(),
        }
    }

    /// Adds a blob. A blob shorter than a block is copied; a longer one is not, and is held as it is until it is
    /// compressed. With the [`Inline`](crate::Inline) executor, an add that fills a block compresses it.
    ///
    /// # Errors
    ///
    /// [`KeyTooLong`](crate::AddErrorKind::KeyTooLong) and [`Full`](crate::AddErrorKind::Full); the error gives the blob
    /// back.
    pub fn add(&mut self, key: &str, blob: impl Into<Bytes>) -> Result<(), AddError> {
        self.handle.add(key, blob)
    }

    /// A handle through which another thread adds blobs to this batcher.
    #[must_use]
    pub fn handle(&self) -> BatchHandle {
        self.intake.handle()
    }

    /// Whether keys and blobs of at least the [flush threshold](BatcherBuilder::flush_threshold) wait for a flush.
    #[must_use]
    pub fn should_flush(&self) -> bool {
        self.buffered_bytes() >= self.flush_threshold
    }

    /// Bytes of the keys and blobs, as they were added, that the store has not acknowledged yet.
    #[must_use]
    pub fn buffered_bytes(&self) -> u64 {
        let pending = self.pending.as_ref().map_or(0, |pending| pending.added_bytes);
        self.intake.bytes() + self.carried.added_bytes + pending
    }

    /// Number of blobs added that the store has not acknowledged yet; the same key counts as often as it was added.
    #[must_use]
    pub fn len(&self) -> u64 {
        let pending = self.pending.as_ref().map_or(0, |pending| pending.blobs);
        self.intake.blobs() + self.carried.entries.len() as u64 + pending
    }

    /// Whether the store has acknowledged everything that was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The part number that the next new object of this epoch will have: 0 where this batcher has not flushed the epoch.
    ///
    /// # Errors
    ///
    /// [`EpochGivenUp`](FlushErrorKind::EpochGivenUp) and [`EpochForgotten`](FlushErrorKind::EpochForgotten), as a flush of
    /// the epoch would answer.
    pub fn next_part(&self, epoch: u64) -> Result<u64, FlushError> {
        let id = BatchId { writer: self.writer.clone(), epoch, part: 0 };
        self.epochs.peek(epoch).map_err(|closed| FlushError::new(closed.into(), &id, ""))
    }

    /// Receipts of objects that stand in the store and that no flush has answered yet, because it failed or was dropped
    /// before it was done; the next flush that succeeds answers them.
    #[must_use]
    pub fn unreported(&self) -> &[BatchReceipt] {
        &self.acknowledged
    }

    /// The counters.
    #[must_use]
    pub fn metrics(&self) -> &Arc<BatchMetrics> {
        &self.metrics
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Writes everything that was added as an object of this epoch, and waits until the store has acknowledged it. Does
    /// nothing, and answers an empty report, where nothing waits.
    ///
    /// # Errors
    ///
    /// [`FlushError`]; everything is then held as before, but for an object that this flush had got acknowledged, whose
    /// receipt the next flush that succeeds answers. The same is so when the future is dropped. Parts of an upload that was given up are cleared away by the
    /// next flush, even one with nothing to write; those of an upload whose start was never answered are not: have the store
    /// expire them.
    pub async fn flush(&mut self, epoch: u64) -> Result<FlushReport, FlushError> {
        // Before anything is waited for: what is added from now on is the next flush's.
        self.carried.append(self.intake.cut());
        self.orphans.abort().await;
        // Once for a batch that an earlier flush of this epoch left, and once for what was added since: not until nothing is
        // left, or a flush among busy handles would never end.
        for fresh in [false, true] {
            let flushed = match self.take_next(epoch, fresh).await {
                Ok(true) => self.deliver_pending().await,
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = flushed {
                self.metrics.failed();
                return Err(error);
            }
        }
        Ok(FlushReport { receipts: std::mem::take(&mut self.acknowledged) })
    }

    /// Forgets everything that was added and is not acknowledged, as after a checkpoint that the engine has given up, and
    /// says how many blobs that were. Receipts of objects that stand already are still answered. An object whose flush failed with an unknown outcome may stand in the store
    /// all the same.
    pub fn discard(&mut self) -> u64 {
        let encoding = self.intake.encoding();
        let mut blobs = 0;
        if let Some(pending) = self.pending.take() {
            blobs += pending.blobs;
            release(&pending.blocks, pending.entries_held, encoding);
            self.orphans.extend(pending.uploads);
        }
        for cut in [std::mem::take(&mut self.carried), self.intake.cut()] {
            blobs += cut.entries.len() as u64;
            release(&cut.blocks, cut.entries.held(), encoding);
        }
        blobs
    }

    /// Makes sure that there is a pending batch of this epoch, where there is one from before or `fresh` asks for one of
    /// what was added; false where there is none.
    async fn take_next(&mut self, epoch: u64, fresh: bool) -> Result<bool, FlushError> {
        if self.pending.as_ref().is_some_and(|pending| pending.id.epoch == epoch) {
            return Ok(true);
        }
        if !fresh || (self.carried.is_empty() && self.pending.is_none()) {
            return Ok(false);
        }
        // Before anything is given up for this epoch.
        let part = self.next_part(epoch)?;
        self.unseal().await;
        self.orphans.abort().await;
        let id = BatchId { writer: self.writer.clone(), epoch, part };
        // The naming is the caller's code: nothing has been taken away yet where it panics.
        let object = (self.naming.0)(&id, self.intake.encoding().codec.id());
        self.epochs.used(epoch, part);
        let cut = std::mem::take(&mut self.carried);
        self.pending = Some(Pending {
            object,
            id,
            blobs: cut.entries.len() as u64,
            added_bytes: cut.added_bytes,
            entries_held: cut.entries.held(),
            blocks: cut.blocks,
            entries: Arc::new(Mutex::new(cut.entries)),
            stage: Stage::Encoding,
            requests: 0,
            uploads: OpenUploads::default(),
            in_doubt: false,
        });
        Ok(true)
    }

    /// Takes the pending batch's blobs back, to become part of another.
    async fn unseal(&mut self) {
        if let Some(Pending { stage: Stage::Indexing(answered), .. }) = &mut self.pending {
            // The job has the entries locked; whatever it answers is of no use any longer.
            let _ = answered.await;
        }
        if let Some(pending) = self.pending.take() {
            self.epochs.give_up(pending.id.epoch);
            let entries = std::mem::take(&mut *pending.lock());
            self.orphans.extend(pending.uploads);
            let mut cut = Cut { entries, blocks: pending.blocks, added_bytes: pending.added_bytes };
            cut.append(std::mem::take(&mut self.carried));
            self.carried = cut;
        }
    }

    async fn deliver_pending(&mut self) -> Result<(), FlushError> {
        let Some(pending) = self.pending.as_mut() else { return Ok(()) };
        pending
            .seal(self.intake.encoding())
            .await
            .map_err(|error| FlushError::new(FlushErrorKind::Encode(error), &pending.id, &pending.object))?;
        let Stage::Sealed(sealed) = &pending.stage else { return Ok(()) };
        let delivered = Delivery {
            store: &self.store,
            config: &self.delivery,
            metrics: &self.metrics,
            name: &pending.object,
            payload: &sealed.payload,
            requests: &mut pending.requests,
            open: &mut pending.uploads,
            in_doubt: &mut pending.in_doubt,
        }
        .run()
        .await;
        if let Err(undelivered) = delivered {
            let kind = match undelivered {
                Undelivered::Store(error) => FlushErrorKind::Store(error),
                Undelivered::Conflict => FlushErrorKind::Conflict,
            };
            return Err(FlushError::new(kind, &pending.id, &pending.object));
        }
        let mut receipt = sealed.receipt.clone();
        receipt.requests = pending.requests;
        self.metrics.flushed(receipt.blobs, pending.added_bytes, receipt.object_len);
        release(&pending.blocks, pending.entries_held, self.intake.encoding());
        self.acknowledged.push(receipt);
        if let Some(pending) = self.pending.take() {
            // The object stands: whatever a late completion does, it can only put the same there again.
            self.orphans.extend_all(pending.uploads);
        }
        Ok(())
    }
}

impl From<Closed> for FlushErrorKind {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::GivenUp => Self::EpochGivenUp,
            Closed::Forgotten { oldest } => Self::EpochForgotten { oldest },
        }
    }
}

impl Pending {
    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the blocks, then has the object indexed.
    async fn seal(&mut self, encoding: &Arc<Encoding>) -> Result<(), CodecError> {
        loop {
            match &mut self.stage {
                Stage::Encoding => {
                    let frames = encoded(&self.blocks, encoding).await?;
                    let (answer, answered) = oneshot::channel();
                    let (entries, id, object) =
                        (Arc::clone(&self.entries), self.id.clone(), self.object.clone());
                    let context = Arc::clone(encoding);
                    self.stage = Stage::Indexing(answered);
                    let job = move || {
                        let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
                        let seal = || seal(&mut entries, &frames, &id, object, &context);
                        let sealed =
                            catch_unwind(AssertUnwindSafe(seal)).unwrap_or(Err(CodecError::Panicked));
                        drop(entries);
                        // Nobody waits any longer where the batch was discarded meanwhile.
                        let _ = answer.send(sealed);
                    };
                    // Where the executor panics, the job is dropped, and the answer with it.
                    let _ = catch_unwind(AssertUnwindSafe(|| encoding.executor.execute(Box::new(job))));
                }
                Stage::Indexing(answered) => match answered.await {
                    Ok(Ok(sealed)) => self.stage = Stage::Sealed(sealed),
                    Ok(Err(error)) => {
                        self.stage = Stage::Encoding;
                        return Err(error);
                    }
                    Err(oneshot::Canceled) => {
                        self.stage = Stage::Encoding;
                        return Err(CodecError::Abandoned);
                    }
                },
                Stage::Sealed(_) => return Ok(()),
            }
        }
    }
}
