//! Worlds in the middle of runtimes, and side by side.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::future::poll_fn;
use std::task::Poll;

use batcher_core::{BlobSink, BlobSource, Operation, Payload, PutMode, StoreErrorKind};
use batcher_testkit::{EventKind, Exploration, Fault, FaultKind, FaultPlan, FaultStore, MemoryStore, World};
use bytes::Bytes;
use futures_util::future::join;

fn payload() -> Payload {
    Bytes::from_static(b"state").into()
}

/// Under whichever runtime, faults come about and a dropped write does, too.
async fn works() {
    let plan =
        FaultPlan::new().at(Operation::Put, 0, Fault::AckLost).at(Operation::Size, 0, Fault::SpuriousWakes);
    let store = FaultStore::new(MemoryStore::new(), plan);
    let error = store.put("first", payload(), PutMode::Create).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unavailable);
    assert_eq!(store.size("first").await.unwrap(), 5);
    let mut put = Box::pin(store.put("second", payload(), PutMode::Create));
    assert!(poll_fn(|context| Poll::Ready(put.as_mut().poll(context).is_pending())).await);
    drop(put);
    assert_eq!(store.size("second").await.unwrap(), 5);
    let last = store.put("third", payload(), PutMode::Create);
    drop(Box::pin(last));
    store.world().settle().await;
    // What was never polled was never asked for.
    assert_eq!(store.inner().names(), ["first", "second"]);
    assert_eq!(store.fired().len(), 2);
}

/// A world of its own, and an exploration, in the middle of a runtime's thread.
fn explores() {
    let report = Exploration::new(|world: World| async move {
        let store = world.store(MemoryStore::new());
        while !matches!(world.attempt("put", store.put("o", payload(), PutMode::Replace)).await, Some(Ok(())))
        {
        }
        Ok::<(), String>(())
    })
    .faults([FaultKind::AckLost, FaultKind::Hang, FaultKind::Cancel])
    .run();
    report.assert_clean();
}

#[tokio::test]
async fn on_one_thread() {
    works().await;
    tokio::spawn(works()).await.unwrap();
    explores();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_many_threads() {
    works().await;
    let tasks: Vec<_> = (0..8).map(|_| tokio::spawn(works())).collect();
    for task in tasks {
        task.await.unwrap();
    }
    explores();
    // A store whose effects are still under way is dropped where it was used.
    let store = FaultStore::new(MemoryStore::new(), FaultPlan::new().at(Operation::Put, 0, Fault::Late(9)));
    store.put("late", payload(), PutMode::Create).await.unwrap_err();
    drop(store);
}

#[tokio::test]
async fn a_call_that_hangs_is_given_up_by_the_runtime() {
    let store = FaultStore::new(MemoryStore::new(), FaultPlan::new().at(Operation::Put, 0, Fault::Hang));
    let long = async {
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        _ = store.put("o", payload(), PutMode::Create) => panic!("it hangs"),
        () = long => {}
    }
    store.put("o", payload(), PutMode::Create).await.unwrap();
    assert_eq!(store.inner().names(), ["o"]);
}

#[test]
fn two_worlds_in_one_future_do_not_disturb_each_other() {
    let outer = World::new(FaultPlan::new().from_call(Operation::Put, 1, Fault::AckLost));
    let inner = World::new(FaultPlan::new().at(Operation::Put, 0, Fault::Late(2)));
    let (one, other) = (outer.store(MemoryStore::new()), inner.store(MemoryStore::new()));
    let put = async |store: &FaultStore<MemoryStore>, name| {
        store.put(name, payload(), PutMode::Create).await.is_ok()
    };
    let of_one = async { [put(&one, "a").await, put(&one, "b").await, put(&one, "c").await] };
    let of_other = async { [put(&other, "a").await, put(&other, "b").await, put(&other, "c").await] };
    let answers = outer.run(join(of_one, of_other)).unwrap();
    assert_eq!(answers, ([true, false, false], [false, true, true]));
    outer.heal();
    outer.restart();
    assert_eq!((outer.fired().len(), inner.fired().len()), (2, 1));
    assert_eq!((one.inner().names().len(), other.inner().names().len()), (3, 3));
    // Effects are late by the calls of their own world.
    let history = inner.history();
    let effects = history.events().filter(|event| event.kind == EventKind::TookEffect);
    let order: Vec<_> = effects.map(|event| &*history.calls()[event.call as usize].site.key).collect();
    assert_eq!(order, ["b", "a", "c"]);
}

#[test]
fn one_store_may_be_wrapped_in_two_worlds() {
    let memory = MemoryStore::new();
    let worlds = [World::new(FaultPlan::new().at(Operation::Put, 0, Fault::Late(9))), World::default()];
    let [zombie, live] = worlds.each_ref().map(|world| world.store(memory.clone()));
    worlds[0].run(zombie.put("o", payload(), PutMode::Create)).unwrap().unwrap_err();
    worlds[1].run(live.put("o", payload(), PutMode::Create)).unwrap().unwrap();
    worlds[0].run(worlds[0].settle()).unwrap();
    assert_eq!(memory.requests(Operation::Put), 2);
    assert_eq!((worlds[0].calls(Operation::Put), worlds[1].calls(Operation::Put)), (1, 1));
}
