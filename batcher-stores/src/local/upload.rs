//! An upload in parts to a directory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use batcher_core::{MultipartUpload, Operation, Outcome, Payload, PutMode, StoreError, StoreErrorKind};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::layout::Place;
use super::on_pool;
use super::staged::Staged;

/// Parts of any length, each at its own position of one temporary file, written in whichever order.
#[derive(Debug)]
pub(super) struct LocalUpload {
    place: Place,
    mode: PutMode,
    parts: Arc<Parts>,
    /// Where the next part begins.
    end: u64,
    started: u64,
    /// Whether completion was asked for.
    closed: bool,
}

#[derive(Debug)]
struct Parts {
    staged: Staged,
    finished: AtomicU64,
}

impl LocalUpload {
    pub(super) fn start(place: Place, mode: PutMode) -> Result<Self, StoreError> {
        let parts = Arc::new(Parts { staged: Staged::create(&place)?, finished: AtomicU64::new(0) });
        Ok(Self { place, mode, parts, end: 0, started: 0, closed: false })
    }
}

#[async_trait]
impl MultipartUpload for LocalUpload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        let offset = self.end;
        self.end += part.len();
        self.started += 1;
        let place = self.place.with_operation(Operation::PutPart);
        let parts = Arc::clone(&self.parts);
        async move {
            let name = place.name().to_owned();
            on_pool(Operation::PutPart, &name, move || {
                parts.staged.write(&place, offset, &part)?;
                parts.finished.fetch_add(1, Ordering::AcqRel);
                Ok(())
            })
            .await
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        let operation = Operation::CompleteMultipart;
        let place = self.place.with_operation(operation);
        let refused = |why: &'static str| {
            Err(StoreError::new(StoreErrorKind::InvalidInput, operation, self.place.name())
                .with_outcome(Outcome::NotApplied)
                .with_source(why))
        };
        if self.closed {
            return refused("the upload was completed before");
        }
        if self.parts.finished.load(Ordering::Acquire) != self.started {
            return refused("not every part was put");
        }
        self.closed = true;
        let (parts, mode, len) = (Arc::clone(&self.parts), self.mode, self.end);
        on_pool(operation, self.place.name(), move || {
            let done = parts.staged.publish(&place, mode, len);
            parts.staged.remove();
            done
        })
        .await
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        self.closed = true;
        let parts = Arc::clone(&self.parts);
        on_pool(Operation::AbortMultipart, self.place.name(), move || {
            parts.staged.remove();
            Ok(())
        })
        .await
    }
}
