//! Which parts of which epochs a batcher has named already.

use std::collections::BTreeMap;

/// How many epochs are remembered.
const REMEMBERED: usize = 65_536;

/// The next free part number of each epoch. One batcher never uses a name twice, whether or not the flush that used it
/// succeeded.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    next_part: BTreeMap<u64, u64>,
    /// Epochs below this one were forgotten, unless they stand in the map.
    oldest: u64,
}

impl Epochs {
    /// The next free part of an epoch, or the oldest epoch that is remembered where this one is older.
    pub(crate) fn next(&mut self, epoch: u64) -> Result<u64, u64> {
        if epoch < self.oldest && !self.next_part.contains_key(&epoch) {
            return Err(self.oldest);
        }
        let next = self.next_part.entry(epoch).or_insert(0);
        let part = *next;
        *next += 1;
        if self.next_part.len() > REMEMBERED
            && let Some((forgotten, _)) = self.next_part.pop_first()
        {
            self.oldest = forgotten.saturating_add(1);
        }
        Ok(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_count_up_within_each_epoch() {
        let mut epochs = Epochs::default();
        assert_eq!([7, 7, 8, 7, u64::MAX, 0].map(|epoch| epochs.next(epoch)), [0, 1, 0, 2, 0, 0].map(Ok));
    }

    #[test]
    fn a_forgotten_epoch_is_refused_rather_than_named_again() {
        let mut epochs = Epochs::default();
        for epoch in 0..=REMEMBERED as u64 {
            assert_eq!(epochs.next(epoch), Ok(0));
        }
        assert_eq!(epochs.next(0), Err(1));
        assert_eq!(epochs.next(1), Ok(1));
    }
}
