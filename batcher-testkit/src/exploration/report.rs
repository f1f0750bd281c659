//! What an exploration has found.

use std::collections::HashMap;
use std::fmt;

use super::case::Case;
use crate::fault::{FaultKind, FaultPlan};
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
        for violation in &self.case.violations {
            writeln!(f, "  {violation}")?;
        }
        let nothing = if self.plan.is_empty() { " (with nothing going wrong)" } else { "" };
        writeln!(f, "  replay: {:?}{nothing}", self.plan.to_string())?;
        for line in self.case.history.to_string().lines() {
            writeln!(f, "    {line}")?;
        }
        Ok(())
    }
}

/// What an exploration has found; displayed, a summary with all failures.
#[derive(Clone, Debug)]
#[must_use]
pub struct Report {
    cases: u64,
    operations: u32,
    by_faults: Vec<u64>,
    counts: Vec<(FaultKind, FaultCount)>,
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

    /// How often each kind of fault was tried.
    #[must_use]
    pub fn counts(&self) -> &[(FaultKind, FaultCount)] {
        &self.counts
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
            writeln!(f, "  {cases:9} with {faults} faults")?;
        }
        writeln!(f, "  {:32} {:>9} {:>9}", "fault", "planned", "fired")?;
        for (kind, count) in &self.counts {
            let never = count.fired == 0 && self.failures.is_empty();
            let never = if never { "  <- never: leave it out with without()" } else { "" };
            writeln!(f, "  {:32} {:9} {:9}{never}", format!("{kind:?}"), count.planned, count.fired)?;
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
    kinds: Vec<FaultKind>,
    counts: HashMap<FaultKind, FaultCount>,
}

impl Tally {
    pub(super) fn new(kinds: &[FaultKind], operations: u32) -> Self {
        Self { cases: 0, operations, by_faults: Vec::new(), kinds: kinds.to_vec(), counts: HashMap::new() }
    }

    pub(super) fn cases(&self) -> u64 {
        self.cases
    }

    pub(super) fn add(&mut self, plan: &FaultPlan, case: &Case) {
        self.cases += 1;
        if self.by_faults.len() <= plan.len() {
            self.by_faults.resize(plan.len() + 1, 0);
        }
        self.by_faults[plan.len()] += 1;
        for entry in &plan.entries {
            self.counts.entry(entry.fault.kind()).or_default().planned += 1;
        }
        for fired in &case.fired {
            self.counts.entry(fired.fault.kind()).or_default().fired += 1;
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.cases += other.cases;
        if self.by_faults.len() < other.by_faults.len() {
            self.by_faults.resize(other.by_faults.len(), 0);
        }
        for (faults, cases) in other.by_faults.iter().enumerate() {
            self.by_faults[faults] += cases;
        }
        for (kind, count) in other.counts {
            let sum = self.counts.entry(kind).or_default();
            sum.planned += count.planned;
            sum.fired += count.fired;
        }
    }

    pub(super) fn report(self, failures: Vec<Failure>) -> Report {
        let count = |kind: FaultKind| (kind, self.counts.get(&kind).copied().unwrap_or_default());
        let counts = self.kinds.iter().copied().map(count).collect();
        let (cases, operations, by_faults) = (self.cases, self.operations, self.by_faults);
        Report { cases, operations, by_faults, counts, failures }
    }
}
