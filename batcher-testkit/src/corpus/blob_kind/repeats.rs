//! The same bytes over and over.

use super::Records;
use crate::corpus::SplitMix64;

pub(super) struct Repeats {
    pattern: [u8; 24],
}

impl Repeats {
    pub(super) fn new(mut random: SplitMix64) -> Self {
        let mut pattern = [0; 24];
        for bytes in pattern.chunks_mut(8) {
            bytes.copy_from_slice(&random.next_u64().to_le_bytes());
        }
        Self { pattern }
    }

    pub(super) fn zeros() -> Self {
        Self { pattern: [0; 24] }
    }
}

impl Records for Repeats {
    fn put_next(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.pattern.repeat(64));
    }
}
