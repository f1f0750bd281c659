//! Which requests are to go wrong.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

use futures_util::{FutureExt, StreamExt, stream};

use crate::fault_proxy::{Fault, Kind, Planned};

/// Cases under way at the same time; many of them wait.
const AT_ONCE: usize = 24;

/// How many failed cases are shown.
const SHOWN: usize = 10;

/// Every request of a run, in every one of these ways in which it can go wrong.
pub(crate) fn singles(seen: &BTreeMap<Kind, usize>, faults: &[Fault]) -> Vec<Planned> {
    let mut singles = Vec::new();
    for (kind, count) in seen {
        for number in 0..*count {
            let applicable = faults.iter().filter(|fault| fault.applies_to(*kind));
            singles.extend(applicable.map(|fault| (*kind, number, *fault)));
        }
    }
    singles
}

/// A fault and each that can follow: of the requests that were seen when it had come about alone, those which it brought
/// about included.
pub(crate) fn pairs(runs: &[(Vec<Planned>, BTreeMap<Kind, usize>)], faults: &[Fault]) -> Vec<Vec<Planned>> {
    let mut pairs = Vec::new();
    for (plan, seen) in runs {
        let [first] = plan[..] else { continue };
        for second in singles(seen, faults) {
            // The same two the other way round are another plan only where the one brings the other about.
            let mirrored = runs.iter().any(|(plan, _)| plan[..] == [second]);
            let same = (second.0, second.1) == (first.0, first.1);
            if !(same || mirrored && second < first) {
                pairs.push(vec![first, second]);
            }
        }
    }
    pairs
}

/// Runs cases, many at a time, and fails with the first few that fail.
pub(crate) async fn all<T, F>(
    plans: &[Vec<Planned>],
    case: impl Fn(Vec<Planned>) -> F,
) -> Vec<(Vec<Planned>, T)>
where
    F: Future<Output = T>,
{
    let outcomes: Vec<_> = stream::iter(plans)
        .map(|plan| {
            let run = AssertUnwindSafe(case(plan.clone()));
            async move { (plan, run.catch_unwind().await) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let (mut passed, mut failed) = (Vec::new(), Vec::new());
    for (plan, outcome) in outcomes {
        match outcome {
            Ok(outcome) => passed.push((plan.clone(), outcome)),
            Err(panic) => {
                let message =
                    panic.downcast::<String>().map_or_else(|_| format!("{plan:?}"), |message| *message);
                failed.push(message);
            }
        }
    }
    let shown: Vec<_> = failed.iter().take(SHOWN).map(String::as_str).collect();
    assert!(failed.is_empty(), "{} of {} cases fail:\n{}", failed.len(), plans.len(), shown.join("\n\n"));
    passed
}
