//! What explorations count, when they are clean, what they tell and how failures are shrunk; and the judges of stores.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use batcher_codecs::Lz4;
use batcher_core::{
    BlobSink, BlobSource, Codec, Executor, Inline, Operation, Payload, PutMode, ReadRange, StoreError,
    StoreErrorKind, Timer,
};
use batcher_testkit::{
    Exploration, Fault, FaultCount, FaultKind, FaultPlan, Judge, MemoryStore, Progress, Report, World,
};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;

type Run = BoxFuture<'static, Result<(), StoreError>>;

fn scenario<F: Future<Output = Result<(), StoreError>> + Send + 'static>(
    run: impl Fn(World) -> F + Sync,
) -> Exploration<impl Fn(World) -> Run + Sync> {
    Exploration::new(move |world| Box::pin(run(world)) as Run)
}

/// Puts until it is acknowledged.
async fn stubborn(world: World) -> Result<(), StoreError> {
    let store = world.store(MemoryStore::new());
    while store.put("state", Payload::from(Bytes::from_static(b"1")), PutMode::Replace).await.is_err() {}
    Ok(())
}

/// Puts two objects once each, and objects where the second put fails.
async fn careless(world: World) -> Result<(), StoreError> {
    let store = world.store(MemoryStore::new());
    let _ = store.put("a", Bytes::from_static(b"1").into(), PutMode::Replace).await;
    let put = store.put("b", Bytes::from_static(b"1").into(), PutMode::Replace).await;
    if put.is_err() {
        world.report(Judge::WrongData, "careless");
    }
    Ok(())
}

const LOST: [FaultKind; 2] = [FaultKind::AckLost, FaultKind::RequestLost];

fn count(report: &Report, kind: FaultKind) -> (u64, u64) {
    let counts = report.counts().iter().filter(|(of, _)| *of == kind);
    counts.map(|(_, FaultCount { planned, fired, .. })| (*planned, *fired)).next().unwrap()
}

#[test]
fn all_combinations_are_run_and_counted() {
    for threads in [1, 3] {
        let threads = NonZeroUsize::new(threads).unwrap();
        let report = scenario(stubborn).faults(LOST).depth(3).threads(threads).run();
        report.assert_clean();
        assert!(report.is_clean());
        assert_eq!((report.cases(), report.operations()), (15, 1));
        assert_eq!([0, 1, 2, 3, 4].map(|faults| report.cases_of(faults)), [1, 2, 4, 8, 0]);
        // Half of all places: 1 + 4 + 12.
        assert_eq!(LOST.map(|kind| count(&report, kind)), [(17, 17); 2]);
    }
}

#[test]
fn combinations_without_a_kind_and_those_with_it_are_all_that_there_are() {
    let [kept, apart] = LOST;
    let stubborn = || scenario(stubborn).depth(3);
    let counts = |report: Report| {
        report.assert_clean();
        [0, 1, 2, 3].map(|faults| report.cases_of(faults))
    };
    assert_eq!(counts(stubborn().faults([kept]).run()), [1, 1, 1, 1]);
    // Of the longest combinations those of `kept` alone are left out, of shorter ones none: more may follow.
    assert_eq!(counts(stubborn().faults(LOST).involving([apart]).run()), [1, 2, 4, 7]);
    assert_eq!(counts(stubborn().depth(1).faults(LOST).involving([apart]).run()), [1, 2, 0, 0]);
}

#[test]
fn a_kind_that_never_comes_about_is_not_clean() {
    let report = scenario(stubborn).faults([FaultKind::OwnExists, FaultKind::AckLost]).run();
    assert_eq!((report.never_fired(), report.failures().len()), (vec![FaultKind::OwnExists], 0));
    assert!(!report.is_clean() && catch_unwind(|| report.assert_clean()).is_err());
    assert!(scenario(stubborn).faults(LOST).without([FaultKind::AckLost]).run().is_clean());
}

#[test]
fn a_case_that_fails_is_not_clean_and_is_shrunk_to_what_it_takes() {
    let report = scenario(careless).faults([FaultKind::Late]).depth(2).run();
    let lines: Vec<_> = report.failures().iter().map(|failure| failure.plan.to_string()).collect();
    assert_eq!(lines, ["put:b#0=request-lost"]);
    assert_eq!(report.never_fired(), []);
    assert!(!report.is_clean() && catch_unwind(AssertUnwindSafe(|| report.assert_clean())).is_err());
    let case = &report.failures()[0].case;
    assert_eq!(case.violations.iter().map(|found| found.judge).collect::<Vec<_>>(), [Judge::WrongData]);
}

