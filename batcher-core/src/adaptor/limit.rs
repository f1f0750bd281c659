//! At most so many operations at once.

use std::num::NonZeroUsize;

use async_trait::async_trait;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, BoxStream, StreamExt};

use super::permits::Permits;
use crate::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError,
};

/// The most list items that are taken under one permit.
const LIST_PAGE: usize = 1000;

/// Lets at most a fixed number of operations run at once; further ones wait in the order in which they came.
///
/// Everything that asks the store something counts: a put, each part of a multipart upload, its start and its end,
/// a read. A list counts while it waits for its next items and not in between, so that what is listed may be read
/// while the list is open, even with a limit of one. An upload that is open but idle counts nothing.
///
/// A permit comes back when its operation ends or is dropped, at whichever point. Clones share their permits.
///
/// For the order against [`Retry`](crate::Retry) and [`Timeout`](crate::Timeout) see the table in
/// [`adaptor`](crate::adaptor#order): outside of a retry a permit is held through its pauses, inside of it each attempt queues anew.
///
/// ```
/// use std::num::NonZeroUsize;
/// use batcher_core::{BlobStore, Limit};
/// fn gentle(store: impl BlobStore) -> impl BlobStore {
///     Limit::new(store, NonZeroUsize::new(16).unwrap())
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Limit<S> {
    inner: S,
    permits: Permits,
}

impl<S> Limit<S> {
    /// Lets at most `operations` run at once.
    pub fn new(inner: S, operations: NonZeroUsize) -> Self {
        Self { inner, permits: Permits::new(operations) }
    }

    /// The store inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSink> BlobSink for Limit<S> {
    fn capabilities(&self) -> SinkCapabilities {
        self.inner.capabilities()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        let _permit = self.permits.acquire().await;
        self.inner.put(name, payload, mode).await
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let _permit = self.permits.acquire().await;
        let inner = self.inner.start_multipart(name, mode).await?;
        Ok(Box::new(LimitUpload { inner, permits: self.permits.clone() }))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let _permit = self.permits.acquire().await;
        self.inner.delete(name).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSource> BlobSource for Limit<S> {
    fn reads_suffixes(&self) -> bool {
        self.inner.reads_suffixes()
    }

    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let _permit = self.permits.acquire().await;
        self.inner.read(name, range).await
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        let _permit = self.permits.acquire().await;
        self.inner.size(name).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let pages = self.inner.list(prefix).ready_chunks(LIST_PAGE);
        stream::unfold(pages, |mut pages| async {
            let _permit = self.permits.acquire().await;
            let page = pages.next().await?;
            Some((stream::iter(page), pages))
        })
        .flatten()
        .boxed()
    }
}

#[derive(Debug)]
struct LimitUpload {
    inner: Box<dyn MultipartUpload>,
    permits: Permits,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MultipartUpload for LimitUpload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        let permits = self.permits.clone();
        let part = self.inner.put_part(part);
        async move {
            let _permit = permits.acquire().await;
            part.await
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        let _permit = self.permits.acquire().await;
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        let _permit = self.permits.acquire().await;
        self.inner.abort().await
    }
}
