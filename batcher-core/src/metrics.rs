//! Counters of what a batcher has done, shared with whoever wants to look.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

/// Counters that only go up, from a batcher's creation on. Reading them never waits for the batcher.
#[derive(Debug, Default)]
pub struct BatchMetrics {
    batches_flushed: AtomicU64,
    entries_flushed: AtomicU64,
    bytes_before_compression: AtomicU64,
    bytes_after_compression: AtomicU64,
    put_count: AtomicU64,
    failed_flushes: AtomicU64,
}

impl BatchMetrics {
    /// The counters as they stand. Each is exact; a flush that ends meanwhile may be in some of them only.
    #[must_use]
    pub fn snapshot(&self) -> BatchMetricsSnapshot {
        BatchMetricsSnapshot {
            batches_flushed: self.batches_flushed.load(Ordering::Relaxed),
            entries_flushed: self.entries_flushed.load(Ordering::Relaxed),
            bytes_before_compression: self.bytes_before_compression.load(Ordering::Relaxed),
            bytes_after_compression: self.bytes_after_compression.load(Ordering::Relaxed),
            put_count: self.put_count.load(Ordering::Relaxed),
            failed_flushes: self.failed_flushes.load(Ordering::Relaxed),
        }
    }

    pub(crate) fn flushed(&self, entries: u64, before: u64, after: u64) {
        self.batches_flushed.fetch_add(1, Ordering::Relaxed);
        self.entries_flushed.fetch_add(entries, Ordering::Relaxed);
        self.bytes_before_compression.fetch_add(before, Ordering::Relaxed);
        self.bytes_after_compression.fetch_add(after, Ordering::Relaxed);
    }

    pub(crate) fn requested(&self) {
        self.put_count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failed_flushes.fetch_add(1, Ordering::Relaxed);
    }
}

/// The counters of [`BatchMetrics`] at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BatchMetricsSnapshot {
    /// Objects that the store has acknowledged.
    pub batches_flushed: u64,
    /// Blobs in them.
    pub entries_flushed: u64,
    /// Bytes of all added keys and blobs that went into them, replaced ones included.
    pub bytes_before_compression: u64,
    /// Bytes of the objects.
    pub bytes_after_compression: u64,
    /// Write requests sent, failed ones included; a multipart upload counts one for its start, one for each part and
    /// one for its completion.
    pub put_count: u64,
    /// Flushes that ended in an error.
    pub failed_flushes: u64,
}
