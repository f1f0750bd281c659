//! What a worker tells its supervisor: one JSON object a line on its standard output. The supervisor answers each
//! with one byte.

use serde::{Deserialize, Serialize};

use super::job::Summary;

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Message {
    /// The worker has found where to begin; `restored` is missing where there was no checkpoint.
    Started { restored: Option<Restored> },
    /// So many events have been processed.
    Processed { events: u64 },
    /// A checkpoint begins.
    Checkpointing { epoch: u64 },
    /// A checkpoint is complete.
    Committed { epoch: u64, saved: Saved },
    /// All events are processed and saved.
    Finished { summary: Summary },
}

/// A checkpoint that was read back.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Restored {
    pub(super) epoch: u64,
    pub(super) events: u64,
    pub(super) blobs: u64,
    pub(super) bytes: u64,
    pub(super) seconds: f64,
}

/// A checkpoint that was written.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) blobs: u64,
    /// Bytes of the blobs.
    pub(super) bytes: u64,
    /// Batch objects, and their bytes.
    pub(super) objects: u64,
    pub(super) stored: u64,
    /// Write requests, parts and the commit record included.
    pub(super) requests: u64,
    pub(super) seconds: f64,
}
