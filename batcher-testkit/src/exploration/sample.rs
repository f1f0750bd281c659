//! Combinations of faults by seed.

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::report::{Report, Tally};
use super::shrink::Found;
use super::{Exploration, Progress};
use crate::fault::{Call, Depth, FaultKind};
use crate::world::{CallRecord, Chance, Chooser, Odds, World};

/// Of a million calls of a kind, the most that go wrong, where there are others: a kind of few calls, as a process is, would else go wrong
/// whenever it is tried again, until there are no faults left for others.
const MOST_ODDS: u64 = 500_000;

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
    let odds = Arc::new(odds(clean.history.calls(), &exploration.kinds, faults));
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
                        let odds = Arc::clone(&odds);
                        let (lasting, late_window) = (exploration.lasting, exploration.late_window);
                        let chance = Chance { seed, odds, most: faults, kinds, lasting, late_window };
                        let case = exploration.case(Chooser::by_chance(chance));
                        tally.add(&case.plan, &case);
                        if !case.violations.is_empty() {
                            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                            if !shared.1.add(case.plan, &case.violations) {
                                break;
                            }
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

/// Each kind of call has the same share of the faults, however many calls there are of it: jobs are many and lists are few. A
/// quarter more than are wanted would come about, so that most runs have about the full number, and the last calls as good a
/// chance as the first ones.
fn odds(clean: &[CallRecord], kinds: &[FaultKind], faults: usize) -> Odds {
    let mut odds = Odds::default();
    let mut counts = [0_u64; Call::ALL.len()];
    for CallRecord { site, info, .. } in clean {
        let mut goes_wrong = false;
        for kind in kinds {
            kind.variants(site.call, info, Depth { late_window: 1, coarse: true }, &mut |_| {
                goes_wrong = true;
            });
        }
        counts[site.call.index()] += u64::from(goes_wrong);
        // Not all of the times at which it was pending are noted.
        if let Some(last) = info.pendings.last() {
            let most = odds.pendings.entry(Arc::clone(&site.key)).or_default();
            *most = last.nth.saturating_add(1).max(*most);
        }
    }
    let shares = counts.iter().filter(|count| **count > 0).count() as u64;
    let most = if shares > 1 { MOST_ODDS } else { 1_000_000 };
    for (odds, count) in odds.per_million.iter_mut().zip(counts) {
        // What no call of the clean run does may be done where something goes wrong: one such call, for instance.
        let calls = (shares * count).max(shares).max(1);
        *odds = (faults as u64).saturating_mul(1_250_000).div_euclid(calls).min(most);
    }
    odds
}
