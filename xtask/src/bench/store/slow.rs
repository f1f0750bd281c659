//! A store far away: each request takes a round trip, and each connection has so many bytes a second.

use std::time::Duration;

use batcher::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError, async_trait,
};
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::BoxStream;

/// How slow a store is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Distance {
    /// The round trip of each request.
    pub(crate) latency: Duration,
    /// Bytes a second of one connection; every request has a connection of its own.
    pub(crate) bytes_a_second: f64,
}

impl Distance {
    /// How long a request with so many bytes takes.
    pub(crate) fn time(self, bytes: u64) -> Duration {
        self.latency + Duration::from_secs_f64(bytes as f64 / self.bytes_a_second)
    }

    async fn pause(self, bytes: u64) {
        tokio::time::sleep(self.time(bytes)).await;
    }
}

/// Any store, further away.
#[derive(Clone, Debug)]
pub(crate) struct Slow<S> {
    inner: S,
    distance: Distance,
}

impl<S> Slow<S> {
    pub(crate) fn new(inner: S, distance: Distance) -> Self {
        Self { inner, distance }
    }
}

#[async_trait]
impl<S: BlobSink> BlobSink for Slow<S> {
    fn capabilities(&self) -> SinkCapabilities {
        self.inner.capabilities()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        self.distance.pause(payload.len()).await;
        self.inner.put(name, payload, mode).await
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        self.distance.pause(0).await;
        let inner = self.inner.start_multipart(name, mode).await?;
        Ok(Box::new(SlowUpload { inner, distance: self.distance }))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.distance.pause(0).await;
        self.inner.delete(name).await
    }
}

#[async_trait]
impl<S: BlobSource> BlobSource for Slow<S> {
    fn reads_suffixes(&self) -> bool {
        self.inner.reads_suffixes()
    }

    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let reply = self.inner.read(name, range).await?;
        self.distance.pause(reply.bytes.len() as u64).await;
        Ok(reply)
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.distance.pause(0).await;
        self.inner.size(name).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        self.inner.list(prefix)
    }
}

#[derive(Debug)]
struct SlowUpload {
    inner: Box<dyn MultipartUpload>,
    distance: Distance,
}

#[async_trait]
impl MultipartUpload for SlowUpload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        let (distance, len) = (self.distance, part.len());
        let put = self.inner.put_part(part);
        async move {
            distance.pause(len).await;
            put.await
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        self.distance.pause(0).await;
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        self.distance.pause(0).await;
        self.inner.abort().await
    }
}
