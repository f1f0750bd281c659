//! What a flush answers: proof of what stands in the store, to be kept in a manifest.

use serde::{Deserialize, Serialize};

use crate::{BatchId, CodecId};

/// One batch object that the store has acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BatchReceipt {
    /// The object's name in the store.
    pub object: String,
    /// Its identity.
    #[serde(flatten)]
    pub id: BatchId,
    /// The codec of its frames.
    pub codec: CodecId,
    /// Its length in bytes.
    pub object_len: u64,
    /// The CRC-32C of its root frame, on which all its other checksums hang: two objects of the same id and checksum
    /// have the same content.
    pub checksum: u32,
    /// Number of blobs in it.
    pub blobs: u64,
    /// Sum of their lengths in bytes.
    pub blob_bytes: u64,
    /// Number of added blobs that a later one of the same key replaced before the flush.
    pub superseded: u64,
    /// Bytes of replaced blobs that stand in the object nonetheless.
    pub superseded_bytes: u64,
    /// Number of independently readable blocks.
    pub blocks: u64,
    /// The least key.
    pub first_key: String,
    /// The greatest key.
    pub last_key: String,
    /// Write requests that this object took, failed attempts since it was sealed included.
    pub requests: u64,
}

/// What a flush wrote; empty where there was nothing to write.
///
/// There is more than one object where an earlier flush had failed: its object is written first, unchanged, where it was of the
/// same epoch. An object that stood before that flush failed is among them, too, even of another epoch: look at
/// [`BatchReceipt::id`], since its blobs stand nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[must_use = "the receipts say where the blobs are"]
pub struct FlushReport {
    /// The objects, in the order written: of the same key in two of them, the later counts.
    pub receipts: Vec<BatchReceipt>,
}

impl FlushReport {
    /// Number of blobs in all objects.
    #[must_use]
    pub fn blobs(&self) -> u64 {
        self.receipts.iter().map(|receipt| receipt.blobs).sum()
    }

    /// Length in bytes of all objects.
    #[must_use]
    pub fn object_bytes(&self) -> u64 {
        self.receipts.iter().map(|receipt| receipt.object_len).sum()
    }

    /// Write requests of all objects.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.receipts.iter().map(|receipt| receipt.requests).sum()
    }
}
