//! A prefix in front of every name.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::{self, BoxFuture, FutureExt};
use futures_util::stream::{BoxStream, StreamExt};

use crate::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Operation, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError, StoreErrorKind, check_name,
};

/// Puts a prefix in front of every name, so that its users see a part of the store as if it were all of it.
///
/// The prefix is put in front as it is: `nodes/7/` makes a folder, `nodes/7-` does not. Users see their own names
/// only: lists are stripped of the prefix, and errors name the object as the caller named it. Objects in the store
/// that begin with the prefix but whose rest is not a name are not listed.
///
/// ```
/// # use batcher_core::*;
/// fn of_node_7<S: BlobStore>(store: S) -> Result<Prefix<S>, StoreError> {
///     Prefix::new(store, "nodes/7/") // put("a") writes nodes/7/a
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Prefix<S> {
    inner: S,
    prefix: String,
}

impl<S> Prefix<S> {
    /// Puts `prefix` in front of every name.
    ///
    /// # Errors
    ///
    /// [`StoreErrorKind::InvalidInput`] where no name with that prefix is one that [`check_name`] lets pass.
    pub fn new(inner: S, prefix: impl Into<String>) -> Result<Self, StoreError> {
        let prefix = prefix.into();
        match check_name(&format!("{prefix}x"), Operation::Open) {
            Ok(()) => Ok(Self { inner, prefix }),
            Err(error) => Err(error.with_object(prefix)),
        }
    }

    /// The store inside.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The prefix.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The name inside. The outer one is checked first: with the prefix in front, an empty or a relative name could
    /// pass for another object.
    fn inner_name(&self, name: &str, operation: Operation) -> Result<String, StoreError> {
        check_name(name, operation)?;
        Ok(format!("{}{name}", self.prefix))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSink> BlobSink for Prefix<S> {
    fn capabilities(&self) -> SinkCapabilities {
        self.inner.capabilities()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        let inner_name = self.inner_name(name, Operation::Put)?;
        self.inner.put(&inner_name, payload, mode).await.map_err(|error| error.with_object(name))
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let inner_name = self.inner_name(name, Operation::StartMultipart)?;
        match self.inner.start_multipart(&inner_name, mode).await {
            Ok(inner) => Ok(Box::new(PrefixUpload { inner, name: name.into() })),
            Err(error) => Err(error.with_object(name)),
        }
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let inner_name = self.inner_name(name, Operation::Delete)?;
        self.inner.delete(&inner_name).await.map_err(|error| error.with_object(name))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: BlobSource> BlobSource for Prefix<S> {
    fn reads_suffixes(&self) -> bool {
        self.inner.reads_suffixes()
    }

    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let inner_name = self.inner_name(name, Operation::Read)?;
        self.inner.read(&inner_name, range).await.map_err(|error| error.with_object(name))
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        let inner_name = self.inner_name(name, Operation::Size)?;
        self.inner.size(&inner_name).await.map_err(|error| error.with_object(name))
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let asked: Arc<str> = prefix.into();
        self.inner
            .list(&format!("{}{prefix}", self.prefix))
            .filter_map(move |item| {
                let item = item.map_err(|error| error.with_object(&*asked));
                future::ready(match item {
                    Ok(info) => self.outer_info(&info, &asked).transpose(),
                    Err(error) => Some(Err(error)),
                })
            })
            .boxed()
    }
}

impl<S> Prefix<S> {
    /// An item of a list as seen from outside; `None` where it has no name there.
    fn outer_info(&self, info: &ObjectInfo, asked: &str) -> Result<Option<ObjectInfo>, StoreError> {
        let Some(name) = info.name.strip_prefix(&self.prefix) else {
            return Err(StoreError::new(StoreErrorKind::Other, Operation::List, asked)
                .with_source("the store listed an object that does not begin with the prefix asked for"));
        };
        let outer = check_name(name, Operation::List).is_ok();
        Ok(outer.then(|| ObjectInfo { name: name.to_owned(), len: info.len }))
    }
}

#[derive(Debug)]
struct PrefixUpload {
    inner: Box<dyn MultipartUpload>,
    name: Arc<str>,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl MultipartUpload for PrefixUpload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        let part = self.inner.put_part(part);
        let name = Arc::clone(&self.name);
        async move { part.await.map_err(|error| error.with_object(&*name)) }.boxed()
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        self.inner.complete().await.map_err(|error| error.with_object(&*self.name))
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        self.inner.abort().await.map_err(|error| error.with_object(&*self.name))
    }
}
