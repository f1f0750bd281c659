//! What an exploration has found.

use std::collections::HashMap;
use std::fmt;

use super::case::Case;
use crate::fault::{Call, FaultKind, FaultPlan};
use crate::judge::Violation;
use crate::world::{FiredFault, History};

/// How far an exploration has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Cases run so far.
    pub cases: u64,
    /// First faults, or seeds, that are done or being worked on.
    pub done: u64,
    /// First faults, or seeds, in all.
    pub of: u64,
}

/// How often a kind of fault was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultCount {
    /// Times that it was planned.
    pub planned: u64,
    /// Times that it came about.
    pub fired: u64,
}

impl FaultCount {
    fn add(&mut self, other: Self) {
        self.planned += other.planned;
        self.fired += other.fired;
    }
}

/// One case: what went wrong, what happened, and what was found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CaseReport {
    /// The defects; none where all is well.
    pub violations: Vec<Violation>,
    /// The faults that came about.
    pub fired: Vec<FiredFault>,
    /// What happened.
    pub history: History,
    pub(super) plan: FaultPlan,
}

impl CaseReport {
    /// What was to go wrong and did not: all of a [replayed](super::Exploration::replay) line whose calls the scenario no longer makes.
    pub fn never_fired(&self) -> FaultPlan {
        let unfired = |index| !self.fired.iter().any(|fired| fired.entry == index);
        let entries = self.plan.entries.iter().enumerate().filter(|(index, _)| unfired(*index));
        FaultPlan { entries: entries.map(|(_, entry)| entry.clone()).collect() }
    }

    /// Whether everything went wrong that was to, and no defect was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty() && self.never_fired().is_empty()
    }

    /// Fails the test where a defect was found, or something did not go wrong that was to: a line that means nothing any longer
    /// keeps nothing from coming back.
    ///
    /// # Panics
    ///
    /// As said.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "{self}");
    }
}

impl fmt::Display for CaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for violation in &self.violations {
            writeln!(f, "  {violation}")?;
        }
        let nothing = if self.plan.is_empty() { " (with nothing going wrong)" } else { "" };
        writeln!(f, "  replay: {:?}{nothing}", self.plan.to_string())?;
        let never_fired = self.never_fired();
        if !never_fired.is_empty() {
            writeln!(f, "  never came about: {never_fired}")?;
        }
        for line in self.history.to_string().lines() {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

/// A case that failed, with no more faults than it needs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Failure {
    /// What goes wrong; as text, the line that [`Exploration::replay`](super::Exploration::replay) takes.
    pub plan: FaultPlan,
    /// What comes of it.
    pub case: CaseReport,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.case.fmt(f)
    }
}

/// What an exploration has found; displayed, a summary with all failures.
#[derive(Clone, Debug)]
#[must_use]
pub struct Report {
    cases: u64,
    operations: u32,
    by_faults: Vec<u64>,
    by_fired: Vec<u64>,
    counts: Vec<(FaultKind, FaultCount)>,
    by_call: Vec<(Call, FaultKind, FaultCount)>,
    failures: Vec<Failure>,
}

impl Report {
    /// Number of runs.
    #[must_use]
    pub fn cases(&self) -> u64 {
        self.cases
    }

    /// Number of calls to stores in the run in which nothing goes wrong.
    #[must_use]
    pub fn operations(&self) -> u32 {
        self.operations
    }

    /// Number of runs with so many planned faults.
    #[must_use]
    pub fn cases_of(&self, faults: usize) -> u64 {
        self.by_faults.get(faults).copied().unwrap_or_default()
    }

    /// Number of runs in which so many faults came about, however often those that last.
    #[must_use]
    pub fn cases_that_fired(&self, faults: usize) -> u64 {
        self.by_fired.get(faults).copied().unwrap_or_default()
    }

    /// How often each kind of fault was tried.
    #[must_use]
    pub fn counts(&self) -> &[(FaultKind, FaultCount)] {
        &self.counts
    }

    /// The same for each call in which a kind was planned or came about: a kind that never fires in one is not seen in the sum over all.
    /// One that lasts is planned in the call with which it begins, and comes about in others, too.
    #[must_use]
    pub fn counts_by_call(&self) -> &[(Call, FaultKind, FaultCount)] {
        &self.by_call
    }

    /// The kinds of faults that came about in no run.
    #[must_use]
    pub fn never_fired(&self) -> Vec<FaultKind> {
        self.counts.iter().filter(|(_, count)| count.fired == 0).map(|(kind, _)| *kind).collect()
    }

