//! Trying again after passing faults.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Outcome, Payload, PutMode, ReadRange, ReadReply,
    RetryPolicy, SinkCapabilities, StoreError, Timer,
};

/// Tries an operation again after a fault that may pass ([`is_retryable`](crate::StoreErrorKind::is_retryable)), as
/// its [`RetryPolicy`] says. Other errors, and the last one, go to the caller.
///
/// The error that goes out is that of the last attempt, but its outcome is [`Unknown`](Outcome::Unknown) as soon as
/// any attempt's was.
///
/// What that means for each operation:
///
/// - **put** sends the same bytes again. A [`Create`](PutMode::Create) may so meet the object of its own earlier
///   attempt: [`AlreadyExists`](crate::StoreErrorKind::AlreadyExists) is passed on, for only reading back tells whose it is.
/// - **start of a multipart upload**: an attempt that was not heard of may leave an empty upload behind, which the
///   store's expiry removes.
/// - **parts are not sent again.** A part's place in the object is the order of the calls, so the same part sent
///   again would stand in another place; the caller starts the upload anew. Stores that can repeat one part do
///   so inside, where part numbers are known.
/// - **complete is not asked for again.** An upload whose completion failed is good for nothing but an abort; and
///   one whose completion was not heard of may be done, so that a second one answers that there is no such
///   upload, for an object that stands. The caller reads back, or writes anew.
/// - **abort** and **delete** are repeated: doing them twice does what doing them once does.
/// - **read** and **size** are repeated.
/// - **list** is begun again only where it fails before its first item; later it would repeat items.
///
/// For the order against [`Timeout`](crate::Timeout), [`Limit`](crate::Limit) and [`Meter`](crate::Meter) see the
/// table in [`adaptor`](crate::adaptor#order). Stores that try again by themselves multiply with this one.
///
/// ```
/// use std::sync::Arc;
/// use batcher_core::{BlobStore, Retry, RetryPolicy, Timer};
/// fn stubborn(store: impl BlobStore, timer: Arc<dyn Timer>) -> impl BlobStore {
///     Retry::new(store, RetryPolicy::default().with_seed(42), timer)
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Retry<S> {
    inner: S,
    attempts: Attempts,
}

impl<S> Retry<S> {
    /// Tries again as `policy` says, pausing on `timer`.
    pub fn new(inner: S, policy: RetryPolicy, timer: impl Timer + 'static) -> Self {
        Self { inner, attempts: Attempts { policy, timer: Arc::new(timer) } }
    }

    /// The store inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }
}

#[derive(Clone, Debug)]
struct Attempts {
    policy: RetryPolicy,
    timer: Arc<dyn Timer>,
}

impl Attempts {
    async fn run<'a, T>(
        &self,
        object: &str,
        mut attempt: impl FnMut() -> BoxFuture<'a, Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let mut failures = 0;
        let mut unknown = false;
        loop {
            let mut error = match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            failures += 1;
            unknown |= error.outcome() == Outcome::Unknown;
            if unknown {
                error = error.with_outcome(Outcome::Unknown);
            }
            self.pause(error, object, failures).await?;
        }
    }

    /// Pauses, or gives the error back where there is to be no further attempt.
    fn pause(
        &self,
        error: StoreError,
        object: &str,
        failures: u32,
    ) -> impl Future<Output = Result<(), StoreError>> + Send + use<> {
        let sleep = match self.policy.pause(&error, object, failures) {
            Some(pause) => Ok(self.timer.sleep(pause)),
            None => Err(error),
        };
        async {
            sleep?.await;
            Ok(())
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSink> BlobSink for Retry<S> {
    fn capabilities(&self) -> SinkCapabilities {
        self.inner.capabilities()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        self.attempts.run(name, || self.inner.put(name, payload.clone(), mode)).await
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let inner = self.attempts.run(name, || self.inner.start_multipart(name, mode)).await?;
        Ok(Box::new(RetryUpload { inner, object: name.into(), attempts: self.attempts.clone() }))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.attempts.run(name, || self.inner.delete(name)).await
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSource> BlobSource for Retry<S> {
    fn reads_suffixes(&self) -> bool {
        self.inner.reads_suffixes()
    }

    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        self.attempts.run(name, || self.inner.read(name, range.clone())).await
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.attempts.run(name, || self.inner.size(name)).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let listing =
            Listing { items: self.inner.list(prefix), prefix: prefix.into(), failures: 0, begun: false };
        stream::unfold(listing, |mut listing| async {
            loop {
                let item = match listing.items.next().await? {
                    Err(error) if !listing.begun => {
                        listing.failures += 1;
                        match self.attempts.pause(error, &listing.prefix, listing.failures).await {
                            Ok(()) => {
                                listing.items = self.inner.list(&listing.prefix);
                                continue;
                            }
                            Err(last) => Err(last),
                        }
                    }
                    item => item,
                };
                listing.begun = true;
                return Some((item, listing));
            }
        })
        .boxed()
    }
}

struct Listing<'a> {
    items: BoxStream<'a, Result<ObjectInfo, StoreError>>,
    prefix: String,
    failures: u32,
    /// Whether an item, or a final error, has gone out.
    begun: bool,
}

#[derive(Debug)]
struct RetryUpload {
    inner: Box<dyn MultipartUpload>,
    object: String,
    attempts: Attempts,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MultipartUpload for RetryUpload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        self.inner.put_part(part)
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        self.inner.complete().await
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        let mut failures = 0;
        // Not `Attempts::run`: its attempts would all have to borrow the upload at once.
        while let Err(error) = self.inner.abort().await {
            failures += 1;
            self.attempts.pause(error, &self.object, failures).await?;
        }
        Ok(())
    }
}