#[test]
fn seeds_are_run_once_each_with_no_more_faults_than_asked_for() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let report = scenario(stubborn)
        .faults(LOST)
        .threads(NonZeroUsize::MIN)
        .progress(move |Progress { cases, done, of, .. }| tell.lock().unwrap().push((*cases, *done, *of)))
        .sample(100..700, 2);
    report.assert_clean();
    // And once with nothing going wrong.
    assert_eq!((report.cases(), report.cases_of(0) + report.cases_of(1) + report.cases_of(2)), (601, 601));
    // One call, two faults wanted: every call goes wrong until there are two.
    assert_eq!(report.cases_of(2), 600);
    let cases: Vec<_> = told.lock().unwrap().iter().map(|(cases, ..)| *cases).collect();
    assert_eq!(cases, [257, 513, 601]);
    let done: Vec<_> = told.lock().unwrap().iter().map(|(_, done, of)| (*done, *of)).collect();
    assert_eq!(done, [(0, 600), (256, 600), (512, 600)]);

    // Five calls and one fault wanted: it comes about in most runs, and not always at once.
    let five = scenario(|world| async move {
        let store = world.store(MemoryStore::new());
        for name in ["a", "b", "c", "d", "e"] {
            let _ = store.put(name, Bytes::from_static(b"1").into(), PutMode::Replace).await;
        }
        Ok(())
    });
    let five = five.faults([FaultKind::AckLost]);
    // Every second call, until there are two: all but 0.5^5 + 5 * 0.5^5 of the runs.
    let two = five.sample(0..1000, 2).cases_of(2);
    assert!((760..860).contains(&two), "{two}");
    // Every fourth: 1 - 0.75^5 of them.
    let one = five.sample(0..1000, 1).cases_of(1);
    assert!((710..810).contains(&one), "{one}");

    // The last call of all, and one among many, has its share.
    let rare = scenario(|world| async move {
        let store = world.store(MemoryStore::new());
        for name in 0..40 {
            let _ = store.put(&name.to_string(), Bytes::from_static(b"1").into(), PutMode::Replace).await;
        }
        let _ = store.list("").collect::<Vec<_>>().await;
        Ok(())
    });
    let denied = FaultKind::Reject(StoreErrorKind::Denied);
    let rare = rare.faults([denied, FaultKind::ListReversed]).sample(0..1000, 1);
    let (_, reversed) = rare.counts().iter().find(|(kind, _)| *kind == FaultKind::ListReversed).unwrap();
    assert!((100..300).contains(&reversed.fired), "{reversed:?}");
}

#[test]
fn failures_of_seeds_are_shrunk_and_enough_of_them_end_the_run() {
    let most = NonZeroUsize::new(3).unwrap();
    let sampled =
        scenario(careless).faults(LOST).most_failures(most).threads(NonZeroUsize::MIN).sample(0..10_000, 3);
    let lines: Vec<_> = sampled.failures().iter().map(|failure| failure.plan.to_string()).collect();
    assert!(lines.iter().all(|line| line.starts_with("put:b#0=")), "{lines:?}");
    // Three were found, of two kinds.
    assert!(lines.len() <= 2 && lines.first().is_some_and(|first| lines.get(1) != Some(first)), "{lines:?}");
    assert!(sampled.cases() < 10_000);
    assert!(catch_unwind(AssertUnwindSafe(|| sampled.assert_clean())).is_err());
}

#[test]
fn each_combination_is_tried_once_in_the_order_in_which_it_comes_about() {
    let two = scenario(|world| async move {
        let store = world.store(MemoryStore::new());
        for name in ["a", "b", "c"] {
            let _ = store.put(name, Bytes::from_static(b"1").into(), PutMode::Replace).await;
        }
        Ok(())
    });
    let report = two.faults([FaultKind::AckLost]).depth(4).run();
    assert_eq!([0, 1, 2, 3, 4].map(|faults| report.cases_of(faults)), [1, 3, 3, 1, 0]);
    assert_eq!(report.operations(), 3);
}

