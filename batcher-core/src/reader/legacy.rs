//! An opened object of the starting point's format, which is read whole.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::assembly::Assembled;
use super::index::Index;
use super::object::Object;
use super::pipeline::guarded;
use super::{ReadError, ReadErrorKind};
use crate::format::{BlockPlace, KeyEntry, KeyPage, LegacyHead, Problem, Section};
use crate::{CodecId, CodecRegistry};

/// The body, and where each key's blob stands in it.
#[derive(Debug)]
pub(super) struct Legacy {
    pub(super) version: u32,
    body: Bytes,
    pub(super) keys: Arc<KeyPage>,
}

impl Legacy {
    pub(super) async fn open(object: &Object, codecs: &CodecRegistry) -> Result<Self, ReadError> {
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
        let legacy = guarded(|| head.finish(&*codec)).map_err(corrupt)?;
        let mut blobs = BTreeMap::new();
        for (key, blob) in legacy.entries {
            // Later entries of the same key replace earlier ones, as the starting point's order of restoring did.
            blobs.insert(String::from_utf8_lossy(&legacy.body[key]), blob);
        }
        let entry = |blob: Range<usize>| KeyEntry { offset: blob.start as u64, len: blob.len() as u64 };
        let keys = blobs.into_iter().map(|(key, blob)| (key, entry(blob))).collect();
        Ok(Self { version, body: Bytes::from(legacy.body), keys: Arc::new(keys) })
    }

    pub(super) fn get(&self, key: &str) -> Option<Bytes> {
        let whole = self.assembled();
        self.keys.find(key).and_then(|entry| Some(self.body.slice_ref(whole.whole(entry)?)))
    }

    /// All keys, in the order of their blobs.
    pub(super) fn index(&self) -> Arc<Index> {
        Arc::new(Index::of_page(Arc::clone(&self.keys)))
    }

    /// The body as if it were a block.
    pub(super) fn assembled(&self) -> Assembled {
        let place = BlockPlace {
            number: 0,
            frame_offset: 0,
            frame_len: 0,
            stream_offset: 0,
            block_len: self.body.len(),
            checksum: 0,
            dictionary: None,
        };
        let (block, begun) = (self.body.clone(), 0..self.keys.len());
        Assembled { place: Some(place), block, begun, ended: Vec::new() }
    }
}
