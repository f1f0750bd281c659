//! Attempts and processes: which calls are theirs, and how they end wherever they are polled from.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use batcher_core::BlobSource;
use batcher_testkit::{Exploration, FaultKind, MemoryStore, World};
use futures_util::future::join;

/// One call in a process or an attempt, and one beside it.
async fn side_by_side(world: World, process: bool) -> Result<(), String> {
    let store = world.store(MemoryStore::new());
    let within = async {
        let _ = store.size("within").await;
    };
    let region = async {
        if process { world.process("node", within).await } else { world.attempt("try", within).await }
    };
    let beside = async {
        let _ = store.size("beside").await;
    };
    join(region, beside).await;
    Ok(())
}

#[test]
fn only_calls_of_a_process_or_an_attempt_end_it() {
    let ends = [FaultKind::CrashBefore, FaultKind::PanicBefore, FaultKind::Hang];
    let report = Exploration::new(|world| side_by_side(world, true)).faults(ends).run();
    report.assert_clean();
    assert_eq!(report.cases_of(1), 3);
    let report = Exploration::new(|world| side_by_side(world, false)).faults(ends).run();
    assert_eq!((report.failures().len(), report.cases_of(1)), (0, 2));
}
