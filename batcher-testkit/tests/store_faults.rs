//! Every fault in every operation of a store: what is answered, what has taken effect and when, and what the history says.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

mod turns;

use std::sync::Mutex;
use std::time::Duration;

use batcher_core::{
    BlobSink, BlobSource, Operation, Outcome, Payload, PutMode, ReadRange, StoreError, StoreErrorKind,
};
use batcher_testkit::{Call, EventKind, Fault, FaultPlan, FaultStore, LATEST, MemoryStore, World};
use bytes::Bytes;
use futures_util::future::{BoxFuture, join, join3};
use futures_util::stream::FuturesUnordered;
use futures_util::{StreamExt, TryStreamExt};
use turns::turns;

const WRITES: [Operation; 6] = [
    Operation::Put,
    Operation::StartMultipart,
    Operation::PutPart,
    Operation::CompleteMultipart,
    Operation::AbortMultipart,
    Operation::Delete,
];
const READS: [Operation; 3] = [Operation::Read, Operation::Size, Operation::List];
const KINDS: [StoreErrorKind; 11] = [
    StoreErrorKind::NotFound,
    StoreErrorKind::AlreadyExists,
    StoreErrorKind::Denied,
    StoreErrorKind::NoSpace,
    StoreErrorKind::TooLarge,
    StoreErrorKind::Throttled,
    StoreErrorKind::Unavailable,
    StoreErrorKind::Timeout,
    StoreErrorKind::Unsupported,
    StoreErrorKind::InvalidInput,
    StoreErrorKind::Other,
];

type Store = FaultStore<MemoryStore>;

fn payload(text: &'static str) -> Payload {
    Bytes::from_static(text.as_bytes()).into()
}

/// Calls an operation, and before it those that it needs.
async fn call(store: &Store, operation: Operation) -> Result<(), StoreError> {
    let upload = || store.start_multipart("new", PutMode::Create);
    match operation {
        Operation::Put => store.put("new", payload("part"), PutMode::Create).await?,
        Operation::StartMultipart => drop(upload().await?),
        Operation::PutPart => upload().await?.put_part(payload("part")).await?,
        Operation::CompleteMultipart => {
            let mut upload = upload().await?;
            upload.put_part(payload("part")).await?;
            upload.complete().await?;
        }
        Operation::AbortMultipart => upload().await?.abort().await?,
        Operation::Delete => store.delete("old").await?,
        Operation::Read => assert_eq!(store.read("old", ReadRange::Suffix(9)).await?.bytes, "bytes"),
        Operation::Size => assert_eq!(store.size("old").await?, 5),
        Operation::List => assert_eq!(store.list("").try_collect::<Vec<_>>().await?.len(), 1),
        other => panic!("{other:?}"),
    }
    Ok(())
}

