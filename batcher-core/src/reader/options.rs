//! How objects are read.

use std::sync::Arc;

use crate::{Executor, Inline};

/// How a [`BatchReader`](crate::BatchReader) reads.
///
/// ```
/// use batcher_core::ReadOptions;
/// let options = ReadOptions::default().with_first_read_len(1 << 20).with_memory_limit(1 << 30);
/// assert_eq!(options.first_read_len, 1 << 20);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReadOptions {
    /// Bytes from the object's end to read at first, at least 56. Objects no longer than that need no other read, and
    /// longer ones fewer the more of their index it covers. Default: 256 KiB.
    pub first_read_len: u64,
    /// Bytes between two wanted ranges that are read along rather than sending two requests. Default: 256 KiB, about what
    /// a store sends in the time that a request takes to be answered.
    pub max_gap: u64,
    /// Bytes after which a read that joins several ranges ends. Default: 8 MiB.
    pub max_read_len: u64,
    /// How many reads of blocks are under way at the same time, or have arrived and wait to be decoded. Where all of an object is
    /// read, beside them as many of its index and one of its directory of blocks. A store that should be asked for less at a
    /// time can be put into a [`Limit`](crate::Limit). Default: 4.
    pub reads_in_flight: usize,
    /// The most bytes that one call allocates for the blobs that it gives back, for an object's whole index, or for its
    /// dictionaries, each of which counts as its length and 128 KiB. What is under way comes
    /// on top: reads in flight, 1 MiB of blocks (or one of up to 64 MiB) for each thread of the executor and for two more, and decoded pages of the
    /// index, of up to 64 MiB before and a few times that after decoding where an object is made to be awkward. Default: 4 GiB.
    pub memory_limit: u64,
    /// The most bytes of buffers that a reader keeps for later blocks when the blobs in them have been dropped, instead of
    /// giving them back to the system and asking for fresh ones. They go with the reader. Default: 32 MiB.
    pub spare_memory: u64,
    /// Where blocks and pages are decoded. Default: [`Inline`], which lets go of its thread between blocks.
    pub executor: Arc<dyn Executor>,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            first_read_len: 256 * 1024,
            max_gap: 256 * 1024,
            max_read_len: 8 << 20,
            reads_in_flight: 4,
            memory_limit: 4 << 30,
            spare_memory: 32 << 20,
            executor: Arc::new(Inline),
        }
    }
}

impl ReadOptions {
    /// Sets [`first_read_len`](Self::first_read_len).
    #[must_use]
    pub fn with_first_read_len(mut self, bytes: u64) -> Self {
        self.first_read_len = bytes;
        self
    }

    /// Sets [`max_gap`](Self::max_gap).
    #[must_use]
    pub fn with_max_gap(mut self, bytes: u64) -> Self {
        self.max_gap = bytes;
        self
    }

    /// Sets [`max_read_len`](Self::max_read_len).
    #[must_use]
    pub fn with_max_read_len(mut self, bytes: u64) -> Self {
        self.max_read_len = bytes;
        self
    }

    /// Sets [`reads_in_flight`](Self::reads_in_flight).
    #[must_use]
    pub fn with_reads_in_flight(mut self, reads: usize) -> Self {
        self.reads_in_flight = reads;
        self
    }

    /// Sets [`memory_limit`](Self::memory_limit).
    #[must_use]
    pub fn with_memory_limit(mut self, bytes: u64) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// Sets [`spare_memory`](Self::spare_memory).
    #[must_use]
    pub fn with_spare_memory(mut self, bytes: u64) -> Self {
        self.spare_memory = bytes;
        self
    }

    /// Sets [`executor`](Self::executor).
    #[must_use]
    pub fn with_executor(mut self, executor: impl Executor + 'static) -> Self {
        self.executor = Arc::new(executor);
        self
    }
}
