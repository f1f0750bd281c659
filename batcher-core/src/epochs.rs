//! Which parts of which epochs a batcher has named already.

use std::collections::BTreeMap;

/// How many epochs are remembered.
const REMEMBERED: usize = 65_536;

/// The next free part number of each epoch. One batcher never uses a name twice, whether or not the flush that used it
/// succeeded.
#[derive(Debug, Default)]
pub(crate) struct Epochs {
    /// `None` for an epoch that was given up.
    next_part: BTreeMap<u64, Option<u64>>,
    /// Epochs below this one were forgotten, unless they stand in the map.
    oldest: u64,
}

/// Why an epoch gets no further part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    GivenUp,
    Forgotten { oldest: u64 },
}

impl Epochs {
    /// The part that the epoch's next object will be.
    pub(crate) fn peek(&self, epoch: u64) -> Result<u64, Closed> {
        match self.next_part.get(&epoch) {
            Some(Some(part)) => Ok(*part),
            Some(None) => Err(Closed::GivenUp),
            None if epoch < self.oldest => Err(Closed::Forgotten { oldest: self.oldest }),
            None => Ok(0),
        }
    }

    /// Says that this part of an epoch, and so all before it, is used.
    pub(crate) fn used(&mut self, epoch: u64, part: u64) {
        self.remember(epoch, Some(part + 1));
    }

    /// Closes an epoch: its last part may never have become an object, and readers that know no receipts count on there
    /// being no gap.
    pub(crate) fn give_up(&mut self, epoch: u64) {
        self.remember(epoch, None);
    }

    fn remember(&mut self, epoch: u64, next: Option<u64>) {
        self.next_part.insert(epoch, next);
        if self.next_part.len() > REMEMBERED
            && let Some((forgotten, _)) = self.next_part.pop_first()
        {
            self.oldest = self.oldest.max(forgotten.saturating_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(epochs: &mut Epochs, epoch: u64) -> Result<u64, Closed> {
        let part = epochs.peek(epoch)?;
        epochs.used(epoch, part);
        Ok(part)
    }

    #[test]
    fn parts_count_up_within_each_epoch() {
        let mut epochs = Epochs::default();
        assert_eq!(
            [7, 7, 8, 7, u64::MAX, 0].map(|epoch| next(&mut epochs, epoch)),
            [0, 1, 0, 2, 0, 0].map(Ok)
        );
    }

    #[test]
    fn a_forgotten_epoch_is_refused_rather_than_named_again() {
        let mut epochs = Epochs::default();
        for epoch in 0..=REMEMBERED as u64 {
            assert_eq!(next(&mut epochs, epoch), Ok(0));
        }
        assert_eq!(next(&mut epochs, 0), Err(Closed::Forgotten { oldest: 1 }));
        assert_eq!(next(&mut epochs, 1), Ok(1));
    }

    #[test]
    fn an_epoch_that_was_given_up_stays_closed() {
        let mut epochs = Epochs::default();
        assert_eq!(next(&mut epochs, 7), Ok(0));
        epochs.give_up(7);
        assert_eq!((next(&mut epochs, 7), next(&mut epochs, 8)), (Err(Closed::GivenUp), Ok(0)));
    }
}
