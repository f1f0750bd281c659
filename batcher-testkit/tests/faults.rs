//! What goes wrong, and that nothing else does.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::time::Duration;

use batcher_codecs::Lz4;
use batcher_core::{
    BlobSink, BlobSource, Codec, Operation, Outcome, Payload, PutMode, ReadRange, StoreError, StoreErrorKind,
    Timer,
};
use batcher_testkit::{Fate, Fault, FaultPlan, FaultStore, LATEST, MemoryStore, World};
use bytes::Bytes;
use futures_util::TryStreamExt;
use proptest::prelude::*;

fn payload() -> Payload {
    Bytes::from_static(b"state").into()
}

fn faulty(call: Operation, fault: Fault) -> (World, FaultStore<MemoryStore>) {
    let world = World::new(FaultPlan::new().at(call, 0, fault));
    let store = world.store(MemoryStore::new());
    (world, store)
}

/// What a create answers under a fault, and whether the object is there at once and once the world has settled.
fn create(fault: Fault) -> (Result<(), (StoreErrorKind, Outcome)>, bool, bool) {
    let (world, store) = faulty(Operation::Put, fault);
    let (answer, at_once) = world
        .run(async {
            let answer = store.put("o", payload(), PutMode::Create).await;
            let at_once = store.inner().object("o").is_some();
            world.settle().await;
            (answer.map_err(|error: StoreError| (error.kind(), error.outcome())), at_once)
        })
        .unwrap();
    assert_eq!(store.fired().len(), 1, "{fault}");
    (answer, at_once, store.inner().object("o").is_some())
}

#[test]
fn each_fault_of_a_write_has_its_answer_and_its_effect() {
    use Outcome::{NotApplied, Unknown};
    use StoreErrorKind::{AlreadyExists, Denied, Timeout, Unavailable};
    let cases = [
        (Fault::Reject(Denied), Err((Denied, NotApplied)), false, false),
        (Fault::RequestLost, Err((Timeout, Unknown)), false, false),
        (Fault::AckLost, Err((Unavailable, Unknown)), true, true),
        (Fault::OwnExists, Err((AlreadyExists, Unknown)), true, true),
        (Fault::PhantomExists, Err((AlreadyExists, Unknown)), false, false),
        (Fault::Late(LATEST), Err((Timeout, Unknown)), false, true),
        (Fault::SlowEffect, Ok(()), true, true),
        (Fault::SlowAnswer, Ok(()), true, true),
        (Fault::Overtaken, Ok(()), true, true),
        (Fault::SpuriousWakes, Ok(()), true, true),
    ];
    for (fault, answer, at_once, settled) in cases {
        assert_eq!(create(fault), (answer, at_once, settled), "{fault}");
    }
}

#[test]
fn a_late_effect_comes_right_before_that_of_its_call() {
    for late in 1..5 {
        let (world, store) = faulty(Operation::Put, Fault::Late(late));
        let seen = world.run(async {
            store.put("o", payload(), PutMode::Create).await.unwrap_err();
            let mut seen = Vec::new();
            for _ in 1..6 {
                seen.push(store.size("o").await.is_ok());
            }
            seen
        });
        let expected: Vec<_> = (1..6).map(|call| call >= late).collect();
        assert_eq!(seen.unwrap(), expected, "{late}");
    }
}

#[test]
fn what_hangs_is_given_up_by_its_attempt() {
    for (fault, there) in [(Fault::Hang, false), (Fault::HangAfter, true)] {
        let (world, store) = faulty(Operation::Put, fault);
        let given_up = world
            .run(async { world.attempt("put", store.put("o", payload(), PutMode::Create)).await.is_none() });
        assert!(given_up.unwrap());
        assert_eq!(store.inner().object("o").is_some(), there);
        // Without an attempt nobody gives up.
        let (world, store) = faulty(Operation::Put, fault);
        assert!(world.run(store.put("o", payload(), PutMode::Create)).is_err());
    }
}

#[test]
fn a_store_that_panics_ends_its_attempt() {
    for (fault, there) in [(Fault::PanicBefore, false), (Fault::PanicAfter, true)] {
        let (world, store) = faulty(Operation::Put, fault);
        let ended = world
            .run(async { world.attempt("put", store.put("o", payload(), PutMode::Create)).await.is_none() });
        assert!(ended.unwrap());
        assert_eq!(store.inner().object("o").is_some(), there, "{fault}");
    }
}

#[test]
fn a_crash_ends_the_process_and_takes_away_what_was_not_kept() {
    for (fault, there) in [(Fault::CrashBefore, false), (Fault::CrashAfter, true)] {
        let (world, store) = faulty(Operation::Put, fault);
        let died = world
            .run(async { world.process("node", store.put("o", payload(), PutMode::Create)).await.is_none() });
        assert!(died.unwrap());
        assert_eq!(store.inner().object("o").is_some(), there, "{fault}");
    }
    for (fault, left) in [(Fault::Vanishes, None), (Fault::Blanked, Some(Bytes::from(vec![0; 5])))] {
        let (world, store) = faulty(Operation::Put, fault);
        world
            .run(async {
                store.put("o", payload(), PutMode::Create).await.unwrap();
                assert_eq!(store.inner().object("o").as_deref(), Some(&b"state"[..]));
                world.restart().await;
            })
            .unwrap();
        assert_eq!(store.inner().object("o"), left);
        assert!(world.is_damaged());
    }
}