#[test]
fn behind_a_first_fault_a_future_is_dropped_at_every_later_moment_and_at_no_earlier_one() {
    let exploration = |both: Option<Judge>| {
        let two = move |world: World| async move {
            let store = world.store(MemoryStore::new());
            let calls = async {
                for name in ["a", "b"] {
                    let _ = store.put(name, Bytes::from_static(b"1").into(), PutMode::Replace).await;
                }
            };
            let dropped = world.attempt("try", calls).await.is_none();
            let lost = world.fired().iter().any(|fired| &*fired.site.key == "a");
            if let (true, true, Some(judge)) = (dropped, lost, both) {
                world.report(judge, "both");
            }
            Ok(())
        };
        scenario(two).faults([FaultKind::AckLost, FaultKind::Cancel]).depth(2).run()
    };
    let found = exploration(Some(Judge::WrongData));
    let lines: Vec<_> = found.failures().iter().map(|failure| failure.plan.to_string()).collect();
    assert!(!lines.is_empty() && lines.iter().all(|line| line.contains("put:a#0=ack-lost")), "{lines:?}");
    let clean = exploration(None);
    clean.assert_clean();
    for kind in [FaultKind::AckLost, FaultKind::Cancel] {
        let (planned, fired) = count(&clean, kind);
        assert_eq!(planned, fired, "{kind:?}");
    }
}

/// The lines to which an exploration of these kinds comes where every fault is one too many.
fn simplest(kinds: &[FaultKind], lasting: bool) -> Vec<String> {
    let report = scenario(|world| async move {
        let store = world.store(MemoryStore::new());
        let calls = async {
            let _ = store.put("a", Bytes::from_static(b"12345678").into(), PutMode::Replace).await;
            let _ = store.read("a", ReadRange::Suffix(8)).await;
        };
        let _ = world.attempt("try", calls).await;
        if world.has_faults() {
            world.report(Judge::WrongData, "something went wrong");
        }
        Ok(())
    })
    .faults(kinds.iter().copied())
    .lasting(lasting)
    .most_failures(NonZeroUsize::new(100).unwrap())
    .run();
    report.failures().iter().map(|failure| failure.plan.to_string()).collect()
}

#[test]
fn what_is_left_of_a_failure_is_the_simplest_fault_that_does() {
    assert_eq!(simplest(&[FaultKind::ShortRead], false), ["read:a#0=short:1"]);
    assert_eq!(simplest(&[FaultKind::FlipBit], false), ["read:a#0=flip:0"]);
    assert_eq!(simplest(&[FaultKind::Reject(StoreErrorKind::NoSpace)], true), ["put:a#0=reject:no-space"]);
    assert_eq!(simplest(&[FaultKind::HangAfter], false), ["put:a#0=ack-lost"]);
    for slow in [FaultKind::SlowEffect, FaultKind::SlowAnswer] {
        // A read has no acknowledgement to lose.
        assert!(simplest(&[slow], false).contains(&"put:a#0=ack-lost".to_owned()));
    }
    let cancelled = simplest(&[FaultKind::Cancel], false);
    assert!(!cancelled.is_empty() && cancelled.iter().all(|line| line.ends_with(":done")), "{cancelled:?}");
}

#[test]
fn progress_is_told_as_singles_are_done() {
    let (cases, of) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let (tell_cases, tell_of) = (Arc::clone(&cases), Arc::clone(&of));
    let report = scenario(stubborn)
        .faults(LOST)
        .depth(2)
        .progress(move |progress| {
            tell_cases.fetch_max(progress.cases, Ordering::Relaxed);
            tell_of.store(progress.of, Ordering::Relaxed);
        })
        .run();
    assert_eq!((cases.load(Ordering::Relaxed), of.load(Ordering::Relaxed)), (report.cases(), 2));
}

/// What the judges say of a run in which nothing goes wrong.
fn judged<F: Future<Output = Result<(), StoreError>> + Send + 'static>(
    run: impl Fn(World) -> F + Sync,
) -> Vec<Judge> {
    let report = scenario(run).depth(0).run();
    assert_eq!(report.cases(), 1);
    report.failures().iter().flat_map(|failure| &failure.case.violations).map(|found| found.judge).collect()
}

