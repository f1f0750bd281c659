//! Which reads get a set of blocks: neighbours together, up to a length.

use std::ops::Range;

use crate::ReadOptions;
use crate::format::BlockPlace;

/// One read, and the blocks that are cut out of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct PlannedRead {
    pub(crate) range: Range<u64>,
    pub(crate) blocks: Vec<BlockPlace>,
}

/// Joins blocks, given in ascending order without repetition, into reads.
pub(crate) fn plan(blocks: impl IntoIterator<Item = BlockPlace>, options: &ReadOptions) -> Vec<PlannedRead> {
    let mut reads: Vec<PlannedRead> = Vec::new();
    for block in blocks {
        match reads.last_mut() {
            Some(read)
                if block.frame_offset - read.range.end <= options.max_gap
                    && block.frame_end() - read.range.start <= options.max_read_len =>
            {
                read.range.end = block.frame_end();
                read.blocks.push(block);
            }
            _ => {
                reads.push(PlannedRead { range: block.frame_offset..block.frame_end(), blocks: vec![block] });
            }
        }
    }
    reads
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(number: u64, frame_offset: u64, frame_len: u64) -> BlockPlace {
        BlockPlace {
            number,
            frame_offset,
            frame_len,
            stream_offset: 0,
            block_len: 1,
            checksum: 0,
            dictionary: None,
        }
    }

    fn ranges(blocks: &[BlockPlace]) -> Vec<(u64, u64)> {
        let options = ReadOptions::default().with_max_gap(10).with_max_read_len(100);
        plan(blocks.iter().copied(), &options)
            .into_iter()
            .map(|read| (read.range.start, read.range.end))
            .collect()
    }

    #[test]
    fn neighbours_are_joined_over_small_gaps_up_to_a_length() {
        assert_eq!(ranges(&[block(0, 0, 20), block(1, 20, 20), block(3, 50, 20)]), [(0, 70)]);
        assert_eq!(ranges(&[block(0, 0, 20), block(3, 31, 20)]), [(0, 20), (31, 51)]);
        assert_eq!(ranges(&[block(0, 0, 60), block(1, 60, 60)]), [(0, 60), (60, 120)]);
        assert_eq!(ranges(&[block(0, 0, 500)]), [(0, 500)]);
        assert_eq!(ranges(&[block(7, 1000, 50), block(8, 1050, 50)]), [(1000, 1100)]);
        assert!(ranges(&[]).is_empty());
    }
}
