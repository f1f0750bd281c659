//! What a call will read, as it is told to users.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// What a call on a [`BatchReader`](crate::BatchReader) will read; see [`explain_get`](crate::BatchReader::explain_get).
///
/// Its text is one line; with `{:#}`, one more for each request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ReadPlan {
    /// The requests to the store: those for pages of keys, for pages of blocks, for dictionaries, and for blocks. Some may be sent at
    /// the same time.
    pub requests: Vec<PlannedRequest>,
    /// Bytes of the object that are needed and at hand: those that came with the first read, and pages that were kept.
    pub cached_bytes: u64,
    /// Number of keys found, each time that it was asked for.
    pub blobs: u64,
    /// Sum of their blobs' lengths in bytes.
    pub blob_bytes: u64,
    /// Number of blocks to be decoded.
    pub blocks: u64,
    /// Bytes that they decode to.
    pub decoded_bytes: u64,
    /// About the most bytes that are held at a time, besides blobs that have been handed out.
    pub memory: u64,
}

/// One request to the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PlannedRequest {
    /// What is read.
    pub part: ObjectPart,
    /// Which bytes of the object.
    pub range: Range<u64>,
    /// How many of them are needed; the others lie between those that are, and save a request.
    pub wanted: u64,
}

/// A kind of frames in an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ObjectPart {
    /// Pages of keys.
    KeyPages,
    /// Pages that say where blocks are.
    BlockPages,
    /// Dictionaries that blocks need.
    Dictionaries,
    /// Blocks of blobs.
    Blocks,
}

impl ReadPlan {
    /// Bytes that the store is asked for.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        self.requests.iter().map(|request| request.range.end - request.range.start).sum()
    }

    /// Bytes of those that are needed.
    #[must_use]
    pub fn wanted_bytes(&self) -> u64 {
        self.requests.iter().map(|request| request.wanted).sum()
    }
}

impl fmt::Display for ReadPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests for {} bytes, {} of them needed, and {} bytes at hand; {} blocks of {} bytes to decode for {} blobs of \
             {} bytes; about {} bytes of memory",
            self.requests.len(),
            self.read_bytes(),
            self.wanted_bytes(),
            self.cached_bytes,
            self.blocks,
            self.decoded_bytes,
            self.blobs,
            self.blob_bytes,
            self.memory,
        )?;
        if f.alternate() {
            for PlannedRequest { part, range, wanted } in &self.requests {
                let len = range.end - range.start;
                write!(f, "\n{part}: {len} bytes at {}, {wanted} of them needed", range.start)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for ObjectPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::KeyPages => "key pages",
            Self::BlockPages => "block pages",
            Self::Dictionaries => "dictionaries",
            Self::Blocks => "blocks",
        })
    }
}
