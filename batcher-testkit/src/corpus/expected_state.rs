//! What readers must find.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::Step;

/// Blobs by key.
type Blobs = BTreeMap<String, Bytes>;

/// What readers must find after the steps that have been applied: the model to hold a batcher against.
///
/// Keeps every blob that no later one of its key and epoch has replaced.
///
/// ```
/// use batcher_testkit::corpus::{ExpectedState, Step};
///
/// let add = |key: &str, blob: &'static str| Step::Add { key: key.to_owned(), blob: blob.into() };
/// let mut expected = ExpectedState::new();
/// for step in [add("a", "old"), add("b", "1"), add("a", "new"), Step::Flush { epoch: 7 }, add("b", "2")] {
///     expected.apply(&step);
/// }
/// assert_eq!(expected.epoch(7)["a"], "new");
/// assert_eq!(expected.unflushed()["b"], "2");
/// expected.apply(&Step::Flush { epoch: 8 });
/// assert_eq!(expected.epoch(8).len(), 1);
/// assert_eq!(expected.state_at(8)["a"], "new");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExpectedState {
    unflushed: Blobs,
    epochs: BTreeMap<u64, Blobs>,
}

impl ExpectedState {
    /// What readers find where nothing has been done.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Goes on by one step. A flush is applied when it has succeeded: one that failed has changed nothing, and its blobs
    /// are part of the next.
    pub fn apply(&mut self, step: &Step) {
        match step {
            Step::Add { key, blob } => {
                self.unflushed.insert(key.clone(), blob.clone());
            }
            Step::Flush { epoch } => {
                // A second flush of an epoch adds to it.
                self.epochs.entry(*epoch).or_default().append(&mut self.unflushed);
            }
        }
    }

    /// What has been added and not flushed.
    #[must_use]
    pub fn unflushed(&self) -> &Blobs {
        &self.unflushed
    }

    /// What the objects of this epoch hold together; nothing where it was never flushed.
    #[must_use]
    pub fn epoch(&self, epoch: u64) -> &Blobs {
        static NONE: Blobs = Blobs::new();
        self.epochs.get(&epoch).unwrap_or(&NONE)
    }

    /// The numbers of the epochs that were flushed, ascending, those without any blob included.
    pub fn epochs(&self) -> impl Iterator<Item = u64> {
        self.epochs.keys().copied()
    }

    /// What all epochs up to this one give together, the later ones first: the state of a job whose epochs hold only
    /// what has changed.
    #[must_use]
    pub fn state_at(&self, epoch: u64) -> Blobs {
        let mut state = Blobs::new();
        for (_, blobs) in self.epochs.range(..=epoch) {
            state.extend(blobs.iter().map(|(key, blob)| (key.clone(), blob.clone())));
        }
        state
    }
}
