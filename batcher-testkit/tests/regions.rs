//! Attempts and processes: which calls are theirs, and how they end wherever they are polled from.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

mod turns;

use std::cell::Cell;
use std::future::pending;
use std::time::Duration;

use batcher_core::{BlobSink, BlobSource, Operation, PutMode, Timer};
use batcher_testkit::{Call, Exploration, Fault, FaultKind, FaultPlan, Judge, MemoryStore, World, block_on};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt, join, select};
use futures_util::stream::FuturesUnordered;
use turns::turns;

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

/// Whoever has no asynchronous interface asks on a thread and waits for it.
#[test]
fn calls_on_a_thread_for_which_an_attempt_waits_are_its_own() {
    let blocking = |world: World| async move {
        let store = world.store(MemoryStore::new());
        let ask = async || {
            std::thread::scope(|scope| scope.spawn(|| block_on(store.size("o")).is_ok()).join().is_ok())
        };
        let _ = world.attempt("try", ask()).await;
        Ok::<(), String>(())
    };
    Exploration::new(blocking).faults([FaultKind::PanicBefore]).run().assert_clean();
}

#[test]
fn an_attempt_gives_up_wherever_it_is_polled_from() {
    let world = World::new(FaultPlan::new().at(Operation::Size, 0, Fault::Hang));
    let store = world.store(MemoryStore::new());
    let attempts: [BoxFuture<'_, bool>; 2] = [
        Box::pin(async { world.attempt("hangs", store.size("o")).await.is_none() }),
        Box::pin(async { world.attempt("ends", async {}).await.is_none() }),
    ];
    let gave_up = attempts.into_iter().collect::<FuturesUnordered<_>>().collect::<Vec<_>>();
    assert_eq!(world.run(gave_up).unwrap(), [false, true]);
    assert_eq!(world.violations(), []);
    // Nor does one that nobody helps go on for ever.
    let alone = [world.attempt("waits", pending::<()>())].into_iter().collect::<FuturesUnordered<_>>();
    assert_eq!(world.run(alone.collect::<Vec<_>>()).unwrap(), [None]);
}

#[test]
fn a_call_waits_for_earlier_effects_wherever_it_is_polled_from() {
    // Its put waits for the time of its own world, which moves on only when everybody else waits for the put.
    let plan =
        FaultPlan::new().at(Operation::Put, 0, Fault::SlowEffect).at(Call::Sleep, 0, Fault::ClockJumps);
    let within = World::new(plan);
    let world = World::default();
    let store = world.store(within.store(MemoryStore::new()));
    let sizes = world.run(async {
        let put = store.put("o", Bytes::from_static(b"state").into(), PutMode::Create);
        drop(select(put, Box::pin(turns(9))).await);
        let sizes: FuturesUnordered<_> = [store.size("o"), store.size("o")].into_iter().collect();
        let later = async {
            turns(9).await;
            within.timer().sleep(Duration::from_secs(1)).await;
        };
        join(sizes.collect::<Vec<_>>(), later).await.0
    });
    let sizes: Vec<_> = sizes.unwrap().into_iter().map(Result::unwrap).collect();
    assert_eq!(sizes, [5, 5]);
}

#[test]
fn a_crash_ends_the_process_and_not_the_attempt_in_it_alone() {
    for fault in [Fault::CrashBefore, Fault::CrashAfter] {
        let world = World::new(FaultPlan::new().at(Operation::Put, 0, fault));
        let store = world.store(MemoryStore::new());
        let lived_on = Cell::new(false);
        let life = async {
            let put = store.put("o", Bytes::from_static(b"state").into(), PutMode::Create);
            let _ = world.attempt("put", put).await;
            lived_on.set(true);
        };
        assert_eq!(
            (world.run(world.process("node", life)).unwrap(), lived_on.get()),
            (None, false),
            "{fault}"
        );
        // And no other after it.
        assert_eq!(world.run(world.process("node", async { turns(3).await })).unwrap(), Some(()));
    }
}

#[test]
fn what_panics_by_itself_is_no_fault_that_ends_an_attempt() {
    for process in [true, false] {
        let run = |world: World| async move {
            let panics = async { panic!("of its own") };
            if process {
                world.process("node", panics).await
            } else {
                world.attempt("try", panics).await
            };
            Ok::<(), String>(())
        };
        let case = Exploration::new(run).replay("").unwrap();
        assert_eq!(case.violations.iter().map(|found| found.judge).collect::<Vec<_>>(), [Judge::Panicked]);
    }
}

#[test]
fn an_attempt_that_was_dropped_is_not_asked_to_give_up() {
    let world = World::default();
    let run = async {
        drop(select(world.attempt("waits", pending::<()>()).boxed_local(), turns(3).boxed()).await);
        pending::<()>().await;
    };
    assert!(world.run(run).is_err());
    assert_eq!(world.violations(), []);
}
