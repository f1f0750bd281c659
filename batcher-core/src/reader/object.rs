//! One object in a store, as far as it has been read.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::buffers::Buffers;
use super::{ReadError, ReadErrorKind, ReadOptions};
use crate::format::Corruption;
use crate::{BlobSource, ReadRange, ReadReply, StoreErrorKind};

/// Reads ranges of one version of one object, and keeps the end that was read first.
#[derive(Debug)]
pub(crate) struct Object {
    source: Arc<dyn BlobSource>,
    pub(crate) name: String,
    pub(crate) len: u64,
    version: Option<String>,
    pub(crate) options: ReadOptions,
    tail_offset: u64,
    tail: Bytes,
    pub(super) buffers: Arc<Buffers>,
}

/// Bytes that were read, from this offset of the object on.
#[derive(Debug)]
pub(super) struct Fetched {
    offset: u64,
    bytes: Bytes,
}

impl Object {
    /// Reads the object's end.
    pub(crate) async fn open(
        source: Arc<dyn BlobSource>,
        name: &str,
        options: ReadOptions,
    ) -> Result<Self, ReadError> {
        let fail = |error| ReadError::new(ReadErrorKind::Store(error), name);
        let wanted = options.first_read_len.max(crate::format::Trailer::LEN as u64);
        let mut reply = None;
        if source.reads_suffixes() {
            match source.read(name, ReadRange::Suffix(wanted)).await {
                Ok(answer) => reply = Some((answer, ReadRange::Suffix(wanted))),
                Err(error) if error.kind() == StoreErrorKind::Unsupported => {}
                Err(error) => return Err(fail(error)),
            }
        }
        let (reply, range) = match reply {
            Some(answered) => answered,
            None => {
                let len = source.size(name).await.map_err(fail)?;
                let range = ReadRange::Bounded(len.saturating_sub(wanted)..len);
                let answer = source.read(name, range.clone()).await.map_err(fail)?;
                if answer.object_len != len {
                    return Err(ReadError::new(ReadErrorKind::Replaced, name));
                }
                (answer, range)
            }
        };
        let resolved = range.resolve(reply.object_len);
        let buffers = Buffers::new(options.spare_memory);
        let object = Self {
            source,
            buffers,
            name: name.to_owned(),
            len: reply.object_len,
            version: reply.version.clone(),
            options,
            tail_offset: resolved.start,
            tail: Bytes::new(),
        };
        let tail = object.check(&resolved, reply)?;
        Ok(Self { tail, ..object })
    }

    /// The last bytes of the object, as they were read at first.
    pub(crate) fn tail(&self) -> &Bytes {
        &self.tail
    }

    /// Exactly these bytes, which must be within the object.
    pub(crate) async fn read(&self, range: Range<u64>) -> Result<Bytes, ReadError> {
        let fetched = self.fetch(&range).await?;
        Ok(self.cut(&fetched, &range))
    }

    /// Reads as many of these bytes as the first read has not brought.
    pub(super) async fn fetch(&self, range: &Range<u64>) -> Result<Fetched, ReadError> {
        let range = self.missing(range);
        if range.is_empty() {
            return Ok(Fetched { offset: range.start, bytes: Bytes::new() });
        }
        let reply = self
            .source
            .read(&self.name, ReadRange::Bounded(range.clone()))
            .await
            .map_err(|error| self.error(error))?;
        if reply.object_len != self.len {
            return Err(self.error(ReadErrorKind::Replaced));
        }
        Ok(Fetched { offset: range.start, bytes: self.check(&range, reply)? })
    }

    /// A part of a range that has been fetched. Only one that began before the first read's bytes and ends in them is copied.
    pub(super) fn cut(&self, fetched: &Fetched, range: &Range<u64>) -> Bytes {
        if self.holds(range) {
            return self.tail.slice(self.in_tail(range.start)..self.in_tail(range.end));
        }
        let at = |offset: u64| usize::try_from(offset - fetched.offset).unwrap_or(usize::MAX);
        let head = self.missing(range);
        let bytes = fetched.bytes.slice(at(head.start)..at(head.end));
        if head.end == range.end {
            return bytes;
        }
        let mut whole = BytesMut::with_capacity(at(range.end) - at(range.start));
        whole.extend_from_slice(&bytes);
        whole.extend_from_slice(&self.tail[..self.in_tail(range.end)]);
        whole.freeze()
    }

    /// Whether the first read has brought all of these bytes.
    pub(super) fn holds(&self, range: &Range<u64>) -> bool {
        range.start >= self.tail_offset && range.end <= self.len
    }

    /// The bytes of a range that the first read has not brought.
    pub(super) fn missing(&self, range: &Range<u64>) -> Range<u64> {
        if self.holds(range) { range.end..range.end } else { range.start..range.end.min(self.tail_offset) }
    }

    fn in_tail(&self, offset: u64) -> usize {
        usize::try_from(offset - self.tail_offset).unwrap_or(usize::MAX)
    }

    fn check(&self, range: &Range<u64>, reply: ReadReply) -> Result<Bytes, ReadError> {
        // Checksums object as well, as to damage: this, and the comparison of lengths, say that opening again helps.
        if let (Some(before), Some(now)) = (&self.version, &reply.version)
            && before != now
        {
            return Err(self.error(ReadErrorKind::Replaced));
        }
        let (expected, actual) = (range.end - range.start, reply.bytes.len() as u64);
        if expected != actual {
            return Err(self.error(ReadErrorKind::ShortRead { offset: range.start, expected, actual }));
        }
        Ok(reply.bytes)
    }

    pub(crate) fn error(&self, kind: impl Into<ReadErrorKind>) -> ReadError {
        ReadError::new(kind, &self.name)
    }

    pub(crate) fn corrupt(&self, corruption: Corruption) -> ReadError {
        self.error(corruption)
    }

    /// Fails where `len` bytes are more than may be allocated for `what`.
    pub(crate) fn allow(&self, what: &'static str, len: u64) -> Result<(), ReadError> {
        let limit = self.options.memory_limit;
        if len > limit {
            return Err(self.error(ReadErrorKind::Memory { what, len, limit }));
        }
        Ok(())
    }

    /// A buffer of at least `len` bytes.
    pub(super) fn buffer(&self, what: &'static str, len: u64) -> Result<BytesMut, ReadError> {
        self.allow(what, len)?;
        usize::try_from(len)
            .ok()
            .and_then(|len| self.buffers.try_take(len))
            .ok_or_else(|| self.error(ReadErrorKind::Memory { what, len, limit: self.options.memory_limit }))
    }
}