/// Whether the wrapped store shows that the operation has taken effect, where it can be seen.
fn applied(store: &Store, operation: Operation) -> Option<bool> {
    let memory = store.inner();
    match operation {
        Operation::Put | Operation::CompleteMultipart => Some(memory.object("new").is_some()),
        Operation::StartMultipart => Some(memory.open_uploads() == 1),
        Operation::AbortMultipart => Some(memory.open_uploads() == 0),
        Operation::Delete => Some(memory.object("old").is_none()),
        _ => None,
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Succeeds,
    Fails(StoreErrorKind, Outcome),
    /// There is none.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    Never,
    BeforeAnswer,
    AfterAnswer,
}

fn check(operation: Operation, fault: Fault, answer: Answer, effect: Effect) {
    let case = format!("{operation:?}, {fault}");
    let world = World::new(FaultPlan::new().at(operation, 0, fault));
    let memory = MemoryStore::new();
    memory.insert("old", "bytes");
    let store = world.store(memory);
    let answered = world.run(async {
        // An attempt within a process: whoever ends the call, it is ended.
        world.process("node", world.attempt("call", call(&store, operation))).await.flatten()
    });
    let answered = match answered.unwrap() {
        None => Answer::Never,
        Some(Ok(())) => Answer::Succeeds,
        Some(Err(error)) => {
            assert_eq!(
                (error.operation(), error.object().is_empty()),
                (operation, operation == Operation::List)
            );
            Answer::Fails(error.kind(), error.outcome())
        }
    };
    assert_eq!(answered, answer, "{case}");
    if let Some(applied) = applied(&store, operation) {
        assert_eq!(applied, effect == Effect::BeforeAnswer, "{case}");
    }
    world.run(world.settle()).unwrap();
    if let Some(applied) = applied(&store, operation) {
        assert_eq!(applied, effect != Effect::Never, "{case}");
    }
    assert_eq!(store.inner().requests(operation) == 1, effect != Effect::Never, "{case}");
    let history = world.history();
    let id = history.calls().iter().position(|record| record.site.call == Call::from(operation)).unwrap();
    assert_eq!(history.calls()[id].fault(), Some(fault));
    let events: Vec<_> =
        history.events().filter(|event| event.call as usize == id).map(|event| event.kind).collect();
    let took_effect = |when| (effect == when && WRITES.contains(&operation)).then_some(EventKind::TookEffect);
    let ended = match answer {
        Answer::Succeeds => Some(EventKind::Succeeded),
        Answer::Fails(kind, outcome) => Some(EventKind::Failed(kind, outcome)),
        Answer::Never => None,
    };
    let expected = [
        Some(EventKind::Invoked),
        took_effect(Effect::BeforeAnswer),
        ended,
        took_effect(Effect::AfterAnswer),
    ];
    assert_eq!(events, expected.into_iter().flatten().collect::<Vec<_>>(), "{case}");
    // What was not kept is lost now, and no earlier.
    world.run(world.restart()).unwrap();
    let fired: Vec<_> = world.fired().into_iter().map(|fired| (fired.site.call, fired.fault)).collect();
    assert_eq!(fired, [(Call::from(operation), fault)], "{case}");
    assert_eq!(world.violations(), [], "{case}");
}

/// The outcome where nobody knows: a start, of which nobody can know, and a read change no object.
fn unknown(operation: Operation) -> Outcome {
    let changes = WRITES.contains(&operation) && operation != Operation::StartMultipart;
    if changes { Outcome::Unknown } else { Outcome::NotApplied }
}

#[test]
fn in_every_operation() {
    for operation in WRITES.into_iter().chain(READS) {
        for kind in KINDS {
            let rejected = Answer::Fails(kind, Outcome::NotApplied);
            check(operation, Fault::Reject(kind), rejected, Effect::Never);
        }
        let lost = Answer::Fails(StoreErrorKind::Timeout, unknown(operation));
        check(operation, Fault::RequestLost, lost, Effect::Never);
        for fault in [Fault::Hang, Fault::CrashBefore, Fault::PanicBefore] {
            check(operation, fault, Answer::Never, Effect::Never);
        }
        for fault in [Fault::SlowEffect, Fault::SlowAnswer, Fault::Overtaken, Fault::SpuriousWakes] {
            check(operation, fault, Answer::Succeeds, Effect::BeforeAnswer);
        }
    }
}

#[test]
fn in_every_write() {
    for operation in WRITES {
        let lost = Answer::Fails(StoreErrorKind::Unavailable, unknown(operation));
        check(operation, Fault::AckLost, lost, Effect::BeforeAnswer);
        let late = Answer::Fails(StoreErrorKind::Timeout, unknown(operation));
        for calls in [1, 2, 9, LATEST] {
            check(operation, Fault::Late(calls), late, Effect::AfterAnswer);
        }
        for fault in [Fault::HangAfter, Fault::CrashAfter, Fault::PanicAfter] {
            check(operation, fault, Answer::Never, Effect::BeforeAnswer);
        }
    }
    for operation in [Operation::Put, Operation::CompleteMultipart] {
        let exists = Answer::Fails(StoreErrorKind::AlreadyExists, Outcome::Unknown);
        check(operation, Fault::OwnExists, exists, Effect::BeforeAnswer);
        check(operation, Fault::PhantomExists, exists, Effect::Never);
        for fault in [Fault::Vanishes, Fault::Blanked] {
            check(operation, fault, Answer::Succeeds, Effect::BeforeAnswer);
        }
    }
}

#[test]
fn a_store_that_throttles_says_for_how_long() {
    let world = World::new(FaultPlan::new().at(Operation::Put, 0, Fault::Reject(StoreErrorKind::Throttled)));
    let store = world.store(MemoryStore::new());
    let error = world.run(call(&store, Operation::Put)).unwrap().unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(30)));
}

