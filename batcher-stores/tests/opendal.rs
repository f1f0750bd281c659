//! What is OpenDAL's own.
#![cfg(feature = "opendal")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod objects;

use batcher_core::{BlobSink, BlobSource, Outcome, PutMode, ReadRange, SinkCapabilities, StoreErrorKind};
use batcher_stores::OpendalSink;
use futures_util::FutureExt;
use objects::{listed, payload, whole};
use opendal::{Operator, services};
use tempfile::TempDir;

fn files() -> (TempDir, Operator) {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let files = services::Fs::default().root(&path("objects")).atomic_write_dir(&path("temporary"));
    let operator = Operator::new(files).unwrap();
    (directory, operator)
}

#[test]
fn capabilities_are_the_operators() {
    let memory = OpendalSink::new(Operator::new(services::Memory::default()).unwrap()).capabilities();
    assert_eq!(memory, SinkCapabilities::default().with_create(true).with_delete(true));
    let (_directory, operator) = files();
    assert!(operator.info().capability().write_with_if_not_exists);
    let files = OpendalSink::new(operator.clone()).capabilities();
    assert_eq!(files, SinkCapabilities::default().with_multipart(true).with_delete(true));
    let all = SinkCapabilities::default().with_create(true);
    assert_eq!(OpendalSink::new(operator).with_capabilities(all.clone()).capabilities(), all);
}

#[tokio::test]
async fn names_that_would_be_altered_are_refused() {
    let store = OpendalSink::new(Operator::new(services::Memory::default()).unwrap());
    for name in [" a", "a ", "a/b ", "\u{a0}a", "a\u{2003}"] {
        for error in [
            store.put(name, payload("x"), PutMode::Create).await.unwrap_err(),
            store.read(name, ReadRange::Suffix(1)).await.unwrap_err(),
            store.delete(name).await.unwrap_err(),
        ] {
            assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::InvalidInput, Outcome::NotApplied));
        }
    }
    store.put("a / b", payload("x"), PutMode::Create).await.unwrap();
    assert_eq!(whole(&store, "a / b").await.unwrap(), "x");
}

#[test]
fn a_part_given_up_halfway_spoils_the_upload() {
    let (_directory, operator) = files();
    let store = OpendalSink::new(operator);
    let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let mut upload = store.start_multipart("object", PutMode::Replace).await.unwrap();
        upload.put_part(payload("one")).await.unwrap();
        upload.put_part(payload("two")).await.unwrap();
        // From here on the disk's only thread is busy, so that what is written stays under way, and the next write but
        // one at the latest has to wait.
        let (release, held) = std::sync::mpsc::channel::<()>();
        let busy = tokio::task::spawn_blocking(move || held.recv());
        assert!((0..3).any(|_| upload.put_part(payload("more")).now_or_never().is_none()));
        drop(release);
        assert!(busy.await.unwrap().is_err());
        assert_eq!(upload.put_part(payload("four")).await.unwrap_err().outcome(), Outcome::Unknown);
        let error = upload.complete().await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::InvalidInput, Outcome::NotApplied));
        upload.abort().await.unwrap();
        assert!(listed(&store, "").await.is_empty());
    });
}

#[tokio::test]
async fn an_upload_with_a_missing_part_does_not_complete() {
    let (_directory, operator) = files();
    let store = OpendalSink::new(operator);
    let mut upload = store.start_multipart("object", PutMode::Replace).await.unwrap();
    upload.put_part(payload("one")).await.unwrap();
    drop(upload.put_part(payload("two")));
    let error = upload.complete().await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::InvalidInput, Outcome::NotApplied));
    assert_eq!(store.size("object").await.unwrap_err().kind(), StoreErrorKind::NotFound);
}

#[tokio::test]
async fn an_object_in_the_way_of_a_directory_is_invalid() {
    let (_directory, operator) = files();
    let store = OpendalSink::new(operator);
    store.put("object", payload("x"), PutMode::Replace).await.unwrap();
    store.put("directory/object", payload("x"), PutMode::Replace).await.unwrap();
    assert_eq!(
        store.put("directory", payload("x"), PutMode::Replace).await.unwrap_err().kind(),
        StoreErrorKind::InvalidInput
    );
    let error = store.put("object/below", payload("x"), PutMode::Replace).await.unwrap_err();
    assert!(!error.kind().is_retryable(), "{error:?}");
    assert_eq!(listed(&store, "").await.len(), 2);
}
