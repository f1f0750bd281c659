//! Which partition of the job owns a key.

/// The number of partitions, each of which owns a share of every operator's keys.
pub(super) const PARTITIONS: usize = 64;

/// Where the state of a key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) partition: usize,
    /// A page of the operator's state in its partition.
    pub(super) bucket: usize,
}

/// The place of a key among `buckets` of each partition.
pub(super) fn place(key: u64, buckets: usize) -> Place {
    // SplitMix64's finisher: ids are handed out one after the other and must not end up in stripes.
    let mut hash = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    let slot = |hash: u64, slots: usize| usize::try_from(hash % slots as u64).unwrap_or(0);
    Place { partition: slot(hash, PARTITIONS), bucket: slot(hash >> 32, buckets) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_spread_evenly_and_always_to_the_same_place() {
        const KEYS: u64 = 64_000;
        let mut counts = [[0_u64; 16]; PARTITIONS];
        for key in 1000..1000 + KEYS {
            let home = place(key, 16);
            assert_eq!(home, place(key, 16));
            assert_eq!(home.partition, place(key, 4).partition);
            counts[home.partition][home.bucket] += 1;
        }
        for partition in counts {
            let sum: u64 = partition.iter().sum();
            assert!((800..1200).contains(&sum), "a partition owns {sum} of {KEYS} keys");
            assert!(partition.iter().all(|count| (25..110).contains(count)), "buckets of {partition:?} keys");
        }
    }
}
