//! How often to try again, and how long to wait in between.

use std::num::NonZeroU32;
use std::time::Duration;

use crate::StoreError;

/// How often [`Retry`](crate::Retry) tries, and how long it pauses after each failure.
///
/// The pause after the n-th failure lies between half of `first × 2ⁿ⁻¹` and all of it, but is never more than
/// the longest pause; where in between follows from the seed, the object's name and n alone, so that a run can be
/// repeated exactly. Writers that share a store should have different seeds, lest they all come back at once.
///
/// A store that asks to be left alone for some time is left alone at least so long. If that is more than
/// [the patience](Self::with_patience), the operation fails at once, with the store's wish in
/// [`StoreError::retry_after`]: asking earlier than it said would only make things worse.
///
/// ```
/// use std::{num::NonZeroU32, time::Duration};
/// use batcher_core::RetryPolicy;
/// let policy = RetryPolicy::default()
///     .with_attempts(NonZeroU32::new(6).unwrap())
///     .with_pauses(Duration::from_millis(50), Duration::from_secs(5))
///     .with_seed(7);
/// assert_eq!(policy.attempts().get(), 6);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    attempts: NonZeroU32,
    first_pause: Duration,
    longest_pause: Duration,
    patience: Duration,
    seed: u64,
}

impl Default for RetryPolicy {
    /// Four attempts, pauses of 100 ms and doubling up to 10 s, a patience of one minute, seed 0.
    fn default() -> Self {
        Self {
            attempts: NonZeroU32::MIN.saturating_add(3),
            first_pause: Duration::from_millis(100),
            longest_pause: Duration::from_secs(10),
            patience: Duration::from_secs(60),
            seed: 0,
        }
    }
}

impl RetryPolicy {
    /// Sets how often an operation is tried in all; once means never again.
    #[must_use]
    pub fn with_attempts(mut self, attempts: NonZeroU32) -> Self {
        self.attempts = attempts;
        self
    }

    /// Sets the pause after the first failure, which then doubles, and the longest one.
    #[must_use]
    pub fn with_pauses(mut self, first: Duration, longest: Duration) -> Self {
        self.first_pause = first;
        self.longest_pause = longest;
        self
    }

    /// Sets the longest time for which the store may ask to be left alone.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets what the spread of the pauses follows from.
    #[must_use]
    pub fn with_seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How often an operation is tried in all.
    #[must_use]
    pub fn attempts(&self) -> NonZeroU32 {
        self.attempts
    }

    /// How long to pause before trying again after `failures` attempts of which the last one gave `error`; `None` to
    /// give up.
    pub(super) fn pause(&self, error: &StoreError, object: &str, failures: u32) -> Option<Duration> {
        if !error.kind().is_retryable() || failures >= self.attempts.get() {
            return None;
        }
        let wish = error.retry_after().unwrap_or_default();
        (wish <= self.patience).then(|| wish.max(self.back_off(object, failures)))
    }

    fn back_off(&self, object: &str, failures: u32) -> Duration {
        let factor = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let full = self.first_pause.saturating_mul(factor).min(self.longest_pause);
        let half = u64::try_from(full.as_nanos() / 2).unwrap_or(u64::MAX);
        // A number spread evenly over 64 bits, scaled down to 0..=half.
        let spread = (u128::from(self.spread(object, failures)) * (u128::from(half) + 1)) >> 64;
        Duration::from_nanos(half.saturating_add(u64::try_from(spread).unwrap_or(half)))
    }

    /// FNV-1a over seed, failures and name, finished by SplitMix64's mixer, because FNV hardly moves its upper bits
    /// for short inputs.
    fn spread(&self, object: &str, failures: u32) -> u64 {
        let bytes = self.seed.to_le_bytes().into_iter().chain(failures.to_le_bytes()).chain(object.bytes());
        let mut hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        hash ^ (hash >> 31)
    }
}
