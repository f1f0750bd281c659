//! The drop-in: the starting point's names, signatures and behaviour, and none of its defects.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]
#![cfg(all(feature = "lz4", feature = "object-store"))]

use std::collections::BTreeMap;
use std::sync::Arc;

use batcher::{
    AddErrorKind, BatchMetrics, CheckpointBatcher, CheckpointReader, CheckpointStoreError, FlushErrorKind,
    LocalStore, MAX_KEY_LEN, ReadErrorKind,
};
use bytes::Bytes;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

fn names(store: &dyn ObjectStore) -> Vec<String> {
    use futures_util::TryStreamExt;
    let listed = pollster::block_on(store.list(None).try_collect::<Vec<_>>()).unwrap();
    let mut names: Vec<_> = listed.into_iter().map(|object| object.location.to_string()).collect();
    names.sort();
    names
}

/// Everything that a checkpoint goes through, from wherever it is called.
fn life() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut batcher = CheckpointBatcher::new(Arc::clone(&store), "nodes/abc/".into(), Some(1000)).unwrap();
    assert!(batcher.is_empty() && !batcher.should_flush() && batcher.buffer_size() == 0);
    batcher.flush(7).unwrap();
    assert!(names(&*store).is_empty(), "an empty buffer writes nothing");

    batcher.add("partition-0/agg".into(), vec![1; 500]);
    assert_eq!((batcher.len(), batcher.buffer_size()), (1, 15 + 500 + 8));
    assert!(!batcher.should_flush());
    batcher.add("partition-1/agg".into(), vec![2; 500]);
    assert!(batcher.should_flush());
    batcher.flush(7).unwrap();
    assert!(batcher.is_empty() && batcher.buffer_size() == 0);
    batcher.add("partition-1/agg".into(), vec![3; 10]);
    batcher.add("partition-2/agg".into(), Vec::new());
    batcher.flush(7).unwrap();
    assert_eq!(
        names(&*store),
        ["nodes/abc/checkpoints/batch-000007-1.lz4", "nodes/abc/checkpoints/batch-000007.lz4"]
    );

    let metrics: &Arc<BatchMetrics> = batcher.metrics();
    let counters = metrics.snapshot();
    assert_eq!((counters.batches_flushed, counters.entries_flushed, counters.put_count), (2, 4, 2));
    assert_eq!(counters.bytes_before_compression, 4 * 15 + 1010);
    let stored: u64 = names(&*store)
        .into_iter()
        .map(|name| pollster::block_on(store.head(&Path::from(name))).unwrap().size)
        .sum();
    assert_eq!(counters.bytes_after_compression, stored);

    let checkpoint = batcher.open(7).unwrap();
    drop(batcher);
    let expected: BTreeMap<String, Bytes> = [
        ("partition-0/agg", Bytes::from(vec![1; 500])),
        ("partition-1/agg", Bytes::from(vec![3; 10])),
        ("partition-2/agg", Bytes::new()),
    ]
    .map(|(key, blob)| (key.to_owned(), blob))
    .into();
    assert_eq!(checkpoint.restore().unwrap(), expected);
    for (key, blob) in &expected {
        assert_eq!(checkpoint.get(key).unwrap().as_ref(), Some(blob));
        assert_eq!(checkpoint.keys().unwrap()[key], blob.len() as u64);
    }
    assert!(checkpoint.get("partition-3/agg").unwrap().is_none());
    assert_eq!(checkpoint.verify().unwrap().len(), 2);
    drop(checkpoint);
    let missing = CheckpointReader::open(store, "nodes/abc/", 8).unwrap_err();
    assert!(matches!(missing, CheckpointStoreError::Read(error) if error.is_not_found()));
}

#[test]
fn from_a_plain_thread() {
    life();
}