#[test]
fn the_way_in_which_a_scenario_ends_is_told() {
    let error = || StoreError::new(StoreErrorKind::Other, Operation::Read, "none");
    assert_eq!(judged(move |_| async move { Err(error()) }), [Judge::Failed]);
    assert_eq!(judged(|_| std::future::pending()), [Judge::Stuck]);
    let long = |world: World| async move {
        loop {
            world.timer().sleep(Duration::from_secs(24 * 3600)).await;
        }
    };
    assert_eq!(judged(long), [Judge::Time]);
    let text = |run: fn() -> Run| {
        let report = scenario(move |_| run()).depth(0).run();
        report.failures()[0].case.violations[0].message.clone()
    };
    assert_eq!(text(|| Box::pin(async { panic!("{}", "of a kind") })), "of a kind");
    assert_eq!(text(|| Box::pin(async { panic!("plain") })), "plain");
}

#[test]
fn memory_is_held_to_its_limit_and_not_to_one_byte_less() {
    let used = |limit: u64| {
        let report = scenario(stubborn).depth(0).memory_limit(
            |run| {
                run();
                100
            },
            limit,
        );
        report.run().failures().len()
    };
    assert_eq!([99, 100, 101].map(used), [1, 0, 0]);
}

#[test]
fn an_object_is_written_again_with_the_same_bytes_alone() {
    async fn twice(world: World, first: &'static [u8], then: &[&'static [u8]]) -> Result<(), StoreError> {
        let store = world.store(MemoryStore::new());
        store.put("state", Bytes::from_static(first).into(), PutMode::Replace).await?;
        let then: Payload = then.iter().map(|chunk| Bytes::from_static(chunk)).collect();
        store.put("state", then, PutMode::Replace).await
    }
    assert_eq!(judged(|world| twice(world, b"abc", &[b"abc"])), []);
    assert_eq!(judged(|world| twice(world, b"abc", &[b"a", b"bc"])), []);
    assert_eq!(judged(|world| twice(world, b"abc", &[b"a", b"bd"])), [Judge::DoubleEffect]);
    assert_eq!(judged(|world| twice(world, b"abc", &[b"abcd"])), [Judge::DoubleEffect]);
    let allowed = |world: World| {
        world.allow_rewrites("sta");
        twice(world, b"abc", &[b"abcd"])
    };
    assert_eq!(judged(allowed), []);
    let elsewhere = |world: World| {
        world.allow_rewrites("other");
        twice(world, b"abc", &[b"abcd"])
    };
    assert_eq!(judged(elsewhere), [Judge::DoubleEffect]);
}

#[test]
fn a_store_that_does_not_hold_what_was_put_is_told() {
    async fn tampered(world: World, tamper: fn(&MemoryStore)) -> Result<(), StoreError> {
        let store = world.store(MemoryStore::new());
        store.put("state", Bytes::from_static(b"abc").into(), PutMode::Replace).await?;
        tamper(store.inner());
        Ok(())
    }
    assert_eq!(judged(|world| tampered(world, |_| ())), []);
    assert_eq!(judged(|world| tampered(world, |store| store.insert("state", "abd"))), [Judge::Store]);
    assert_eq!(judged(|world| tampered(world, |store| store.insert("state", "ab"))), [Judge::Store]);
    let gone = |world: World| async move {
        let store = world.store(MemoryStore::new());
        store.put("state", Bytes::from_static(b"abc").into(), PutMode::Replace).await?;
        store.inner().delete("state").await
    };
    assert_eq!(judged(gone), [Judge::Store]);
    let deleted_and_back = |world: World| async move {
        let store = world.store(MemoryStore::new());
        store.put("state", Bytes::from_static(b"abc").into(), PutMode::Replace).await?;
        store.delete("state").await?;
        store.inner().insert("state", "abc");
        Ok(())
    };
    assert_eq!(judged(deleted_and_back), [Judge::Store]);
}

#[test]
fn what_somebody_else_put_is_neither_replaced_nor_deleted() {
    let planted = |delete: bool| {
        judged(move |world| async move {
            let store = world.store(MemoryStore::new());
            world.plant(&store, "theirs", "1").await?;
            assert_eq!(store.inner().object("theirs").as_deref(), Some(&b"1"[..]));
            match delete {
                true => store.delete("theirs").await,
                false => store.put("theirs", Bytes::from_static(b"1").into(), PutMode::Replace).await,
            }
        })
    };
    assert_eq!([true, false].map(planted), [[Judge::ForeignOverwritten]; 2]);
}

/// Uploads one part, completes it, and aborts it whatever came of that.
async fn hasty(world: World, settle: bool) -> Result<(), StoreError> {
    let store = world.store(MemoryStore::new());
    let mut upload = store.start_multipart("state", PutMode::Replace).await?;
    upload.put_part(Bytes::from_static(b"1").into()).await?;
    if upload.complete().await.is_err() {
        if settle {
            world.settle().await;
        }
        let _ = upload.abort().await;
    }
    Ok(())
}

