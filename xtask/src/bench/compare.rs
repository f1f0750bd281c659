//! Two runs: what became better or worse by more than the noise.
//!
//! The rule. What is not ours (raw codecs, memory copy, other ways to pack state) cannot have changed, so whatever its rates and
//! times did between the runs, the machine did:
//!
//! - What took turns with a figure, in the same case, tells how fast the machine was for it: the median over at least
//!   [`FEWEST`](super::noise::FEWEST), else over those of the same scenario, else over all. Rates and times are set off against that.
//! - Noise is the 90th percentile of the factors by which the medians of what is not ours differ even then, over the scenario
//!   where it has at least [`ENOUGH`](super::noise::ENOUGH) such figures, of which the largest then need not decide. Else it is over all scenarios, set
//!   off only against the median of all: how the machine changes in the course of a run is noise there.
//! - A figure changed where all of its rounds now lie beyond all of those before by more than [`LEAST`], and its median by more
//!   than the noise.
//! - A rate or a time of fewer than [`ROUNDS`](super::noise::ROUNDS) rounds, or one in whose scenario nothing that is not ours was measured, which
//!   could tell the machine from us, is listed but not counted.
//! - Lengths and counts are the same in each run: one round and [`LEAST`] will do. Peak memory is not, and needs rounds, too.
//! - Among hundreds of figures a few still lie beyond the noise by chance. So the scenarios of all that became worse are measured
//!   once more, and only what is worse again is taken for it.

use super::figure::{Better, Figure, Spread};
use super::noise::{Others, Pair, as_if_as_fast_as_before, is_own, is_timed};
use super::report::Report;
use super::table::Table;

/// Changes below this factor are noise, however little a run's rounds differ.
pub(super) const LEAST: f64 = 1.03;

/// What became of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Better,
    Worse,
    /// Within the spread of both runs.
    Same,
}

/// Why a change is not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    FewRounds,
    NothingBeside,
}

/// A figure of both runs.
#[derive(Clone, Debug)]
pub(crate) struct Change<'a> {
    pub(crate) figure: &'a Figure,
    before: Spread,
    /// After it was set off against the machine's own change.
    now: Spread,
    /// By which factor it had to change.
    noise: f64,
    pub(crate) verdict: Verdict,
    pub(crate) doubt: Option<Doubt>,
}

