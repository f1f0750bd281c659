//! Lines of a log.

use super::Records;
use crate::corpus::SplitMix64;
use crate::corpus::decimal::put_decimal;

const LEVELS: [&str; 8] = ["INFO ", "INFO ", "INFO ", "INFO ", "DEBUG", "DEBUG", "WARN ", "ERROR"];

/// Text before and after a number.
const TEXTS: [(&str, &str); 8] = [
    ("aligned barriers in ", " ms"),
    ("wrote ", " bytes of state"),
    ("dropped late event, behind the watermark by ", " ms"),
    ("assigned split orders-", ".parquet"),
    ("connection to 10.0.12.", ":5432 closed by peer"),
    ("GET /metrics 200 in ", " us"),
    ("no heartbeat from task manager for ", " ms, still waiting"),
    ("restored timers: ", ""),
];

const DAY_MILLIS: u64 = 24 * 3600 * 1000;

pub(super) struct Lines {
    random: SplitMix64,
    millis: u64,
}

impl Lines {
    pub(super) fn new(mut random: SplitMix64) -> Self {
        let millis = random.below(DAY_MILLIS);
        Self { random, millis }
    }
}

impl Records for Lines {
    fn put_next(&mut self, out: &mut Vec<u8>) {
        // After midnight the same day begins again.
        self.millis = (self.millis + self.random.skewed(2_000)) % DAY_MILLIS;
        out.extend_from_slice(b"2026-03-01T");
        put_decimal(out, self.millis / 3_600_000, 2);
        out.push(b':');
        put_decimal(out, self.millis / 60_000 % 60, 2);
        out.push(b':');
        put_decimal(out, self.millis / 1000 % 60, 2);
        out.push(b'.');
        put_decimal(out, self.millis % 1000, 3);
        out.extend_from_slice(b"Z ");
        out.extend_from_slice(self.random.pick(&LEVELS).as_bytes());
        out.extend_from_slice(b" [operator-");
        put_decimal(out, self.random.below(16), 1);
        out.push(b'/');
        put_decimal(out, self.random.below(256), 1);
        out.extend_from_slice(b"] ");
        let (before, after) = TEXTS[usize::try_from(self.random.below(8)).unwrap_or(0)];
        out.extend_from_slice(before.as_bytes());
        put_decimal(out, self.random.skewed(999_999), 1);
        out.extend_from_slice(after.as_bytes());
        out.push(b'\n');
    }
}
