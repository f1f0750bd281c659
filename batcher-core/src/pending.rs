//! One batch between its cut and its acknowledgement.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::Poll;

use futures_channel::oneshot;

use crate::batch::{
    Block, Cut, Dictionary, EncodedBlock, Encoding, KeyIndex, KeyJob, Sealed, binding, header, poll_all, seal,
};
use crate::delivery::{Attempts, Delivery, DeliveryConfig, OpenUploads, Stream, Undelivered};
use crate::executor::hand_over;
use crate::waiter::Answer;
use crate::{BatchId, BatchMetrics, BatchReceipt, BlobStore, CodecError, FlushErrorKind};

/// Up to so many blocks an object is indexed by the flush itself, where its key pages are made or few: in some 50
/// microseconds.
const FEW_BLOCKS: usize = 64;

/// Up to so many bytes of its last block a flush encodes itself where no job has begun to: in less time than it takes to be woken.
const HELP_LEN: usize = 16 * 1024;

/// Encoded blocks that are taken without giving way to other tasks: some hundred microseconds' worth.
const AT_A_TIME: usize = 1024;

/// A batch that has its identity. Everything that a flush does is kept here and not in the flush's future, so that the
/// future can be dropped at any point; only an upload begins anew.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) id: BatchId,
    pub(crate) object: String,
    pub(crate) cut: Cut,
    stage: Stage,
    /// The pages of its keys, until they have been taken for the index.
    keys: Option<KeyJob>,
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
        Self { id, object, cut, stage: Stage::Encoding, keys: None, attempts }
    }

    /// Lets go of everything, and gives the uploads that are to be cleared away.
    pub(crate) fn release(self, encoding: &Encoding) -> OpenUploads {
        // Before the entries' memory is given back: the sealed object does not need it, but a job still may.
        if let Some(keys) = &self.keys {
            keys.index.cancel();
        }
        drop(self.stage);
        self.cut.release(encoding);
        self.attempts.uploads
    }

    /// The blobs, to become part of another batch, and the uploads that are to be cleared away. Where a job still indexes
    /// them, its answer is of no use any longer.
    pub(crate) fn unseal(self) -> (Cut, OpenUploads) {
        if let Some(keys) = &self.keys {
            keys.index.cancel();
        }
        (self.cut, self.attempts.uploads)
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
            let dictionaries = poll_fn(|context| poll_all(&self.cut.choices, context)).await;
            let mut begun = match stream {
                Some(begun) => begun,
                None => {
                    delivery.clear_away().await;
                    Stream::new(header(&self.id, !dictionaries.is_empty(), route.encoding), &delivery)
                }
            };
            let binding = binding(&self.id, !dictionaries.is_empty(), route.encoding);
            let (cut, encoding) = (&self.cut, route.encoding);
            let keys = self.keys.get_or_insert_with(|| KeyJob::submit(cut, binding, encoding));
            if let Err(error) = encode(cut, encoding, &mut begun, &mut delivery).await {
                drop(begun);
                delivery.clear_away().await;
                return Err(FlushErrorKind::Encode(error));
            }
            let _ = begun.go_on_during(&mut delivery, &mut keys.over).await;
            let index = Index {
                keys: Arc::clone(&keys.index),
                added: self.cut.blobs,
                frames: begun.frames().to_vec(),
                dictionaries,
                id: self.id.clone(),
                object: self.object.clone(),
            };
            stream = Some(begun);
            self.stage = Stage::Indexing(index.make(route.encoding));
        }
        if let Stage::Indexing(answered) = &mut self.stage {
            let answer = match &mut stream {
                Some(stream) => stream.go_on_during(&mut delivery, answered).await,
                None => answered.await,
            };
            if answer.is_ok() {
                self.keys = None;
            }
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

/// Waits until every block is encoded, having those that had failed before handed over again.
///
/// # Errors
///
/// That of the first block that has failed; all blocks are still held.
async fn encode<S: BlobStore>(
    cut: &Cut,
    encoding: &Arc<Encoding>,
    stream: &mut Stream,
    delivery: &mut Delivery<'_, S>,
) -> Result<(), CodecError> {
    stream.expect(cut.blocks.iter().map(|block| block.len() as u64).sum());
    // It was handed over last. One that may have a dictionary has it only once it is handed over.
    let is_short = |block: &Arc<Block>| block.len() <= HELP_LEN && cut.choices.is_empty();
    let (short, others) = match cut.blocks.split_last() {
        Some((last, others)) if is_short(last) => (Some(last), others),
        _ => (None, &*cut.blocks),
    };
    for block in others {
        block.retry(encoding);
    }
    if let Some(block) = short {
        block.help(encoding);
    }
    for (index, block) in cut.blocks[stream.frames().len()..].iter().enumerate() {
        if index % AT_A_TIME == AT_A_TIME - 1 {
            give_way().await;
        }
        let encoded = poll_fn(|context| block.poll_encoded(context));
        let encoded = stream.go_on_during(delivery, encoded).await?;
        stream.take(encoded, delivery).await;
    }
    Ok(())
}

/// Lets other tasks of the same thread run.
async fn give_way() {
    let mut gave_way = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// What an object is made of.
struct Index {
    keys: Arc<KeyIndex>,
    added: u64,
    frames: Vec<EncodedBlock>,
    dictionaries: Vec<Arc<Dictionary>>,
    id: BatchId,
    object: String,
}

impl Index {
    /// Whether there is too little left to do for a job: it takes about as long as waking up a thread.
    fn is_short(&self) -> bool {
        self.frames.len() <= FEW_BLOCKS && self.dictionaries.is_empty() && self.keys.is_short()
    }

    /// Has the object indexed: by a job, unless it is too short for that.
    fn make(self, encoding: &Arc<Encoding>) -> oneshot::Receiver<Result<Sealed, CodecError>> {
        let (answer, answered) = Answer::channel();
        let context = Arc::clone(encoding);
        let is_short = self.is_short();
        let job = move || {
            let Self { keys, added, frames, dictionaries, id, object } = self;
            let seal = || {
                let keys = keys.take(&*context.codec)?;
                seal(&frames, keys, added, &dictionaries, &id, object, &context)
            };
            let sealed = catch_unwind(AssertUnwindSafe(seal)).unwrap_or(Err(CodecError::Panicked));
            // Before the answer: whoever gets it wants the memory back.
            drop((keys, frames, dictionaries));
            answer.give(sealed);
        };
        if is_short {
            job();
        } else {
            hand_over(&*encoding.executor, job);
        }
        answered
    }
}
