//! Any OpenDAL operator as a store of the batcher.

mod error;
mod upload;

use ::opendal::options::{ReadOptions, WriteOptions};
use ::opendal::{Buffer, Metadata, Operator};
use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Operation, Outcome, Payload, PutMode, ReadRange,
    ReadReply, SinkCapabilities, StoreError, StoreErrorKind, check_name,
};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

use self::error::store_error;
use self::upload::OpendalUpload;

/// The most parts that S3 takes; OpenDAL does not say.
const MAX_PARTS: u64 = 10_000;

/// Any [`Operator`] as a [`BlobSink`] and [`BlobSource`].
///
/// # Capabilities
///
/// What the operator declares of itself: create, deletion, multipart, the shortest part and the longest object.
/// OpenDAL does not say whether its conditional writes hold for uploads in parts, so those are declared to replace
/// only, and it does not say how many parts there may be: S3's 10,000 wherever parts have a shortest length.
///
/// The `fs` service declares conditional writes, but version 0.59 honours them in no way that suffices here: with
/// `atomic_write_dir` it looks first and renames later, so several creators can win (of 8 at once, more or fewer than
/// one did in 92 of 100 trials); without it, objects are visible while they are written. Create is therefore off for
/// `fs`. Nor does `fs` sync its directories: use
#[cfg_attr(feature = "local", doc = "[`LocalStore`](crate::LocalStore)")]
#[cfg_attr(not(feature = "local"), doc = "`LocalStore`")]
/// for directories.
///
/// # Names
///
/// OpenDAL strips white space from both ends of a name, so such names are
/// [`InvalidInput`](StoreErrorKind::InvalidInput).
///
/// # Reads
///
/// Every read asks for the object's length first, since OpenDAL refuses ranges beyond the end, and then, where the
/// service can, for that very version. Where it cannot, it asks for length and time again afterwards. An object that
/// has changed in between is [`Unavailable`](StoreErrorKind::Unavailable).
///
/// # Uploads in parts
///
/// OpenDAL's writer takes one part after the other. A later part's future writes the earlier parts, too, if theirs
/// have not been polled. A part whose future is dropped halfway spoils the upload.
///
/// # Outcomes
///
/// A layer may have retried, so a failed write is [`NotApplied`](batcher_core::Outcome::NotApplied) only where
/// OpenDAL refused it as unsupported or badly configured.
///
/// ```
/// use batcher_core::{BlobSink, BlobSource, Payload, PutMode};
/// use batcher_stores::OpendalSink;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = OpendalSink::new(opendal::Operator::new(opendal::services::Memory::default())?);
/// # pollster::block_on(async {
/// store.put("epoch-7/node-1", Payload::from(bytes::Bytes::from_static(b"state")), PutMode::Create).await?;
/// assert_eq!(store.size("epoch-7/node-1").await?, 5);
/// # Ok(()) })
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OpendalSink {
    operator: Operator,
    capabilities: SinkCapabilities,
}

impl OpendalSink {
    /// A sink with the capabilities that the operator declares.
    #[must_use]
    pub fn new(operator: Operator) -> Self {
        let info = operator.info();
        let declared = info.capability();
        let mut capabilities = SinkCapabilities::default()
            .with_create(declared.write_with_if_not_exists && info.scheme() != "fs")
            .with_multipart(declared.write_can_multi)
            .with_delete(declared.delete);
        capabilities.max_put_len = declared.write_total_max_size.map(|bytes| bytes as u64);
        capabilities.min_part_len = declared.write_multi_min_size.map(|bytes| bytes as u64);
        capabilities.max_parts = capabilities.min_part_len.map(|_| MAX_PARTS);
        Self { operator, capabilities }
    }

    /// Declares other capabilities, where one knows better.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: SinkCapabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    async fn length(&self, name: &str, operation: Operation) -> Result<Metadata, StoreError> {
        check(name, operation)?;
        let metadata = self.operator.stat(name).await.map_err(|error| store_error(error, operation, name))?;
        if metadata.is_file() {
            Ok(metadata)
        } else {
            Err(StoreError::new(StoreErrorKind::NotFound, operation, name))
        }
    }
}

