//! Two runs: what became better or worse by more than the noise.

use super::figure::{Better, Figure, Spread};
use super::report::Report;
use super::table::Table;

/// Changes below this factor are noise, however little a run's rounds differ.
const LEAST: f64 = 1.03;

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Better,
    Worse,
    /// Within the spread of both runs.
    Same,
}

/// A figure of both runs.
#[derive(Clone, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) figure: &'a Figure,
    before: Spread,
    /// After it was set off against the machine's own change.
    now: Spread,
    pub(crate) verdict: Verdict,
}

/// All that two runs have in common.
#[derive(Clone, Debug)]
pub(crate) struct Comparison<'a> {
    /// How fast the machine was in the newer run, as a multiple of the older one: the median of what is not ours to change, raw
    /// codecs and memory copy.
    pub(crate) machine: f64,
    /// By which factor a rate or a time of what is not ours, which therefore has not changed, lies beyond its spread of before: what one
    /// run differs from the next by itself.
    pub(crate) noise: f64,
    pub(crate) changes: Vec<Change<'a>>,
    same_machine: bool,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(baseline: &Report, report: &'a Report) -> Self {
        let pairs: Vec<(&Figure, &Figure)> = report
            .figures
            .iter()
            .filter_map(|now| {
                let before = baseline.figures.iter().find(|before| before.identity() == now.identity());
                Some((before?, now))
            })
            .collect();
        let references: Vec<f64> = pairs
            .iter()
            .filter(|(before, now)| is_reference(now) && before.spread.median > 0.0)
            .map(|(before, now)| now.spread.median / before.spread.median)
            .collect();
        let machine = if references.is_empty() { 1.0 } else { Spread::of(&references).median };
        let noise = pairs
            .iter()
            .filter(|(_, now)| !is_own(now) && is_timed(now))
            .map(|(before, now)| beyond(before.spread, as_if_as_fast_as_before(now, machine)))
            .fold(LEAST, f64::max);
        let changes = pairs
            .into_iter()
            .map(|(before, figure)| {
                let now = as_if_as_fast_as_before(figure, machine);
                let noise = if is_timed(figure) { noise } else { LEAST };
                let verdict = verdict(figure.better, before.spread, now, noise);
                Change { figure, before: before.spread, now, verdict }
            })
            .collect();
        Self { machine, noise, changes, same_machine: baseline.machine == report.machine }
    }

    /// Whether anything of ours became worse.
    pub(crate) fn is_worse(&self) -> bool {
        self.changes.iter().any(|change| is_own(change.figure) && change.verdict == Verdict::Worse)
    }

    /// For people: what changed, the worst first.
    pub(crate) fn text(&self) -> String {
        let changed = self.changes.iter().filter(|change| change.verdict != Verdict::Same);
        let mut changed: Vec<&Change<'_>> = changed.filter(|change| is_own(change.figure)).collect();
        changed.sort_by(|one, other| one.gain().total_cmp(&other.gain()));
        let title = format!(
            "Compared with the baseline: {} figures, the machine itself {:.2} times as fast; set off against that, \
             what has not changed differs by up to {:.0} % beyond its spread{}",
            self.changes.len(),
            self.machine,
            100.0 * (self.noise - 1.0),
            if self.same_machine { "" } else { "; ANOTHER MACHINE" },
        );
        let mut table = Table::new(&title, &["figure", "before", "now", "unit", "gain", ""]);
        for change in changed {
            let figure = change.figure;
            let name = format!("{}, {}, {}, {}", figure.scenario, figure.case, figure.stack, figure.quantity);
            let verdict = if change.verdict == Verdict::Better { "better" } else { "WORSE" };
            table.row([
                name,
                format!("{:.4}", change.before.median),
                format!("{:.4}", change.now.median),
                figure.unit.clone(),
                format!("{:+.1} %", 100.0 * (change.gain() - 1.0)),
                verdict.to_owned(),
            ]);
        }
        let same = self.changes.iter().filter(|change| change.verdict == Verdict::Same).count();
        format!("{table}{same} figures are the same within the noise.\n")
    }
}

impl Change<'_> {
    /// Over 1 where it became better.
    fn gain(&self) -> f64 {
        match self.figure.better {
            Better::Higher => self.now.median / self.before.median,
            Better::Lower => self.before.median / self.now.median,
        }
    }
}

/// By which factor the rounds of two runs lie apart, and 1 where they overlap.
fn beyond(before: Spread, now: Spread) -> f64 {
    [now.min / before.max, before.min / now.max]
        .into_iter()
        .filter(|factor| factor.is_finite())
        .fold(1.0, f64::max)
}

/// Worse only where the best round now is worse than the worst one before, by more than the noise; better likewise.
fn verdict(better: Better, before: Spread, now: Spread, noise: f64) -> Verdict {
    let (rose, fell) = (now.min > before.max * noise, now.max < before.min / noise);
    match (better, rose, fell) {
        (Better::Higher, true, _) | (Better::Lower, _, true) => Verdict::Better,
        (Better::Higher, _, true) | (Better::Lower, true, _) => Verdict::Worse,
        _ => Verdict::Same,
    }
}

fn is_own(figure: &Figure) -> bool {
    figure.stack.starts_with("batcher")
}

/// What no change of ours makes faster or slower.
fn is_reference(figure: &Figure) -> bool {
    figure.stack.starts_with("raw ") || figure.stack == "memory copy"
}

