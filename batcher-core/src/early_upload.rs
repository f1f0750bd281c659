//! A flush that begins before all blobs are there.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use futures_util::future::join;

use crate::batch::{Choice, EncodedBlock, header, poll_all};
use crate::batcher::Begun;
use crate::delivery::Stream;
use crate::pending::Route;
use crate::{Batcher, BlobStore, FlushError, FlushReport};

enum Event {
    Complete,
    /// Whether the object will have dictionaries, which its first bytes say.
    Decided(bool),
    Encoded(EncodedBlock),
}

impl<S: BlobStore> Batcher<S> {
    /// Flushes at the moment at which `complete` is ready, and until then already uploads what is compressed of the blobs
    /// that come in through [handles](Self::handle), where the object is long enough to go up
    /// [in parts](crate::BatcherBuilder::multipart_threshold): of a large checkpoint only the tail is then left to be done. Else it
    /// is as [`flush`](Self::flush), which such a flush may also be followed by.
    ///
    /// Not on stores that cannot create objects in parts conditionally (S3 through `object_store` cannot) with
    /// [`PutMode::Create`](crate::PutMode::Create): there everything goes up in one put when all is complete.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush). An early upload that fails is none: the object is uploaded whole in the end. `complete` is
    /// polled to its end before any error is answered, but not at all where the epoch is refused. When the future is dropped, so is `complete`; what was added waits for the next flush, and what was uploaded is cleared away by it.
    ///
    /// ```
    /// # use batcher_core::Batcher;
    /// # use batcher_testkit::{block_on, MemoryStore};
    /// # use batcher_codecs::Lz4;
    /// # block_on(async {
    /// let mut batcher = Batcher::builder(Lz4::default(), MemoryStore::new()).build()?;
    /// let handle = batcher.handle();
    /// let operators = async {
    ///     for partition in 0..100 {
    ///         handle.ready().await;
    ///         handle.add(&format!("partition-{partition}"), vec![0; 10_000]).expect("room");
    ///     }
    /// };
    /// assert_eq!(batcher.flush_when(1, operators).await?.blobs(), 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn flush_when(
        &mut self,
        epoch: u64,
        complete: impl Future<Output = ()>,
    ) -> Result<FlushReport, FlushError> {
        self.next_part(epoch).inspect_err(|_| self.metrics.failed())?;
        // Polled beside everything that is waited for here, whether that is compression or the store: whoever adds may need the
        // same store, or what else this flush holds meanwhile. And polled to its end whatever goes wrong, since what it has
        // not added yet nobody holds.
        let done = AtomicBool::new(false);
        let complete = async {
            complete.await;
            done.store(true, Ordering::Relaxed);
        };
        let ((), begun) = join(complete, self.begin(epoch, &done)).await;
        let begun = begun?;
        self.intake.cut(&mut self.carried);
        self.deliver_new(Some(begun), epoch).await?;
        Ok(self.report().await)
    }

    /// Gives the epoch's object its identity and uploads what is compressed, until nothing more comes in.
    async fn begin(&mut self, epoch: u64, done: &AtomicBool) -> Result<Begun, FlushError> {
        // Of an earlier one that was dropped.
        self.orphans.extend(std::mem::take(&mut self.early).uploads);
        self.deliver_left(epoch).await?;
        let (id, object) = self.name(epoch)?;
        self.unseal();
        let Self { store, delivery: config, metrics, intake, early, carried, .. } = self;
        let route = Route { store, config, metrics, encoding: intake.encoding() };
        let mut delivery = route.delivery(&object, early);
        for block in &carried.blocks {
            // Of a flush that failed.
            block.retry(intake.encoding());
        }
        let choices: Vec<Arc<Choice>> = carried.choices.iter().cloned().chain(intake.choice()).collect();
        let mut stream: Option<Stream> = None;
        let mut stalled = false;
        loop {
            let next = stream.as_ref().map(|stream| stream.frames().len());
            let event = poll_fn(|context| {
                if done.load(Ordering::Relaxed) {
                    return Poll::Ready(Event::Complete);
                }
                let Some(next) = next else {
                    let decided = poll_all(&choices, context);
                    return decided.map(|dictionaries| Event::Decided(!dictionaries.is_empty()));
                };
                while !stalled {
                    if let Some(block) = carried.blocks.get(next) {
                        match block.poll_encoded(context) {
                            Poll::Ready(Ok(encoded)) => return Poll::Ready(Event::Encoded(encoded)),
                            // The flush tries once more.
                            Poll::Ready(Err(_)) => stalled = true,
                            Poll::Pending => break,
                        }
                    } else if intake.poll_adopt(carried, context).is_pending() {
                        break;
                    }
                }
                Poll::Pending
            });
            let event = match &mut stream {
                Some(stream) => stream.go_on_during(&mut delivery, event).await,
                None => event.await,
            };
            match (event, &mut stream) {
                (Event::Complete, _) => break,
                (Event::Encoded(encoded), Some(stream)) => stream.take(encoded, &mut delivery).await,
                (Event::Encoded(_), None) => {}
                (Event::Decided(with_dictionaries), _) => {
                    let header = header(&id, with_dictionaries, intake.encoding());
                    stream = Some(Stream::new(header, &delivery));
                }
            }
        }
        Ok(Begun { id, object, stream })
    }
}
