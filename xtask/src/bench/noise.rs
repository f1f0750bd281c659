//! What the machine did between two runs, going by what is not ours: how fast it was, and how restless.

use super::compare::{Doubt, LEAST};
use super::figure::{Figure, Spread};

/// Of this many rounds the spread says something.
pub(super) const ROUNDS: usize = 3;

/// Of this many the median is not one of the extremes.
pub(super) const FEWEST: usize = 3;

/// Of this many the 90th percentile is no longer the largest.
pub(super) const ENOUGH: usize = 10;

/// A figure of both runs, before anything is set off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pair<'a> {
    pub(super) before: Spread,
    pub(super) now: &'a Figure,
}

impl Pair<'_> {
    fn has_rounds(&self) -> bool {
        self.before.rounds >= ROUNDS && self.now.spread.rounds >= ROUNDS
    }

    /// How fast the machine was, going by this figure alone.
    fn machine(&self) -> f64 {
        let factor = self.now.spread.median / self.before.median;
        if is_rate(self.now) { factor } else { 1.0 / factor }
    }

    /// By which factor its median differs, whichever way, from that of before on a machine that was so fast.
    fn change(&self, machine: f64) -> f64 {
        let factor = as_if_as_fast_as_before(self.now, machine).median / self.before.median;
        factor.max(1.0 / factor)
    }
}

/// Rates and times of what is not ours.
#[derive(Debug)]
pub(super) struct Others<'a> {
    pairs: Vec<Pair<'a>>,
    /// Over all scenarios.
    pub(super) machine: f64,
}

impl<'a> Others<'a> {
    pub(super) fn among(pairs: &[Pair<'a>]) -> Self {
        let fit = |pair: &&Pair<'_>| {
            let positive = pair.before.min > 0.0 && pair.now.spread.min > 0.0;
            !is_own(pair.now) && is_timed(pair.now) && pair.has_rounds() && positive
        };
        let pairs: Vec<Pair<'_>> = pairs.iter().filter(fit).copied().collect();
        let machine = median_machine(pairs.iter()).map_or(1.0, |(machine, _)| machine);
        Self { pairs, machine }
    }

    fn of_scenario(&self, figure: &Figure) -> impl Iterator<Item = &Pair<'a>> {
        self.pairs.iter().filter(|pair| pair.now.scenario == figure.scenario)
    }

    /// How fast the machine was when this figure was measured.
    pub(super) fn machine(&self, figure: &Figure) -> f64 {
        let beside = self.of_scenario(figure).filter(|pair| pair.now.case == figure.case);
        let enough = |found: &(f64, usize)| found.1 >= FEWEST;
        median_machine(beside)
            .filter(enough)
            .or_else(|| median_machine(self.of_scenario(figure)).filter(enough))
            .map_or(self.machine, |(machine, _)| machine)
    }

    /// By which factor a rate or a time has to change to have changed at all.
    pub(super) fn noise(&self, figure: &Figure) -> f64 {
        let near: Vec<f64> =
            self.of_scenario(figure).map(|pair| pair.change(self.machine(pair.now))).collect();
        let noise = if near.len() >= ENOUGH {
            percentile_90(near)
        } else {
            percentile_90(self.pairs.iter().map(|pair| pair.change(self.machine)).collect())
        };
        noise.max(LEAST)
    }

    pub(super) fn doubt(&self, pair: &Pair<'_>) -> Option<Doubt> {
        if is_exact(pair.now) {
            None
        } else if !pair.has_rounds() {
            Some(Doubt::FewRounds)
        } else {
            let alone = is_timed(pair.now) && self.of_scenario(pair.now).next().is_none();
            alone.then_some(Doubt::NothingBeside)
        }
    }
}

/// The median, and over how many.
fn median_machine<'p, 'a: 'p>(pairs: impl Iterator<Item = &'p Pair<'a>>) -> Option<(f64, usize)> {
    let factors: Vec<f64> = pairs.map(Pair::machine).collect();
    (!factors.is_empty()).then(|| (Spread::of(&factors).median, factors.len()))
}

/// By nearest rank; 1 of none.
fn percentile_90(mut factors: Vec<f64>) -> f64 {
    factors.sort_by(f64::total_cmp);
    let rank = (factors.len() * 9).div_ceil(10);
    factors.get(rank.saturating_sub(1)).copied().unwrap_or(1.0)
}

pub(super) fn is_own(figure: &Figure) -> bool {
    figure.stack.starts_with("batcher")
}

fn is_rate(figure: &Figure) -> bool {
    matches!(figure.unit.as_str(), "MB/s" | "million/s")
}

/// Whether it is a rate or a time.
pub(super) fn is_timed(figure: &Figure) -> bool {
    is_rate(figure) || matches!(figure.unit.as_str(), "s" | "ns a blob")
}

/// Whether it is the same in each run: all but rates, times and peak memory.
fn is_exact(figure: &Figure) -> bool {
    !is_timed(figure) && figure.scenario != "memory"
}

pub(super) fn as_if_as_fast_as_before(figure: &Figure, machine: f64) -> Spread {
    if is_rate(figure) {
        figure.spread.map(|rate| rate / machine)
    } else if is_timed(figure) {
        figure.spread.map(|time| time * machine)
    } else {
        figure.spread
    }
}