#[tokio::test(flavor = "current_thread")]
async fn from_a_current_thread_runtime() {
    life();
    tokio::spawn(async { life() }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn from_a_multi_thread_runtime() {
    life();
    tokio::spawn(async { life() }).await.unwrap();
    tokio::task::spawn_blocking(life).await.unwrap();
}

#[tokio::test(flavor = "current_thread")]
async fn dropped_in_async_code_without_a_flush() {
    let mut batcher = CheckpointBatcher::new(Arc::new(InMemory::new()), String::new(), None).unwrap();
    batcher.add("k".into(), vec![1]);
    drop(batcher);
}

#[test]
fn the_signatures_are_those_of_the_starting_point() {
    let _new: fn(Arc<dyn ObjectStore>, String, Option<usize>) -> std::io::Result<CheckpointBatcher> =
        CheckpointBatcher::new;
    let _add: fn(&mut CheckpointBatcher, String, Vec<u8>) = CheckpointBatcher::add;
    let _should_flush: fn(&CheckpointBatcher) -> bool = CheckpointBatcher::should_flush;
    let _buffer_size: fn(&CheckpointBatcher) -> usize = CheckpointBatcher::buffer_size;
    let _metrics: for<'a> fn(&'a CheckpointBatcher) -> &'a Arc<BatchMetrics> = CheckpointBatcher::metrics;
    let _flush: fn(&mut CheckpointBatcher, u64) -> Result<(), CheckpointStoreError> =
        CheckpointBatcher::flush;
    fn sendable<T: Send + Sync>() {}
    sendable::<CheckpointBatcher>();
    sendable::<CheckpointReader>();
}

#[test]
fn the_default_threshold_is_8_mib() {
    let mut batcher = CheckpointBatcher::new(Arc::new(InMemory::new()), String::new(), None).unwrap();
    batcher.add("k".into(), vec![0; (8 << 20) - 10]);
    assert!(!batcher.should_flush());
    batcher.add("k".into(), Vec::new());
    assert!(batcher.should_flush());
}

#[test]
fn a_retaken_epoch_replaces_all_that_the_dead_attempt_left() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let new = || CheckpointBatcher::new(Arc::clone(&store), "p/".into(), None).unwrap();
    let mut dead = new();
    for part in 0..4 {
        dead.add("same".into(), vec![0; 10]);
        dead.add(format!("dead-{part}"), vec![part; 10]);
        dead.flush(3).unwrap();
    }
    drop(dead);
    let mut retaken = new();
    retaken.add("same".into(), vec![9]);
    retaken.flush(3).unwrap();
    assert_eq!(names(&*store), ["p/checkpoints/batch-000003.lz4"]);
    let blobs = CheckpointReader::open(store, "p/", 3).unwrap().restore().unwrap();
    assert_eq!(blobs.into_iter().collect::<Vec<_>>(), [("same".to_owned(), Bytes::from(vec![9]))]);
}

#[test]
fn epochs_and_prefixes_of_all_kinds() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let mut objects = 0;
    for prefix in [
        "",
        "/lead/",
        "a//b/",
        "../up/",
        "./here/",
        "with space/",
        "50%/",
        "schlüssel/キー/",
        "no-slash",
        "{[~]}*?/",
    ] {
        let mut batcher = CheckpointBatcher::new(Arc::clone(&store), prefix.into(), None).unwrap();
        for epoch in [0, 1_000_000, u64::MAX] {
            batcher.add("k".into(), format!("{prefix} {epoch}").into_bytes());
            batcher.flush(epoch).unwrap();
            objects += 1;
            let path = Path::from(format!("{prefix}checkpoints/batch-{epoch:06}.lz4"));
            assert!(pollster::block_on(store.head(&path)).is_ok(), "{path}");
            let blobs = CheckpointReader::open(Arc::clone(&store), prefix, epoch).unwrap().restore().unwrap();
            assert_eq!(blobs["k"], format!("{prefix} {epoch}"));
        }
    }
    assert_eq!(names(&*store).len(), objects);
    let too_long = CheckpointBatcher::new(store, "p".repeat(2000), None).unwrap_err();
    assert_eq!(too_long.kind(), std::io::ErrorKind::InvalidInput);
}

#[test]
fn a_key_that_cannot_be_stored_is_kept_and_told() {
    let mut batcher = CheckpointBatcher::new(Arc::new(InMemory::new()), String::new(), None).unwrap();
    let long = "k".repeat(MAX_KEY_LEN + 1);
    batcher.add(long.clone(), vec![1]);
    batcher.add("fine".into(), vec![2]);
    assert_eq!(batcher.len(), 2);
    for _ in 0..2 {
        let error = batcher.flush(1).unwrap_err();
        assert!(matches!(error, CheckpointStoreError::Refused { kind: AddErrorKind::KeyTooLong { .. }, .. }));
    }
    assert_eq!(batcher.take_refused(), [(long, Bytes::from(vec![1]))]);
    batcher.flush(1).unwrap();
    assert_eq!(batcher.open(1).unwrap().keys().unwrap().len(), 1);
}

