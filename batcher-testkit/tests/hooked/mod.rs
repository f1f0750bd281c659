//! A store in memory that answers at once, but for puts, which wait for something before they take effect.

use std::fmt;

use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError,
};
use batcher_testkit::{MemoryStore, block_on};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

/// A memory store, and what its puts wait for.
pub(crate) struct Hooked<F>(pub(crate) MemoryStore, pub(crate) F);

impl<F> fmt::Debug for Hooked<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl<F: Fn() -> BoxFuture<'static, ()> + Send + Sync> BlobSink for Hooked<F> {
    fn capabilities(&self) -> SinkCapabilities {
        self.0.capabilities()
    }
    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        (self.1)().await;
        block_on(self.0.put(name, payload, mode))
    }
    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        block_on(self.0.start_multipart(name, mode))
    }
    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        block_on(self.0.delete(name))
    }
}

#[async_trait]
impl<F: Fn() -> BoxFuture<'static, ()> + Send + Sync> BlobSource for Hooked<F> {
    fn reads_suffixes(&self) -> bool {
        self.0.reads_suffixes()
    }
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        block_on(self.0.read(name, range))
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        block_on(self.0.size(name))
    }
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        self.0.list(prefix)
    }
}
