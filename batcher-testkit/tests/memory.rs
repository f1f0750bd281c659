//! The in-memory store, by the book.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use batcher_core::{
    BlobSink, BlobSource, BlobStore, MultipartUpload, Operation, Outcome, Payload, PutMode, ReadRange,
    SinkCapabilities, StoreError, StoreErrorKind,
};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt};

const CREATE: PutMode = PutMode::Create;
const REPLACE: PutMode = PutMode::Replace;

fn payload(chunks: &[&'static str]) -> Payload {
    chunks.iter().map(|chunk| Bytes::from_static(chunk.as_bytes())).collect()
}

fn refused<T>(result: Result<T, StoreError>) -> StoreErrorKind {
    let error = result.err().unwrap();
    assert_eq!(error.outcome(), Outcome::NotApplied);
    error.kind()
}

async fn upload(store: &MemoryStore, name: &str, mode: PutMode) -> Box<dyn MultipartUpload> {
    store.start_multipart(name, mode).await.unwrap()
}

/// Polls a future at most so often, and then drops it.
fn poll_times<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    (0..times).find_map(|_| match future.as_mut().poll(&mut context) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

#[test]
fn puts_create_and_replace() {
    let store = MemoryStore::new();
    block_on(async {
        store.put("a/b", payload(&["one", "two"]), CREATE).await.unwrap();
        assert_eq!(refused(store.put("a/b", payload(&["x"]), CREATE).await), StoreErrorKind::AlreadyExists);
        assert_eq!(store.object("a/b").unwrap(), "onetwo");
        store.put("a/b", payload(&["three"]), REPLACE).await.unwrap();
        store.put("c", payload(&[]), REPLACE).await.unwrap();
    });
    assert_eq!(store.object("a/b").unwrap(), "three");
    assert_eq!(store.object("c").unwrap(), "");
    assert_eq!(store.object("d"), None);
    assert_eq!(store.names(), ["a/b", "c"]);
    assert_eq!(store.requests(Operation::Put), 4);
}

#[test]
fn reads_are_ranges_of_one_version() {
    let store = MemoryStore::new();
    store.insert("a", "0123456789");
    let read = |range| block_on(store.read("a", range)).unwrap();
    for start in 0..12_u64 {
        for end in start..13 {
            let reply = read(ReadRange::Bounded(start..end));
            let expected: String = (start..end.min(10)).map(|digit| digit.to_string()).collect();
            assert_eq!((reply.bytes, reply.object_len), (Bytes::from(expected), 10));
        }
    }
    for (len, expected) in [(0, ""), (3, "789"), (10, "0123456789"), (u64::MAX, "0123456789")] {
        assert_eq!(read(ReadRange::Suffix(len)).bytes, expected);
    }
    assert_eq!(read(ReadRange::Bounded(u64::MAX..u64::MAX)).bytes, "");

    let version = || read(ReadRange::Suffix(1)).version.unwrap();
    let before = version();
    assert_eq!(version(), before);
    store.insert("b", "");
    assert_eq!(version(), before);
    // The same bytes, but somebody has written them again.
    store.insert("a", "0123456789");
    assert_ne!(version(), before);

    assert_eq!(block_on(store.size("a")).unwrap(), 10);
    assert_eq!(refused(block_on(store.size("x"))), StoreErrorKind::NotFound);
    assert_eq!(refused(block_on(store.read("x", ReadRange::Suffix(1)))), StoreErrorKind::NotFound);
}

#[test]
fn deleting_twice_is_a_success() {
    let store = MemoryStore::new();
    store.insert("a", "1");
    for _ in 0..2 {
        block_on(store.delete("a")).unwrap();
        assert_eq!(store.object("a"), None);
    }
    assert_eq!(store.requests(Operation::Delete), 2);
}

#[test]
fn lists_go_by_prefix() {
    let store = MemoryStore::new();
    for name in ["a/1", "a/2", "ab", "b"] {
        store.insert(name, name);
    }
    for (prefix, expected) in [
        ("", &["a/1", "a/2", "ab", "b"][..]),
        ("a", &["a/1", "a/2", "ab"]),
        ("a/", &["a/1", "a/2"]),
        ("c", &[]),
    ] {
        let listed: Vec<_> = block_on(store.list(prefix).try_collect()).unwrap();
        let names: Vec<_> = listed.iter().map(|info| &*info.name).collect();
        assert_eq!(names, expected);
        assert!(listed.iter().all(|info| info.len == info.name.len() as u64));
    }
    assert_eq!(store.requests(Operation::List), 4);
}

#[test]
fn an_upload_is_seen_when_complete_with_parts_in_call_order() {
    let store = MemoryStore::new();
    block_on(async {
        let mut upload = upload(&store, "a", REPLACE).await;
        let parts = ["1", "2", "3", "4"].map(|part| upload.put_part(payload(&[part])));
        // They finish the other way round.
        for part in parts.into_iter().rev() {
            part.await.unwrap();
        }
        assert_eq!((store.object("a"), store.open_uploads()), (None, 1));
        upload.complete().await.unwrap();
        assert_eq!((store.object("a").unwrap(), store.open_uploads()), (Bytes::from("1234"), 0));

        // Nobody knows from this error that it has been completed.
        let again = upload.complete().await.unwrap_err();
        assert_eq!((again.kind(), again.outcome()), (StoreErrorKind::NotFound, Outcome::Unknown));
        assert_eq!(refused(upload.put_part(payload(&["5"])).await), StoreErrorKind::NotFound);
        upload.abort().await.unwrap();
    });
    assert_eq!(store.object("a").unwrap(), "1234");
    assert_eq!(store.requests(Operation::PutPart), 5);
}

#[test]
fn an_upload_creates_or_replaces_when_complete() {
    let store = MemoryStore::new();
    block_on(async {
        let [mut first, mut second] = [upload(&store, "a", CREATE).await, upload(&store, "a", CREATE).await];
        let mut third = upload(&store, "a", REPLACE).await;
        for (upload, part) in [(&mut first, "1"), (&mut second, "2"), (&mut third, "3")] {
            upload.put_part(payload(&[part])).await.unwrap();
        }
        second.complete().await.unwrap();
        assert_eq!(refused(first.complete().await), StoreErrorKind::AlreadyExists);
        assert_eq!(store.object("a").unwrap(), "2");
        third.complete().await.unwrap();
        assert_eq!((store.object("a").unwrap(), store.open_uploads()), (Bytes::from("3"), 1));
        first.abort().await.unwrap();
        assert_eq!(store.open_uploads(), 0);
    });
}

#[test]
fn an_upload_without_all_of_its_parts_is_refused() {
    let store = MemoryStore::new();
    block_on(async {
        let mut upload = upload(&store, "a", REPLACE).await;
        assert_eq!(refused(upload.complete().await), StoreErrorKind::InvalidInput);
        upload.put_part(payload(&["1"])).await.unwrap();
        drop(upload.put_part(payload(&["2"])));
        assert_eq!(refused(upload.complete().await), StoreErrorKind::InvalidInput);
        drop(upload);
    });
    assert_eq!((store.names().len(), store.open_uploads()), (0, 1));
}

#[test]
fn parts_have_limits() {
    let store = MemoryStore::builder().with_min_part_len(2).with_max_parts(2).build();
    block_on(async {
        for (parts, expected) in [
            (&["12", "3"][..], Ok(())),
            (&["1", "23"], Err(StoreErrorKind::InvalidInput)),
            (&["12", "34", "5"], Err(StoreErrorKind::TooLarge)),
        ] {
            let mut upload = upload(&store, "a", REPLACE).await;
            let put: Vec<_> = parts.iter().map(|part| upload.put_part(payload(&[part]))).collect();
            let put: Result<Vec<()>, _> = join_all(put).await.into_iter().collect();
            let result = match put {
                Ok(_) => upload.complete().await,
                Err(error) => Err(error),
            };
            assert_eq!(result.map_err(|error| error.kind()), expected);
        }
    });
    assert_eq!(store.object("a").unwrap(), "123");
}

#[test]
fn what_is_switched_off_is_declared_and_refused() {
    let all = SinkCapabilities::default()
        .with_create(true)
        .with_multipart(true)
        .with_multipart_create(true)
        .with_delete(true);
    assert_eq!(MemoryStore::new().capabilities(), all);
    assert!(MemoryStore::new().reads_suffixes());
    let unsupported = StoreErrorKind::Unsupported;

    let store = MemoryStore::builder().without_create().build();
    assert_eq!(store.capabilities(), all.clone().with_create(false));
    assert_eq!(refused(block_on(store.put("a", payload(&["1"]), CREATE))), unsupported);
    block_on(store.put("a", payload(&["1"]), REPLACE)).unwrap();

    let store = MemoryStore::builder().without_multipart_create().build();
    assert_eq!(store.capabilities(), all.clone().with_multipart_create(false));
    assert_eq!(refused(block_on(store.start_multipart("a", CREATE))), unsupported);
    block_on(store.start_multipart("a", REPLACE)).unwrap();

    let store = MemoryStore::builder().without_multipart().build();
    assert_eq!(store.capabilities(), all.clone().with_multipart(false).with_multipart_create(false));
    for mode in [CREATE, REPLACE] {
        assert_eq!(refused(block_on(store.start_multipart("a", mode))), unsupported);
    }
    assert_eq!(store.open_uploads(), 0);

    let store = MemoryStore::builder().without_delete().build();
    assert_eq!(store.capabilities(), all.clone().with_delete(false));
    store.insert("a", "1");
    assert_eq!(refused(block_on(store.delete("a"))), unsupported);
    assert!(store.object("a").is_some());

    let store = MemoryStore::builder().without_suffix_reads().build();
    store.insert("a", "1");
    assert!(!store.reads_suffixes());
    assert_eq!(refused(block_on(store.read("a", ReadRange::Suffix(1)))), unsupported);
    assert_eq!(block_on(store.read("a", ReadRange::Bounded(0..1))).unwrap().bytes, "1");

    let store = MemoryStore::builder().with_max_put_len(2).build();
    assert_eq!(store.capabilities(), all.with_max_put_len(2));
    assert_eq!(refused(block_on(store.put("a", payload(&["1", "23"]), REPLACE))), StoreErrorKind::TooLarge);
    block_on(store.put("a", payload(&["1", "2"]), REPLACE)).unwrap();
}

#[test]
fn bad_names_are_refused_everywhere() {
    let store = MemoryStore::new();
    for name in ["", "/a", "a/../b", "a\n"] {
        block_on(async {
            for kind in [
                refused(store.put(name, Payload::new(), REPLACE).await),
                refused(store.start_multipart(name, REPLACE).await),
                refused(store.delete(name).await),
                refused(store.read(name, ReadRange::Suffix(1)).await),
                refused(store.size(name).await),
            ] {
                assert_eq!(kind, StoreErrorKind::InvalidInput);
            }
        });
    }
    assert!(store.names().is_empty());
}

#[test]
fn clones_share_and_others_do_not() {
    let store = MemoryStore::new();
    store.clone().insert("a", "1");
    assert_eq!(store.remove("a").unwrap(), "1");
    assert_eq!(store.remove("a"), None);
    store.insert("b", "2");
    assert!(MemoryStore::new().names().is_empty());
    let _: &dyn BlobStore = &store;
}

/// Dropped after one poll a write has had no effect, after two it has, and in neither case has anybody been told.
#[test]
fn writes_can_be_dropped_before_and_after_their_effect() {
    for polls in 0..3 {
        let applied = polls == 2;
        let store = MemoryStore::new();
        store.insert("old", "0");
        assert!(poll_times(store.put("a", payload(&["1"]), CREATE), polls).is_none());
        assert_eq!(store.object("a").is_some(), applied);
        assert!(poll_times(store.delete("old"), polls).is_none());
        assert_eq!(store.object("old").is_none(), applied);
        assert!(poll_times(store.start_multipart("b", CREATE), polls).is_none());
        assert_eq!(store.open_uploads(), usize::from(applied));

        let mut first = block_on(upload(&store, "b", CREATE));
        assert!(poll_times(first.put_part(payload(&["1"])), polls).is_none());
        assert_eq!(block_on(first.complete()).is_ok(), applied);

        let mut second = block_on(upload(&store, "c", CREATE));
        block_on(second.put_part(payload(&["1"]))).unwrap();
        assert!(poll_times(second.complete(), polls).is_none());
        assert_eq!(store.object("c").is_some(), applied);

        let mut third = block_on(upload(&store, "d", CREATE));
        let open = store.open_uploads();
        assert!(poll_times(third.abort(), polls).is_none());
        assert_eq!(store.open_uploads() < open, applied);
    }
}

#[test]
fn reads_are_pending_once() {
    let store = MemoryStore::new();
    store.insert("a", "1");
    for polls in 0..3 {
        let done = polls == 2;
        assert_eq!(poll_times(store.read("a", ReadRange::Suffix(1)), polls).is_some(), done);
        assert_eq!(poll_times(store.size("a"), polls).is_some(), done);
        assert_eq!(poll_times(store.list("").next(), polls).is_some(), done);
    }
    // Those that were polled.
    for operation in [Operation::Read, Operation::Size, Operation::List] {
        assert_eq!(store.requests(operation), 2);
    }
}
