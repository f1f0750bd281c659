//! A limit on how long an operation may take.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{self, BoxFuture, Either, FutureExt};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Operation, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError, StoreErrorKind, Timer,
};

/// Gives an operation up that takes too long: it is dropped, and the answer is [`StoreErrorKind::Timeout`].
///
/// A write that was given up may have taken effect or may still, so its outcome is
/// [`Unknown`](crate::Outcome::Unknown). Time runs from when an operation is first polled. In a multipart upload the
/// start, each part and the end have the limit each for itself, and in a list so has each item; a list ends with
/// its first timeout.
///
/// For the order against [`Retry`](crate::Retry) and [`Limit`](crate::Limit) see the table in
/// [`adaptor`](crate::adaptor#order): inside of a retry it limits each attempt, outside of it all of them together.
///
/// ```
/// use std::{sync::Arc, time::Duration};
/// use batcher_core::{BlobStore, Operation, Timeout, Timer};
/// fn impatient(store: impl BlobStore, timer: Arc<dyn Timer>) -> impl BlobStore {
///     Timeout::new(store, Duration::from_secs(5), timer).with_limit(Operation::Put, Duration::from_secs(60))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Timeout<S> {
    inner: S,
    limits: Limits,
}

impl<S> Timeout<S> {
    /// Gives up whatever takes longer than `limit`.
    pub fn new(inner: S, limit: Duration, timer: impl Timer + 'static) -> Self {
        Self { inner, limits: Limits { general: limit, special: Vec::new(), timer: Arc::new(timer) } }
    }

    /// Sets another limit for one kind of operation.
    #[must_use]
    pub fn with_limit(mut self, operation: Operation, limit: Duration) -> Self {
        self.limits.special.retain(|(other, _)| *other != operation);
        self.limits.special.push((operation, limit));
        self
    }

    /// The store inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

#[derive(Clone, Debug)]
struct Limits {
    general: Duration,
    special: Vec<(Operation, Duration)>,
    timer: Arc<dyn Timer>,
}

impl Limits {
    fn limit(&self, operation: Operation) -> Duration {
        self.special.iter().find(|(other, _)| *other == operation).map_or(self.general, |(_, limit)| *limit)
    }

    /// Runs `future` against its limit; an answer that is there at the last moment counts.
    async fn run<T>(
        &self,
        operation: Operation,
        object: &str,
        future: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let sleep = self.timer.sleep(self.limit(operation));
        match future::select(Box::pin(future), sleep).await {
            Either::Left((result, _)) => result,
            Either::Right(((), _)) => Err(StoreError::new(StoreErrorKind::Timeout, operation, object)),
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSink> BlobSink for Timeout<S> {
    fn capabilities(&self) -> SinkCapabilities {
        self.inner.capabilities()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        self.limits.run(Operation::Put, name, self.inner.put(name, payload, mode)).await
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let start = self.inner.start_multipart(name, mode);
        let inner = self.limits.run(Operation::StartMultipart, name, start).await?;
        Ok(Box::new(TimeoutUpload { inner, object: name.into(), limits: self.limits.clone() }))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.limits.run(Operation::Delete, name, self.inner.delete(name)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSource> BlobSource for Timeout<S> {
    fn reads_suffixes(&self) -> bool {
        self.inner.reads_suffixes()
    }

    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        self.limits.run(Operation::Read, name, self.inner.read(name, range)).await
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.limits.run(Operation::Size, name, self.inner.size(name)).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let prefix: Arc<str> = prefix.into();
        stream::unfold(Some(self.inner.list(&prefix)), move |items| {
            let prefix = Arc::clone(&prefix);
            async move {
                let mut items = items?;
                let next = items.next().map(Ok);
                match self.limits.run(Operation::List, &prefix, next).await {
                    Ok(item) => item.map(|item| (item, Some(items))),
                    Err(timeout) => Some((Err(timeout), None)),
                }
            }
        })
        .boxed()
    }
}

#[derive(Debug)]
struct TimeoutUpload {
    inner: Box<dyn MultipartUpload>,
    object: Arc<str>,
    limits: Limits,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MultipartUpload for TimeoutUpload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        let part = self.inner.put_part(part);
        let (object, limits) = (Arc::clone(&self.object), self.limits.clone());
        async move { limits.run(Operation::PutPart, &object, part).await }.boxed()
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        self.limits.run(Operation::CompleteMultipart, &self.object, self.inner.complete()).await
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        self.limits.run(Operation::AbortMultipart, &self.object, self.inner.abort()).await
    }
}
