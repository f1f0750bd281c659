//! One batch between its cut and its acknowledgement.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;

use crate::batch::{
    Block, Choice, Cut, Dictionary, EncodedBlock, Encoding, Entries, Sealed, header, poll_all, release, seal,
};
use crate::delivery::{Attempts, Delivery, DeliveryConfig, OpenUploads, Stream, Undelivered};
use crate::{BatchId, BatchMetrics, BatchReceipt, BlobStore, CodecError, FlushErrorKind};

/// A batch that has its identity. Everything that a flush does is kept here and not in the flush's future, so that the
/// future can be dropped at any point; only an upload begins anew.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) id: BatchId,
    pub(crate) object: String,
    pub(crate) blobs: u64,
    pub(crate) added_bytes: u64,
    /// Bytes that the entries take in memory.
    entries_held: usize,
    blocks: Vec<Arc<Block>>,
    choices: Vec<Arc<Choice>>,
    /// Shared with the job that sorts and indexes them; locked by nobody else while that job is about.
    entries: Arc<Mutex<Entries>>,
    stage: Stage,
    attempts: Attempts,
}

#[derive(Debug)]
enum Stage {
    Encoding,
    Indexing(oneshot::Receiver<Result<Sealed, CodecError>>),
    Sealed(Sealed),
}

/// Where and how a batch is delivered.
pub(crate) struct Route<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) config: &'a DeliveryConfig,
    pub(crate) metrics: &'a BatchMetrics,
    pub(crate) encoding: &'a Arc<Encoding>,
}

impl<'a, S> Route<'a, S> {
    pub(crate) fn delivery(&self, name: &'a str, attempts: &'a mut Attempts) -> Delivery<'a, S> {
        Delivery { store: self.store, config: self.config, metrics: self.metrics, name, attempts }
    }
}

impl Pending {
    /// Gives a cut its identity, and what was done for it before it had one.
    pub(crate) fn new(id: BatchId, object: String, cut: Cut, attempts: Attempts) -> Self {
        Self {
            object,
            id,
            blobs: cut.entries.len() as u64,
            added_bytes: cut.added_bytes,
            entries_held: cut.entries.held(),
            blocks: cut.blocks,
            choices: cut.choices,
            entries: Arc::new(Mutex::new(cut.entries)),
            stage: Stage::Encoding,
            attempts,
        }
    }

    /// Lets go of everything, and gives the uploads that are to be cleared away.
    pub(crate) fn release(self, encoding: &Encoding) -> OpenUploads {
        release(&self.blocks, self.entries_held, encoding);
        self.attempts.uploads
    }

    /// Waits until the job that has the entries is done with them; whatever it answers is of no use any longer.
    pub(crate) async fn settle(&mut self) {
        if let Stage::Indexing(answered) = &mut self.stage {
            let _ = answered.await;
        }
    }

    /// The blobs of a settled batch, to become part of another, and the uploads that are to be cleared away.
    pub(crate) fn unseal(self) -> (Cut, OpenUploads) {
        let entries = std::mem::take(&mut *self.lock());
        let Self { blocks, added_bytes, choices, .. } = self;
        (Cut { entries, blocks, added_bytes, choices }, self.attempts.uploads)
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the rest compressed and indexed, uploading meanwhile what is ready, until the store has the object. Goes on
    /// with `stream`, where an upload has begun before the cut.
    pub(crate) async fn deliver<S: BlobStore>(
        &mut self,
        route: &Route<'_, S>,
        mut stream: Option<Stream>,
    ) -> Result<BatchReceipt, FlushErrorKind> {
        let mut delivery = route.delivery(&self.object, &mut self.attempts);
        if matches!(self.stage, Stage::Encoding) {
            let dictionaries = poll_fn(|context| poll_all(&self.choices, context)).await;
            let mut begun = match stream {
                Some(begun) => begun,
                None => {
                    delivery.clear_away().await;
                    Stream::new(header(&self.id, !dictionaries.is_empty(), route.encoding), &delivery)
                }
            };
            if let Err(error) = encode(&self.blocks, route.encoding, &mut begun, &mut delivery).await {
                drop(begun);
                delivery.clear_away().await;
                return Err(FlushErrorKind::Encode(error));
            }
            let index = Index {
                frames: begun.frames().to_vec(),
                dictionaries,
                id: self.id.clone(),
                object: self.object.clone(),
            };
            self.stage = Stage::Indexing(index.make(&self.entries, route.encoding));
            stream = Some(begun);
        }
        if let Stage::Indexing(answered) = &mut self.stage {
            let answer = match &mut stream {
                Some(stream) => stream.go_on_during(&mut delivery, answered).await,
                None => answered.await,
            };
            match answer.unwrap_or(Err(CodecError::Abandoned)) {
                Ok(sealed) => self.stage = Stage::Sealed(sealed),
                Err(error) => {
                    self.stage = Stage::Encoding;
                    drop(stream);
                    delivery.clear_away().await;
                    return Err(FlushErrorKind::Encode(error));
                }
            }
        }
        let Stage::Sealed(sealed) = &self.stage else {
            return Err(FlushErrorKind::Encode(CodecError::Abandoned));
        };
        let begun = stream.and_then(Stream::into_upload);
        delivery.run(&sealed.payload, begun).await.map_err(|undelivered| match undelivered {
            Undelivered::Store(error) => FlushErrorKind::Store(error),
            Undelivered::Conflict => FlushErrorKind::Conflict,
        })?;
        Ok(BatchReceipt { requests: self.attempts.requests, ..sealed.receipt.clone() })
    }
}

/// Waits until every block is encoded, having those that had failed before tried once more.
///
/// # Errors
///
/// That of the first block that has failed; all blocks are still held.
async fn encode<S: BlobStore>(
    blocks: &[Arc<Block>],
    encoding: &Arc<Encoding>,
    stream: &mut Stream,
    delivery: &mut Delivery<'_, S>,
) -> Result<(), CodecError> {
    for block in blocks {
        block.retry(encoding);
    }
    stream.expect(blocks.iter().map(|block| block.len() as u64).sum());
    for block in &blocks[stream.frames().len()..] {
        let encoded = poll_fn(|context| block.poll_encoded(context));
        let encoded = stream.go_on_during(delivery, encoded).await?;
        stream.take(encoded, delivery).await;
    }
    Ok(())
}

/// What an object is made of besides its entries.
struct Index {
    frames: Vec<EncodedBlock>,
    dictionaries: Vec<Arc<Dictionary>>,
    id: BatchId,
    object: String,
}

impl Index {
    /// Has the object indexed.
    fn make(
        self,
        entries: &Arc<Mutex<Entries>>,
        encoding: &Arc<Encoding>,
    ) -> oneshot::Receiver<Result<Sealed, CodecError>> {
        let (answer, answered) = oneshot::channel();
        let (entries, context) = (Arc::clone(entries), Arc::clone(encoding));
        let job = move || {
            let mut entries = entries.lock().unwrap_or_else(PoisonError::into_inner);
            let seal =
                || seal(&mut entries, &self.frames, &self.dictionaries, &self.id, self.object, &context);
            let sealed = catch_unwind(AssertUnwindSafe(seal)).unwrap_or(Err(CodecError::Panicked));
            drop(entries);
            // Nobody waits any longer where the batch was discarded meanwhile.
            let _ = answer.send(sealed);
        };
        // Where the executor panics, the job is dropped, and the answer with it.
        let _ = catch_unwind(AssertUnwindSafe(|| encoding.executor.execute(Box::new(job))));
        answered
    }
}