/// All that two runs have in common.
#[derive(Clone, Debug)]
pub(crate) struct Comparison<'a> {
    /// How fast the machine was in the newer run, as a multiple of the older one.
    machine: f64,
    pub(crate) changes: Vec<Change<'a>>,
    same_machine: bool,
    same_extent: bool,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(baseline: &Report, report: &'a Report) -> Self {
        let pairs: Vec<Pair<'_>> = report
            .figures
            .iter()
            .filter_map(|now| {
                let before = baseline.figures.iter().find(|before| before.identity() == now.identity());
                Some(Pair { before: before?.spread, now })
            })
            .collect();
        let others = Others::among(&pairs);
        let changes = pairs
            .iter()
            .map(|pair| {
                let figure = pair.now;
                let noise = if is_timed(figure) { others.noise(figure) } else { LEAST };
                let doubt = others.doubt(pair);
                let now = as_if_as_fast_as_before(figure, others.machine(figure));
                let verdict = verdict(figure.better, pair.before, now, noise);
                Change { figure, before: pair.before, now, noise, verdict, doubt }
            })
            .collect();
        let same_machine = baseline.machine == report.machine;
        Self { machine: others.machine, changes, same_machine, same_extent: baseline.quick == report.quick }
    }

    /// What of ours became worse, without doubt.
    pub(crate) fn worse(&self) -> impl Iterator<Item = &'a Figure> {
        let worse = |change: &&Change<'_>| {
            is_own(change.figure) && change.verdict == Verdict::Worse && change.doubt.is_none()
        };
        self.changes.iter().filter(worse).map(|change| change.figure)
    }

    /// What of that is worse in another comparison with the same baseline, too.
    pub(crate) fn still_worse(&self, again: &Comparison<'_>) -> Vec<&'a Figure> {
        let found: Vec<_> = again.worse().map(Figure::identity).collect();
        self.worse().filter(|figure| found.contains(&figure.identity())).collect()
    }

    /// For people: what changed, the worst first, and what is not counted last.
    pub(crate) fn text(&self) -> String {
        let changed = self.changes.iter().filter(|change| change.verdict != Verdict::Same);
        let mut changed: Vec<&Change<'_>> = changed.filter(|change| is_own(change.figure)).collect();
        changed.sort_by(|one, other| {
            let doubts = one.doubt.is_some().cmp(&other.doubt.is_some());
            doubts.then(one.gain().total_cmp(&other.gain()))
        });
        let timed = self.changes.iter().filter(|change| is_timed(change.figure));
        let noises: Vec<f64> = timed.map(|change| 100.0 * (change.noise - 1.0)).collect();
        let noises = Spread::of(&noises);
        let title = format!(
            "Compared with the baseline: {} figures, the machine itself {:.2} times as fast; set off against that, \
             case by case, rates and times have a noise of {:.0} to {:.0} %{}{}",
            self.changes.len(),
            self.machine,
            noises.min,
            noises.max,
            if self.same_machine { "" } else { "; ANOTHER MACHINE" },
            if self.same_extent { "" } else { "; ONLY ONE OF THE RUNS WAS QUICK: sizes and lengths differ" },
        );
        let mut table = Table::new(&title, &["figure", "before", "now", "unit", "gain", "noise", ""]);
        for change in changed {
            let figure = change.figure;
            let verdict = match (change.verdict == Verdict::Better, change.doubt) {
                (true, None) => "better",
                (false, None) => "WORSE",
                (_, Some(Doubt::FewRounds)) => "not counted: too few rounds",
                (_, Some(Doubt::NothingBeside)) => "not counted: nothing beside it",
            };
            table.row([
                figure.name(),
                format!("{:.4}", change.before.median),
                format!("{:.4}", change.now.median),
                figure.unit.clone(),
                format!("{:+.1} %", 100.0 * (change.gain() - 1.0)),
                format!("{:.0} %", 100.0 * (change.noise - 1.0)),
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

/// Worse only where the best round now is worse than the worst one before, and the median by more than the noise; better likewise.
fn verdict(better: Better, before: Spread, now: Spread, noise: f64) -> Verdict {
    let rose = now.min > before.max * LEAST && now.median > before.median * noise;
    let fell = now.max < before.min / LEAST && now.median < before.median / noise;
    match (better, rose, fell) {
        (Better::Higher, true, _) | (Better::Lower, _, true) => Verdict::Better,
        (Better::Higher, _, true) | (Better::Lower, true, _) => Verdict::Worse,
        _ => Verdict::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::super::noise::ENOUGH;
    use super::super::report::{Machine, REPORT_VERSION};
    use super::*;

    const SAME: Verdict = Verdict::Same;

    fn figure(case: &str, stack: &str, unit: &str, values: &[f64]) -> Figure {
        let better = if matches!(unit, "MB/s" | "million/s") { Better::Higher } else { Better::Lower };
        let (scenario, case) = case.split_once('/').unwrap_or(("s", case));
        Figure {
            scenario: scenario.into(),
            case: case.into(),
            stack: stack.into(),
            quantity: unit.into(),
            unit: unit.into(),
            better,
            spread: Spread::of(values),
        }
    }

    /// In three rounds that are all alike.
    fn steady(case: &str, stack: &str, unit: &str, value: f64) -> Figure {
        figure(case, stack, unit, &[value; 3])
    }

    /// As many that are not ours as the noise of a scenario takes; they became faster by these factors.
    fn others(case: &str, factors: &[f64]) -> Vec<Figure> {
        let figure = |(number, factor): (usize, &f64)| {
            steady(case, &format!("raw codec {number}"), "MB/s", 100.0 * factor)
        };
        factors.iter().enumerate().map(figure).collect()
    }

    fn report(figures: Vec<Figure>) -> Report {
        let machine = Machine { system: "x".into(), processor: "y".into(), cores: 2, threads: 2 };
        Report { version: REPORT_VERSION, machine, quick: true, seconds: 1.0, goals: Vec::new(), figures }
    }

    /// Of our own figures, in their order.
    fn verdicts(before: Vec<Figure>, now: Vec<Figure>) -> (Vec<Verdict>, bool) {
        let (before, now) = (report(before), report(now));
        let comparison = Comparison::new(&before, &now);
        let own = comparison.changes.iter().filter(|change| is_own(change.figure));
        (own.map(|change| change.verdict).collect(), comparison.worse().next().is_some())
    }

    fn one(unit: &str, before: &[f64], now: &[f64]) -> (Verdict, bool) {
        let of =
            |values| vec![figure("c", "batcher, lz4", unit, values), steady("c", "memory copy", "s", 1.0)];
        let (verdicts, worse) = verdicts(of(before), of(now));
        (verdicts[0], worse)
    }

    #[test]
    fn what_lies_beyond_both_spreads_has_changed() {
        let before = [100.0, 102.0, 105.0];
        assert_eq!(one("MB/s", &before, &[110.0, 112.0, 115.0]), (Verdict::Better, false));
        assert_eq!(one("MB/s", &before, &[80.0, 90.0, 96.0]), (Verdict::Worse, true));
        assert_eq!(one("s", &before, &[110.0, 112.0, 115.0]), (Verdict::Worse, true));
        assert_eq!(one("s", &before, &[80.0, 90.0, 96.0]), (Verdict::Better, false));
    }

    #[test]
    fn what_overlaps_or_is_close_is_noise() {
        let before = [100.0, 102.0, 105.0];
        for now in [[90.0, 95.0, 101.0], [104.0, 120.0, 130.0], [98.0, 98.5, 99.0], [106.0, 107.0, 108.0]] {
            assert_eq!(one("MB/s", &before, &now), (SAME, false));
            assert_eq!(one("s", &before, &now), (SAME, false));
        }
    }

    #[test]
    fn a_slower_machine_is_not_a_slower_batcher() {
        let of = |rate: f64, time: f64, bytes: f64, other: (&str, f64)| {
            vec![
                steady("c", "batcher, lz4", "MB/s", rate),
                steady("c", "batcher, lz4", "s", time),
                figure("c", "batcher, lz4", "bytes", &[bytes]),
                steady("c", "other", other.0, other.1),
            ]
        };
        let better = Verdict::Better;
        for (unit, now) in [("MB/s", 500.0), ("s", 2000.0)] {
            let before = || of(100.0, 1.0, 50.0, (unit, 1000.0));
            assert_eq!(verdicts(before(), of(50.0, 2.0, 50.0, (unit, now))), (vec![SAME; 3], false));
            let expected = (vec![better, better, Verdict::Worse], true);
            assert_eq!(verdicts(before(), of(100.0, 1.0, 60.0, (unit, now))), expected);
        }
    }

    #[test]
    fn a_machine_that_was_slower_in_one_case_is_set_off_there() {
        let of = |slow: f64, own: [f64; 2]| {
            let mut figures = others("s/fast", &[1.0; 5]);
            figures.extend(others("s/slow", &[slow; 5]));
            figures.push(steady("s/fast", "batcher, lz4", "MB/s", own[0]));
            figures.push(steady("s/slow", "batcher, lz4", "MB/s", own[1]));
            figures
        };
        let before = || of(1.0, [100.0; 2]);
        assert_eq!(verdicts(before(), of(0.65, [100.0, 65.0])), (vec![SAME; 2], false));
        assert_eq!(verdicts(before(), of(0.65, [75.0, 65.0])), (vec![Verdict::Worse, SAME], true));
        // As fast as before on a slower machine.
        assert_eq!(verdicts(before(), of(0.65, [100.0; 2])), (vec![SAME, Verdict::Better], false));
    }

    #[test]
    fn what_is_not_ours_and_differs_is_noise_for_what_is() {
        let of = |factors: [f64; 10], own: f64, bytes: f64| {
            let mut figures = others("c", &factors);
            figures.push(steady("c", "batcher, lz4", "MB/s", own));
            figures.push(figure("c", "batcher, lz4", "bytes", &[bytes]));
            figures
        };
        let before = || of([1.0; 10], 100.0, 100.0);
        let mut factors = [1.0; 10];
        factors[..2].copy_from_slice(&[0.8, 0.8]);
        assert_eq!(verdicts(before(), of(factors, 81.0, 100.0)), (vec![SAME; 2], false));
        assert_eq!(verdicts(before(), of(factors, 79.0, 100.0)), (vec![Verdict::Worse, SAME], true));
        // Which way does not matter.
        factors[..2].copy_from_slice(&[1.25, 1.25]);
        assert_eq!(verdicts(before(), of(factors, 81.0, 100.0)), (vec![SAME; 2], false));
        // Times say nothing of sizes.
        assert_eq!(verdicts(before(), of(factors, 100.0, 104.0)), (vec![SAME, Verdict::Worse], true));
    }

    #[test]
    fn one_that_differs_wildly_hides_nothing() {
        let of = |wild: f64, own: f64| {
            let mut factors = [1.0; 10];
            factors[0] = wild;
            let mut figures = others("flush-throughput/64 KiB rows", &factors);
            figures.push(steady("flush-throughput/64 KiB rows", "batcher, lz4", "MB/s", own));
            figures
        };
        assert_eq!(verdicts(of(1.0, 800.0), of(0.5, 600.0)), (vec![Verdict::Worse], true));
        assert_eq!(verdicts(of(1.0, 600.0), of(0.5, 800.0)), (vec![Verdict::Better], false));
    }

    #[test]
    fn noise_is_that_of_the_scenario_where_it_has_enough_and_else_of_all() {
        let of = |factor: f64, count: usize, own: f64| {
            let mut factors = [1.0; 30];
            factors[..6].fill(factor);
            let mut figures = others("restless/c", &factors);
            figures.extend(others("calm/c", &[1.0; 10][..count]));
            figures.push(steady("calm/c", "batcher, lz4", "MB/s", own));
            figures
        };
        let judged = |count| verdicts(of(1.0, count, 100.0), of(0.7, count, 75.0));
        assert_eq!(judged(ENOUGH), (vec![Verdict::Worse], true));
        assert_eq!(judged(ENOUGH - 1), (vec![SAME], false));
    }

    #[test]
    fn few_rounds_neither_set_noise_nor_count() {
        let of = |samples: &[f64], own: &[f64]| {
            let mut figures = others("c", &[1.0; 5]);
            figures.extend((0..5).map(|number| figure("c", &format!("nothing {number}"), "s", samples)));
            figures.push(figure("c", "batcher, lz4", "s", own));
            figures
        };
        let judged = |now: &[f64], own: &[f64]| verdicts(of(&[1.0], &[1.0; 3]), of(now, own));
        assert_eq!(judged(&[1.6], &[1.25; 3]), (vec![Verdict::Worse], true));
        assert_eq!(judged(&[1.6], &[1.25; 2]), (vec![Verdict::Worse], false));
        assert_eq!(judged(&[1.6; 2], &[1.25; 3]), (vec![Verdict::Worse], true));
        let (before, now) = (report(of(&[1.0], &[1.0; 3])), report(of(&[1.0], &[1.25])));
        let text = Comparison::new(&before, &now).text();
        assert!(text.contains("not counted: too few rounds") && !text.contains("WORSE"), "{text}");
    }

    #[test]
    fn peak_memory_is_measured_and_what_is_stored_is_not() {
        let of = |scenario: &str, values: &[f64]| {
            vec![figure(&format!("{scenario}/c"), "batcher, lz4", "bytes", values)]
        };
        let worse = vec![Verdict::Worse];
        let judged =
            |scenario, rounds| verdicts(of(scenario, &vec![1.0; rounds]), of(scenario, &vec![1.1; rounds]));
        assert_eq!(judged("stored-bytes", 1), (worse.clone(), true));
        assert_eq!(judged("memory", 1), (worse.clone(), false));
        assert_eq!(judged("memory", 3), (worse, true));
    }

    #[test]
    fn what_nothing_was_measured_beside_does_not_count() {
        let of = |own: f64| {
            let mut figures = others("elsewhere/c", &[1.0; 10]);
            figures.push(steady("alone/c", "batcher, lz4", "s", own));
            figures.push(figure("alone/c", "batcher, lz4", "bytes", &[100.0]));
            figures
        };
        assert_eq!(verdicts(of(1.0), of(2.0)), (vec![Verdict::Worse, SAME], false));
        let (before, now) = (report(of(1.0)), report(of(2.0)));
        let text = Comparison::new(&before, &now).text();
        assert!(text.contains("not counted: nothing beside it") && !text.contains("WORSE"), "{text}");
    }

    #[test]
    fn only_what_is_worse_twice_is_worse() {
        let of = |values: [f64; 3]| {
            let stacks = ["batcher, lz4", "batcher, zstd", "batcher, raw"];
            let own = stacks.iter().zip(values).map(|(stack, value)| steady("c", stack, "MB/s", value));
            report(own.chain(others("c", &[1.0; 10])).collect())
        };
        let (before, now, again) = (of([100.0; 3]), of([50.0, 50.0, 100.0]), of([100.0, 60.0, 50.0]));
        let [first, second] = [&now, &again].map(|now| Comparison::new(&before, now));
        let worse: Vec<&str> =
            first.still_worse(&second).iter().map(|figure| figure.stack.as_str()).collect();
        assert_eq!(worse, ["batcher, zstd"]);
    }

    #[test]
    fn figures_of_one_run_only_are_left_out() {
        let of = |unit| vec![steady("c", "batcher, lz4", unit, 1.0)];
        assert_eq!(verdicts(of("s"), of("bytes")), (vec![], false));
    }

    /// By hand: `BEFORE=… NOW=… cargo test -p xtask real_runs -- --ignored --nocapture`, with two files.
    #[test]
    #[ignore = "takes files that a bench has written"]
    fn real_runs() {
        let read = |name: &str| -> Report {
            serde_json::from_slice(&std::fs::read(std::env::var(name).unwrap()).unwrap()).unwrap()
        };
        let (before, now) = (read("BEFORE"), read("NOW"));
        let comparison = Comparison::new(&before, &now);
        println!("{}", comparison.text());
        assert_eq!(comparison.worse().count(), 0);
    }
}
