//! The reader: opens an object and gives back any of its blobs, or all of them.

mod assembly;
mod batch;
mod blobs;
mod buffers;
mod dictionaries;
mod error;
mod explain;
mod get;
mod index;
mod legacy;
mod object;
mod options;
mod pages;
mod pipeline;
mod plan;
mod read_ahead;
mod read_plan;
mod verify;

use std::sync::Arc;

use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

pub use blobs::BlobGroup;
pub use error::{ReadError, ReadErrorKind};
pub use options::ReadOptions;
pub use read_plan::{ObjectPart, PlannedRequest, ReadPlan};
pub use verify::VerifyReport;

use crate::format::{KeyPage, LEGACY_MAGIC, Problem, SKIPPABLE_MAGIC, Section, TAG, Trailer};
use crate::{BatchId, BlobSource, CodecId, CodecRegistry, FORMAT_VERSION};
use batch::Batch;
use legacy::Legacy;
use object::Object;

/// An opened batch object.
///
/// Opening takes one read where [`ReadOptions::first_read_len`] covers the object's root, and two otherwise. Every byte that is
/// given back has been checked.
///
/// A blob is read with one more read, and another one where its key's page of the index was not in the first. In objects of
/// more than 4096 blocks a further one may be needed for the page that says where its block is. A few pages of the index
/// are kept, so that later blobs need fewer.
///
/// Objects of the starting point's format are read whole when they are opened.
#[derive(Debug)]
pub struct BatchReader {
    object: Object,
    content: Content,
}

#[derive(Debug)]
enum Content {
    Batch(Box<Batch>),
    Legacy(Legacy),
}

/// Which format an object is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ObjectFormat {
    /// The container format of this version.
    Container(u16),
    /// The starting point's `LCB1` format of this version. Version 1 has no checksum.
    Lcb1(u32),
}

/// What an object says of itself as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObjectSummary {
    /// Its format.
    pub format: ObjectFormat,
    /// Its identity, which `LCB1` objects do not have.
    pub id: Option<BatchId>,
    /// The codec of its frames.
    pub codec: CodecId,
    /// Its length in bytes.
    pub object_len: u64,
    /// The checksum as in [`BatchReceipt::checksum`](crate::BatchReceipt::checksum), which `LCB1` objects do not have.
    pub checksum: Option<u32>,
    /// Number of keys.
    pub blobs: u64,
    /// Sum of their blobs' lengths in bytes.
    pub blob_bytes: u64,
    /// Number of independently readable blocks.
    pub blocks: u64,
}

/// A key and the length of its blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobInfo {
    /// The key.
    pub key: String,
    /// The blob's length in bytes.
    pub len: u64,
}

impl BatchReader {
    /// Opens an object with [default options](ReadOptions::default), finding its codec in `codecs`.
    ///
    /// # Errors
    ///
    /// [`ReadError`]; [`is_not_found`](ReadError::is_not_found) where there is no such object.
    pub async fn open(
        source: impl BlobSource + 'static,
        object: &str,
        codecs: &CodecRegistry,
    ) -> Result<Self, ReadError> {
        Self::open_with(source, object, codecs, ReadOptions::default()).await
    }

    /// Opens an object.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn open_with(
        source: impl BlobSource + 'static,
        object: &str,
        codecs: &CodecRegistry,
        options: ReadOptions,
    ) -> Result<Self, ReadError> {
        let object = Object::open(Arc::new(source), object, options).await?;
        // In later versions, other fields may stand where the length does.
        let whole = |trailer: &Trailer| trailer.version != FORMAT_VERSION || trailer.object_len == object.len;
        let trailer = Trailer::ends(object.tail()).then(|| Trailer::decode(object.tail()));
        if let Some(Ok(trailer)) = &trailer
            && whole(trailer)
        {
            let trailer = trailer.clone();
            let batch = Box::new(Batch::open(&object, trailer, codecs).await?);
            return Ok(Self { object, content: Content::Batch(batch) });
        }
        let start = object.read(0..object.len.min(16)).await?;
        if start.starts_with(LEGACY_MAGIC) {
            // Even where its last blob ends like a trailer, or is a whole object of this format.
            let legacy = Legacy::open(&object, codecs).await?;
            return Ok(Self { object, content: Content::Legacy(legacy) });
        }
        let wrong = trailer.map(|trailer| match trailer {
            Ok(trailer) => Problem::Length { expected: trailer.object_len, actual: object.len },
            Err(problem) => problem,
        });
        let kind = if let Some(problem) = wrong {
            problem.at(Section::Trailer, object.len - Trailer::LEN as u64).into()
        } else if begins(&start, &SKIPPABLE_MAGIC.to_le_bytes())
            && start.get(8..).is_none_or(|tag| begins(tag, TAG))
            && !start.is_empty()
        {
            ReadErrorKind::Truncated { object_len: object.len }
        } else {
            ReadErrorKind::Foreign { object_len: object.len, start: start[..start.len().min(8)].to_vec() }
        };
        Err(object.error(kind))
    }

    /// The object's name.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object.name
    }

    /// What the object says of itself.
    #[must_use]
    pub fn summary(&self) -> ObjectSummary {
        match &self.content {
            Content::Batch(batch) => {
                let descriptor = &batch.root.descriptor;
                ObjectSummary {
                    format: ObjectFormat::Container(batch.trailer.version),
                    id: Some(BatchId {
                        writer: descriptor.writer.clone(),
                        epoch: descriptor.epoch,
                        part: descriptor.part,
                    }),
                    codec: descriptor.codec,
                    object_len: self.object.len,
                    checksum: Some(batch.trailer.root_crc),
                    blobs: batch.root.blobs,
                    blob_bytes: batch.root.blob_bytes,
                    blocks: batch.root.blocks,
                }
            }
            Content::Legacy(legacy) => ObjectSummary {
                format: ObjectFormat::Lcb1(legacy.version),
                id: None,
                codec: CodecId::LZ4_BLOCK,
                object_len: self.object.len,
                checksum: None,
                blobs: legacy.keys.len() as u64,
                blob_bytes: (0..legacy.keys.len()).map(|index| legacy.keys.entry(index).len).sum(),
                blocks: 1,
            },
        }
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.content {
            Content::Batch(batch) => batch.root.blobs,
            Content::Legacy(legacy) => legacy.keys.len() as u64,
        }
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All keys in ascending byte order, each with its blob's length; reads no blob, and holds a few pages of the index at a
    /// time.
    pub fn keys(&self) -> BoxStream<'_, Result<BlobInfo, ReadError>> {
        let infos = |page: Arc<KeyPage>| {
            stream::iter(0..page.len())
                .map(move |index| BlobInfo { key: page.key(index).to_owned(), len: page.entry(index).len })
        };
        match &self.content {
            Content::Batch(batch) => batch
                .pages::<KeyPage>(&self.object, (0..batch.root.key_pages.len()).collect(), false)
                .map_ok(move |(_, page)| infos(page).map(Ok))
                .try_flatten()
                .boxed(),
            Content::Legacy(legacy) => infos(Arc::clone(&legacy.keys)).map(Ok).boxed(),
        }
    }
}

/// Whether bytes begin with others, or are the beginning of them.
fn begins(bytes: &[u8], with: &[u8]) -> bool {
    bytes.iter().zip(with).all(|(byte, expected)| byte == expected)
}
