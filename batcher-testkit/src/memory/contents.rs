//! What a memory store holds.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use batcher_core::{ObjectInfo, PutMode, ReadRange, ReadReply};
use bytes::{Bytes, BytesMut};

use crate::call_counts::CallCounts;

#[derive(Default)]
pub(super) struct Contents {
    pub(super) calls: CallCounts,
    objects: BTreeMap<String, Object>,
    /// Parts by upload; those that have been asked for and have not arrived are `None`.
    uploads: HashMap<u64, Vec<Option<Bytes>>>,
    uploads_started: u64,
    writes: u64,
}

pub(super) struct Object {
    pub(super) bytes: Bytes,
    /// The number of the write that put it there.
    generation: u64,
}

/// By numbers: what is stored is nobody's to read in a log.
impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: usize = self.objects.values().map(|object| object.bytes.len()).sum();
        f.debug_struct("Contents")
            .field("calls", &self.calls)
            .field("objects", &self.objects.len())
            .field("bytes", &bytes)
            .field("open_uploads", &self.uploads.len())
            .finish_non_exhaustive()
    }
}

impl Object {
    pub(super) fn read(&self, range: &ReadRange) -> ReadReply {
        let object_len = self.bytes.len() as u64;
        let range = range.resolve(object_len);
        // Both ends lie within the object.
        let index = |offset| usize::try_from(offset).unwrap_or(self.bytes.len());
        ReadReply {
            bytes: self.bytes.slice(index(range.start)..index(range.end)),
            object_len,
            version: Some(self.generation.to_string()),
        }
    }
}

/// Why an upload does not become an object.
pub(super) enum Incomplete {
    /// It was completed or aborted before.
    Gone,
    NameTaken,
    /// Parts are missing or too short, or there is none at all.
    Parts,
}

impl Contents {
    pub(super) fn object(&self, name: &str) -> Option<&Object> {
        self.objects.get(name)
    }

    pub(super) fn infos(&self, prefix: &str) -> Vec<ObjectInfo> {
        let with_prefix = self.objects.iter().filter(|(name, _)| name.starts_with(prefix));
        with_prefix
            .map(|(name, object)| ObjectInfo { name: name.clone(), len: object.bytes.len() as u64 })
            .collect()
    }

    pub(super) fn insert(&mut self, name: String, bytes: Bytes) {
        self.writes += 1;
        self.objects.insert(name, Object { bytes, generation: self.writes });
    }

    pub(super) fn remove(&mut self, name: &str) -> Option<Bytes> {
        self.objects.remove(name).map(|object| object.bytes)
    }

    /// Whether the mode allowed it.
    pub(super) fn put(&mut self, name: &str, bytes: Bytes, mode: PutMode) -> bool {
        if mode == PutMode::Create && self.objects.contains_key(name) {
            return false;
        }
        self.insert(name.to_owned(), bytes);
        true
    }

    pub(super) fn open_uploads(&self) -> usize {
        self.uploads.len()
    }

    pub(super) fn start_upload(&mut self) -> u64 {
        self.uploads_started += 1;
        self.uploads.insert(self.uploads_started, Vec::new());
        self.uploads_started
    }

    /// The place of the next part; `None` where the upload is gone.
    pub(super) fn reserve_part(&mut self, upload: u64) -> Option<usize> {
        let parts = self.uploads.get_mut(&upload)?;
        parts.push(None);
        Some(parts.len() - 1)
    }

    /// Whether the upload was still there.
    pub(super) fn put_part(&mut self, upload: u64, place: usize, bytes: Bytes) -> bool {
        let part = self.uploads.get_mut(&upload).and_then(|parts| parts.get_mut(place));
        part.map(|part| *part = Some(bytes)).is_some()
    }

    pub(super) fn complete(
        &mut self,
        upload: u64,
        name: &str,
        mode: PutMode,
        min_part_len: u64,
    ) -> Result<(), Incomplete> {
        let parts = self.uploads.get(&upload).ok_or(Incomplete::Gone)?;
        let mut whole = BytesMut::new();
        for (place, part) in parts.iter().enumerate() {
            let part = part.as_ref().ok_or(Incomplete::Parts)?;
            if place + 1 < parts.len() && (part.len() as u64) < min_part_len {
                return Err(Incomplete::Parts);
            }
            whole.extend_from_slice(part);
        }
        if parts.is_empty() {
            return Err(Incomplete::Parts);
        }
        if !self.put(name, whole.freeze(), mode) {
            return Err(Incomplete::NameTaken);
        }
        self.uploads.remove(&upload);
        Ok(())
    }

    pub(super) fn abort(&mut self, upload: u64) {
        self.uploads.remove(&upload);
    }
}