#[async_trait]
impl BlobSink for OpendalSink {
    fn capabilities(&self) -> SinkCapabilities {
        self.capabilities.clone()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        check(name, Operation::Put)?;
        if mode == PutMode::Create && !self.capabilities.create {
            return Err(StoreError::new(StoreErrorKind::Unsupported, Operation::Put, name));
        }
        if self.capabilities.max_put_len.is_some_and(|max| payload.len() > max) {
            return Err(StoreError::new(StoreErrorKind::TooLarge, Operation::Put, name)
                .with_outcome(Outcome::NotApplied));
        }
        let options = WriteOptions { if_not_exists: mode == PutMode::Create, ..WriteOptions::default() };
        let written = self.operator.write_options(name, buffer(&payload), options).await;
        written.map(|_| ()).map_err(|error| store_error(error, Operation::Put, name))
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        check(name, Operation::StartMultipart)?;
        let create = mode == PutMode::Create;
        if !self.capabilities.multipart || (create && !self.capabilities.multipart_create) {
            return Err(StoreError::new(StoreErrorKind::Unsupported, Operation::StartMultipart, name));
        }
        let options = WriteOptions { if_not_exists: create, ..WriteOptions::default() };
        let writer = self.operator.writer_options(name, options).await;
        let writer = writer.map_err(|error| store_error(error, Operation::StartMultipart, name))?;
        Ok(Box::new(OpendalUpload::new(writer, name)))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        check(name, Operation::Delete)?;
        let deleted =
            self.operator.delete(name).await.map_err(|error| store_error(error, Operation::Delete, name));
        match deleted {
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(()),
            deleted => deleted,
        }
    }
}

#[async_trait]
impl BlobSource for OpendalSink {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let metadata = self.length(name, Operation::Read).await?;
        let object_len = metadata.content_length();
        let wanted = range.resolve(object_len);
        let version = metadata.etag().or(metadata.version()).map(str::to_owned);
        let mut bytes = bytes::Bytes::new();
        if !wanted.is_empty() {
            let same = self.operator.info().capability().read_with_if_match;
            let if_match = metadata.etag().filter(|_| same).map(str::to_owned);
            let any_version = if_match.is_none();
            let options = ReadOptions { range: wanted.clone().into(), if_match, ..ReadOptions::default() };
            let read = self.operator.read_options(name, options).await;
            bytes = read.map_err(|error| store_error(error, Operation::Read, name))?.to_bytes();
            if any_version && changed(&metadata, &self.length(name, Operation::Read).await?) {
                return Err(StoreError::new(StoreErrorKind::Unavailable, Operation::Read, name)
                    .with_source("the object was replaced while it was read"));
            }
        }
        let expected = wanted.end.saturating_sub(wanted.start);
        if bytes.len() as u64 != expected {
            return Err(StoreError::new(StoreErrorKind::Unavailable, Operation::Read, name)
                .with_source(format!("{} bytes instead of {expected}", bytes.len())));
        }
        Ok(ReadReply { bytes, object_len, version })
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        Ok(self.length(name, Operation::Size).await?.content_length())
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let directory = match prefix.rsplit_once('/') {
            None => String::from("/"),
            Some((parent, _)) if check(parent, Operation::List).is_ok() => format!("{parent}/"),
            // No object's name begins like that.
            Some(_) => return stream::empty().boxed(),
        };
        let prefix = prefix.to_owned();
        stream::once(async move {
            let lister = self.operator.lister_with(&directory).recursive(true).await;
            let lister = lister.map_err(|error| store_error(error, Operation::List, &prefix))?;
            Ok::<_, StoreError>(lister.filter_map(move |entry| {
                std::future::ready(match entry {
                    Err(error) => Some(Err(store_error(error, Operation::List, &prefix))),
                    Ok(entry) if entry.metadata().is_file() && entry.path().starts_with(&prefix) => {
                        let (name, metadata) = entry.into_parts();
                        Some(Ok(ObjectInfo { name, len: metadata.content_length() }))
                    }
                    Ok(_) => None,
                })
            }))
        })
        .try_flatten()
        .boxed()
    }
}

/// Whether the two are of different objects.
fn changed(before: &Metadata, after: &Metadata) -> bool {
    let version = |metadata: &Metadata| {
        let told = [metadata.etag(), metadata.version()].map(|told| told.map(str::to_owned));
        (metadata.content_length(), metadata.last_modified(), told)
    };
    version(before) != version(after)
}

fn check(name: &str, operation: Operation) -> Result<(), StoreError> {
    check_name(name, operation)?;
    if name.trim() == name {
        return Ok(());
    }
    Err(StoreError::new(StoreErrorKind::InvalidInput, operation, name)
        .with_source("OpenDAL strips white space from the ends of names"))
}

/// The same chunks, uncopied.
fn buffer(payload: &Payload) -> Buffer {
    Buffer::from(payload.chunks().to_vec())
}
