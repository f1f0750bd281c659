//! From a case that fails to the simplest one that fails in the same way.

use std::fmt;

use super::Exploration;
use super::case::Case;
use super::report::Failure;
use crate::fault::{Fate, Fault, FaultPlan, LATEST, Span};
use crate::judge::{Judge, Violation};
use crate::world::World;

/// Cases that failed, until there are enough of them.
pub(super) struct Found {
    cases: Vec<(FaultPlan, Vec<Violation>)>,
    most: usize,
}

impl Found {
    pub(super) fn new(most: usize) -> Self {
        Self { cases: Vec::new(), most }
    }

    /// Whether more are wanted.
    pub(super) fn add(&mut self, plan: FaultPlan, violations: &[Violation]) -> bool {
        self.cases.push((plan, violations.to_vec()));
        !self.is_enough()
    }

    pub(super) fn is_enough(&self) -> bool {
        self.cases.len() >= self.most
    }

    /// The defects, each shrunk; those that shrink to the same one count once.
    pub(super) fn into_failures<S, F, E>(self, exploration: &Exploration<S>) -> Vec<Failure>
    where
        S: Fn(World) -> F + Sync,
        F: Future<Output = Result<(), E>>,
        E: fmt::Display,
    {
        let mut failures: Vec<Failure> = Vec::new();
        for (plan, violations) in self.cases {
            let judges: Vec<Judge> = violations.iter().map(|violation| violation.judge).collect();
            let plan = exploration.shrink(plan, &judges);
            if failures.iter().all(|failure| failure.plan != plan) {
                let mut case = exploration.planned(plan.clone());
                if case.violations.is_empty() {
                    // The scenario depends on more than the plan, its threads for instance: what was seen is all there is.
                    case.violations = violations;
                }
                failures.push(exploration.failure(plan, case));
            }
        }
        failures
    }
}

impl<S, F, E> Exploration<S>
where
    S: Fn(World) -> F + Sync,
    F: Future<Output = Result<(), E>>,
    E: fmt::Display,
{
    pub(super) fn failure(&self, plan: FaultPlan, case: Case) -> Failure {
        Failure { plan, case: case.into_report() }
    }

    /// Takes away what is not needed for one of these judges to object, then simplifies what is left.
    fn shrink(&self, mut plan: FaultPlan, judges: &[Judge]) -> FaultPlan {
        let fails = |plan: &FaultPlan| {
            let case = self.planned(plan.clone());
            case.violations.iter().any(|violation| judges.contains(&violation.judge))
        };
        let mut index = 0;
        while index < plan.len() {
            let fewer = plan.without(index);
            if fails(&fewer) {
                plan = fewer;
                index = 0;
            } else {
                index += 1;
            }
        }
        for index in 0..plan.len() {
            let entry = &plan.entries[index];
            let (fault, span) = (entry.fault, entry.span);
            let shorter: &[Span] = match span {
                Span::Once => &[],
                Span::Persistent => &[Span::Once],
                Span::Outage => &[Span::Once, Span::Persistent],
            };
            let shorter = shorter.iter().map(|span| (fault, *span));
            let simpler = simpler(fault).into_iter().map(|fault| (fault, span));
            for (fault, span) in shorter.chain(simpler) {
                let mut changed = plan.clone();
                changed.entries[index].fault = fault;
                changed.entries[index].span = span;
                if fails(&changed) {
                    plan = changed;
                    break;
                }
            }
        }
        plan
    }
}

/// Faults that are easier to think about, the simplest first.
fn simpler(fault: Fault) -> Vec<Fault> {
    match fault {
        Fault::Late(calls) => {
            let fewer = (1..calls.min(9)).map(Fault::Late);
            [Fault::RequestLost, Fault::AckLost].into_iter().chain(fewer).collect()
        }
        Fault::Cancel { pending, effects } => {
            let with = |effects| Fault::Cancel { pending, effects };
            match effects {
                Fate::Done => vec![],
                Fate::Never => vec![with(Fate::Done)],
                Fate::Late(LATEST) => vec![with(Fate::Done), with(Fate::Never)],
                Fate::Late(calls) => [Fate::Done, Fate::Never]
                    .into_iter()
                    .chain((1..calls.min(9)).map(Fate::Late))
                    .map(with)
                    .collect(),
            }
        }
        Fault::ShortRead(missing) if missing > 1 => vec![Fault::ShortRead(1)],
        Fault::FlipBit(bit) if bit > 0 => vec![Fault::FlipBit(0)],
        Fault::SlowEffect | Fault::SlowAnswer | Fault::HangAfter => vec![Fault::AckLost, Fault::Hang],
        _ => vec![],
    }
}
