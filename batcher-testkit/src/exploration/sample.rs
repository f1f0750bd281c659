//! Combinations of faults by seed.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::report::{Report, Tally};
use super::shrink::Found;
use super::{Exploration, Progress};
use crate::world::{Chance, Chooser, World};

/// How many seeds a thread takes at a time.
const CHUNK: u64 = 256;

pub(super) fn sample<S, F, E>(exploration: &Exploration<S>, seeds: Range<u64>, faults: usize) -> Report
where
    S: Fn(World) -> F + Sync,
    F: Future<Output = Result<(), E>>,
    E: fmt::Display,
{
    let (clean, tally) = match exploration.clean() {
        Ok(clean) => clean,
        Err(report) => return *report,
    };
    // Twice as many as are wanted would come about, so that most runs have the full number.
    let per_mille = (2000 * faults as u64 / (clean.history.calls().len() as u64).max(1)).clamp(1, 1000);
    let next = AtomicU64::new(seeds.start);
    let shared = Mutex::new((tally, Found::new(exploration.most_failures)));
    std::thread::scope(|scope| {
        for _ in 0..exploration.threads {
            scope.spawn(|| {
                loop {
                    let start = next.fetch_add(CHUNK, Ordering::Relaxed);
                    if start >= seeds.end {
                        break;
                    }
                    let mut tally = Tally::new(&exploration.kinds, 0);
                    for seed in start..start.saturating_add(CHUNK).min(seeds.end) {
                        let kinds = exploration.kinds.clone();
                        let chance = Chance { seed, per_mille, most: faults, kinds };
                        let case = exploration.case(Chooser::by_chance(chance));
                        let plan = case.chosen_plan();
                        tally.add(&plan, &case);
                        if !case.violations.is_empty() {
                            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                            shared.1.add(plan, &case.violations);
                        }
                    }
                    let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                    shared.0.merge(tally);
                    if let Some(progress) = &exploration.progress {
                        let (done, of) = (start - seeds.start, seeds.end - seeds.start);
                        progress(&Progress { cases: shared.0.cases(), done, of });
                    }
                    if shared.1.is_enough() {
                        break;
                    }
                }
            });
        }
    });
    let (tally, found) = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    tally.report(found.into_failures(exploration))
}
