//! Counters in variable-length integers.

use super::Records;
use crate::corpus::SplitMix64;
use crate::corpus::varint::put_uvarint;

pub(super) struct Counters {
    random: SplitMix64,
}

impl Counters {
    pub(super) fn new(random: SplitMix64) -> Self {
        Self { random }
    }
}

impl Records for Counters {
    fn put_next(&mut self, out: &mut Vec<u8>) {
        put_uvarint(out, 1 + self.random.skewed(30));
        put_uvarint(out, self.random.skewed(1 << 24));
        put_uvarint(out, 1000 + self.random.skewed(60_000));
    }
}