/// Whether it is a rate or a time.
fn is_timed(figure: &Figure) -> bool {
    matches!(figure.unit.as_str(), "MB/s" | "million/s" | "s" | "ns a blob")
}

fn as_if_as_fast_as_before(figure: &Figure, machine: f64) -> Spread {
    match figure.unit.as_str() {
        "MB/s" | "million/s" => figure.spread.map(|rate| rate / machine),
        "s" | "ns a blob" => figure.spread.map(|time| time * machine),
        _ => figure.spread,
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::{Machine, REPORT_VERSION};
    use super::*;

    fn figure(stack: &str, unit: &str, better: Better, values: &[f64]) -> Figure {
        Figure {
            scenario: "s".into(),
            case: "c".into(),
            stack: stack.into(),
            quantity: unit.into(),
            unit: unit.into(),
            better,
            spread: Spread::of(values),
        }
    }

    fn report(figures: Vec<Figure>) -> Report {
        let machine = Machine { system: "x".into(), processor: "y".into(), cores: 2, threads: 2 };
        Report { version: REPORT_VERSION, machine, quick: true, seconds: 1.0, goals: Vec::new(), figures }
    }

    fn verdicts(before: Vec<Figure>, now: Vec<Figure>) -> (Vec<Verdict>, bool) {
        let (before, now) = (report(before), report(now));
        let comparison = Comparison::new(&before, &now);
        (comparison.changes.iter().map(|change| change.verdict).collect(), comparison.is_worse())
    }

    fn one(better: Better, before: &[f64], now: &[f64]) -> (Verdict, bool) {
        let unit = if better == Better::Higher { "MB/s" } else { "s" };
        let of = |values| vec![figure("batcher, lz4", unit, better, values)];
        let (verdicts, worse) = verdicts(of(before), of(now));
        (verdicts[0], worse)
    }

    #[test]
    fn what_lies_beyond_both_spreads_has_changed() {
        let before = [100.0, 102.0, 105.0];
        assert_eq!(one(Better::Higher, &before, &[110.0, 112.0, 115.0]), (Verdict::Better, false));
        assert_eq!(one(Better::Higher, &before, &[80.0, 90.0, 96.0]), (Verdict::Worse, true));
        assert_eq!(one(Better::Lower, &before, &[110.0, 112.0, 115.0]), (Verdict::Worse, true));
        assert_eq!(one(Better::Lower, &before, &[80.0, 90.0, 96.0]), (Verdict::Better, false));
    }

    #[test]
    fn what_overlaps_or_is_close_is_noise() {
        let before = [100.0, 102.0, 105.0];
        for now in [[90.0, 95.0, 101.0], [104.0, 120.0, 130.0], [98.0, 98.5, 99.0], [106.0, 107.0, 108.0]] {
            assert_eq!(one(Better::Higher, &before, &now), (Verdict::Same, false));
            assert_eq!(one(Better::Lower, &before, &now), (Verdict::Same, false));
        }
    }

    #[test]
    fn a_slower_machine_is_not_a_slower_batcher() {
        let own = |rate: f64, time: f64, bytes: f64| {
            vec![
                figure("batcher, lz4", "MB/s", Better::Higher, &[rate]),
                figure("batcher, lz4", "s", Better::Lower, &[time]),
                figure("batcher, lz4", "bytes", Better::Lower, &[bytes]),
            ]
        };
        let with = |mut figures: Vec<Figure>, copy: f64| {
            figures.push(figure("memory copy", "MB/s", Better::Higher, &[copy]));
            figures
        };
        let same = Verdict::Same;
        let before = with(own(100.0, 1.0, 50.0), 1000.0);
        let (found, worse) = verdicts(before.clone(), with(own(50.0, 2.0, 50.0), 500.0));
        assert_eq!((found, worse), (vec![same; 4], false));
        let (found, worse) = verdicts(before, with(own(100.0, 1.0, 60.0), 500.0));
        assert_eq!((found, worse), (vec![Verdict::Better, Verdict::Better, Verdict::Worse, same], true));
    }

    #[test]
    fn what_is_not_ours_and_differs_is_noise_for_what_is() {
        let of = |zip: f64, own: f64, bytes: f64| {
            vec![
                figure("zip, zstd", "MB/s", Better::Higher, &[zip]),
                figure("batcher, lz4", "MB/s", Better::Higher, &[own]),
                figure("batcher, lz4", "bytes", Better::Lower, &[bytes]),
            ]
        };
        let (same, worse) = (Verdict::Same, Verdict::Worse);
        let before = || of(100.0, 100.0, 100.0);
        assert_eq!(verdicts(before(), of(80.0, 81.0, 100.0)), (vec![same; 3], false));
        assert_eq!(verdicts(before(), of(125.0, 81.0, 100.0)), (vec![same; 3], false));
        assert_eq!(verdicts(before(), of(80.0, 79.0, 100.0)), (vec![same, worse, same], true));
        // Times say nothing of sizes.
        assert_eq!(verdicts(before(), of(80.0, 100.0, 104.0)), (vec![same, same, worse], true));
    }

    #[test]
    fn figures_of_one_run_only_are_left_out() {
        let of = |unit| vec![figure("batcher, lz4", unit, Better::Lower, &[1.0])];
        assert_eq!(verdicts(of("s"), of("bytes")), (vec![], false));
    }
}
