//! The batcher: blobs in, objects in a store out.

use std::sync::Arc;

use crate::batch::{Cut, Intake};
use crate::delivery::{Attempts, DeliveryConfig, OpenUploads, Stream};
use crate::epochs::{Closed, Epochs};
use crate::pending::{Pending, Route};
use crate::{
    AddError, BatchHandle, BatchId, BatchMetrics, BatchReceipt, BatcherBuilder, BlobStore, Codec, FlushError,
    FlushErrorKind, FlushReport, Naming,
};
use bytes::Bytes;

/// Accumulates state blobs and writes them as one compressed object a flush.
///
/// Blobs are compressed while they arrive, in blocks, by the [executor](BatcherBuilder::executor). What has been
/// added is held until the store has acknowledged it: a flush that fails, or whose future is dropped at any point, loses
/// nothing, and flushing the same epoch again writes the same object byte for byte, followed by another with what was
/// added since. Flushing another epoch instead takes the blobs along into that epoch's object, but for those that the store has
/// acknowledged already ([`unreported`](Self::unreported) objects, whose receipts the report then has, too), and the epoch
/// that failed is given up for good.
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
    pub(crate) intake: Arc<Intake>,
    /// The batcher's own way in.
    handle: BatchHandle,
    pub(crate) store: S,
    writer: String,
    naming: NamingDebug,
    flush_threshold: u64,
    pub(crate) delivery: DeliveryConfig,
    epochs: Epochs,
    /// A batch that has its identity and is not yet acknowledged.
    pending: Option<Pending>,
    /// Blobs of a batch whose epoch was given up for another.
    pub(crate) carried: Cut,
    /// The upload that began before the cut.
    pub(crate) early: Attempts,
    pub(crate) metrics: Arc<BatchMetrics>,
    /// Receipts that no flush has answered yet, because it failed or was dropped after the object stood.
    acknowledged: Vec<BatchReceipt>,
    /// Uploads of batches that were given up, to be cleared away by the next flush.
    pub(crate) orphans: OpenUploads,
}

/// A batch that has an identity before it was cut.
pub(crate) struct Begun {
    pub(crate) id: BatchId,
    pub(crate) object: String,
    pub(crate) stream: Option<Stream>,
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
            early: Attempts::default(),
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
        let pending = self.pending.as_ref().map_or(0, |pending| pending.cut.added_bytes);
        self.intake.bytes() + self.carried.added_bytes + pending
    }

    /// Number of blobs added that the store has not acknowledged yet; the same key counts as often as it was added.
    #[must_use]
    pub fn len(&self) -> u64 {
        let pending = self.pending.as_ref().map_or(0, |pending| pending.cut.blobs);
        self.intake.blobs() + self.carried.blobs + pending
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
    /// receipt the next flush that succeeds answers. The same is so when the future is dropped. An upload in parts then begins
    /// anew with the next flush: a deadline has to leave time for a whole one. Parts of an upload that was given up are cleared away by the
    /// next flush, even one with nothing to write; those of an upload whose start was never answered are not, nor is it certain for those that
    /// a flush was clearing away when it was dropped: have the store expire them.
    pub async fn flush(&mut self, epoch: u64) -> Result<FlushReport, FlushError> {
        // Before anything is waited for: what is added from now on is the next flush's.
        self.cut();
        // Once for a batch that an earlier flush of this epoch left, and once for what was added since: not until nothing is
        // left, or a flush among busy handles would never end.
        self.deliver_left(epoch).await?;
        self.deliver_new(None, epoch).await?;
        Ok(self.report().await)
    }

    /// Forgets everything that was added and is not acknowledged, as after a checkpoint that the engine has given up, and
    /// says how many blobs that were. Receipts of objects that stand already are still answered. An object whose flush failed with an unknown outcome may stand in the store
    /// all the same.
    pub fn discard(&mut self) -> u64 {
        let encoding = Arc::clone(self.intake.encoding());
        let mut blobs = 0;
        if let Some(pending) = self.pending.take() {
            blobs += pending.cut.blobs;
            self.orphans.extend(pending.release(&encoding));
        }
        self.cut();
        let cut = std::mem::take(&mut self.carried);
        blobs += cut.blobs;
        cut.release(&encoding);
        blobs
    }

    /// Takes everything that was added. What began to be uploaded before the cut is part of it.
    fn cut(&mut self) {
        self.intake.cut(&mut self.carried);
        self.orphans.extend(std::mem::take(&mut self.early).uploads);
    }

    /// Clears away what was given up, and answers the receipts: last, since nothing may depend on whether an abort is ever
    /// answered.
    pub(crate) async fn report(&mut self) -> FlushReport {
        self.orphans.abort().await;
        FlushReport { receipts: std::mem::take(&mut self.acknowledged) }
    }

    /// Delivers the batch that an earlier flush of this epoch left, where there is one.
    pub(crate) async fn deliver_left(&mut self, epoch: u64) -> Result<(), FlushError> {
        if self.pending.as_ref().is_some_and(|pending| pending.id.epoch == epoch) {
            self.deliver(None).await?;
        }
        Ok(())
    }

    /// Delivers what was added as a batch of this epoch, and with it what was left of another.
    pub(crate) async fn deliver_new(&mut self, begun: Option<Begun>, epoch: u64) -> Result<(), FlushError> {
        if self.carried.is_empty() && self.pending.is_none() {
            return Ok(());
        }
        let (id, object, stream) = match begun {
            Some(Begun { id, object, stream }) => (id, object, stream),
            None => {
                let (id, object) = self.name(epoch)?;
                self.unseal();
                (id, object, None)
            }
        };
        self.epochs.used(epoch, id.part);
        let cut = std::mem::take(&mut self.carried);
        self.pending = Some(Pending::new(id, object, cut, std::mem::take(&mut self.early)));
        self.deliver(stream).await
    }

    /// The identity and the name of the epoch's next object. The naming is the caller's code: nothing has been taken away
    /// yet where it panics.
    pub(crate) fn name(&self, epoch: u64) -> Result<(BatchId, String), FlushError> {
        let part = self.next_part(epoch).inspect_err(|_| self.metrics.failed())?;
        let id = BatchId { writer: self.writer.clone(), epoch, part };
        let object = (self.naming.0)(&id, self.intake.encoding().codec.id());
        Ok((id, object))
    }

    /// Takes the pending batch's blobs back, to become part of another.
    pub(crate) fn unseal(&mut self) {
        if let Some(pending) = self.pending.take() {
            self.epochs.give_up(pending.id.epoch);
            let (mut cut, uploads) = pending.unseal();
            self.orphans.extend(uploads);
            cut.append(std::mem::take(&mut self.carried));
            self.carried = cut;
        }
    }

    async fn deliver(&mut self, stream: Option<Stream>) -> Result<(), FlushError> {
        let Some(pending) = self.pending.as_mut() else { return Ok(()) };
        let route = Route {
            store: &self.store,
            config: &self.delivery,
            metrics: &self.metrics,
            encoding: self.intake.encoding(),
        };
        let receipt = pending.deliver(&route, stream).await.map_err(|kind| {
            self.metrics.failed();
            FlushError::new(kind, &pending.id, &pending.object)
        })?;
        self.metrics.flushed(receipt.blobs, pending.cut.added_bytes, receipt.object_len);
        self.acknowledged.push(receipt);
        if let Some(pending) = self.pending.take() {
            // The object stands: whatever a late completion does, it can only put the same there again.
            self.orphans.extend_all(pending.release(self.intake.encoding()));
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
