//! An upload in parts through OpenDAL's writer.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, PoisonError};

use ::opendal::{Buffer, Writer};
use async_trait::async_trait;
use batcher_core::{MultipartUpload, Operation, Outcome, Payload, StoreError, StoreErrorKind};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use futures_util::lock::Mutex;

use super::buffer;
use super::error::store_error;

/// Parts on their way into a writer that takes them one by one.
pub(super) struct OpendalUpload {
    name: String,
    waiting: Arc<std::sync::Mutex<VecDeque<Buffer>>>,
    writing: Arc<Mutex<Writing>>,
    started: u64,
}

struct Writing {
    writer: Writer,
    /// How many parts are in the writer.
    written: u64,
    /// Whether a part went wrong or was given up halfway, so that nothing after it may be written.
    spoilt: bool,
}

impl OpendalUpload {
    pub(super) fn new(writer: Writer, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            waiting: Arc::default(),
            writing: Arc::new(Mutex::new(Writing { writer, written: 0, spoilt: false })),
            started: 0,
        }
    }
}

impl fmt::Debug for OpendalUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpendalUpload").field("name", &self.name).field("started", &self.started).finish()
    }
}

#[async_trait]
impl MultipartUpload for OpendalUpload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        self.started += 1;
        let number = self.started;
        // Queued now, so that a later part's future can write this one first: whoever polls them in another order
        // must not wait for ever.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(buffer(&part));
        let (name, waiting, writing) =
            (self.name.clone(), Arc::clone(&self.waiting), Arc::clone(&self.writing));
        async move {
            let mut writing = writing.lock().await;
            while writing.written < number {
                if writing.spoilt {
                    return Err(StoreError::new(StoreErrorKind::Other, Operation::PutPart, name)
                        .with_source("an earlier part went wrong"));
                }
                let next = waiting.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                // Spoilt until it is written: this future may be dropped at the next line.
                writing.spoilt = true;
                let written = writing.writer.write(next.unwrap_or_default()).await;
                written.map_err(|error| store_error(error, Operation::PutPart, &name))?;
                writing.spoilt = false;
                writing.written += 1;
            }
            Ok(())
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        let mut writing = self.writing.lock().await;
        if writing.spoilt || writing.written != self.started {
            return Err(StoreError::new(
                StoreErrorKind::InvalidInput,
                Operation::CompleteMultipart,
                &self.name,
            )
            .with_outcome(Outcome::NotApplied)
            .with_source("not every part was put"));
        }
        writing.spoilt = true;
        let closed = writing.writer.close().await;
        closed.map(|_| ()).map_err(|error| store_error(error, Operation::CompleteMultipart, &self.name))
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        let mut writing = self.writing.lock().await;
        writing.spoilt = true;
        let aborted = writing.writer.abort().await;
        aborted.map_err(|error| store_error(error, Operation::AbortMultipart, &self.name))
    }
}