#[test]
fn what_is_slow_takes_an_hour() {
    for (fault, there) in [(Fault::SlowEffect, false), (Fault::SlowAnswer, true)] {
        let world = World::new(FaultPlan::new().at(Operation::Put, 0, fault));
        let store = world.store(MemoryStore::new());
        let look = async {
            batcher_core::Timer::sleep(&world.timer(), Duration::from_secs(3599)).await;
            store.inner().object("new").is_some()
        };
        let (put, seen) = world.run(join(call(&store, Operation::Put), look)).unwrap();
        put.unwrap();
        assert_eq!((seen, world.now()), (there, Duration::from_secs(3600)), "{fault}");
    }
}

#[test]
fn what_is_overtaken_waits_for_a_later_call() {
    let order = |plan: FaultPlan| {
        let world = World::new(plan);
        let store = world.store(MemoryStore::new());
        let put = |name| store.put(name, payload("x"), PutMode::Create);
        let (a, b, c) = world.run(join3(put("a"), put("b"), put("c"))).unwrap();
        assert!(a.is_ok() && b.is_ok() && c.is_ok());
        let history = world.history();
        let effects = history.events().filter(|event| event.kind == EventKind::TookEffect);
        effects.map(|event| history.calls()[event.call as usize].site.key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(order(FaultPlan::new()), ["a", "b", "c"]);
    assert_eq!(order(FaultPlan::new().at(Operation::Put, 0, Fault::Overtaken)), ["b", "c", "a"]);
    // The last one has nobody to wait for.
    assert_eq!(order(FaultPlan::new().at(Operation::Put, 2, Fault::Overtaken)), ["a", "b", "c"]);
}

#[test]
fn an_effect_is_late_by_calls_to_stores_and_no_others() {
    let world = World::new(FaultPlan::new().at(Operation::Put, 0, Fault::Late(2)));
    let store = world.store(MemoryStore::new());
    let seen = world.run(async {
        call(&store, Operation::Put).await.unwrap_err();
        for _ in 0..5 {
            world.attempt("pause", batcher_core::Timer::sleep(&world.timer(), Duration::from_secs(1))).await;
        }
        [store.size("new").await.is_ok(), store.size("new").await.is_ok()]
    });
    assert_eq!(seen.unwrap(), [false, true]);
}

#[test]
fn a_torn_object_holds_as_many_bytes_as_there_are() {
    for (len, left) in [(0, ""), (1, "p"), (3, "par"), (4, "part"), (99, "part")] {
        let world = World::new(FaultPlan::new().at(Operation::Put, 0, Fault::Torn(len)));
        let store = world.store(MemoryStore::new());
        let error = world.run(call(&store, Operation::Put)).unwrap().unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::Unavailable, Outcome::Unknown));
        assert_eq!(store.inner().object("new").as_deref(), Some(left.as_bytes()));
        assert_eq!(world.is_damaged(), left != "part");
    }
}

#[test]
fn what_is_lost_at_a_restart_is_not_what_somebody_else_has_written_since() {
    for fault in [Fault::Vanishes, Fault::Blanked] {
        let world = World::new(FaultPlan::new().at(Operation::Put, 0, fault));
        let store = world.store(MemoryStore::new());
        world
            .run(async {
                store.put("new", payload("first"), PutMode::Replace).await.unwrap();
                store.put("new", payload("second"), PutMode::Replace).await.unwrap();
                world.restart().await;
            })
            .unwrap();
        assert_eq!(store.inner().object("new").as_deref(), Some(&b"second"[..]), "{fault}");
    }
}

