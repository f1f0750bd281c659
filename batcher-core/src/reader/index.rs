//! The entries of an object, in the order of their blobs.

use std::ops::Range;
use std::sync::Arc;

use futures_util::stream::TryStreamExt;

use super::batch::{Batch, run};
use super::{BatchReader, ReadError, ReadErrorKind};
use crate::format::{KeyEntry, KeyPage};

/// All entries, or those that were asked for.
#[derive(Debug, Default)]
pub(super) struct Index {
    pages: Vec<Arc<KeyPage>>,
    entries: Vec<IndexEntry>,
}

/// Where a blob stands in the stream, and where its key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexEntry {
    pub(super) entry: KeyEntry,
    page: u32,
    pub(super) number: u32,
}

impl IndexEntry {
    /// Of a key that its user knows by this number.
    pub(super) fn numbered(entry: KeyEntry, number: u32) -> Self {
        Self { entry, page: 0, number }
    }

    /// Where its blob stands in the stream.
    pub(super) fn stream(&self) -> Range<u64> {
        self.entry.offset..self.entry.end()
    }

    fn order(&self) -> (u64, u32, u32) {
        (self.entry.offset, self.page, self.number)
    }
}

impl Index {
    /// Bytes that an entry takes besides its key.
    pub(super) const ENTRY_MEMORY: u64 =
        (size_of::<IndexEntry>() + size_of::<KeyEntry>() + size_of::<usize>()) as u64;

    /// Of entries whose keys their user knows.
    pub(super) fn of(mut entries: Vec<IndexEntry>) -> Self {
        entries.sort_unstable_by_key(IndexEntry::order);
        Self { pages: Vec::new(), entries }
    }

    /// Of all entries of one page.
    pub(super) fn of_page(page: Arc<KeyPage>) -> Self {
        let entries = entries(&page, 0).collect();
        Self { pages: vec![page], ..Self::of(entries) }
    }

    /// Reads all pages of keys.
    pub(super) async fn load(reader: &BatchReader, batch: &Batch) -> Result<Self, ReadError> {
        let object = &reader.object;
        let mut index = Self::default();
        let mut held = 0u64;
        let mut pages = batch.pages::<KeyPage>(object, (0..batch.root.key_pages.len()).collect(), false);
        while let Some((number, page)) = pages.try_next().await? {
            held = held.saturating_add(page.memory() + (page.len() * size_of::<IndexEntry>()) as u64);
            object.allow("index", held)?;
            // The directory, of which every page takes several bytes, is at most 64 MiB.
            index.entries.extend(entries(&page, u32::try_from(number).unwrap_or(u32::MAX)));
            index.pages.push(page);
        }
        let sort = move || {
            index.entries.sort_unstable_by_key(IndexEntry::order);
            index
        };
        run(&object.options.executor, sort).await.ok_or_else(|| object.error(ReadErrorKind::Abandoned))
    }

    /// The entries in the order of their blobs.
    pub(super) fn entries(&self) -> &[IndexEntry] {
        &self.entries
    }

    /// The key of an entry, where the index has keys.
    pub(super) fn key(&self, index: usize) -> Option<&str> {
        let entry = self.entries[index];
        Some(self.pages.get(entry.page as usize)?.key(entry.number as usize))
    }

    /// The error with the key of an entry.
    pub(super) fn name(&self, error: ReadError, index: usize) -> ReadError {
        match self.key(index) {
            Some(key) => error.with_key(key),
            None => error,
        }
    }
}

fn entries(page: &KeyPage, number: u32) -> impl Iterator<Item = IndexEntry> {
    // A page decodes to at most 64 MiB, so that it has no more entries than that.
    (0..).take(page.len()).map(move |key: u32| IndexEntry {
        entry: page.entry(key as usize),
        page: number,
        number: key,
    })
}
