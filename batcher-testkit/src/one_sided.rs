//! Stores of which there is only one side.

use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Operation, Outcome, Payload, PutMode, ReadRange,
    ReadReply, SinkCapabilities, StoreError, StoreErrorKind,
};
use futures_util::stream::BoxStream;

/// A source as a store that refuses every write, so that a [`World`](crate::World) can wrap it: for code that only reads.
///
/// ```
/// use batcher_core::{BlobSource, ReadRange};
/// use batcher_testkit::{Exploration, FaultKind, MemoryStore, ReadOnly, World};
///
/// async fn restore(world: World) -> Result<(), String> {
///     let source = MemoryStore::new(); // Or a source of one's own, which need not be a sink.
///     source.insert("state", "1");
///     let store = world.store(ReadOnly(source));
///     loop {
///         match store.read("state", ReadRange::Bounded(0..9)).await {
///             Ok(reply) if reply.bytes == "1" => return Ok(()),
///             _ => world.heal(),
///         }
///     }
/// }
///
/// let kinds = [FaultKind::RequestLost, FaultKind::ShortRead, FaultKind::FlipBit, FaultKind::Absent];
/// Exploration::new(restore).faults(kinds).depth(2).run().assert_clean();
/// ```
#[derive(Clone, Debug)]
pub struct ReadOnly<S>(pub S);

#[async_trait]
impl<S: BlobSource> BlobSink for ReadOnly<S> {
    async fn put(&self, name: &str, _: Payload, _: PutMode) -> Result<(), StoreError> {
        Err(unsupported(Operation::Put, name).with_outcome(Outcome::NotApplied))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSource> BlobSource for ReadOnly<S> {
    fn reads_suffixes(&self) -> bool {
        self.0.reads_suffixes()
    }
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        self.0.read(name, range).await
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.0.size(name).await
    }
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        self.0.list(prefix)
    }
}

/// A sink as a store that refuses every read, so that a [`World`](crate::World) can wrap it: for code that only writes. What it holds in the
/// end is then not compared with what was written.
///
/// ```
/// use batcher_core::{BlobSink, PutMode};
/// use batcher_testkit::{Exploration, FaultKind, MemoryStore, World, WriteOnly};
/// use bytes::Bytes;
///
/// async fn write(world: World) -> Result<(), String> {
///     let store = world.store(WriteOnly(MemoryStore::new())); // Or a sink of one's own, which need not be a source.
///     while store.put("state", Bytes::from_static(b"1").into(), PutMode::Replace).await.is_err() {}
///     Ok(())
/// }
///
/// let kinds = [FaultKind::RequestLost, FaultKind::AckLost, FaultKind::Late];
/// Exploration::new(write).faults(kinds).depth(2).run().assert_clean();
/// ```
#[derive(Clone, Debug)]
pub struct WriteOnly<S>(pub S);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSink> BlobSink for WriteOnly<S> {
    fn capabilities(&self) -> SinkCapabilities {
        self.0.capabilities()
    }
    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        self.0.put(name, payload, mode).await
    }
    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        self.0.start_multipart(name, mode).await
    }
    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.0.delete(name).await
    }
}

#[async_trait]
impl<S: BlobSink> BlobSource for WriteOnly<S> {
    async fn read(&self, name: &str, _: ReadRange) -> Result<ReadReply, StoreError> {
        Err(unsupported(Operation::Read, name))
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        Err(unsupported(Operation::Size, name))
    }
}

fn unsupported(operation: Operation, name: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unsupported, operation, name)
}
