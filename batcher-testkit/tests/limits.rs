//! How much a run may take: exactly so much, and not more.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use batcher_core::{BlobSource, StoreError, Timer};
use batcher_testkit::{Exploration, Judge, MemoryStore, World};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Who objects to a run within these limits.
fn judged<F: Future<Output = Result<(), StoreError>>>(
    calls: u32,
    time: Duration,
    run: impl Fn(World) -> F + Sync,
) -> Vec<Judge> {
    let case = Exploration::new(run).limits(calls, time).replay("").unwrap();
    case.violations.iter().map(|found| found.judge).collect()
}

#[test]
fn as_many_calls_as_allowed_may_be_made() {
    let calls = |calls: usize| {
        judged(10, DAY, async |world: World| {
            let store = world.store(MemoryStore::new());
            for _ in 0..calls {
                let _ = store.size("o").await;
            }
            Ok(())
        })
    };
    assert_eq!((calls(10), calls(11)), (vec![], vec![Judge::Time]));
    // Several at a time, so that their number is never the limit.
    let two = |world: World| async move {
        let store = world.store(MemoryStore::new());
        for _ in 0..20 {
            let _ = futures_util::future::join3(store.size("a"), store.size("b"), store.size("c")).await;
        }
        Ok(())
    };
    assert_eq!(judged(10, DAY, two), [Judge::Time]);
}

#[test]
fn as_much_time_as_allowed_may_pass() {
    let slept = |pause: Duration| {
        judged(10, DAY, async |world: World| {
            let store = world.store(MemoryStore::new());
            world.timer().sleep(pause).await;
            let _ = store.size("o").await;
            Ok(())
        })
    };
    assert_eq!(slept(DAY), []);
    assert_eq!(slept(DAY + Duration::from_nanos(1)), [Judge::Time]);
}

#[test]
fn who_is_busy_for_ever_and_calls_nobody_does_not_end() {
    let busy = || {
        poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::Pending::<()>
        })
    };
    assert!(World::default().run(busy()).is_err());
    let run = |_: World| async {
        busy().await;
        Ok(())
    };
    assert_eq!(judged(10, DAY, run), [Judge::Time]);
}