#[test]
fn a_process_that_dies_loses_what_was_not_kept() {
    for (fault, left) in [(Fault::Vanishes, None), (Fault::Blanked, Some(&[0; 4][..]))] {
        let plan = FaultPlan::new().at(Operation::Put, 0, fault).at(Operation::Size, 0, Fault::CrashBefore);
        let world = World::new(plan);
        let store = world.store(MemoryStore::new());
        let life = async {
            call(&store, Operation::Put).await.unwrap();
            let _ = store.size("new").await;
        };
        assert_eq!(world.run(world.process("node", life)).unwrap(), None);
        world.run(world.settle()).unwrap();
        assert_eq!(store.inner().object("new").as_deref(), left, "{fault}");
    }
}

/// The moments at which a put is pending: before its effect, and after it.
#[test]
fn a_put_can_be_dropped_on_both_sides_of_its_effect() {
    use batcher_testkit::Fate;
    let fates = [Fate::Never, Fate::Done, Fate::Late(1), Fate::Late(2), Fate::Late(LATEST)];
    for pending in 0..9 {
        for effects in fates {
            let fault = Fault::Cancel { pending, effects };
            let world = World::new(FaultPlan::new().at(Call::Attempt, 0, fault));
            let store = world.store(MemoryStore::new());
            let (put, seen) = world
                .run(async {
                    let put = world.attempt("put", call(&store, Operation::Put)).await;
                    let mut seen = vec![store.inner().object("new").is_some()];
                    for _ in 0..3 {
                        seen.push(store.size("new").await.is_ok());
                    }
                    world.settle().await;
                    seen.push(store.inner().object("new").is_some());
                    (put, seen)
                })
                .unwrap();
            if put.is_some() {
                assert!(pending > 1 && world.fired().is_empty(), "{fault}");
                continue;
            }
            let expected = match (pending, effects) {
                (0, Fate::Never) => [false; 5],
                (0, Fate::Late(2)) => [false, false, true, true, true],
                (0, Fate::Late(LATEST)) => [false, false, false, false, true],
                (0, _) => [false, true, true, true, true],
                // The store has begun, and cannot be stopped.
                _ => [seen[0], true, true, true, true],
            };
            assert_eq!(seen, expected, "{fault}");
        }
    }
}

#[test]
fn what_is_overtaken_waits_for_no_earlier_call_and_is_told_of_the_later_one() {
    let world = World::new(FaultPlan::new().at(Operation::Put, 1, Fault::Overtaken));
    let store = world.store(MemoryStore::new());
    let answered = Mutex::new(Vec::new());
    let put = async |name, after| {
        turns(after).await;
        store.put(name, payload("x"), PutMode::Create).await.unwrap();
        answered.lock().unwrap().push(name);
    };
    let busy = async {
        turns(200).await;
        answered.lock().unwrap().push("idle");
    };
    // They are not polled but when they are woken, and something else can happen all the time.
    let calls: [BoxFuture<'_, ()>; 4] =
        [Box::pin(put("a", 0)), Box::pin(put("b", 0)), Box::pin(put("c", 20)), Box::pin(busy)];
    world.run(calls.into_iter().collect::<FuturesUnordered<_>>().collect::<Vec<_>>()).unwrap();
    assert_eq!(*answered.lock().unwrap(), ["a", "c", "b", "idle"]);
}

#[test]
fn the_history_says_what_the_caller_was_told() {
    for fault in [Fault::Absent, Fault::Stale(1)] {
        for operation in [Operation::Read, Operation::Size] {
            let world = World::new(FaultPlan::new().at(operation, 0, fault));
            let store = world.store(MemoryStore::new());
            let answer = world.run(async {
                store.put("old", payload("bytes"), PutMode::Create).await.unwrap();
                call(&store, operation).await
            });
            assert_eq!(answer.unwrap().unwrap_err().kind(), StoreErrorKind::NotFound);
            let told = world.history().events().last().map(|event| event.kind);
            let not_found = EventKind::Failed(StoreErrorKind::NotFound, Outcome::NotApplied);
            assert_eq!((told, world.fired().len()), (Some(not_found), 1), "{operation:?}, {fault}");
        }
    }
}
