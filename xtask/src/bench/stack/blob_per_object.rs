//! One object for each blob, as it is without any batching.

use std::sync::Arc;

use batcher::{BlobSink, BlobSource, BlobStore, Payload, PutMode, ReadRange, StoreError, async_trait};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::super::state::State;
use super::{Session, Stack, TakeBlob};
use crate::failure::Failure;

/// Requests under way at the same time.
const IN_FLIGHT: usize = 16;

/// Each blob as it is, under its key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlobPerObject;

#[async_trait]
impl Stack for BlobPerObject {
    fn name(&self) -> &str {
        "object per blob"
    }

    fn session(&self, state: &Arc<State>, store: Arc<dyn BlobStore>) -> Result<Box<dyn Session>, Failure> {
        Ok(Box::new(Objects { state: Arc::clone(state), store }))
    }

    async fn read(&self, store: Arc<dyn BlobStore>, take: TakeBlob<'_>) -> Result<(), Failure> {
        let names: Vec<String> = store.list("").map_ok(|info| info.name).try_collect().await?;
        let store = &store;
        let mut blobs = stream::iter(names)
            .map(|name| async move {
                let reply = store.read(&name, ReadRange::Bounded(0..u64::MAX)).await?;
                Ok::<_, StoreError>((name, reply.bytes))
            })
            .buffer_unordered(IN_FLIGHT);
        while let Some((name, blob)) = blobs.try_next().await? {
            take(name, blob);
        }
        Ok(())
    }
}

struct Objects {
    state: Arc<State>,
    store: Arc<dyn BlobStore>,
}

#[async_trait]
impl Session for Objects {
    fn add_all(&mut self) -> Result<(), Failure> {
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        let store = &self.store;
        // Taken along by value: a closure over references does not satisfy the trait's boxed future.
        let blobs = self.state.blobs.clone();
        stream::iter(blobs)
            .map(|(key, blob)| async move { store.put(&key, Payload::from(blob), PutMode::Replace).await })
            .buffer_unordered(IN_FLIGHT)
            .try_collect::<()>()
            .await?;
        Ok(())
    }
}