#[test]
fn objects_of_the_starting_point_are_read() {
    let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    for version in [1, 2] {
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../batcher-core/tests/golden/lcb1-v");
        let object = std::fs::read(format!("{golden}{version}.bin")).unwrap();
        let path = Path::from(format!("n/checkpoints/batch-{version:06}.lz4"));
        pollster::block_on(store.put(&path, object.into())).unwrap();
        let blobs = CheckpointReader::open(Arc::clone(&store), "n/", version).unwrap().restore().unwrap();
        assert_eq!(blobs.len(), 4);
        assert_eq!(blobs["partition-1/agg"].len(), 300);
    }
    pollster::block_on(store.put(&Path::from("n/checkpoints/batch-000003.lz4"), "foreign".into())).unwrap();
    let error = CheckpointReader::open(store, "n/", 3).unwrap_err();
    let CheckpointStoreError::Read(error) = error else { panic!("{error:?}") };
    assert!(matches!(error.kind(), ReadErrorKind::Foreign { .. }));
    assert_eq!(error.object(), "n/checkpoints/batch-000003.lz4");
}

#[test]
fn a_store_that_fails_leaves_the_buffer_and_closes_an_epoch_that_is_given_up() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let store = object_store::local::LocalFileSystem::new_with_prefix(&root).unwrap();
    let mut batcher = CheckpointBatcher::new(Arc::new(store), "p/".into(), None).unwrap();
    batcher.add("k".into(), vec![1; 100]);
    // A file where the directory is to be.
    std::fs::write(root.join("p"), "in the way").unwrap();
    for epoch in [5, 5, 6] {
        assert!(matches!(
            batcher.flush(epoch).unwrap_err(),
            CheckpointStoreError::Flush(_) | CheckpointStoreError::Store(_)
        ));
        assert_eq!((batcher.len(), batcher.buffer_size()), (1, 109));
    }
    std::fs::remove_file(root.join("p")).unwrap();
    batcher.flush(7).unwrap();
    assert_eq!(batcher.open(7).unwrap().get("k").unwrap().unwrap(), vec![1; 100]);
    batcher.add("k".into(), vec![2]);
    match batcher.flush(6) {
        Ok(()) => assert_eq!(batcher.open(6).unwrap().get("k").unwrap().unwrap(), vec![2]),
        Err(CheckpointStoreError::Flush(error)) => {
            assert!(matches!(error.kind(), FlushErrorKind::EpochGivenUp));
        }
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn the_re_exports_are_enough() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::new(directory.path()).unwrap();
    pollster::block_on(async {
        let mut batcher = batcher::Batcher::builder(batcher::Lz4::default(), store.clone()).build().unwrap();
        batcher.add("k", "blob").unwrap();
        let report = batcher.flush(1).await.unwrap();
        let reader = batcher::BatchReader::open(store, &report.receipts[0].object, &batcher::registry())
            .await
            .unwrap();
        assert_eq!(reader.get("k").await.unwrap().unwrap(), "blob");
    });
}

/// A store whose puts fail when told so.
fn unreliable() -> (Arc<dyn ObjectStore>, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let store = object_store::local::LocalFileSystem::new_with_prefix(directory.path()).unwrap();
    (Arc::new(store), directory)
}

#[test]
fn an_epoch_that_is_stored_in_part_must_be_finished() {
    let (store, directory) = unreliable();
    let mut batcher = CheckpointBatcher::new(Arc::clone(&store), String::new(), None).unwrap();
    let folder = directory.path().join("checkpoints");
    std::fs::write(&folder, "in the way").unwrap();
    batcher.add("a".into(), vec![1]);
    assert!(batcher.flush(7).is_err());
    std::fs::remove_file(&folder).unwrap();
    // The second object of the epoch cannot be written.
    std::fs::create_dir_all(folder.join("batch-000007-1.lz4/in-the-way")).unwrap();
    batcher.add("b".into(), vec![2]);
    assert!(batcher.flush(7).is_err());
    assert!(folder.join("batch-000007.lz4").is_file());
    let refused = batcher.flush(8).unwrap_err();
    assert!(matches!(refused, CheckpointStoreError::Unfinished { epoch: 7 }), "{refused:?}");
    std::fs::remove_dir_all(folder.join("batch-000007-1.lz4")).unwrap();
    batcher.flush(7).unwrap();
    assert_eq!(batcher.open(7).unwrap().keys().unwrap().len(), 2);
    batcher.add("c".into(), vec![3]);
    batcher.flush(8).unwrap();
}
