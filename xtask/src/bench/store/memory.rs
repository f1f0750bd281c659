//! A store in memory that costs as little as a store can: it keeps the chunks that it is given.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use batcher::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Operation, Outcome, Payload, PutMode, ReadRange,
    ReadReply, SinkCapabilities, StoreError, StoreErrorKind, async_trait,
};
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, BoxStream, StreamExt};

type Objects = Arc<Mutex<BTreeMap<String, Payload>>>;

/// Keeps payloads as they are put, chunk by chunk: to join them would be a copy of the whole state, which a client that
/// sends them over a network does not make.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    objects: Objects,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Payload>> {
        lock(&self.objects)
    }

    /// Joins the chunks of each object, so that the first read does not have to.
    pub(crate) fn settle(&self) {
        for payload in self.lock().values_mut() {
            *payload = Payload::from(payload.to_bytes());
        }
    }

    /// Sum of the objects' lengths.
    pub(crate) fn bytes(&self) -> u64 {
        self.lock().values().map(Payload::len).sum()
    }

    fn whole(&self, name: &str, operation: Operation) -> Result<Bytes, StoreError> {
        let mut objects = self.lock();
        let payload = objects
            .get_mut(name)
            .ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, operation, name))?;
        if payload.chunks().len() > 1 {
            *payload = Payload::from(payload.to_bytes());
        }
        Ok(payload.to_bytes())
    }
}

fn lock(objects: &Objects) -> MutexGuard<'_, BTreeMap<String, Payload>> {
    objects.lock().unwrap_or_else(PoisonError::into_inner)
}

fn keep(
    objects: &Objects,
    name: &str,
    payload: Payload,
    mode: PutMode,
    operation: Operation,
) -> Result<(), StoreError> {
    let mut objects = lock(objects);
    if mode == PutMode::Create && objects.contains_key(name) {
        let taken = StoreError::new(StoreErrorKind::AlreadyExists, operation, name);
        return Err(taken.with_outcome(Outcome::NotApplied));
    }
    objects.insert(name.to_owned(), payload);
    Ok(())
}

#[async_trait]
impl BlobSink for Memory {
    fn capabilities(&self) -> SinkCapabilities {
        SinkCapabilities::default()
            .with_create(true)
            .with_multipart(true)
            .with_multipart_create(true)
            .with_delete(true)
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        keep(&self.objects, name, payload, mode, Operation::Put)
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let objects = Arc::clone(&self.objects);
        Ok(Box::new(Upload { objects, name: name.to_owned(), mode, parts: Payload::new() }))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.lock().remove(name);
        Ok(())
    }
}

#[async_trait]
impl BlobSource for Memory {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let whole = self.whole(name, Operation::Read)?;
        let object_len = whole.len() as u64;
        let range = range.resolve(object_len);
        // Within the object, which is in memory.
        let at = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
        Ok(ReadReply { bytes: whole.slice(at(range.start)..at(range.end)), object_len, version: None })
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        let objects = self.lock();
        let missing = || StoreError::new(StoreErrorKind::NotFound, Operation::Size, name);
        objects.get(name).map(Payload::len).ok_or_else(missing)
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let objects = self.lock();
        let found: Vec<_> = objects
            .iter()
            .filter(|(name, _)| name.starts_with(prefix))
            .map(|(name, payload)| Ok(ObjectInfo { name: name.clone(), len: payload.len() }))
            .collect();
        stream::iter(found).boxed()
    }
}

#[derive(Debug)]
struct Upload {
    objects: Objects,
    name: String,
    mode: PutMode,
    parts: Payload,
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        self.parts.extend(part.chunks().iter().cloned());
        std::future::ready(Ok(())).boxed()
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        keep(&self.objects, &self.name, self.parts.clone(), self.mode, Operation::CompleteMultipart)
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        self.parts = Payload::new();
        Ok(())
    }
}
