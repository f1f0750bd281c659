//! How engines are explored.

use std::time::{Duration, Instant};

use batcher_core::PutMode;
use batcher_testkit::{Exploration, FaultKind, Report, World};

use crate::engine::{Engine, Run};

/// A week of the world's time, and many times the calls of a run in which nothing goes wrong.
pub(crate) const LIMITS: (u32, Duration) = (2_000, Duration::from_secs(7 * 24 * 3600));

/// The most that a run may have allocated at a time, in bytes: the engine has some thousands of state, and a segment for frames has a million.
const MEMORY: u64 = 4 << 20;

/// Kinds that change what a pause is; without adaptors nothing pauses.
pub(crate) const OF_PAUSES: [FaultKind; 2] = [FaultKind::Oversleeps, FaultKind::ClockJumps];

pub(crate) fn allocated(run: &mut dyn FnMut()) -> u64 {
    allocation_counter::measure(run).bytes_max
}

pub(crate) fn explore(engine: &Engine) -> Exploration<impl Fn(World) -> Run + Sync + use<>> {
    let engine = engine.clone();
    Exploration::new(move |world| engine.clone().run(world))
        .limits(LIMITS.0, LIMITS.1)
        .memory_limit(allocated, MEMORY)
}

/// What a store that replaces, or takes objects whole, cannot get wrong.
pub(crate) fn out_of_reach(engine: &Engine) -> Vec<FaultKind> {
    let exists = [FaultKind::OwnExists, FaultKind::PhantomExists];
    let exists = exists.into_iter().filter(|_| engine.mode == PutMode::Replace);
    exists
        .chain(OF_PAUSES.into_iter().filter(|_| !engine.adaptors.iter().any(|adaptor| adaptor.pauses())))
        .collect()
}

pub(crate) fn clean(report: &Report, since: Instant) {
    println!("{report}  in {:?}", since.elapsed());
    report.assert_clean();
    // Nor does any kind come about in one operation alone that was tried in another, too.
    let mut never = report.counts_by_call().iter().filter(|(.., count)| count.fired == 0);
    assert_eq!(never.next(), None);
}

/// What does not go wrong in a store, a codec or an executor but ends whoever calls them, be it for want of an answer.
pub(crate) const ENDS: [FaultKind; 7] = [
    FaultKind::Hang,
    FaultKind::HangAfter,
    FaultKind::Cancel,
    FaultKind::CrashBefore,
    FaultKind::CrashAfter,
    FaultKind::PanicBefore,
    FaultKind::PanicAfter,
];

/// One whose clean run has at least 40 operations.
pub(crate) fn in_many_parts() -> Engine {
    Engine { part_len: 106, ..Engine::default() }
}
