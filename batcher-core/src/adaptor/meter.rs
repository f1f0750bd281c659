//! Counting what is asked of a store.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::{
    BlobSink, BlobSource, MeterSnapshot, MultipartUpload, ObjectInfo, Operation, Payload, PutMode, ReadRange,
    ReadReply, SinkCapabilities, StoreError, Timer,
};

/// Counts calls, failures, bytes and time by operation.
///
/// The counts are read through [`Readings`], which may be kept when the meter itself has been handed away. Clones
/// share their counts. Outside of a [`Retry`](crate::Retry) it counts what the caller asked for, inside of it every
/// attempt, which is what the store charges for.
///
/// ```
/// use std::sync::Arc;
/// use batcher_core::{BlobStore, Meter, Readings, Timer};
/// fn metered(store: impl BlobStore, timer: Arc<dyn Timer>) -> (impl BlobStore, Readings) {
///     let meter = Meter::new(store, timer);
///     let readings = meter.readings();
///     (meter, readings)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Meter<S> {
    inner: S,
    readings: Readings,
}

impl<S> Meter<S> {
    /// Counts from nought.
    pub fn new(inner: S, timer: impl Timer + 'static) -> Self {
        Self { inner, readings: Readings { counts: Arc::default(), timer: Arc::new(timer) } }
    }

    /// A handle on the counts, which stays good for as long as it is kept.
    pub fn readings(&self) -> Readings {
        self.readings.clone()
    }

    /// What has been counted so far.
    pub fn snapshot(&self) -> MeterSnapshot {
        self.readings.snapshot()
    }

    /// The store inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

/// A handle on the counts of a [`Meter`] and all its clones.
#[derive(Clone, Debug)]
pub struct Readings {
    // One lock for all: it is taken twice a request, and makes every snapshot a consistent one.
    counts: Arc<Mutex<MeterSnapshot>>,
    timer: Arc<dyn Timer>,
}

impl Readings {
    /// What has been counted so far.
    #[must_use]
    pub fn snapshot(&self) -> MeterSnapshot {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn count(&self, operation: Operation, change: impl FnOnce(&mut super::OperationStats)) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stats) = counts.get_mut(operation) {
            change(stats);
        }
    }

    fn count_time(&self, operation: Operation, since: Duration) {
        let took = self.timer.now().saturating_sub(since);
        self.count(operation, |stats| {
            stats.busy = stats.busy.saturating_add(took);
            stats.longest = stats.longest.max(took);
        });
    }

    /// Counts a call from its first poll to its end, or to its being dropped.
    async fn measure<T>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, StoreError>> + Send,
        bytes: impl FnOnce(&T) -> u64 + Send,
    ) -> Result<T, StoreError> {
        self.count(operation, |stats| stats.calls += 1);
        let mut call_count = Call { readings: self, operation, since: self.timer.now(), ended: false };
        let result = call.await;
        call_count.ended = true;
        self.count(operation, |stats| match &result {
            Ok(value) => stats.bytes = stats.bytes.saturating_add(bytes(value)),
            Err(_) => stats.failures += 1,
        });
        result
    }
}

/// A call that is running.
struct Call<'a> {
    readings: &'a Readings,
    operation: Operation,
    since: Duration,
    ended: bool,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.readings.count_time(self.operation, self.since);
        if !self.ended {
            self.readings.count(self.operation, |stats| stats.dropped += 1);
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSink> BlobSink for Meter<S> {
    fn capabilities(&self) -> SinkCapabilities {
        self.inner.capabilities()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        let len = payload.len();
        self.readings.measure(Operation::Put, self.inner.put(name, payload, mode), |()| len).await
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let start = self.inner.start_multipart(name, mode);
        let inner = self.readings.measure(Operation::StartMultipart, start, |_| 0).await?;
        Ok(Box::new(MeterUpload { inner, readings: self.readings.clone() }))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.readings.measure(Operation::Delete, self.inner.delete(name), |()| 0).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSource> BlobSource for Meter<S> {
    fn reads_suffixes(&self) -> bool {
        self.inner.reads_suffixes()
    }

    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let read = self.inner.read(name, range);
        self.readings.measure(Operation::Read, read, |reply| reply.bytes.len() as u64).await
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.readings.measure(Operation::Size, self.inner.size(name), |_| 0).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        stream::unfold((self.inner.list(prefix), false), move |(mut items, begun)| async move {
            if !begun {
                self.readings.count(Operation::List, |stats| stats.calls += 1);
            }
            let since = self.readings.timer.now();
            let item = items.next().await;
            self.readings.count_time(Operation::List, since);
            if let Some(Err(_)) = &item {
                self.readings.count(Operation::List, |stats| stats.failures += 1);
            }
            Some((item?, (items, true)))
        })
        .boxed()
    }
}

#[derive(Debug)]
struct MeterUpload {
    inner: Box<dyn MultipartUpload>,
    readings: Readings,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MultipartUpload for MeterUpload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        let len = part.len();
        let part = self.inner.put_part(part);
        let readings = self.readings.clone();
        async move { readings.measure(Operation::PutPart, part, |()| len).await }.boxed()
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        self.readings.measure(Operation::CompleteMultipart, self.inner.complete(), |()| 0).await
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        self.readings.measure(Operation::AbortMultipart, self.inner.abort(), |()| 0).await
    }
}
