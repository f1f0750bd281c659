//! How long blobs are.

use std::collections::BTreeSet;

use super::SplitMix64;

/// How long the blobs of a [`Workload`](super::Workload) are, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lengths {
    /// All of one length.
    Fixed(usize),
    /// From nothing up to a length, each doubling as often as any other: most blobs are short, and most bytes are in
    /// long ones, as it is with the state of real operators.
    UpTo(usize),
    /// Those of [`edge_lengths`] for a block length, one after the other.
    Edges(usize),
}

impl Lengths {
    /// The length of the blob of this number.
    pub(super) fn len(&self, number: u64, random: &mut SplitMix64) -> usize {
        match self {
            Self::Fixed(len) => *len,
            Self::UpTo(longest) => usize::try_from(random.skewed(*longest as u64)).unwrap_or(*longest),
            Self::Edges(block_len) => {
                let lengths = edge_lengths(*block_len);
                let number = number % (lengths.len() as u64);
                lengths[usize::try_from(number).unwrap_or(0)]
            }
        }
    }
}

/// The lengths at which something may change where blobs are packed into blocks of `block_len` bytes, in ascending
/// order: nothing, one byte, the usual small ones, and those on either side of a half, one, one and a half, two, three
/// and eight blocks.
///
/// ```
/// use batcher_testkit::corpus::edge_lengths;
/// let lengths = edge_lengths(1000);
/// assert_eq!(lengths[..4], [0, 1, 64, 256]);
/// assert!([999, 1000, 1001, 2999, 3000, 3001].iter().all(|len| lengths.contains(len)));
/// ```
#[must_use]
pub fn edge_lengths(block_len: usize) -> Vec<usize> {
    let halves = [1, 2, 3, 4, 6, 16];
    let edges = halves.into_iter().flat_map(|halves| {
        let edge = (block_len / 2).saturating_mul(halves).saturating_add(block_len % 2 * (halves / 2));
        [edge.saturating_sub(1), edge, edge.saturating_add(1)]
    });
    let lengths: BTreeSet<usize> = [0, 1, 64, 256, 1024].into_iter().chain(edges).collect();
    lengths.into_iter().collect()
}
