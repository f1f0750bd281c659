//! The reader: opens an object and gives back any of its blobs, or all of them.

mod batch;
mod blobs;
mod dictionaries;
mod error;
mod get;
mod object;
mod options;
mod plan;
mod verify;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

pub use error::{ReadError, ReadErrorKind};
pub use options::ReadOptions;
pub use verify::VerifyReport;

use crate::format::{LEGACY_MAGIC, LegacyHead, Problem, SKIPPABLE_MAGIC, Section, TAG, Trailer};
use crate::{BatchId, BlobSource, CodecId, CodecRegistry, FORMAT_VERSION};
use batch::Batch;
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
    Legacy(LegacyContent),
}

#[derive(Debug)]
struct LegacyContent {
    version: u32,
    body: Bytes,
    blobs: BTreeMap<String, Range<usize>>,
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
            let legacy = LegacyContent::open(&object, codecs).await?;
            return Ok(Self { object, content: Content::Legacy(legacy) });
        }
        let wrong = trailer.map(|trailer| match trailer {
            Ok(trailer) => Problem::Length { expected: trailer.object_len, actual: object.len },
            Err(problem) => problem,
        });
        let kind = if let Some(problem) = wrong {
            problem.at(Section::Trailer, object.len - Trailer::LEN as u64).into()
        } else if start.starts_with(&SKIPPABLE_MAGIC.to_le_bytes()) && start.get(8..).is_none_or(begins_tag) {
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
                blobs: legacy.blobs.len() as u64,
                blob_bytes: legacy.blobs.values().map(|range| range.len() as u64).sum(),
                blocks: 1,
            },
        }
    }

    /// Number of keys.
    #[must_use]
    pub fn len(&self) -> u64 {
        match &self.content {
            Content::Batch(batch) => batch.root.blobs,
            Content::Legacy(legacy) => legacy.blobs.len() as u64,
        }
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All keys in ascending byte order, each with its blob's length; reads no blob, and holds one page of the index at a
    /// time.
    pub fn keys(&self) -> BoxStream<'_, Result<BlobInfo, ReadError>> {
        match &self.content {
            Content::Batch(batch) => stream::iter(0..batch.root.key_pages.len())
                .then(|number| batch.key_page(&self.object, number))
                .map_ok(|page| {
                    stream::iter(0..page.len()).map(move |index| {
                        Ok(BlobInfo { key: page.key(index).to_owned(), len: page.entry(index).len })
                    })
                })
                .try_flatten()
                .boxed(),
            Content::Legacy(legacy) => stream::iter(legacy.blobs.iter())
                .map(|(key, range)| Ok(BlobInfo { key: key.clone(), len: range.len() as u64 }))
                .boxed(),
        }
    }
}

fn begins_tag(bytes: &[u8]) -> bool {
    bytes.iter().zip(TAG).all(|(byte, tag)| byte == tag)
}

impl LegacyContent {
    async fn open(object: &Object, codecs: &CodecRegistry) -> Result<Self, ReadError> {
        let corrupt = |problem: Problem| object.corrupt(problem.at(Section::Legacy, 0));
        object.allow("LCB1 object", object.len)?;
        let whole = object.read(0..object.len).await?;
        let head = LegacyHead::parse(&whole).map_err(corrupt)?;
        let version = head.version();
        if !LegacyHead::is_known(version) {
            return Err(object.error(ReadErrorKind::UnsupportedVersion { found: version }));
        }
        object.allow("LCB1 object, decoded,", head.memory())?;
        let codec = codecs
            .decoder(CodecId::LZ4_BLOCK, &[])
            .map_err(|error| object.error(ReadErrorKind::CodecParams(error)))?
            .ok_or_else(|| object.error(ReadErrorKind::UnknownCodec(CodecId::LZ4_BLOCK)))?;
        let legacy = head.finish(&*codec).map_err(corrupt)?;
        let mut blobs = BTreeMap::new();
        for (key, blob) in legacy.entries {
            // Later entries of the same key replace earlier ones, as the starting point's order of restoring did.
            blobs.insert(String::from_utf8_lossy(&legacy.body[key]).into_owned(), blob);
        }
        Ok(Self { version, body: Bytes::from(legacy.body), blobs })
    }

    fn get(&self, key: &str) -> Option<Bytes> {
        self.blobs.get(key).map(|range| self.body.slice(range.clone()))
    }
}
