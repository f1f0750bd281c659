//! Sources and sinks alone, in a world.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, ObjectInfo, Operation, Outcome, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError, StoreErrorKind,
};
use batcher_testkit::{Exploration, FaultKind, Judge, MemoryStore, ReadOnly, World, WriteOnly, block_on};
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::stream::BoxStream;

/// Objects that nobody here has written.
#[derive(Clone, Debug)]
struct Archive(MemoryStore);

#[async_trait]
impl BlobSource for Archive {
    fn reads_suffixes(&self) -> bool {
        false
    }
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        self.0.read(name, range).await
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.0.size(name).await
    }
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        self.0.list(prefix)
    }
}

fn archive() -> Archive {
    let store = MemoryStore::new();
    store.insert("a", "first");
    store.insert("b", "second");
    Archive(store)
}

#[test]
fn a_source_alone_is_read_and_never_written() {
    let world = World::default();
    let store = world.store(ReadOnly(archive()));
    let (read, size, list, put, delete, start) = world
        .run(async {
            (
                store.read("a", ReadRange::Bounded(0..9)).await.unwrap().bytes,
                store.size("b").await.unwrap(),
                store.list("").try_collect::<Vec<_>>().await.unwrap().len(),
                store.put("c", Bytes::new().into(), PutMode::Replace).await.unwrap_err(),
                store.delete("a").await.unwrap_err(),
                store.start_multipart("c", PutMode::Replace).await.unwrap_err(),
            )
        })
        .unwrap();
    assert_eq!((&*read, size, list, store.reads_suffixes()), (&b"first"[..], 6, 2, false));
    for error in [put, delete, start] {
        assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::Unsupported, Outcome::NotApplied));
    }
    assert_eq!(store.capabilities(), SinkCapabilities::default());
    assert!(ReadOnly(MemoryStore::new()).reads_suffixes());
}

#[test]
fn all_that_goes_wrong_in_reads_goes_wrong_in_a_source_alone() {
    let scenario = |wary: bool| {
        Exploration::new(move |world: World| async move {
            let store = world.store(ReadOnly(archive()));
            for _ in 0..3 {
                let size = store.size("a").await;
                let listed = store.list("").try_collect::<Vec<_>>().await;
                let read = store.read("a", ReadRange::Bounded(0..9)).await;
                if !wary
                    && let Ok(reply) = &read
                    && reply.bytes != "first"
                {
                    world.report(Judge::WrongData, "taken for the first");
                }
                let whole = read.is_ok_and(|reply| reply.bytes == "first");
                if whole && size.is_ok() && listed.is_ok() {
                    return Ok(());
                }
            }
            Err("it is never read")
        })
        .faults([
            FaultKind::RequestLost,
            FaultKind::SlowAnswer,
            FaultKind::ShortRead,
            FaultKind::FlipBit,
            FaultKind::ZeroedRead,
            FaultKind::Misdirected,
            FaultKind::Absent,
            FaultKind::ListMisses,
            FaultKind::ListBreaksOff,
        ])
    };
    scenario(true).run().assert_clean();
    let report = scenario(false).run();
    assert!(!report.failures().is_empty(), "{report}");
}

/// A store that does not read some of its objects is no sink alone.
#[derive(Clone, Debug, Default)]
struct Forgetful(MemoryStore);

#[async_trait]
impl BlobSink for Forgetful {
    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        self.0.put(name, payload, mode).await
    }
}

#[async_trait]
impl BlobSource for Forgetful {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        match name {
            "b" => Err(StoreError::new(StoreErrorKind::Unsupported, Operation::Read, name)),
            _ => self.0.read(name, range).await,
        }
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.0.size(name).await
    }
}

#[test]
fn a_store_that_does_not_read_all_of_its_objects_is_judged() {
    let judges = |names: &'static [&'static str]| {
        let run = move |world: World| async move {
            let store = world.store(Forgetful::default());
            for name in names {
                store.put(name, Bytes::new().into(), PutMode::Replace).await?;
            }
            Ok::<(), StoreError>(())
        };
        let case = Exploration::new(run).replay("").unwrap();
        case.violations.iter().map(|violation| violation.judge).collect::<Vec<_>>()
    };
    assert_eq!([judges(&["a"]), judges(&["b"]), judges(&["a", "b"])], [vec![], vec![], vec![Judge::Store]]);
}

/// Takes objects, and nobody gets them back.
#[derive(Debug)]
struct Drain(MemoryStore);

#[async_trait]
impl BlobSink for Drain {
    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        self.0.put(name, payload, mode).await
    }
}

#[test]
fn a_sink_alone_is_written_and_never_read() {
    let store = WriteOnly(Drain(MemoryStore::new()));
    block_on(store.put("a", Bytes::from_static(b"1").into(), PutMode::Replace)).unwrap();
    assert_eq!(store.0.0.object("a").unwrap(), "1");
    let unsupported = [
        block_on(store.read("a", ReadRange::Bounded(0..9))).unwrap_err(),
        block_on(store.size("a")).unwrap_err(),
        block_on(store.list("").try_collect::<Vec<_>>()).unwrap_err(),
        block_on(store.delete("a")).unwrap_err(),
    ];
    assert!(unsupported.iter().all(|error| error.kind() == StoreErrorKind::Unsupported));
    assert!(!store.capabilities().create);
    assert!(WriteOnly(MemoryStore::new()).capabilities().create);
    let all = WriteOnly(MemoryStore::new());
    block_on(all.put("a", Bytes::new().into(), PutMode::Create)).unwrap();
    block_on(all.delete("a")).unwrap();
    assert!(all.0.names().is_empty() && block_on(all.start_multipart("a", PutMode::Create)).is_ok());
}

#[test]
fn all_that_goes_wrong_in_puts_goes_wrong_in_a_sink_alone() {
    let scenario = |again: &'static str| {
        Exploration::new(move |world: World| async move {
            let store = world.store(WriteOnly(Drain(MemoryStore::new())));
            let mut bytes = "1";
            while store.put("a", Bytes::from(bytes).into(), PutMode::Replace).await.is_err() {
                bytes = again;
            }
            Ok::<(), String>(())
        })
        .faults([FaultKind::RequestLost, FaultKind::AckLost, FaultKind::Late])
        .depth(2)
    };
    scenario("1").run().assert_clean();
    let judges: Vec<_> =
        scenario("2").run().failures().iter().map(|failure| failure.case.violations[0].judge).collect();
    assert_eq!(judges, [Judge::DoubleEffect]);
}
