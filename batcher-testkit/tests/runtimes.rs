//! Worlds in the middle of runtimes, and side by side.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::future::poll_fn;
use std::task::Poll;

use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Operation, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError, StoreErrorKind,
};
use batcher_testkit::{
    EventKind, Exploration, Fault, FaultKind, FaultPlan, FaultStore, Judge, MemoryStore, World,
};
use bytes::Bytes;
use futures_util::future::join;
use futures_util::stream::BoxStream;

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

/// Has everything done by a task of the runtime that it is called in.
#[derive(Clone, Debug)]
struct Spawns(MemoryStore);

async fn spawned() {
    tokio::spawn(async {}).await.unwrap();
}

#[async_trait]
impl BlobSink for Spawns {
    fn capabilities(&self) -> SinkCapabilities {
        self.0.capabilities()
    }
    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        spawned().await;
        self.0.put(name, payload, mode).await
    }
    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        spawned().await;
        self.0.start_multipart(name, mode).await
    }
    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        spawned().await;
        self.0.delete(name).await
    }
}

#[async_trait]
impl BlobSource for Spawns {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        spawned().await;
        self.0.read(name, range).await
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        spawned().await;
        self.0.size(name).await
    }
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        self.0.list(prefix)
    }
}

/// Not while the scenario runs alone: late effects come about after it, and its stores are read to be judged.
#[test]
fn a_store_that_needs_a_runtime_is_within_one_all_the_time() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let handle = runtime.handle().clone();
    let report = Exploration::new(|world: World| async move {
        let store = world.store(Spawns(MemoryStore::new()));
        for _ in 0..2 {
            let _ = store.put("o", payload(), PutMode::Replace).await;
        }
        Ok::<(), String>(())
    })
    .within(move |run| {
        let _entered = handle.enter();
        run();
    })
    .faults([FaultKind::Late, FaultKind::AckLost])
    .depth(2)
    .run();
    report.assert_clean();
    assert!(report.cases() > 10);
}

#[test]
fn a_run_that_is_not_made_fails_the_exploration() {
    for runs in [0, 2] {
        let report = Exploration::new(|_: World| async { Ok::<(), String>(()) })
            .within(move |run| (0..runs).for_each(|_| run()))
            .faults([])
            .run();
        assert_eq!(report.failures()[0].case.violations[0].judge, Judge::Failed);
    }
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
    outer.run(outer.restart()).unwrap();
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
