//! Which combinations of faults are run, and when an exploration has enough of them.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::collections::HashSet;
use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use batcher_core::{BlobSink, BlobSource, Executor, Inline, Operation, PutMode, StoreErrorKind};
use batcher_testkit::{
    Exploration, Fault, FaultKind, FaultPlan, FaultStore, Judge, MemoryStore, Report, World,
};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::task::AtomicWaker;

const ONE: NonZeroUsize = NonZeroUsize::MIN;

async fn put(store: &FaultStore<MemoryStore>, name: &str) {
    let _ = store.put(name, Bytes::from_static(b"1").into(), PutMode::Replace).await;
}

/// Is pending once.
async fn yields() {
    let mut turns = 0..1;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        turns.next().map_or(Poll::Ready(()), |_| Poll::Pending)
    })
    .await;
}

/// A put, a look at it, and the put once more, in an attempt.
fn twice(kinds: [FaultKind; 2]) -> Report {
    let run = |world: World| async move {
        let store = world.store(MemoryStore::new());
        let calls = async {
            put(&store, "a").await;
            let _ = store.size("a").await;
            put(&store, "a").await;
        };
        let _ = world.attempt("in", calls).await;
        Ok::<(), String>(())
    };
    Exploration::new(run).faults(kinds).depth(3).run()
}

#[test]
fn what_is_about_the_same_object_is_combined_once() {
    let report = twice([FaultKind::RequestLost, FaultKind::SlowAnswer]);
    report.assert_clean();
    // Three calls, each of which goes wrong in two ways or not at all.
    assert_eq!([0, 1, 2, 3].map(|faults| report.cases_of(faults)), [1, 6, 12, 8]);
}

#[test]
fn what_is_to_be_lost_is_combined_with_what_comes_behind_its_call() {
    let report = twice([FaultKind::Vanishes, FaultKind::RequestLost]);
    // Two puts that vanish; nothing dies, and so none of them comes about, alone or behind others.
    assert_eq!((report.failures().len(), report.never_fired()), (0, vec![FaultKind::Vanishes]));
    // As if it had come about: two calls behind the first put, one behind the look at it, and so on.
    assert_eq!([0, 1, 2, 3].map(|faults| report.cases_of(faults)), [1, 5, 8, 4]);
}

#[test]
fn what_is_to_be_lost_is_not_combined_with_the_end_of_its_own_caller() {
    let run = |world: World| async move {
        let store = world.store(MemoryStore::new());
        let _ = world.attempt("in", put(&store, "a")).await;
        world.restart().await;
        Ok::<(), String>(())
    };
    let report = Exploration::new(run).faults([FaultKind::Vanishes, FaultKind::Cancel]).depth(2).run();
    report.assert_clean();
    assert_eq!(report.cases_of(2), 0);
}

/// Nothing is called in between.
#[test]
fn what_has_gone_wrong_is_combined_with_the_end_of_a_caller_who_knows() {
    let run = |world: World| async move {
        let store = world.store(MemoryStore::new());
        let calls = async {
            put(&store, "a").await;
            yields().await;
        };
        let _ = world.attempt("in", calls).await;
        Ok::<(), String>(())
    };
    let report = Exploration::new(run).faults([FaultKind::RequestLost, FaultKind::Cancel]).depth(2).run();
    report.assert_clean();
    // One that goes away before there is an answer is the same as one whose request is not lost.
    assert_eq!(report.cases_of(2), 1);
}

