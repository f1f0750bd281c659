//! Which keys an epoch changes.

use super::SplitMix64;

/// How a job's state changes from epoch to epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shape {
    /// Every epoch adds every key once, in order.
    Steady,
    /// Every fourth epoch adds every key, the others the first eighth of them.
    Bursts,
    /// Every epoch adds as many blobs as there are keys, of keys by chance: each doubling of the rank is as likely as
    /// any other, as in Zipf's law, so that the first key gets about one in log2(keys) of all.
    Skewed,
    /// Every epoch adds every key four times: twice in a row, and twice again after all others.
    Duplicates,
    /// The first epoch adds every key, the others each key with a chance of this many in a thousand.
    Incremental(u16),
    /// As [`Steady`](Self::Steady), but every key's blob grows: by its first length each epoch.
    Growing,
    /// As [`Steady`](Self::Steady), but the blob of the key in the middle has this many bytes.
    OneHuge(usize),
    /// Every third epoch adds every key, the others none.
    Gaps,
}

/// One blob to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Addition {
    /// The key's number.
    pub(super) key: u64,
    pub(super) length: Length,
}

/// How long a blob is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// As the workload says, drawn anew.
    Usual,
    /// So many times what the workload says, drawn once for the key.
    Grown(usize),
    Exactly(usize),
}

impl Shape {
    /// How many places for additions the epoch of this number has, from 0.
    pub(super) fn places(self, epoch: u64, keys: u64) -> u64 {
        match self {
            Self::Bursts if epoch % 4 != 3 => keys.div_ceil(8),
            Self::Gaps if !epoch.is_multiple_of(3) => 0,
            Self::Duplicates => keys.saturating_mul(4),
            _ => keys,
        }
    }

    /// What is added at a place; nothing where that key has not changed.
    pub(super) fn addition(
        self,
        epoch: u64,
        place: u64,
        keys: u64,
        random: &mut SplitMix64,
    ) -> Option<Addition> {
        let steady = Addition { key: place, length: Length::Usual };
        match self {
            Self::Steady | Self::Bursts | Self::Gaps => Some(steady),
            Self::Skewed => Some(Addition { key: random.skewed(keys - 1), ..steady }),
            Self::Duplicates => Some(Addition { key: place / 2 % keys, ..steady }),
            Self::Incremental(per_thousand) => {
                (epoch == 0 || random.below(1000) < u64::from(per_thousand)).then_some(steady)
            }
            Self::Growing => {
                let times = usize::try_from(epoch).unwrap_or(usize::MAX).saturating_add(1);
                Some(Addition { length: Length::Grown(times), ..steady })
            }
            Self::OneHuge(len) if place == keys / 2 => {
                Some(Addition { length: Length::Exactly(len), ..steady })
            }
            Self::OneHuge(_) => Some(steady),
        }
    }
}