#[test]
fn a_torn_object_holds_the_first_bytes() {
    let (world, store) = faulty(Operation::Put, Fault::Torn(2));
    world.run(store.put("o", payload(), PutMode::Create)).unwrap().unwrap_err();
    assert_eq!(store.inner().object("o").as_deref(), Some(&b"st"[..]));
}

#[test]
fn a_dropped_write_becomes_what_its_fault_says() {
    for (effects, at_once, settled) in
        [(Fate::Never, false, false), (Fate::Done, true, true), (Fate::Late(LATEST), false, true)]
    {
        let plan = FaultPlan::new().at_call_on(
            batcher_testkit::Call::Attempt,
            "put",
            0,
            Fault::Cancel { pending: 0, effects },
        );
        let world = World::new(plan);
        let store = world.store(MemoryStore::new());
        world
            .run(async {
                let put = store.put("o", payload(), PutMode::Create);
                assert!(world.attempt("put", put).await.is_none());
                // The next call lets come about what is due.
                assert_eq!(store.size("o").await.is_ok(), at_once, "{effects:?}");
                world.settle().await;
                assert_eq!(store.size("o").await.is_ok(), settled, "{effects:?}");
            })
            .unwrap();
    }
}

#[test]
fn each_fault_of_a_read_spoils_its_reply_and_no_other() {
    let cases: [(Fault, Option<&[u8]>); 5] = [
        (Fault::ShortRead(2), Some(b"sta")),
        (Fault::FlipBit(0), Some(b"rtate")),
        (Fault::ZeroedRead, Some(&[0; 5])),
        (Fault::Misdirected, Some(b"atest")),
        (Fault::Absent, None),
    ];
    for (fault, expected) in cases {
        let (world, store) = faulty(Operation::Read, fault);
        store.inner().insert("o", "state");
        let read = || world.run(store.read("o", ReadRange::Bounded(0..9))).unwrap();
        assert_eq!(read().ok().map(|reply| reply.bytes).as_deref(), expected, "{fault}");
        assert_eq!(read().unwrap().bytes, "state");
        assert_eq!((store.calls(Operation::Read), store.fired().len()), (2, 1));
    }
}

#[test]
fn a_stale_read_sees_the_store_as_it_was() {
    let plan =
        FaultPlan::new().at(Operation::Read, 0, Fault::Stale(1)).at(Operation::Read, 1, Fault::Stale(2));
    let world = World::new(plan);
    let store = world.store(MemoryStore::new());
    world
        .run(async {
            store.put("o", payload(), PutMode::Replace).await.unwrap();
            store.put("o", Bytes::from_static(b"new").into(), PutMode::Replace).await.unwrap();
            let read = async || store.read("o", ReadRange::Bounded(0..9)).await.map(|reply| reply.bytes);
            assert_eq!(read().await.unwrap(), "state");
            assert_eq!(read().await.unwrap_err().kind(), StoreErrorKind::NotFound);
            assert_eq!(read().await.unwrap(), "new");
        })
        .unwrap();
}

#[test]
fn lists_go_wrong_in_their_ways() {
    let cases: [(Fault, Option<&[&str]>); 5] = [
        (Fault::ListMisses(0), Some(&["b", "c"])),
        (Fault::ListRepeats, Some(&["a", "b", "c", "a", "b", "c"])),
        (Fault::ListReversed, Some(&["c", "b", "a"])),
        (Fault::Stale(1), Some(&["a", "b"])),
        (Fault::ListBreaksOff(1), None),
    ];
    for (fault, expected) in cases {
        let (world, store) = faulty(Operation::List, fault);
        let listed = world
            .run(async {
                for name in ["a", "b", "c"] {
                    store.put(name, payload(), PutMode::Create).await.unwrap();
                }
                store.list("").map_ok(|info| info.name).try_collect::<Vec<_>>().await.ok()
            })
            .unwrap();
        let expected = expected.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(listed, expected, "{fault}");
    }
}

#[test]
fn what_lasts_ends_when_the_world_is_healed() {
    let full = Fault::Reject(StoreErrorKind::NoSpace);
    let world = World::new(FaultPlan::new().from_call_on(Operation::Put, "b", 0, full));
    let store = world.store(MemoryStore::new());
    world
        .run(async {
            let put = async |name| store.put(name, payload(), PutMode::Replace).await.is_ok();
            assert!(put("a").await && !put("b").await && !put("a").await && !put("c").await);
            world.heal();
            assert!(put("b").await && put("a").await);
        })
        .unwrap();
}

