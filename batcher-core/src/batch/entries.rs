//! The blobs of a batch by key, in the order of their adds: what the object's index is made of.

use super::keys::{KeyRef, Keys};

/// A blob as it was added: its key, where it begins, and its turn among all adds of the batcher.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    key: KeyRef,
    /// The block of its lane in which the blob begins; one past the last where an empty blob stands at the very end.
    pub(crate) block: u32,
    pub(crate) start: u32,
    pub(crate) len: u64,
    pub(crate) turn: u64,
}

/// What a key and its entry take in memory, in bytes.
pub(crate) fn entry_len(key: &str) -> usize {
    key.len() + size_of::<Entry>()
}

/// Entries with their keys.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    keys: Keys,
    list: Vec<Entry>,
}

impl Entries {
    pub(crate) fn push(&mut self, key: &str, block: usize, start: usize, len: usize, turn: u64) {
        self.list.push(Entry {
            key: self.keys.push(key.as_bytes()),
            block: u32::try_from(block).unwrap_or(u32::MAX),
            start: u32::try_from(start).unwrap_or(u32::MAX),
            len: len as u64,
            turn,
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn list(&self) -> &[Entry] {
        &self.list
    }

    pub(crate) fn key(&self, entry: &Entry) -> &[u8] {
        self.keys.get(entry.key)
    }

    /// Sorts by key, and the adds of one key by their turns; the keys themselves, too, so that who goes through all entries
    /// later does not jump about in memory.
    pub(crate) fn sort(&mut self) {
        let Self { keys, list } = self;
        let place = |entry: &Entry| (keys.get(entry.key), entry.turn);
        if list.is_sorted_by(|a, b| place(a) <= place(b)) {
            return;
        }
        list.sort_unstable_by(|a, b| place(a).cmp(&place(b)));
        let mut sorted = Keys::default();
        for entry in list {
            entry.key = sorted.push(keys.get(entry.key));
        }
        *keys = sorted;
    }

    /// Forgets everything but the memory.
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.list.clear();
    }

    /// Bytes of memory, used or not.
    pub(crate) fn capacity(&self) -> usize {
        self.keys.capacity() + self.list.capacity() * size_of::<Entry>()
    }
}