    /// The cases that failed, each different.
    #[must_use]
    pub fn failures(&self) -> &[Failure] {
        &self.failures
    }

    /// Whether no case failed and every kind of fault came about.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty() && self.never_fired().is_empty()
    }

    /// Fails the test where anything was found.
    ///
    /// # Panics
    ///
    /// Where a case failed, or a kind of fault came about in no case, which means that nothing is known of it.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "{self}");
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} cases over {} store operations", self.cases, self.operations)?;
        for (faults, cases) in self.by_faults.iter().enumerate().filter(|(_, cases)| **cases > 0) {
            let fired = self.cases_that_fired(faults);
            writeln!(f, "  {cases:9} with {faults} faults planned, {fired:9} in which so many came about")?;
        }
        writeln!(f, "  {:32} {:>9} {:>9}", "fault", "planned", "fired")?;
        for (kind, count) in &self.counts {
            let never = count.fired == 0 && self.failures.is_empty();
            let never = if never { "  <- never: leave it out with without()" } else { "" };
            writeln!(f, "  {:32} {:9} {:9}{never}", format!("{kind:?}"), count.planned, count.fired)?;
        }
        for (call, kind, count) in self.by_call.iter().filter(|(.., count)| count.fired == 0) {
            writeln!(f, "  {kind:?} in {call:?}: planned {} times, fired never", count.planned)?;
        }
        for (number, failure) in self.failures.iter().enumerate() {
            write!(f, "failure {}:\n{failure}", number + 1)?;
        }
        Ok(())
    }
}

/// What is counted while an exploration runs.
pub(super) struct Tally {
    cases: u64,
    operations: u32,
    by_faults: Vec<u64>,
    by_fired: Vec<u64>,
    kinds: Vec<FaultKind>,
    counts: HashMap<(Call, FaultKind), FaultCount>,
}

impl Tally {
    pub(super) fn new(kinds: &[FaultKind], operations: u32) -> Self {
        Self {
            cases: 0,
            operations,
            by_faults: Vec::new(),
            by_fired: Vec::new(),
            kinds: kinds.to_vec(),
            counts: HashMap::new(),
        }
    }

    pub(super) fn cases(&self) -> u64 {
        self.cases
    }

    pub(super) fn add(&mut self, plan: &FaultPlan, case: &Case) {
        self.cases += 1;
        count(&mut self.by_faults, plan.len(), 1);
        count(&mut self.by_fired, distinct(&case.fired).min(plan.len()), 1);
        for entry in &plan.entries {
            self.counts.entry((entry.call, entry.fault.kind())).or_default().planned += 1;
        }
        for fired in &case.fired {
            self.counts.entry((fired.site.call, fired.fault.kind())).or_default().fired += 1;
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.cases += other.cases;
        for (sums, others) in [(&mut self.by_faults, other.by_faults), (&mut self.by_fired, other.by_fired)] {
            others.into_iter().enumerate().for_each(|(faults, cases)| count(sums, faults, cases));
        }
        for (of, count) in other.counts {
            self.counts.entry(of).or_default().add(count);
        }
    }

    pub(super) fn report(self, failures: Vec<Failure>) -> Report {
        let count = |call: Call, kind: FaultKind| Some((call, kind, *self.counts.get(&(call, kind))?));
        let of_call = |call: Call| self.kinds.iter().filter_map(move |kind| count(call, *kind));
        let by_call: Vec<_> = Call::ALL.into_iter().flat_map(of_call).collect();
        let sum = |kind: FaultKind| {
            let mut sum = FaultCount::default();
            by_call.iter().filter(|(_, of, _)| *of == kind).for_each(|(.., count)| sum.add(*count));
            (kind, sum)
        };
        let counts = self.kinds.iter().copied().map(sum).collect();
        let Self { cases, operations, by_faults, by_fired, .. } = self;
        Report { cases, operations, by_faults, by_fired, counts, by_call, failures }
    }
}

fn count(by_number: &mut Vec<u64>, number: usize, cases: u64) {
    if by_number.len() <= number {
        by_number.resize(number + 1, 0);
    }
    by_number[number] += cases;
}

/// How many faults came about: one that lasts does so again and again.
fn distinct(fired: &[FiredFault]) -> usize {
    let is_new =
        |(index, one): &(usize, &FiredFault)| fired[..*index].iter().all(|other| other.entry != one.entry);
    fired.iter().enumerate().filter(is_new).count()
}
