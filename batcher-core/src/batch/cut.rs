//! What a flush takes away at once: all blobs that were added before it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::block::{Block, EncodedBlock, Encoding};
use super::entries::Entries;
use super::lane::Lane;
use crate::CodecError;

/// Blobs whose blocks are closed: encoded, or being encoded.
#[derive(Debug, Default)]
pub(crate) struct Cut {
    pub(crate) entries: Entries,
    pub(crate) blocks: Vec<Arc<Block>>,
    /// Bytes of keys and blobs as they were added.
    pub(crate) added_bytes: u64,
}

impl Cut {
    /// Appends the content of a lane, leaving it empty. Its open block must be closed.
    pub(crate) fn take(&mut self, lane: &mut Lane) {
        let lane = std::mem::take(lane);
        self.append(Cut { added_bytes: lane.entries.bytes(), entries: lane.entries, blocks: lane.blocks });
    }

    /// Appends another cut behind this one.
    pub(crate) fn append(&mut self, other: Cut) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.added_bytes += other.added_bytes;
        self.entries.append(other.entries, self.blocks.len());
        self.blocks.extend(other.blocks);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// Waits until every block is encoded, having those that had failed before tried once more, and gives their frames.
///
/// # Errors
///
/// That of the first block that has failed; all blocks are still held.
pub(crate) async fn encoded(
    blocks: &[Arc<Block>],
    encoding: &Arc<Encoding>,
) -> Result<Vec<EncodedBlock>, CodecError> {
    for block in blocks {
        block.retry(encoding);
    }
    let mut frames = Vec::with_capacity(blocks.len());
    for block in blocks {
        frames.push(poll_fn(|context| block.poll_encoded(context)).await?);
    }
    Ok(frames)
}

/// Says that these blocks, and entries that take so many bytes, are not held any longer.
pub(crate) fn release(blocks: &[Arc<Block>], entries_held: usize, encoding: &Encoding) {
    encoding.held.fetch_sub(entries_held, Ordering::Relaxed);
    for block in blocks {
        block.release(encoding);
    }
}