#[test]
fn an_upload_that_may_yet_be_completed_is_let_be() {
    let found = |line: &str, settle: bool| {
        let case = scenario(move |world| hasty(world, settle)).replay(line).unwrap();
        assert_eq!(case.fired.len(), 1);
        case.violations.iter().map(|found| found.judge).collect::<Vec<_>>()
    };
    for lost in ["request-lost", "late:1", "late:end"] {
        let line = format!("complete:state#0={lost}");
        assert_eq!(found(&line, false), [Judge::AbortedInDoubt], "{line}");
    }
    // It is known not to have become an object, or stands.
    assert_eq!(found("complete:state#0=reject:denied", false), []);
    assert_eq!(found("complete:state#0=ack-lost", false), []);
    assert_eq!(found("complete:state#0=late:1", true), []);
}

/// Who objects when this line is replayed, and what they say.
fn replayed<F: Future<Output = Result<(), StoreError>> + Send + 'static>(
    line: &str,
    run: impl Fn(World) -> F + Sync,
) -> Vec<(Judge, String)> {
    let case = scenario(run).replay(line).unwrap();
    assert_eq!(case.fired.len(), line.split(' ').count(), "{line}");
    case.violations.into_iter().map(|found| (found.judge, found.message)).collect()
}

#[test]
fn a_job_or_an_effect_that_panics_while_nobody_waits_for_it_is_judged() {
    let late_job = |world: World| async move {
        let (executor, codec) = (world.executor(Inline), world.codec(Lz4::default()));
        let job = Box::new(move || drop(codec.decode(b"frame", &mut [0; 5])));
        let _ = world.attempt("job", async { executor.execute(job) }).await;
        world.timer().sleep(Duration::from_secs(1)).await;
        Ok(())
    };
    let panicked = (Judge::Panicked, "a fault's panic came through, outside of any attempt".to_owned());
    assert_eq!(replayed("job#0=job-late decode#0=codec-panics", late_job), slice::from_ref(&panicked));
    let report = scenario(late_job).faults([FaultKind::JobLate, FaultKind::CodecPanics]).depth(2).run();
    assert!(report.failures().iter().any(|failure| failure.plan.len() == 2), "{report}");

    // A store that panics in the midst of a put whose caller has given up.
    let dropped = |world: World| async move {
        let panics = World::new(FaultPlan::new().at(Operation::Put, 0, Fault::PanicBefore));
        let store = world.store(panics.store(MemoryStore::new()));
        let put = store.put("state", Bytes::from_static(b"1").into(), PutMode::Create);
        assert!(world.attempt("put", put).await.is_none());
        world.timer().sleep(Duration::from_secs(1)).await;
        Ok(())
    };
    assert_eq!(replayed("attempt:put#0=cancel:0:done", dropped), [panicked]);
}

/// Puts, and does not wait for the answer.
async fn impatient(world: World) -> Result<(), StoreError> {
    let store = world.store(MemoryStore::new());
    for name in ["a", "b"] {
        let call = async {
            let mut put = store.put(name, Bytes::from_static(b"1").into(), PutMode::Create);
            assert!(poll_fn(|context| Poll::Ready(put.as_mut().poll(context).is_pending())).await);
        };
        let _ = world.attempt("put", call).await;
        world.settle().await;
        if store.inner().object(name).is_none() {
            world.report(Judge::WrongData, name);
        }
    }
    Ok(())
}

#[test]
fn what_was_chosen_for_a_call_whose_caller_did_not_wait_is_in_the_line() {
    let denied = FaultKind::Reject(StoreErrorKind::Denied);
    for kind in [denied, FaultKind::RequestLost, FaultKind::PhantomExists, FaultKind::PanicBefore] {
        let report = scenario(impatient).faults([kind]).threads(NonZeroUsize::MIN).sample(0..20, 1);
        assert!(!report.failures().is_empty(), "{report}");
        for failure in report.failures() {
            // No more than were asked for, and the same once more.
            assert_eq!((failure.plan.len(), failure.case.violations.len()), (1, 1), "{kind:?}: {report}");
            let line = failure.plan.to_string();
            assert_eq!(scenario(impatient).replay(&line).unwrap().violations.len(), 1, "{line}");
        }
    }
}