#[test]
fn an_outage_befalls_all_calls_of_all_stores_until_the_world_is_healed() {
    let denied = Fault::Reject(StoreErrorKind::Denied);
    let world = World::new(FaultPlan::new().outage_from(Operation::Put, "b", 0, denied));
    let [store, other] = [0, 1].map(|_| world.store(MemoryStore::new()));
    world
        .run(async {
            let put = async |name| store.put(name, payload(), PutMode::Replace).await.is_ok();
            let size = async || other.size("o").await.unwrap_err().kind();
            assert!(put("a").await && size().await == StoreErrorKind::NotFound);
            assert!(!put("b").await && !put("a").await && size().await == StoreErrorKind::Denied);
            assert!(store.list("").try_collect::<Vec<_>>().await.is_err());
            let encoded = world.codec(Lz4::default()).encode(b"state", &mut [0; 100]);
            assert!(encoded.is_ok(), "no store's call");
            world.heal();
            assert!(put("b").await && size().await == StoreErrorKind::NotFound);
        })
        .unwrap();
}

#[test]
fn healing_does_not_end_what_has_yet_to_begin() {
    let denied = Fault::Reject(StoreErrorKind::Denied);
    let plan = FaultPlan::new().from_call(Operation::Put, 0, denied);
    let world = World::new(plan.from_call(Operation::Size, 1, denied).at(Operation::Read, 0, Fault::Absent));
    let store = world.store(MemoryStore::new());
    store.inner().insert("o", "state");
    world
        .run(async {
            let size = async || store.size("o").await.is_ok();
            assert!(store.put("o", payload(), PutMode::Replace).await.is_err() && size().await);
            world.heal();
            assert!(store.put("o", payload(), PutMode::Replace).await.is_ok());
            assert!(!size().await && !size().await);
            assert!(store.read("o", ReadRange::Suffix(9)).await.is_err());
            world.heal();
            assert!(size().await && store.read("o", ReadRange::Suffix(9)).await.is_ok());
        })
        .unwrap();
}

#[test]
fn hours_take_no_time() {
    let world = World::default();
    let timer = world.timer();
    world.run(timer.sleep(Duration::from_secs(100 * 3600))).unwrap();
    assert_eq!(timer.now(), Duration::from_secs(100 * 3600));
}

#[test]
fn the_same_plan_takes_the_same_course_and_worlds_know_nothing_of_each_other() {
    let run = || {
        let world = World::new(FaultPlan::new().at(Operation::Put, 1, Fault::Late(2)).at(
            Operation::Size,
            0,
            Fault::Absent,
        ));
        let store = world.store(MemoryStore::new());
        world
            .run(async {
                for name in ["a", "b", "c"] {
                    let _ = store.put(name, payload(), PutMode::Create).await;
                    let _ = store.size(name).await;
                }
            })
            .unwrap();
        world.history().to_string()
    };
    let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(run)).collect();
    for thread in threads {
        assert_eq!(thread.join().unwrap(), run());
    }
}

#[tokio::test]
async fn a_faulty_store_works_under_a_runtime() {
    let (world, store) = faulty(Operation::Put, Fault::AckLost);
    store.put("o", payload(), PutMode::Create).await.unwrap_err();
    assert_eq!(store.size("o").await.unwrap(), 5);
    // And a world of its own runs in the middle of it.
    let inner = World::default();
    let other = inner.store(MemoryStore::new());
    inner.run(other.put("o", payload(), PutMode::Create)).unwrap().unwrap();
    assert_eq!((world.fired().len(), inner.fired().len()), (1, 0));
}

fn faults() -> impl Strategy<Value = Fault> {
    prop_oneof![
        Just(Fault::AckLost),
        Just(Fault::JobLate),
        Just(Fault::Late(LATEST)),
        any::<u32>().prop_map(Fault::Late),
        any::<u64>().prop_map(Fault::Torn),
        any::<u64>().prop_map(Fault::ShortRead),
        any::<u64>().prop_map(Fault::FlipBit),
        any::<u32>().prop_map(Fault::Stale),
        any::<u32>().prop_map(Fault::ListBreaksOff),
        (any::<u32>(), any::<u32>())
            .prop_map(|(pending, late)| Fault::Cancel { pending, effects: Fate::Late(late) }),
        Just(Fault::Reject(StoreErrorKind::Throttled)),
    ]
}

proptest! {
    #[test]
    fn a_plan_comes_back_from_its_line(
        entries in proptest::collection::vec((any::<String>(), any::<u32>(), faults(), any::<bool>()), 0..4),
    ) {
        let mut plan = FaultPlan::new();
        for (key, nth, fault, lasts) in entries {
            plan = if lasts {
                plan.from_call_on(Operation::Put, &key, nth, fault)
            } else {
                plan.at_call_on(Operation::List, &key, nth, fault).at(Operation::Read, nth, fault)
            };
        }
        prop_assert_eq!(plan.to_string().parse(), Ok(plan));
    }

    #[test]
    fn any_line_is_a_plan_or_an_error(line in ".{0,60}") {
        let _ = line.parse::<FaultPlan>();
    }
}
