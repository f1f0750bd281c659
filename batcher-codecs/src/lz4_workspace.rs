//! What compressing an LZ4 block needs besides the block.

use std::fmt;

use lz4_flex::block::{CompressTable, compress_into_with_table, get_maximum_output_size};

use crate::lz4_frame::Packer;

/// Hash tables and an output buffer, kept from block to block; made when first used.
#[derive(Default)]
pub(crate) struct Lz4Workspace {
    /// For blocks that its 16-bit positions reach to the end of, as the library chooses by itself.
    small: Option<CompressTable>,
    large: Option<CompressTable>,
    /// The library wants room for a tenth more than the block, initialised. Here that is paid for once; in the
    /// caller's buffer it would be zeroed and allocated each time, which was measured to take up to a third of the
    /// speed, where copying the packed bytes over takes about one part in a hundred.
    output: Vec<u8>,
}

impl Lz4Workspace {
    /// Compresses `block` into a bare LZ4 block; `None` where the library cannot, which does not happen up to the
    /// format's own limit.
    pub(crate) fn compress(&mut self, block: &[u8]) -> Option<&[u8]> {
        let room = get_maximum_output_size(block.len());
        if self.output.len() < room {
            self.output.resize(room, 0);
        }
        // The two tables find different matches. One that has grown for a long block must not serve a short one
        // later, or the same block would give other bytes depending on what came before.
        let table = if block.len() < usize::from(u16::MAX) {
            self.small.get_or_insert_with(CompressTable::small)
        } else {
            self.large.get_or_insert_with(CompressTable::large)
        };
        let len = compress_into_with_table(block, &mut self.output, table).ok()?;
        self.output.get(..len)
    }
}

impl Packer for Lz4Workspace {
    fn pack(&mut self, chunk: &[u8]) -> Option<&[u8]> {
        self.compress(chunk)
    }
}

impl fmt::Debug for Lz4Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lz4Workspace").field("output_len", &self.output.len()).finish_non_exhaustive()
    }
}
