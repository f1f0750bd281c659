//! Pages of sorted keys and values.

use super::Records;
use crate::corpus::SplitMix64;
use crate::corpus::decimal::put_decimal;
use crate::corpus::varint::put_uvarint;

/// Bytes after which a page ends with the entry that reached them.
const PAGE_LEN: usize = 4000;

/// Entries of which the first has its key in full.
const RESTART_INTERVAL: usize = 16;

const FIELDS: [&str; 4] = ["/count", "/last_seen", "/profile", "/window"];

pub(super) struct Pages {
    random: SplitMix64,
    user: u64,
    key: Vec<u8>,
    key_before: Vec<u8>,
}

impl Pages {
    pub(super) fn new(mut random: SplitMix64) -> Self {
        let user = random.below(1 << 30);
        Self { random, user, key: Vec::new(), key_before: Vec::new() }
    }

    fn put_entry(&mut self, field: &str, restart: bool, page: &mut Vec<u8>) {
        self.key.clear();
        self.key.extend_from_slice(b"state/user-");
        put_decimal(&mut self.key, self.user, 12);
        self.key.extend_from_slice(field.as_bytes());
        let same = self.key.iter().zip(&self.key_before).take_while(|(new, old)| new == old).count();
        let shared = if restart { 0 } else { same };
        put_uvarint(page, shared as u64);
        put_uvarint(page, (self.key.len() - shared) as u64);
        let value_len = 8 + self.random.skewed(40);
        put_uvarint(page, value_len);
        page.extend_from_slice(&self.key[shared..]);
        let count = self.random.skewed(1_000_000);
        page.extend_from_slice(&count.to_le_bytes());
        for _ in 8..value_len {
            page.push(self.random.pick(&["a", "b", "c", "d", "e", "f", "0", "1"]).as_bytes()[0]);
        }
        std::mem::swap(&mut self.key, &mut self.key_before);
    }
}

impl Records for Pages {
    /// A record is a page: entries, the offsets of the restart points, their number, and what stands for a checksum.
    fn put_next(&mut self, page: &mut Vec<u8>) {
        let mut restarts = Vec::new();
        let mut entries = 0;
        while page.len() < PAGE_LEN {
            self.user += 1 + self.random.skewed(50);
            for field in FIELDS {
                let restart = entries % RESTART_INTERVAL == 0;
                if restart {
                    restarts.push(page.len() as u64);
                }
                self.put_entry(field, restart, page);
                entries += 1;
            }
        }
        restarts.push(restarts.len() as u64);
        for number in restarts {
            page.extend_from_slice(&number.to_le_bytes()[..4]);
        }
        page.extend_from_slice(&self.random.next_u64().to_le_bytes()[..4]);
    }
}
