//! Uploads in parts into a memory store.

use async_trait::async_trait;
use batcher_core::{MultipartUpload, Operation, Payload, PutMode, StoreError, StoreErrorKind};
use futures_util::future::{BoxFuture, FutureExt};

use super::contents::Incomplete;
use super::{MemoryStore, refused};
use crate::cancellation_point::cancellation_point;

#[derive(Debug)]
pub(super) struct MemoryUpload {
    store: MemoryStore,
    id: u64,
    name: String,
    mode: PutMode,
}

impl MemoryUpload {
    pub(super) fn new(store: MemoryStore, id: u64, name: &str, mode: PutMode) -> Self {
        Self { store, id, name: name.to_owned(), mode }
    }
}

#[async_trait]
impl MultipartUpload for MemoryUpload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        let place = {
            let mut contents = self.store.shared.contents();
            contents.calls.count(Operation::PutPart);
            contents.reserve_part(self.id)
        };
        let (store, id, name) = (self.store.clone(), self.id, self.name.clone());
        async move {
            cancellation_point().await;
            let error = |kind| refused(kind, Operation::PutPart, &name);
            let place = place.ok_or_else(|| error(StoreErrorKind::NotFound))?;
            let max_parts = store.shared.settings.capabilities().max_parts;
            if max_parts.is_some_and(|max| place as u64 >= max) {
                return Err(error(StoreErrorKind::TooLarge));
            }
            if !store.shared.contents().put_part(id, place, part.to_bytes()) {
                return Err(error(StoreErrorKind::NotFound));
            }
            cancellation_point().await;
            Ok(())
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        self.store.request(Operation::CompleteMultipart, &self.name).await?;
        let shared = &self.store.shared;
        let min_part_len = shared.settings.capabilities().min_part_len.unwrap_or(0);
        let completed = shared.contents().complete(self.id, &self.name, self.mode, min_part_len);
        completed.map_err(|incomplete| {
            let operation = Operation::CompleteMultipart;
            match incomplete {
                // Completed, perhaps, by an earlier call that was not answered.
                Incomplete::Gone => StoreError::new(StoreErrorKind::NotFound, operation, &*self.name),
                Incomplete::NameTaken => refused(StoreErrorKind::AlreadyExists, operation, &self.name),
                Incomplete::Parts => refused(StoreErrorKind::InvalidInput, operation, &self.name),
            }
        })?;
        cancellation_point().await;
        Ok(())
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        self.store.request(Operation::AbortMultipart, &self.name).await?;
        self.store.shared.contents().abort(self.id);
        cancellation_point().await;
        Ok(())
    }
}
