//! What a flush takes away at once: all blobs that were added before it.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::block::{Block, Encoding};
use super::dictionary::Choice;
use super::lane::Lane;
use super::run::LaneRuns;

/// Blobs whose blocks are closed: encoded or being encoded.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    pub(crate) lanes: Vec<LaneRuns>,
    pub(crate) blocks: Vec<Arc<Block>>,
    /// Blobs, those included that a later add of the same key replaces.
    pub(crate) blobs: u64,
    /// Bytes of keys and blobs as they were added.
    pub(crate) added_bytes: u64,
    /// Bytes that the entries take in memory.
    pub(crate) entries_held: usize,
    /// What dictionaries some of the blocks may need.
    pub(crate) choices: Vec<Arc<Choice>>,
}

impl Cut {
    /// Appends the closed blocks of a lane that are not here yet, as far as their blobs have ended; their entries stay there
    /// until they are taken.
    pub(crate) fn adopt(&mut self, lane: &mut Lane) {
        let from = self.blocks.len();
        self.blocks.extend(lane.whole_blocks()[lane.numbers.len()..].iter().cloned());
        lane.numbers.extend((from..self.blocks.len()).map(narrow));
    }

    /// Appends the content of a lane, leaving it empty. Its open block and run must be closed.
    pub(crate) fn take(&mut self, lane: &mut Lane) {
        self.adopt(lane);
        let mut lane = std::mem::take(lane);
        if lane.runs.is_empty() {
            return;
        }
        // An empty blob at the lane's very end is in none of its blocks.
        lane.numbers.push(narrow(self.blocks.len()));
        self.lanes.push(LaneRuns { runs: lane.runs, numbers: lane.numbers });
        self.blobs += lane.blobs;
        self.added_bytes += lane.bytes;
        self.entries_held += lane.entries_held;
    }

    /// Appends another cut behind this one.
    pub(crate) fn append(&mut self, other: Self) {
        let shift = narrow(self.blocks.len());
        self.lanes.extend(other.lanes.into_iter().map(|mut lane| {
            for number in &mut lane.numbers {
                *number = number.saturating_add(shift);
            }
            lane
        }));
        self.blocks.extend(other.blocks);
        self.blobs += other.blobs;
        self.added_bytes += other.added_bytes;
        self.entries_held += other.entries_held;
        self.choices.extend(other.choices);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.blobs == 0
    }

    /// Says that nothing of it is held any longer, and keeps the memory for later.
    pub(crate) fn release(self, encoding: &Encoding) {
        encoding.held.fetch_sub(self.entries_held, Ordering::Relaxed);
        for block in &self.blocks {
            block.release(encoding);
        }
        for choice in &self.choices {
            choice.release(encoding);
        }
        for run in self.lanes.into_iter().flat_map(|lane| lane.runs) {
            if let Some(entries) = run.into_entries() {
                encoding.spare_runs.give_back(entries);
            }
        }
    }
}

/// Blocks are numbered in 32 bits: 2^32 blocks do not fit into memory.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
