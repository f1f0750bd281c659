//! One producer's own line of blocks, which nobody else fills.

use std::sync::Arc;

use bytes::Bytes;

use super::block::{Block, Caller, Encoding, RawBlock};
use super::dictionary::Choice;
use super::entries::{Entries, entry_len};
use super::run::{JOB_LEN, RUN_LEN, Run};
use crate::copy::append;

/// Length in bytes at which a lane's first block is full, unless blocks are shorter. It doubles with each block, so that
/// blocks of a small batch, too, are compressed while blobs are still added, and its last one is short.
const FIRST_BLOCK_LEN: usize = 16 * 1024;

/// To a GiB, which no block is allowed to have.
const MOST_DOUBLINGS: usize = 16;

/// Blocks in order, the last of them still open.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    /// The run that is being filled, and those that are full.
    entries: Entries,
    pub(crate) runs: Vec<Arc<Run>>,
    pub(crate) blobs: u64,
    /// Bytes of keys and blobs.
    pub(crate) bytes: u64,
    /// Bytes that keys and entries take in memory: the sum of [`entry_len`].
    pub(crate) entries_held: usize,
    pub(crate) blocks: Vec<Arc<Block>>,
    /// The numbers that the first of the blocks have in a batch that is being uploaded already.
    pub(crate) numbers: Vec<u32>,
    open: Vec<u8>,
    /// The first block of a blob whose end is in the open block. Blobs lie in one piece, so that no other lane's block may come
    /// between them.
    unended: Option<usize>,
    /// Whether blocks of small blobs are encoded with a dictionary, where that is asked for.
    choice: Option<Arc<Choice>>,
}

/// What is left to be done once no lane is locked any longer: it compresses, or runs code of the executor's and of whoever
/// waits, which may add blobs itself.
#[derive(Debug)]
#[must_use]
pub(crate) enum Chore {
    Encode(Arc<Block>, Option<Arc<Choice>>),
    Train(Arc<Choice>),
    Sort(Arc<Run>),
}

impl Chore {
    pub(crate) fn run(self, from: Caller, encoding: &Arc<Encoding>) {
        match self {
            Self::Encode(block, choice) => {
                match choice {
                    Some(choice) => choice.submit(&block, from, encoding),
                    None => block.submit(from, encoding),
                }
                encoding.closed_block.wake();
            }
            Self::Train(choice) => choice.train(encoding),
            Self::Sort(run) => run.submit(encoding),
        }
    }
}

impl Lane {
    pub(crate) fn new(choice: Option<Arc<Choice>>) -> Self {
        Self { choice, ..Self::default() }
    }

    /// Adds a blob: copies it into the open block where it is shorter than a block, and takes slices of it where not.
    pub(crate) fn add(
        &mut self,
        key: &str,
        blob: &Bytes,
        turn: u64,
        block_len: usize,
        encoding: &Encoding,
    ) -> Vec<Chore> {
        // Most adds leave nothing to be done, and allocate nothing here.
        let mut chores = Vec::new();
        self.blobs += 1;
        self.bytes += (key.len() + blob.len()) as u64;
        self.entries_held += entry_len(key);
        let full_len = self.full_len(block_len);
        let room = full_len.saturating_sub(self.open.len());
        if blob.len() > room {
            self.close_block(&mut chores);
        }
        if self.entries.is_empty() && !self.runs.is_empty() {
            self.entries = encoding.spare_runs.take();
        }
        self.entries.push(key, self.blocks.len(), self.open.len(), blob.len(), turn);
        if self.entries.len() >= RUN_LEN {
            self.close_run(&mut chores);
        }
        let first = self.blocks.len();
        let mut rest = blob.clone();
        // The tail of a large blob is worth a block of its own only where it fills half of one.
        while rest.len() >= block_len || (rest.len() < blob.len() && rest.len() > block_len / 2) {
            let slice = rest.split_to(rest.len().min(block_len));
            self.push(RawBlock::Shared(slice), &mut chores);
        }
        if !rest.is_empty() {
            if self.open.is_empty() {
                self.open = encoding.raw.take();
                self.open.clear();
                self.open.reserve_exact(full_len.max(rest.len()));
            }
            if self.blocks.len() > first {
                self.unended = Some(first);
            }
            append(&rest, &mut self.open);
            if let Some(choice) = &self.choice
                && choice.show(&rest)
            {
                chores.push(Chore::Train(Arc::clone(choice)));
            }
            if self.open.len() >= full_len {
                self.close_block(&mut chores);
            }
        }
        chores
    }

    /// Ends the open block and the open run, where there are any.
    pub(crate) fn close(&mut self) -> Vec<Chore> {
        let mut chores = Vec::new();
        self.close_block(&mut chores);
        self.close_run(&mut chores);
        chores
    }

    /// The closed blocks that nothing in the open block belongs to.
    pub(crate) fn whole_blocks(&self) -> &[Arc<Block>] {
        &self.blocks[..self.unended.unwrap_or(self.blocks.len())]
    }

    /// Bytes at which the open block is full.
    fn full_len(&self, block_len: usize) -> usize {
        block_len.min(FIRST_BLOCK_LEN << self.blocks.len().min(MOST_DOUBLINGS))
    }

    fn close_block(&mut self, chores: &mut Vec<Chore>) {
        if !self.open.is_empty() {
            let bytes = std::mem::take(&mut self.open);
            self.unended = None;
            self.push(RawBlock::Copied(bytes), chores);
        }
    }

    fn close_run(&mut self, chores: &mut Vec<Chore>) {
        if !self.entries.is_empty() {
            let entries = std::mem::take(&mut self.entries);
            let worth_a_job = entries.len() >= JOB_LEN;
            let run = Run::new(entries);
            chores.extend(worth_a_job.then(|| Chore::Sort(Arc::clone(&run))));
            self.runs.push(run);
        }
    }

    fn push(&mut self, raw: RawBlock, chores: &mut Vec<Chore>) {
        // Slices of a large blob have enough in common with themselves, and may wait for nothing.
        let choice = self.choice.as_ref().filter(|_| matches!(raw, RawBlock::Copied(_)));
        let block = Block::new(raw);
        self.blocks.push(Arc::clone(&block));
        chores.push(Chore::Encode(block, choice.cloned()));
    }
}
