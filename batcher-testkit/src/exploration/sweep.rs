//! All combinations of faults up to a depth.
//!
//! What can go wrong in a run follows from the run before it, which had one fault less: retries and clearing up make calls that
//! the clean run does not have, and those can fail, too. Each combination is tried once, in the order in which its
//! faults come about.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Exploration;
use super::case::Case;
use super::report::{Report, Tally};
use super::shrink::Found;
use crate::fault::{Depth, Entry, Fault, FaultPlan};
use crate::world::{Behind, World};

pub(super) fn sweep<S, F, E>(exploration: &Exploration<S>) -> Report
where
    S: Fn(World) -> F + Sync,
    F: Future<Output = Result<(), E>>,
    E: fmt::Display,
{
    let (clean, tally) = match exploration.clean() {
        Ok(clean) => clean,
        Err(report) => return *report,
    };
    if exploration.depth == 0 {
        return tally.report(Vec::new());
    }
    let singles = exploration.further(&FaultPlan::new(), &clean);
    let (next, cases) = (AtomicUsize::new(0), AtomicUsize::new(1));
    let shared = Mutex::new((tally, Found::new(exploration.most_failures)));
    std::thread::scope(|scope| {
        for _ in 0..exploration.threads {
            scope.spawn(|| {
                let mut worker = Worker { exploration, shared: &shared, cases: &cases, tally: None };
                while let Some(single) = singles.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if !worker.explore(single, exploration.depth) {
                        break;
                    }
                    worker.hand_in();
                    worker.tell(next.load(Ordering::Relaxed).min(singles.len()), singles.len());
                }
                worker.hand_in();
            });
        }
    });
    let (tally, found) = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.report(found.into_failures(exploration))
}

struct Worker<'a, S> {
    exploration: &'a Exploration<S>,
    shared: &'a Mutex<(Tally, Found)>,
    cases: &'a AtomicUsize,
    /// What was counted since it was last handed in.
    tally: Option<Tally>,
}

impl<S, F, E> Worker<'_, S>
where
    S: Fn(World) -> F + Sync,
    F: Future<Output = Result<(), E>>,
    E: fmt::Display,
{
    /// Runs a plan and all that have more faults behind its own; false where enough defects were found.
    fn explore(&mut self, plan: &FaultPlan, depth: usize) -> bool {
        let case = self.exploration.planned(plan.clone());
        self.cases.fetch_add(1, Ordering::Relaxed);
        let kinds = &self.exploration.kinds;
        self.tally.get_or_insert_with(|| Tally::new(kinds, 0)).add(plan, &case);
        if !case.violations.is_empty() {
            let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
            // What fails with these faults fails with more of them: the defect is known.
            return shared.1.add(plan.clone(), &case.violations);
        }
        if plan.len() < depth {
            for further in self.exploration.further(plan, &case) {
                if !self.explore(&further, depth) {
                    return false;
                }
            }
        }
        !self.shared.lock().unwrap_or_else(PoisonError::into_inner).1.is_enough()
    }

    fn hand_in(&mut self) {
        if let Some(tally) = self.tally.take() {
            self.shared.lock().unwrap_or_else(PoisonError::into_inner).0.merge(tally);
        }
    }

    fn tell(&self, begun: usize, singles: usize) {
        let Some(progress) = &self.exploration.progress else { return };
        let cases = self.cases.load(Ordering::Relaxed) as u64;
        progress(&super::Progress { cases, done: begun as u64, of: singles as u64 });
    }
}

impl<S, F, E> Exploration<S>
where
    S: Fn(World) -> F + Sync,
    F: Future<Output = Result<(), E>>,
    E: fmt::Display,
{
    /// The plans that have one fault more than this one, which comes about after those.
    fn further(&self, plan: &FaultPlan, case: &Case) -> Vec<FaultPlan> {
        let after = match plan.entries.last() {
            None => None,
            Some(last) => {
                let calls = case.history.calls();
                // What is to be lost at a crash is so from its call on, although it comes about later.
                let is_last = |behind: &Behind| {
                    calls.get(behind.of as usize).is_some_and(|record| last.is_at(&record.site))
                };
                let fired = case.fired.iter().map(|fired| fired.behind);
                let Some(behind) = case.armed.iter().copied().chain(fired).find(is_last) else {
                    return Vec::new();
                };
                Some(behind)
            }
        };
        let mut plans = Vec::new();
        // The last fault of a combination must bring what the others lack.
        let complete = plan.len() + 1 == self.depth.max(2);
        let needed = self.involved.as_ref().filter(|kinds| {
            complete && !plan.entries.iter().any(|entry| kinds.contains(&entry.fault.kind()))
        });
        for (index, record) in case.history.calls().iter().enumerate() {
            let region = record.site.call.is_region();
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            if !region && after.is_some_and(|after| index < after.call) || record.fault.is_some() {
                continue;
            }
            let depth = Depth { late_window: self.late_window, coarse: !plan.is_empty() };
            for kind in self.kinds.iter().filter(|kind| needed.is_none_or(|kinds| kinds.contains(kind))) {
                let mut add = |fault: Fault| {
                    if let (Fault::Cancel { pending, .. }, Some(after)) = (fault, after) {
                        let point = record.info.pendings.iter().find(|point| point.nth == pending);
                        if point.is_none_or(|point| !case.history.is_behind(after, index, point.moments)) {
                            return;
                        }
                    }
                    let with = |span| plan.clone().with(Entry::at(&record.site, span, fault));
                    plans.extend(kind.spans(self.lasting).map(with));
                };
                kind.variants(record.site.call, &record.info, depth, &mut add);
            }
        }
        plans
    }
}
