//! The steps of a job, one at a time.

use std::ops::Range;

use bytes::Bytes;

use super::shape::{Addition, Length};
use super::split_mix::mix;
use super::{BlobKind, KeyKind, Lengths, Shape, SplitMix64};

/// What a job does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Adds a blob.
    Add {
        /// Its key.
        key: String,
        /// Its bytes.
        blob: Bytes,
    },
    /// Flushes what was added under this epoch; there may be nothing.
    Flush {
        /// The epoch's number.
        epoch: u64,
    },
}

/// What a job does over many epochs, as a recipe: the steps are made one at a time when they are asked for, so that a
/// workload of terabytes needs no more memory than its longest blob.
///
/// ```
/// use batcher_testkit::corpus::{BlobKind, KeyKind, Lengths, Shape, Step, Workload};
///
/// let workload = Workload::new(Shape::Incremental(100), 42)
///     .with_keys(KeyKind::Uuid, 1000)
///     .with_blobs([BlobKind::Rows, BlobKind::Json], Lengths::UpTo(4096))
///     .with_epochs(7..10)
///     .with_bounds(100_000, 64 << 20);
/// let flushes = workload.steps().filter(|step| matches!(step, Step::Flush { .. }));
/// assert_eq!(flushes.count(), 3);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Workload {
    shape: Shape,
    seed: u64,
    key_kind: KeyKind,
    keys: u64,
    blob_kinds: Vec<BlobKind>,
    lengths: Lengths,
    epochs: Range<u64>,
    max_blobs: u64,
    max_bytes: u64,
}

impl Workload {
    /// Epochs 1 to 8 of a job with 64 [sequential](KeyKind::Sequential) keys and blobs of all [kinds](BlobKind::ALL) of up to
    /// 4 KiB, at most 100,000 blobs and 64 MiB.
    pub fn new(shape: Shape, seed: u64) -> Self {
        Self {
            shape,
            seed,
            key_kind: KeyKind::Sequential,
            keys: 64,
            blob_kinds: BlobKind::ALL.to_vec(),
            lengths: Lengths::UpTo(4096),
            epochs: 1..9,
            max_blobs: 100_000,
            max_bytes: 64 << 20,
        }
    }

    /// What the keys look like, and how many there are; with none, epochs have no blobs.
    pub fn with_keys(mut self, kind: KeyKind, keys: u64) -> Self {
        self.key_kind = kind;
        self.keys = keys;
        self
    }

    /// What is in the blobs, each of one of these kinds by chance, and how long they are; of no kind at all, they are
    /// [`Zeros`](BlobKind::Zeros).
    pub fn with_blobs(mut self, kinds: impl IntoIterator<Item = BlobKind>, lengths: Lengths) -> Self {
        self.blob_kinds = kinds.into_iter().collect();
        self.lengths = lengths;
        self
    }

    /// The numbers of the epochs.
    pub fn with_epochs(mut self, epochs: Range<u64>) -> Self {
        self.epochs = epochs;
        self
    }

    /// How many blobs are added at most in all epochs together, and how many bytes their keys and blobs have at most. The
    /// epoch in which the next blob would be one too many is flushed with what it has, and is the last.
    pub fn with_bounds(mut self, max_blobs: u64, max_bytes: u64) -> Self {
        self.max_blobs = max_blobs;
        self.max_bytes = max_bytes;
        self
    }

    /// The steps from the first on.
    #[must_use]
    pub fn steps(&self) -> Steps {
        Steps { epochs: 0, place: 0, blobs: 0, bytes: 0, over: false, workload: self.clone() }
    }

    fn blob_len(&self, addition: Addition, random: &mut SplitMix64) -> usize {
        let usual = |random: &mut SplitMix64| self.lengths.len(addition.key, random);
        match addition.length {
            Length::Usual => usual(random),
            Length::Grown(times) => usual(&mut SplitMix64::at(self.seed, addition.key)).saturating_mul(times),
            Length::Exactly(len) => len,
        }
    }

    fn blob(&self, len: usize, random: &mut SplitMix64) -> Bytes {
        let kind = usize::try_from(random.below(self.blob_kinds.len() as u64)).unwrap_or(0);
        self.blob_kinds.get(kind).copied().unwrap_or(BlobKind::Zeros).blob(random.next_u64(), len)
    }
}

/// The steps of a [`Workload`], made when they are asked for.
#[derive(Clone, Debug)]
pub struct Steps {
    workload: Workload,
    /// Epochs done.
    epochs: u64,
    /// The next place in the epoch.
    place: u64,
    blobs: u64,
    bytes: u64,
    /// A bound was reached.
    over: bool,
}

impl Steps {
    /// The epoch's next blob; `None` where it has no more.
    fn next_add(&mut self) -> Option<Step> {
        let Workload { shape, seed, keys, .. } = self.workload;
        let places = shape.places(self.epochs, keys);
        while !self.over && self.place < places {
            let mut random = SplitMix64::at(mix(seed ^ mix(self.epochs)), self.place);
            let addition = shape.addition(self.epochs, self.place, keys, &mut random);
            self.place += 1;
            let Some(addition) = addition else { continue };
            let key = self.workload.key_kind.key(seed, addition.key);
            let len = self.workload.blob_len(addition, &mut random);
            let bytes = self.bytes.saturating_add(key.len() as u64).saturating_add(len as u64);
            // Before the blob is made: it may be longer than the memory.
            self.over = self.blobs == self.workload.max_blobs || bytes > self.workload.max_bytes;
            if !self.over {
                (self.blobs, self.bytes) = (self.blobs + 1, bytes);
                return Some(Step::Add { key, blob: self.workload.blob(len, &mut random) });
            }
        }
        None
    }
}

impl Iterator for Steps {
    type Item = Step;

    fn next(&mut self) -> Option<Step> {
        let epoch = self.workload.epochs.start.checked_add(self.epochs)?;
        if epoch >= self.workload.epochs.end {
            return None;
        }
        if let Some(add) = self.next_add() {
            return Some(add);
        }
        if self.over {
            self.workload.epochs.end = epoch;
        }
        (self.epochs, self.place) = (self.epochs + 1, 0);
        Some(Step::Flush { epoch })
    }
}

impl std::iter::FusedIterator for Steps {}
