//! What a memory store is not to do.

use std::sync::Arc;

use batcher_core::SinkCapabilities;

use super::{MemoryStore, Shared};

/// Switches off what a [`MemoryStore`] can do, to stand for stores that cannot.
///
/// ```
/// use batcher_core::BlobSink;
/// use batcher_testkit::MemoryStore;
///
/// let store = MemoryStore::builder().without_multipart().with_max_put_len(1 << 20).build();
/// assert!(!store.capabilities().multipart);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct MemoryStoreBuilder {
    capabilities: SinkCapabilities,
    reads_suffixes: bool,
}

impl Default for MemoryStoreBuilder {
    fn default() -> Self {
        let capabilities = SinkCapabilities::default()
            .with_create(true)
            .with_multipart(true)
            .with_multipart_create(true)
            .with_delete(true);
        Self { capabilities, reads_suffixes: true }
    }
}

impl MemoryStoreBuilder {
    /// The store, empty.
    #[must_use]
    pub fn build(self) -> MemoryStore {
        MemoryStore { shared: Arc::new(Shared { settings: self, ..Shared::default() }) }
    }

    /// Puts only replace; uploads in parts are as they were.
    pub fn without_create(mut self) -> Self {
        self.capabilities.create = false;
        self
    }

    /// No uploads in parts, of either mode.
    pub fn without_multipart(mut self) -> Self {
        self.capabilities.multipart = false;
        self.without_multipart_create()
    }

    /// Uploads in parts only replace.
    pub fn without_multipart_create(mut self) -> Self {
        self.capabilities.multipart_create = false;
        self
    }

    /// Nothing can be deleted.
    pub fn without_delete(mut self) -> Self {
        self.capabilities.delete = false;
        self
    }

    /// Only ranges from a start to an end can be read.
    pub fn without_suffix_reads(mut self) -> Self {
        self.reads_suffixes = false;
        self
    }

    /// The longest object in bytes that one put takes.
    pub fn with_max_put_len(mut self, bytes: u64) -> Self {
        self.capabilities.max_put_len = Some(bytes);
        self
    }

    /// The shortest part in bytes, the last one excepted. As in real stores, completing fails, not putting the part.
    pub fn with_min_part_len(mut self, bytes: u64) -> Self {
        self.capabilities.min_part_len = Some(bytes);
        self
    }

    /// The most parts of one upload.
    pub fn with_max_parts(mut self, parts: u64) -> Self {
        self.capabilities.max_parts = Some(parts);
        self
    }

    pub(super) fn capabilities(&self) -> &SinkCapabilities {
        &self.capabilities
    }

    pub(super) fn reads_suffixes(&self) -> bool {
        self.reads_suffixes
    }
}
