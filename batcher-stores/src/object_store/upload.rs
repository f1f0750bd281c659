//! Uploads in parts to an `object_store`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::object_store::MultipartUpload as Upload;
use async_trait::async_trait;
use batcher_core::{MultipartUpload, Operation, Outcome, Payload, StoreError, StoreErrorKind};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::error::store_error;
use super::put_payload;

/// An upload in parts that is completed only when every part has arrived: `object_store`'s local files, as of version
/// 0.14.2, do not look, and make an object with a hole.
pub(super) struct ObjectStoreUpload {
    upload: Box<dyn Upload>,
    name: Arc<str>,
    started: u64,
    finished: Arc<AtomicU64>,
}

impl ObjectStoreUpload {
    pub(super) fn new(upload: Box<dyn Upload>, name: &str) -> Self {
        Self { upload, name: name.into(), started: 0, finished: Arc::default() }
    }
}

/// Without the upload itself: that of the memory store shows its parts.
impl fmt::Debug for ObjectStoreUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectStoreUpload")
            .field("name", &self.name)
            .field("started", &self.started)
            .field("finished", &self.finished)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl MultipartUpload for ObjectStoreUpload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        self.started += 1;
        let (name, finished) = (Arc::clone(&self.name), Arc::clone(&self.finished));
        let put = self.upload.put_part(put_payload(&part));
        async move {
            put.await.map_err(|error| store_error(error, Operation::PutPart, &name, false))?;
            finished.fetch_add(1, Ordering::AcqRel);
            Ok(())
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        let operation = Operation::CompleteMultipart;
        if self.finished.load(Ordering::Acquire) != self.started {
            return Err(StoreError::new(StoreErrorKind::InvalidInput, operation, &*self.name)
                .with_outcome(Outcome::NotApplied)
                .with_source("not every part was put"));
        }
        let completed = self.upload.complete().await;
        completed.map(|_| ()).map_err(|error| store_error(error, operation, &self.name, false))
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        let aborted = self.upload.abort().await;
        aborted.map_err(|error| store_error(error, Operation::AbortMultipart, &self.name, false))
    }
}
