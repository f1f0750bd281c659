//! One producer's own line of blocks, which nobody else fills.

use std::sync::Arc;

use bytes::Bytes;

use super::block::{Block, Encoding, RawBlock};
use super::dictionary::Choice;
use super::entries::{Entries, entry_len};
use super::run::{RUN_LEN, Run};

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
    /// Whether blocks of small blobs are encoded with a dictionary, where that is asked for.
    choice: Option<Arc<Choice>>,
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
        encoding: &Arc<Encoding>,
    ) {
        self.blobs += 1;
        self.bytes += (key.len() + blob.len()) as u64;
        self.entries_held += entry_len(key);
        let room = block_len.saturating_sub(self.open.len());
        if blob.len() > room {
            self.close_block(encoding);
        }
        if self.entries.is_empty() && !self.runs.is_empty() {
            self.entries = encoding.spare_runs.take();
        }
        self.entries.push(key, self.blocks.len(), self.open.len(), blob.len(), turn);
        if self.entries.len() >= RUN_LEN {
            self.close_run(encoding);
        }
        let mut rest = blob.clone();
        // The tail of a large blob is worth a block of its own only where it fills half of one.
        while rest.len() >= block_len || (rest.len() < blob.len() && rest.len() > block_len / 2) {
            let slice = rest.split_to(rest.len().min(block_len));
            self.push(RawBlock::Shared(slice), encoding);
        }
        if !rest.is_empty() {
            if self.open.capacity() < block_len {
                self.open = encoding.raw.take();
                self.open.clear();
                self.open.reserve_exact(block_len);
            }
            self.open.extend_from_slice(&rest);
            if let Some(choice) = &self.choice {
                choice.show(&rest, encoding);
            }
            if self.open.len() >= block_len {
                self.close_block(encoding);
            }
        }
    }

    /// Ends the open block and the open run, where there are any.
    pub(crate) fn close(&mut self, encoding: &Arc<Encoding>) {
        self.close_block(encoding);
        self.close_run(encoding);
    }

    fn close_block(&mut self, encoding: &Arc<Encoding>) {
        if !self.open.is_empty() {
            let bytes = std::mem::take(&mut self.open);
            self.push(RawBlock::Copied(bytes), encoding);
        }
    }

    fn close_run(&mut self, encoding: &Encoding) {
        if !self.entries.is_empty() {
            self.runs.push(Run::close(std::mem::take(&mut self.entries), encoding));
        }
    }

    fn push(&mut self, raw: RawBlock, encoding: &Arc<Encoding>) {
        // Slices of a large blob have enough in common with themselves, and may wait for nothing.
        let choice = self.choice.as_ref().filter(|_| matches!(raw, RawBlock::Copied(_)));
        let block = Block::new(raw);
        self.blocks.push(Arc::clone(&block));
        match choice {
            Some(choice) => choice.submit(&block, encoding),
            None => block.submit(encoding),
        }
        encoding.closed_block.wake();
    }
}
