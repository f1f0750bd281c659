//! What a flush takes away at once: all blobs that were added before it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::block::{Block, Encoding};
use super::dictionary::Choice;
use super::entries::Entries;
use super::lane::Lane;

/// Blobs whose blocks are closed: encoded, or being encoded.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    pub(crate) entries: Entries,
    pub(crate) blocks: Vec<Arc<Block>>,
    /// Bytes of keys and blobs as they were added.
    pub(crate) added_bytes: u64,
    /// What dictionaries some of the blocks may need.
    pub(crate) choices: Vec<Arc<Choice>>,
}

impl Cut {
    /// Appends the closed blocks of a lane that are not here yet; their entries stay there until they are taken.
    pub(crate) fn adopt(&mut self, lane: &mut Lane) {
        for block in &lane.blocks[lane.numbers.len()..] {
            lane.numbers.push(narrow(self.blocks.len()));
            self.blocks.push(Arc::clone(block));
        }
    }

    /// Appends the content of a lane, leaving it empty. Its open block must be closed.
    pub(crate) fn take(&mut self, lane: &mut Lane) {
        self.adopt(lane);
        let lane = std::mem::take(lane);
        self.added_bytes += lane.entries.bytes();
        // An empty blob at the lane's very end is in none of its blocks.
        let end = narrow(self.blocks.len());
        let number = |block: u32| lane.numbers.get(block as usize).copied().unwrap_or(end);
        self.entries.append(lane.entries, number);
    }

    /// Appends another cut behind this one.
    pub(crate) fn append(&mut self, other: Cut) {
        if self.is_empty() && self.blocks.is_empty() && self.choices.is_empty() {
            *self = other;
            return;
        }
        self.added_bytes += other.added_bytes;
        let shift = narrow(self.blocks.len());
        self.entries.append(other.entries, |block| block.saturating_add(shift));
        self.blocks.extend(other.blocks);
        self.choices.extend(other.choices);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Says that these blocks, and entries that take so many bytes, are not held any longer.
pub(crate) fn release(blocks: &[Arc<Block>], entries_held: usize, encoding: &Encoding) {
    encoding.held.fetch_sub(entries_held, Ordering::Relaxed);
    for block in blocks {
        block.release(encoding);
    }
}

/// Blocks are numbered in 32 bits: 2^32 blocks do not fit into memory.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
