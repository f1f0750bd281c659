//! What was measured: one quantity of one stack in one case, over several rounds.

use serde::{Deserialize, Serialize};

/// One measured quantity.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    /// The scenario, as `--only` takes it.
    pub(crate) scenario: String,
    /// What was varied within the scenario: codec, corpus, length of blobs and blocks, number of threads.
    pub(crate) case: String,
    /// What was measured: `batcher`, `starting point`, `raw codec`, …
    pub(crate) stack: String,
    /// Which of its quantities: `throughput`, `flush`, `overhead`, …
    pub(crate) quantity: String,
    /// The unit of the spread: `MB/s` (10^6 bytes of blobs a second), `s`, `bytes`, …
    pub(crate) unit: String,
    /// Which direction is an improvement.
    pub(crate) better: Better,
    /// The values of all rounds but the warm-up.
    pub(crate) spread: Spread,
}

impl Figure {
    /// What two runs must have in common for their figures to be compared.
    pub(crate) fn identity(&self) -> (&str, &str, &str, &str) {
        (&self.scenario, &self.case, &self.stack, &self.quantity)
    }

    /// The same for people.
    pub(crate) fn name(&self) -> String {
        format!("{}, {}, {}, {}", self.scenario, self.case, self.stack, self.quantity)
    }
}

/// Which direction is an improvement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    /// More is better.
    Higher,
    /// Less is better.
    Lower,
}

/// The values of several rounds in short.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    /// The value in the middle, or the mean of the two there.
    pub(crate) median: f64,
    /// The least value.
    pub(crate) min: f64,
    /// The greatest value.
    pub(crate) max: f64,
    /// How many values there were.
    pub(crate) rounds: usize,
}

impl Spread {
    /// Of no values at all, everything is 0.
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let rounds = sorted.len();
        let at = |index: usize| sorted.get(index).copied().unwrap_or(0.0);
        let median = f64::midpoint(at(rounds.saturating_sub(1) / 2), at(rounds / 2));
        Self { median, min: at(0), max: at(rounds.saturating_sub(1)), rounds }
    }

    /// A value that is the same in every round.
    pub(crate) fn exact(value: f64) -> Self {
        Self { median: value, min: value, max: value, rounds: 1 }
    }

    /// `amount` for each of these values: seconds become a rate.
    pub(crate) fn rate(self, amount: f64) -> Self {
        // What took no measurable time is not infinitely fast: a JSON number has to be finite.
        let rate = |seconds: f64| amount / seconds.max(1e-9);
        Self { median: rate(self.median), min: rate(self.max), max: rate(self.min), rounds: self.rounds }
    }

    pub(crate) fn map(self, change: impl Fn(f64) -> f64) -> Self {
        Self {
            median: change(self.median),
            min: change(self.min),
            max: change(self.max),
            rounds: self.rounds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        let odd = Spread::of(&[3.0, 1.0, 2.0]);
        assert_eq!(odd, Spread { median: 2.0, min: 1.0, max: 3.0, rounds: 3 });
        assert_eq!(Spread::of(&[4.0, 1.0, 2.0, 8.0]).median, 3.0);
        assert_eq!(Spread::of(&[]), Spread { median: 0.0, min: 0.0, max: 0.0, rounds: 0 });
    }

    #[test]
    fn the_shortest_time_is_the_highest_rate() {
        let rate = Spread::of(&[1.0, 2.0, 4.0]).rate(8.0);
        assert_eq!(rate, Spread { median: 4.0, min: 2.0, max: 8.0, rounds: 3 });
    }
}
