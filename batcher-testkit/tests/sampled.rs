//! Which faults are tried by seed, where nobody knows yet what a call will find.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Mutex;

use batcher_core::{BlobSink, BlobSource, PutMode, ReadRange};
use batcher_testkit::{Exploration, Fault, FaultKind, MemoryStore, World};
use bytes::Bytes;
use futures_util::TryStreamExt;

/// The faults that come about.
fn sampled(kind: FaultKind) -> BTreeSet<String> {
    let seen = Mutex::new(BTreeSet::new());
    let note = &seen;
    let run = move |world: World| async move {
        let store = world.store(MemoryStore::new());
        let calls = async {
            let _ = store.put("o", Bytes::from_static(b"12345678").into(), PutMode::Create).await;
            let _ = store.read("o", ReadRange::Suffix(99)).await;
            let _ = store.list("").try_collect::<Vec<_>>().await;
        };
        let _ = world.attempt("in", calls).await;
        note.lock().unwrap().extend(world.fired().into_iter().map(|fired| fired.fault.to_string()));
        Ok::<(), String>(())
    };
    let report = Exploration::new(run).faults([kind]).late_window(4).sample(0..600, 1);
    assert!(report.is_clean(), "{report}");
    seen.into_inner().unwrap()
}

fn words(list: &str) -> BTreeSet<String> {
    list.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn every_parameter_is_tried() {
    assert_eq!(sampled(FaultKind::Late), words("late:1 late:2 late:3 late:4 late:end"));
    // As much as is written.
    assert_eq!(sampled(FaultKind::Torn), words("torn:0 torn:4 torn:7"));
    // A reply of 64 bytes is taken for granted.
    assert_eq!(sampled(FaultKind::ShortRead), words("short:1 short:32 short:64"));
    assert_eq!(sampled(FaultKind::FlipBit), words("flip:0 flip:256 flip:511"));
    assert_eq!(sampled(FaultKind::ListBreaksOff), words("list-breaks-off:0 list-breaks-off:1"));
    assert_eq!(sampled(FaultKind::ListMisses), words("list-misses:0"));
    // Wherever it may be pending, whatever may be under way.
    let cancelled = sampled(FaultKind::Cancel);
    for moment in ["0:", "1:", "2:", "3:"] {
        let begins = |fault: &String| fault.starts_with(&format!("cancel:{moment}"));
        assert!(cancelled.iter().any(begins), "{moment} {cancelled:?}");
    }
    for fate in ["done", "never", "late-1", "late-2", "late-3", "late-4", "late-end"] {
        assert!(cancelled.iter().any(|fault| fault.ends_with(fate)), "{fate} {cancelled:?}");
    }
}

#[test]
fn attempts_are_cancelled_wherever_they_are_pending_when_nothing_goes_wrong() {
    let seen = Mutex::new(BTreeSet::new());
    let note = &seen;
    let run = move |world: World| async move {
        let store = world.store(MemoryStore::new());
        let calls = async {
            for _ in 0..30 {
                let _ = store.size("o").await;
            }
        };
        let _ = world.attempt("in", calls).await;
        note.lock().unwrap().extend(world.fired().into_iter().map(|fired| match fired.fault {
            Fault::Cancel { pending, .. } => pending,
            other => panic!("{other}"),
        }));
        Ok::<(), String>(())
    };
    let exploration = Exploration::new(run).faults([FaultKind::Cancel]);
    exploration.run().assert_clean();
    let all = std::mem::take(&mut *seen.lock().unwrap());
    assert!(all.len() > 30);
    exploration.sample(0..3000, 1).assert_clean();
    let sampled = seen.into_inner().unwrap();
    assert!(sampled.is_superset(&all), "{sampled:?}, of {all:?}");
}

#[test]
fn faults_last_where_that_is_asked_for_and_are_replayed_as_they_lasted() {
    let spans = |lasting: bool| {
        let seen = Mutex::new(BTreeSet::new());
        let note = &seen;
        let run = move |world: World| async move {
            let store = world.store(MemoryStore::new());
            let _ = store.size("o").await;
            let put = store.put("o", Bytes::from_static(b"1").into(), PutMode::Create).await;
            let again = store.put("o", Bytes::from_static(b"1").into(), PutMode::Create).await;
            note.lock().unwrap().extend(world.fired().iter().map(|fired| format!("{:?}", fired.span)));
            match (put, again) {
                (Err(_), Err(_)) if world.fired().len() > 1 => Err("away"),
                _ => Ok(()),
            }
        };
        let exploration = Exploration::new(run).faults([FaultKind::RequestLost]).lasting(lasting);
        let report = exploration.sample(0..300, 1);
        let lines: BTreeSet<String> =
            report.failures().iter().map(|failure| failure.plan.to_string()).collect();
        for line in &lines {
            assert_eq!(exploration.replay(line).unwrap().violations.len(), 1, "{line}");
        }
        (seen.into_inner().unwrap(), lines)
    };
    assert_eq!(spans(false), (words("Once"), words("")));
    let (seen, lines) = spans(true);
    assert_eq!(seen, words("Once Outage Persistent"));
    // From the first put on, however that came about; or from the call before it.
    assert_eq!(lines, words("put:o#0..=request-lost size:o#0..all=request-lost"));
}

/// A kind of many calls does not take all faults, nor one that is tried again for each fault.
#[test]
fn every_kind_of_call_has_its_share_and_many_runs_have_all_faults() {
    let seen = Mutex::new(BTreeMap::<String, u32>::new());
    let note = &seen;
    let run = move |world: World| async move {
        let store = world.store(MemoryStore::new());
        let life = async || {
            for _ in 0..20 {
                let _ = store.size("o").await;
            }
            store.put("o", Bytes::from_static(b"1").into(), PutMode::Replace).await.is_ok()
        };
        while world.process("node", life()).await != Some(true) {}
        for fired in world.fired() {
            *note.lock().unwrap().entry(fired.site.call.to_string()).or_default() += 1;
        }
        Ok::<(), String>(())
    };
    let exploration = Exploration::new(run).faults([FaultKind::RequestLost, FaultKind::Cancel]);
    assert!(exploration.sample(0..1000, 1).is_clean());
    let of_one = std::mem::take(&mut *seen.lock().unwrap());
    let all: u32 = of_one.values().sum();
    for call in ["size", "put", "process"] {
        assert!(of_one[call] * 10 > all && of_one[call] * 10 < all * 7, "{call}: {of_one:?}");
    }
    let report = exploration.sample(0..1000, 6);
    assert!(report.is_clean() && report.cases_of(6) > 250, "{report}");
    let of_six = seen.into_inner().unwrap();
    let all: u32 = of_six.values().sum();
    for call in ["size", "put", "process"] {
        assert!(of_six.get(call).is_some_and(|count| count * 30 > all), "{call}: {of_six:?}");
    }
}

#[test]
fn cases_are_counted_by_what_was_chosen_and_by_what_came_about() {
    let run = |world: World| async move {
        let store = world.store(MemoryStore::new());
        // There is nothing that could be missing besides.
        let _ = store.read("o", ReadRange::Suffix(9)).await;
        let _ = store.read("p", ReadRange::Suffix(9)).await;
        Ok::<(), String>(())
    };
    let report = Exploration::new(run).faults([FaultKind::Absent]).sample(0..100, 2);
    assert!(report.cases_of(2) > 10, "{report}");
    assert_eq!((report.cases(), report.cases_that_fired(0)), (101, 101));

    let run = |world: World| async move {
        let store = world.store(MemoryStore::new());
        for _ in 0..3 {
            let _ = store.size("o").await;
        }
        Ok::<(), String>(())
    };
    // However often one that lasts comes about.
    let report = Exploration::new(run).faults([FaultKind::RequestLost]).lasting(true).run();
    assert_eq!([0, 1, 2].map(|faults| report.cases_that_fired(faults)), [1, report.cases() - 1, 0]);

    let run = |world: World| async move {
        let store = world.store(MemoryStore::new());
        let _ = store.size("o").await;
        let _ = store.read("o", ReadRange::Suffix(9)).await;
        Ok::<(), String>(())
    };
    let exploration = Exploration::new(run).faults([FaultKind::RequestLost]).lasting(true);
    // An outage of both operations is one fault.
    assert_eq!(exploration.run().cases_that_fired(2), 0);
    // The same fault in all calls of one operation, and in all of another.
    let report = exploration.depth(2).run();
    assert_eq!(report.cases_that_fired(2), report.cases_of(2));
}

#[test]
fn as_many_faults_as_come_may_be_asked_for() {
    let run = |world: World| async move {
        let store = world.store(MemoryStore::new());
        let _ = store.size("o").await;
        let _ = store.size("p").await;
        Ok::<(), String>(())
    };
    let report = Exploration::new(run).faults([FaultKind::RequestLost]).sample(0..10, usize::MAX);
    assert_eq!(report.cases_that_fired(2), 10);
}

#[test]
fn an_exploration_by_seed_ends_where_it_has_found_enough() {
    let run = |world: World| async move {
        let store = world.store(MemoryStore::new());
        for number in 0..100 {
            store.put(&number.to_string(), Bytes::from_static(b"1").into(), PutMode::Create).await?;
        }
        Ok::<(), batcher_core::StoreError>(())
    };
    let two = NonZeroUsize::MIN.saturating_add(1);
    let exploration = Exploration::new(run).faults([FaultKind::RequestLost]).threads(NonZeroUsize::MIN);
    assert_eq!(exploration.most_failures(two).sample(0..1000, 1).failures().len(), 2);
}
