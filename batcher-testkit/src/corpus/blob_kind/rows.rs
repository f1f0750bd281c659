//! Fixed-width rows of window aggregates.

use super::Records;
use crate::corpus::SplitMix64;

/// The start of the first window: a round number of minutes since 1970, in milliseconds.
const FIRST_WINDOW: u64 = 1_772_323_200_000;

const WINDOW_MILLIS: u64 = 60_000;

pub(super) struct Rows {
    random: SplitMix64,
    key: u64,
    window: u64,
}

impl Rows {
    pub(super) fn new(mut random: SplitMix64) -> Self {
        let (key, window) = (random.below(1 << 40), random.below(10_000));
        Self { random, key, window: FIRST_WINDOW + window * WINDOW_MILLIS }
    }
}

impl Records for Rows {
    fn put_next(&mut self, out: &mut Vec<u8>) {
        self.key += 1 + self.random.below(4);
        let window = self.window + self.random.below(3) * WINDOW_MILLIS;
        let count = 1 + self.random.skewed(9_999);
        let max = 1 + self.random.below(50_000);
        let sum = max + (count - 1) * (max / 2) + self.random.below(count);
        let changed = window + self.random.below(WINDOW_MILLIS);
        out.extend_from_slice(&self.key.to_le_bytes());
        out.extend_from_slice(&window.to_le_bytes());
        // Both are below 2^32.
        out.extend_from_slice(&count.to_le_bytes()[..4]);
        out.extend_from_slice(&max.to_le_bytes()[..4]);
        out.extend_from_slice(&sum.to_le_bytes());
        out.extend_from_slice(&changed.to_le_bytes());
    }
}
