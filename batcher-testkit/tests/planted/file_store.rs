//! A store as one makes it of files.

use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError, async_trait,
};
use batcher_testkit::MemoryStore;
use futures_util::stream::BoxStream;

use crate::bug::Bug;

#[derive(Debug)]
pub(crate) struct FileStore {
    files: MemoryStore,
    bug: Option<Bug>,
}

impl FileStore {
    pub(crate) fn new(files: MemoryStore, bug: Option<Bug>) -> Self {
        Self { files, bug }
    }
}

#[async_trait]
impl BlobSink for FileStore {
    fn capabilities(&self) -> SinkCapabilities {
        self.files.capabilities()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        let truncates = self.bug == Some(Bug::CreateTruncates) && self.files.object(name).is_some();
        if truncates {
            self.files.insert(name, "");
        }
        self.files.put(name, payload, mode).await
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        self.files.start_multipart(name, mode).await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.files.delete(name).await
    }
}

#[async_trait]
impl BlobSource for FileStore {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        self.files.read(name, range).await
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.files.size(name).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        self.files.list(prefix)
    }
}
