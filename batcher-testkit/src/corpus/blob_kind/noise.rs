//! Bytes by chance.

use super::Records;
use crate::corpus::SplitMix64;

pub(super) struct Noise {
    random: SplitMix64,
}

impl Noise {
    pub(super) fn new(random: SplitMix64) -> Self {
        Self { random }
    }
}

impl Records for Noise {
    fn put_next(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.random.next_u64().to_le_bytes());
    }
}
