//! What the judges of stores make of uploads that are left over and of objects that are written again.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use batcher_core::{BlobSink, BlobSource, MultipartUpload, PutMode, StoreError};
use batcher_testkit::{Exploration, FaultStore, Judge, MemoryStore, World};
use bytes::Bytes;
use futures_util::poll;

type Store = FaultStore<MemoryStore>;

/// Who objects when this line is replayed.
fn judged<F: Future<Output = Result<(), StoreError>>>(
    line: &str,
    run: impl Fn(World) -> F + Sync,
) -> Vec<Judge> {
    let case = Exploration::new(run).replay(line).unwrap();
    case.violations.iter().map(|found| found.judge).collect()
}

/// Starts an upload and forgets it.
async fn start(store: &Store, name: &str) -> Result<(), StoreError> {
    store.start_multipart(name, PutMode::Create).await.map(drop)
}

#[test]
fn a_process_that_dies_leaves_its_own_uploads_and_no_others() {
    let dies = "size:last#0=crash-before";
    // Of the process that dies alone.
    let one = |world: World| async move {
        let store = world.store(MemoryStore::new());
        let life = async {
            start(&store, "a").await?;
            store.size("last").await
        };
        assert!(world.process("node", life).await.is_none());
        Ok(())
    };
    assert_eq!(judged(dies, one), []);
    assert_eq!(judged("", one_that_lives), [Judge::LeakedUpload]);
    // Of a process that has ended before, of one that outlives the other, and of nobody.
    for outside in 0..3 {
        let two = |world: World| async move {
            let (store, other) = (world.store(MemoryStore::new()), world.store(MemoryStore::new()));
            let dying = async {
                let _ = store.size("last").await;
            };
            let starting = start(&other, "a");
            match outside {
                0 => drop(world.process("first", starting).await),
                1 => starting.await?,
                _ => {
                    let lives = async {
                        starting.await?;
                        let _ = world.process("inner", dying).await;
                        Ok::<(), StoreError>(())
                    };
                    let _ = world.process("outer", lives).await;
                    return Ok(());
                }
            }
            assert!(world.process("node", dying).await.is_none());
            Ok(())
        };
        assert_eq!(judged(dies, two), [Judge::LeakedUpload], "{outside}");
    }
    // What dies within takes its own along, and with the outer one dies what is within.
    let nested = |world: World| async move {
        let store = world.store(MemoryStore::new());
        let life = async {
            let _ = world.process("inner", start(&store, "a")).await;
            store.size("last").await
        };
        assert!(world.process("outer", life).await.is_none());
        Ok(())
    };
    assert_eq!(judged(dies, nested), []);
}

/// Nobody dies.
async fn one_that_lives(world: World) -> Result<(), StoreError> {
    let store = world.store(MemoryStore::new());
    world.process("node", start(&store, "a")).await.unwrap_or(Ok(()))
}

/// As long as it may make the object it must be let be, and no longer.
#[test]
fn an_upload_in_doubt_is_aborted_once_the_object_stands() {
    async fn upload(store: &Store) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let mut upload = store.start_multipart("state", PutMode::Replace).await?;
        upload.put_part(Bytes::from_static(b"abc").into()).await?;
        Ok(upload)
    }
    /// How the object is written after all, and whether the upload is aborted then.
    async fn run(world: World, again: Option<bool>, aborts: bool) -> Result<(), StoreError> {
        let store = world.store(MemoryStore::new());
        let mut first = upload(&store).await?;
        let _ = first.complete().await;
        match again {
            Some(true) => upload(&store).await?.complete().await?,
            Some(false) => store.put("state", Bytes::from_static(b"abc").into(), PutMode::Replace).await?,
            None => store.put("other", Bytes::from_static(b"abc").into(), PutMode::Replace).await?,
        }
        if aborts {
            let _ = first.abort().await;
        }
        Ok(())
    }
    let lost = "complete:state#0=request-lost";
    for in_parts in [true, false] {
        let again = Some(in_parts);
        assert_eq!(judged(lost, |world| run(world, again, false)), [Judge::LeakedUpload]);
        assert_eq!(judged(lost, |world| run(world, again, true)), []);
        assert_eq!(judged("complete:state#0=ack-lost", |world| run(world, again, false)), []);
        assert_eq!(
            judged("complete:state#0=reject:denied", |world| run(world, again, false)),
            [Judge::LeakedUpload]
        );
    }
    // Others need not know of it, nor says it anything that a call from before comes about.
    for by_another in [true, false] {
        let run = |world: World| async move {
            let store = world.store(MemoryStore::new());
            let mut first = upload(&store).await?;
            let mut put = store.put("state", Bytes::from_static(b"abc").into(), PutMode::Replace);
            if by_another {
                let _ = first.complete().await;
                return world.process("other", put).await.unwrap_or(Ok(()));
            }
            assert!(poll!(&mut put).is_pending());
            let _ = first.complete().await;
            put.await
        };
        assert_eq!(judged(lost, run), [], "{by_another}");
    }
    // Somebody else writes it while this one still waits.
    let waits = |world: World| async move {
        let store = world.store(MemoryStore::new());
        let mut first = upload(&store).await?;
        let mut completed = first.complete();
        assert!(poll!(&mut completed).is_pending());
        store.put("state", Bytes::from_static(b"abc").into(), PutMode::Replace).await?;
        let _ = completed.await;
        Ok(())
    };
    assert_eq!(judged(lost, waits), []);
    assert_eq!(judged(lost, |world| run(world, None, false)), []);
    assert_eq!(judged(lost, |world| run(world, None, true)), [Judge::AbortedInDoubt]);
}

#[test]
fn an_object_that_was_deleted_is_written_again_with_the_same_bytes_alone() {
    async fn again(world: World, then: &'static [u8]) -> Result<(), StoreError> {
        let store = world.store(MemoryStore::new());
        store.put("state", Bytes::from_static(b"abc").into(), PutMode::Create).await?;
        store.delete("state").await?;
        store.delete("state").await?;
        store.put("state", Bytes::from_static(then).into(), PutMode::Create).await
    }
    assert_eq!(judged("", |world| again(world, b"abc")), []);
    assert_eq!(judged("", |world| again(world, b"abd")), [Judge::DoubleEffect]);
    let allowed = |world: World| {
        world.allow_rewrites("state");
        again(world, b"abd")
    };
    assert_eq!(judged("", allowed), []);
    // What a fault took away may be made anew.
    let lost = |world: World| async move {
        let store = world.store(MemoryStore::new());
        store.put("state", Bytes::from_static(b"abc").into(), PutMode::Create).await?;
        world.restart().await;
        let mode = PutMode::Replace;
        store.put("state", Bytes::from_static(b"abd").into(), mode).await
    };
    assert_eq!(judged("put:state#0=vanishes", lost), []);
    assert_eq!(judged("", lost), [Judge::DoubleEffect]);
}
