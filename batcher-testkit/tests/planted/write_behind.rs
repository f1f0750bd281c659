//! A store in front of another one, in the memory of a process.

use std::sync::Mutex;

use batcher_core::{
    BlobSink, BlobSource, BlobStore, MultipartUpload, ObjectInfo, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError, async_trait,
};
use futures_util::stream::BoxStream;

use crate::bug::Bug;

#[derive(Debug)]
pub(crate) struct WriteBehind<S> {
    store: S,
    bug: Option<Bug>,
    /// What was acknowledged and not written yet.
    unwritten: Mutex<Option<(String, Payload, PutMode)>>,
}

impl<S: BlobStore> WriteBehind<S> {
    pub(crate) fn new(store: S, bug: Option<Bug>) -> Self {
        Self { store, bug, unwritten: Mutex::default() }
    }

    async fn write(&self) -> Result<(), StoreError> {
        let unwritten = self.unwritten.lock().unwrap().take();
        match unwritten {
            Some((name, payload, mode)) => self.store.put(&name, payload, mode).await,
            None => Ok(()),
        }
    }
}

#[async_trait]
impl<S: BlobStore> BlobSink for WriteBehind<S> {
    fn capabilities(&self) -> SinkCapabilities {
        self.store.capabilities()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        self.write().await?;
        *self.unwritten.lock().unwrap() = Some((name.to_owned(), payload, mode));
        if self.bug == Some(Bug::ForgottenSync) { Ok(()) } else { self.write().await }
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        self.write().await?;
        self.store.start_multipart(name, mode).await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.write().await?;
        self.store.delete(name).await
    }
}

#[async_trait]
impl<S: BlobStore> BlobSource for WriteBehind<S> {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        self.write().await?;
        self.store.read(name, range).await
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.write().await?;
        self.store.size(name).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        self.store.list(prefix)
    }
}