#[test]
fn what_is_late_is_combined_with_the_end_of_a_caller_who_waits_for_it() {
    let run = |world: World| async move {
        let store = world.store(MemoryStore::new());
        let done = Arc::new((AtomicBool::new(false), AtomicWaker::new()));
        let job = Arc::clone(&done);
        let waits = async {
            put(&store, "a").await;
            world.executor(Inline).execute(Box::new(move || {
                job.0.store(true, Ordering::SeqCst);
                job.1.wake();
            }));
            poll_fn(|context| {
                done.1.register(context.waker());
                if done.0.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        };
        let _ = world.attempt("in", waits).await;
        Ok::<(), String>(())
    };
    // Alone the job is done before anybody waits for it.
    let report = Exploration::new(run).faults([FaultKind::JobLate]).depth(2).run();
    report.assert_clean();
    let kinds = [FaultKind::JobLate, FaultKind::Cancel];
    let report = Exploration::new(run).faults(kinds).depth(2).run();
    report.assert_clean();
    // Before it is late there is nothing to wait for.
    assert_eq!(report.cases_of(2), 1);
}

/// What came about in a run.
type Fired = HashSet<(String, Fault)>;

/// Everything that is run with up to two faults; nothing is run twice.
fn runs<F: Future<Output = ()>>(scenario: impl Fn(World) -> F + Sync, kinds: &[FaultKind]) -> Vec<Fired> {
    let runs: Mutex<Vec<Fired>> = Mutex::default();
    let run = |world: World| {
        let (runs, scenario) = (&runs, &scenario);
        async move {
            scenario(world.clone()).await;
            let fired =
                world.fired().into_iter().map(|fired| (fired.site.to_string(), fired.fault)).collect();
            runs.lock().unwrap().push(fired);
            Ok::<(), String>(())
        }
    };
    Exploration::new(run).faults(kinds.iter().copied()).late_window(1).depth(2).run().assert_clean();
    let runs = runs.into_inner().unwrap();
    for (index, run) in runs.iter().enumerate() {
        assert!(!runs[..index].contains(run), "{run:?} twice");
    }
    runs
}

/// Two callers at once: the one may go wrong and the other end, at any moment of either.
#[test]
fn what_goes_wrong_is_combined_with_the_end_of_another_caller() {
    for kinds in [&[FaultKind::Cancel][..], &[FaultKind::SlowAnswer, FaultKind::AckLost, FaultKind::Cancel]] {
        let scenario = |world: World| async move {
            let store = world.store(MemoryStore::new());
            let puts = async {
                put(&store, "a").await;
                yields().await;
                put(&store, "c").await;
            };
            let other = world.attempt("other", put(&store, "b"));
            let _ = join(world.attempt("one", puts), other).await;
        };
        let runs = runs(scenario, kinds);
        // Whatever befalls the one or ends it befalls it beside all that ends the other.
        let singles: Vec<_> = runs.iter().filter(|run| run.len() == 1).flatten().cloned().collect();
        let of = |names: &'static [&str]| singles.iter().filter(|(site, _)| names.contains(&site.as_str()));
        let mut pairs = 0;
        for (befalls, ends) in [
            (&["attempt:one#0", "put:a#0", "put:c#0"][..], &["attempt:other#0"][..]),
            (&["attempt:other#0", "put:b#0"], &["attempt:one#0"]),
        ] {
            for (first, second) in of(befalls).flat_map(|first| of(ends).map(move |second| (first, second))) {
                let pair = HashSet::from([first.clone(), second.clone()]);
                assert!(runs.contains(&pair), "{pair:?} never");
                pairs += 1;
            }
        }
        assert!(pairs > 50, "{pairs}");
    }
}

/// The one calls something while the other waits for what is no call.
#[test]
fn no_pair_is_run_twice() {
    let scenario = |world: World| async move {
        let store = world.store(MemoryStore::new());
        let calls = async |first, second| {
            put(&store, first).await;
            yields().await;
            put(&store, second).await;
        };
        let (one, other) = (calls("a", "b"), calls("c", "d"));
        let _ = join(world.attempt("one", one), world.attempt("other", other)).await;
    };
    let runs = runs(scenario, &[FaultKind::SlowAnswer, FaultKind::AckLost, FaultKind::Cancel]);
    assert!(runs.len() > 100);
}

#[test]
fn what_ends_within_is_combined_with_a_later_end_of_what_it_is_in() {
    let scenario = |world: World| async move {
        let store = world.store(MemoryStore::new());
        let process = async {
            let _ = world.attempt("in", put(&store, "a")).await;
            yields().await;
            put(&store, "b").await;
        };
        let _ = world.process("node", process).await;
    };
    let ends = |run: &Fired, name: &str| {
        let of = run.iter().find(|(site, _)| site == name);
        of.map(|(_, fault)| if let Fault::Cancel { pending, .. } = fault { *pending } else { u32::MAX })
    };
    let mut pairs = 0;
    for run in runs(scenario, &[FaultKind::SlowAnswer, FaultKind::Cancel]) {
        let (inner, outer) = (ends(&run, "attempt:in#0"), ends(&run, "process:node#0"));
        if let (Some(inner), Some(outer)) = (inner, outer) {
            // At the same moment it is the outer one's end alone.
            assert!(outer > inner, "{run:?}");
            pairs += 1;
        }
        // Nobody is left to get a slow answer who goes away before.
        assert!(inner.is_none() || ends(&run, "put:a#0").is_none(), "{run:?}");
        assert!(outer.is_none_or(|outer| outer > 3) || ends(&run, "put:a#0").is_none(), "{run:?}");
    }
    assert!(pairs > 10, "{pairs}");
}

/// A list that has gone wrong, and the end of whoever got it.
#[test]
fn a_list_that_has_gone_wrong_is_combined_with_the_end_of_a_caller_who_has_it() {
    let run = |world: World| async move {
        let store = world.store(MemoryStore::new());
        let calls = async {
            let _ = store.list("").collect::<Vec<_>>().await;
            yields().await;
        };
        let _ = world.attempt("in", calls).await;
        Ok::<(), String>(())
    };
    let report = Exploration::new(run).faults([FaultKind::ListBreaksOff, FaultKind::Cancel]).depth(2).run();
    report.assert_clean();
    assert_eq!(report.cases_of(2), 1);
}

/// Three puts, each of which must not fail.
fn three(most: NonZeroUsize) -> Report {
    let run = |world: World| async move {
        let store = world.store(MemoryStore::new());
        for name in ["a", "b", "c"] {
            put(&store, name).await;
        }
        if world.has_faults() {
            world.report(Judge::WrongData, "gone wrong");
        }
        Ok::<(), String>(())
    };
    Exploration::new(run).faults([FaultKind::RequestLost]).threads(ONE).most_failures(most).run()
}

#[test]
fn an_exploration_goes_on_until_it_has_found_enough() {
    let found = [1, 2, 3, 4].map(|most| three(NonZeroUsize::new(most).unwrap()).failures().len());
    assert_eq!(found, [1, 2, 3, 3]);
    assert_eq!([three(ONE).cases(), three(NonZeroUsize::new(9).unwrap()).cases()], [2, 4]);
}

#[test]
fn what_is_left_out_is_not_tried() {
    let run = |_: World| async { Ok::<(), String>(()) };
    let kinds = [FaultKind::RequestLost, FaultKind::Late, FaultKind::AckLost];
    let report = Exploration::new(run).faults(kinds).without([FaultKind::Late, FaultKind::Hang]).run();
    let left: Vec<_> = report.counts().iter().map(|(kind, _)| *kind).collect();
    assert_eq!(left, [FaultKind::RequestLost, FaultKind::AckLost]);
}

/// What lasts leaves alone what it cannot befall, and does not hide what goes wrong there.
#[test]
fn a_name_that_is_taken_for_good_is_nothing_to_a_write_that_replaces() {
    let plan = FaultPlan::new().from_call(Operation::Put, 0, Fault::PhantomExists);
    let world = World::new(plan.at(Operation::Put, 1, Fault::AckLost));
    let store = world.store(MemoryStore::new());
    let put = async |name, mode| {
        let put = store.put(name, Bytes::from_static(b"1").into(), mode).await;
        put.map_err(|error| error.kind())
    };
    let puts = world.run(async {
        [
            put("a", PutMode::Create).await,
            put("b", PutMode::Replace).await,
            put("c", PutMode::Replace).await,
            put("d", PutMode::Create).await,
        ]
    });
    let taken = Err(StoreErrorKind::AlreadyExists);
    assert_eq!(puts.unwrap(), [taken, Err(StoreErrorKind::Unavailable), Ok(()), taken]);
}
