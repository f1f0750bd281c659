//! The blobs of a batch by key: what the object's index is made of.

use super::keys::{KeyRef, Keys};

/// A blob as it was added: its key, where it begins, and its turn among all adds of the batcher.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    key: KeyRef,
    /// The block in which the blob begins; one past the last where an empty blob stands at the very end.
    pub(crate) block: u32,
    pub(crate) start: u32,
    pub(crate) len: u64,
    turn: u64,
}

/// What a key and its entry take in memory, in bytes.
pub(crate) fn entry_len(key: &str) -> usize {
    key.len() + size_of::<Entry>()
}

/// Entries with their keys, in the order of their adds until they are sorted.
#[derive(Debug, Default)]
pub(crate) struct Entries {
    keys: Keys,
    list: Vec<Entry>,
}

impl Entries {
    pub(crate) fn push(&mut self, key: &str, block: usize, start: usize, len: usize, turn: u64) {
        self.list.push(Entry {
            key: self.keys.push(key),
            block: u32::try_from(block).unwrap_or(u32::MAX),
            start: u32::try_from(start).unwrap_or(u32::MAX),
            len: len as u64,
            turn,
        });
    }

    /// Takes over the entries of another batch, whose blocks have these numbers here.
    pub(crate) fn append(&mut self, other: Self, numbers: impl Fn(u32) -> u32) {
        let find = self.keys.absorb(other.keys);
        let moved = |entry: Entry| Entry { key: find(entry.key), block: numbers(entry.block), ..entry };
        self.list.extend(other.list.into_iter().map(moved));
    }

    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn key(&self, entry: &Entry) -> &[u8] {
        self.keys.get(entry.key)
    }

    /// Bytes of all keys and blobs.
    pub(crate) fn bytes(&self) -> u64 {
        self.list.iter().map(|entry| entry.key.len() + entry.len).sum()
    }

    /// What all keys and entries take in memory, in bytes: the sum of [`entry_len`].
    pub(crate) fn held(&self) -> usize {
        let keys: u64 = self.list.iter().map(|entry| entry.key.len()).sum();
        usize::try_from(keys).unwrap_or(usize::MAX) + self.list.len() * size_of::<Entry>()
    }

    /// Sorts by key, and the adds of one key by their turns.
    pub(crate) fn sort(&mut self) {
        let Self { keys, list } = self;
        list.sort_unstable_by(|a, b| keys.get(a.key).cmp(keys.get(b.key)).then(a.turn.cmp(&b.turn)));
    }

    /// Of sorted entries those that no later add of the same key replaces.
    pub(crate) fn live(&self) -> impl Iterator<Item = &Entry> {
        self.list.iter().enumerate().filter_map(|(index, entry)| {
            let replaced = self.list.get(index + 1).is_some_and(|next| self.key(next) == self.key(entry));
            (!replaced).then_some(entry)
        })
    }
}
