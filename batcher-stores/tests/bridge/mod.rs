//! Any store of the batcher as an `object_store::ObjectStore`, so that what is built on `object_store` can be run over a
//! store in which calls go wrong.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use batcher_core::{BlobSource, BlobStore, Payload, PutMode, ReadRange, StoreError, StoreErrorKind};
use futures_util::future::FutureExt;
use futures_util::stream::{self, BoxStream, StreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyOptions, Error, Extensions, GetOptions, GetRange, GetResult, GetResultPayload,
    ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMode as TheirMode, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result, UploadPart,
};

#[derive(Debug)]
pub(crate) struct Bridge<S>(Arc<S>);

impl<S> Bridge<S> {
    pub(crate) fn new(store: S) -> Self {
        Self(Arc::new(store))
    }
}

impl<S> fmt::Display for Bridge<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Bridge")
    }
}

fn theirs(error: StoreError) -> Error {
    let path = error.object().to_owned();
    match error.kind() {
        StoreErrorKind::NotFound => Error::NotFound { path, source: error.into() },
        StoreErrorKind::AlreadyExists => Error::AlreadyExists { path, source: error.into() },
        StoreErrorKind::Denied => Error::PermissionDenied { path, source: error.into() },
        StoreErrorKind::Unsupported => Error::NotSupported { source: error.into() },
        _ => Error::Generic { store: "bridge", source: error.into() },
    }
}

fn payload(payload: PutPayload) -> Payload {
    payload.into_iter().collect()
}

fn done() -> PutResult {
    PutResult { e_tag: None, version: None, extensions: Extensions::default() }
}

fn meta(location: Path, size: u64, e_tag: Option<String>) -> ObjectMeta {
    ObjectMeta { location, last_modified: Default::default(), size, e_tag, version: None }
}

#[async_trait]
impl<S: BlobStore + 'static> ObjectStore for Bridge<S> {
    async fn put_opts(&self, location: &Path, bytes: PutPayload, options: PutOptions) -> Result<PutResult> {
        let mode = match options.mode {
            TheirMode::Create => PutMode::Create,
            _ => PutMode::Replace,
        };
        self.0.put(location.as_ref(), payload(bytes), mode).await.map_err(theirs)?;
        Ok(done())
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        _options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let upload = self.0.start_multipart(location.as_ref(), PutMode::Replace).await.map_err(theirs)?;
        Ok(Box::new(BridgeUpload(upload)))
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let name = location.as_ref();
        if options.head {
            let size = self.0.size(name).await.map_err(theirs)?;
            return Ok(GetResult {
                payload: GetResultPayload::Stream(stream::empty().boxed()),
                meta: meta(location.clone(), size, None),
                range: 0..size,
                attributes: Attributes::default(),
                extensions: Extensions::default(),
            });
        }
        let range = match options.range {
            None => ReadRange::Bounded(0..u64::MAX),
            Some(GetRange::Bounded(range)) => ReadRange::Bounded(range),
            Some(GetRange::Offset(offset)) => ReadRange::Bounded(offset..u64::MAX),
            Some(GetRange::Suffix(bytes)) => ReadRange::Suffix(bytes),
        };
        let reply = self.0.read(name, range.clone()).await.map_err(theirs)?;
        let bytes = reply.bytes;
        Ok(GetResult {
            payload: GetResultPayload::Stream(stream::iter([Ok(bytes)]).boxed()),
            meta: meta(location.clone(), reply.object_len, reply.version),
            range: range.resolve(reply.object_len),
            attributes: Attributes::default(),
            extensions: Extensions::default(),
        })
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = Arc::clone(&self.0);
        locations
            .then(move |location| {
                let store = Arc::clone(&store);
                async move {
                    let location = location?;
                    store.delete(location.as_ref()).await.map_err(theirs)?;
                    Ok(location)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let prefix = prefix.map(|prefix| format!("{prefix}/")).unwrap_or_default();
        let store = Arc::clone(&self.0);
        let listed = async move { BlobSource::list(&*store, &prefix).collect::<Vec<_>>().await };
        stream::once(listed)
            .map(stream::iter)
            .flatten()
            .map(|info| {
                let info = info.map_err(theirs)?;
                Ok(meta(Path::parse(info.name)?, info.len, None))
            })
            .boxed()
    }

    async fn list_with_delimiter(&self, _prefix: Option<&Path>) -> Result<ListResult> {
        Err(Error::NotImplemented { operation: "list_with_delimiter".into(), implementer: "Bridge".into() })
    }

    async fn copy_opts(&self, _from: &Path, _to: &Path, _options: CopyOptions) -> Result<()> {
        Err(Error::NotImplemented { operation: "copy_opts".into(), implementer: "Bridge".into() })
    }
}

#[derive(Debug)]
struct BridgeUpload(Box<dyn batcher_core::MultipartUpload>);

#[async_trait]
impl MultipartUpload for BridgeUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let put = self.0.put_part(payload(data));
        async move { put.await.map_err(theirs) }.boxed()
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.0.complete().await.map_err(theirs)?;
        Ok(done())
    }

    async fn abort(&mut self) -> Result<()> {
        self.0.abort().await.map_err(theirs)
    }
}
