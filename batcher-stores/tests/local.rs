//! What a directory must keep beyond the contract of every store: names, leftovers, links and opening.
#![cfg(feature = "local")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod objects;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use batcher_core::{BlobSink, BlobSource, Operation, Outcome, PutMode, ReadRange, StoreErrorKind};
use batcher_stores::LocalStore;
use objects::{listed, payload, whole};
use pollster::block_on;
use tempfile::TempDir;

fn store() -> (TempDir, LocalStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::new(directory.path()).unwrap();
    (directory, store)
}

fn staging(directory: &TempDir) -> PathBuf {
    directory.path().join(".batcher-tmp")
}

fn leftovers(directory: &TempDir) -> usize {
    fs::read_dir(staging(directory)).map_or(0, Iterator::count)
}

#[test]
fn opening_asks_for_a_directory() {
    let (directory, _) = store();
    fs::write(directory.path().join("file"), "x").unwrap();
    for (path, kind) in [("missing", StoreErrorKind::NotFound), ("file", StoreErrorKind::InvalidInput)] {
        let error = LocalStore::new(directory.path().join(path)).unwrap_err();
        assert_eq!((error.kind(), error.operation()), (kind, Operation::Open));
    }
    assert_eq!(
        LocalStore::create(directory.path().join("file/in")).unwrap_err().kind(),
        StoreErrorKind::InvalidInput
    );
    let deep = directory.path().join("made/as/needed");
    let made = LocalStore::create(&deep).unwrap();
    assert_eq!(made.root(), deep);
    LocalStore::create(&deep).unwrap();
}

#[test]
fn opening_leaves_the_directory_as_it_is() {
    let (directory, store) = store();
    block_on(async {
        assert!(listed(&store, "").await.is_empty());
        store.delete("absent").await.unwrap();
        store.remove_leftovers(Duration::ZERO).await.unwrap();
    });
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn a_root_that_went_away_is_not_made_again() {
    let (directory, store) = store();
    fs::remove_dir(directory.path()).unwrap();
    block_on(async {
        for mode in [PutMode::Create, PutMode::Replace] {
            let error = store.put("a/b", payload("x"), mode).await.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::NotFound, Outcome::NotApplied));
            let error = store.start_multipart("a/b", mode).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::NotFound);
        }
    });
    assert!(!directory.path().exists());
}

#[test]
fn names_that_no_file_system_takes_are_refused_by_kind() {
    let (directory, store) = store();
    let long = format!("a/{}", "s".repeat(256));
    let names = [
        (long.as_str(), StoreErrorKind::TooLarge),
        (".batcher-tmp", StoreErrorKind::InvalidInput),
        (".batcher-tmp/1-0", StoreErrorKind::InvalidInput),
        (".Batcher-TMP/1-0", StoreErrorKind::InvalidInput),
    ];
    block_on(async {
        for (name, kind) in names {
            for error in [
                store.put(name, payload("x"), PutMode::Create).await.unwrap_err(),
                store.put(name, payload("x"), PutMode::Replace).await.unwrap_err(),
                store.start_multipart(name, PutMode::Create).await.unwrap_err(),
                store.delete(name).await.unwrap_err(),
                store.read(name, ReadRange::Bounded(0..1)).await.unwrap_err(),
                store.size(name).await.unwrap_err(),
            ] {
                assert_eq!((error.kind(), error.outcome()), (kind, Outcome::NotApplied), "{error}");
            }
        }
        // Only the first segment is taken.
        store.put("a/.batcher-tmp", payload("x"), PutMode::Create).await.unwrap();
        let longest = format!("a/{}", "s".repeat(255));
        store.put(&longest, payload("x"), PutMode::Create).await.unwrap();
        assert_eq!(listed(&store, "a/").await.len(), 2);
    });
    assert_eq!(leftovers(&directory), 0);
}

#[test]
fn an_object_and_a_directory_cannot_share_a_name() {
    let (directory, store) = store();
    block_on(async {
        store.put("object", payload("x"), PutMode::Create).await.unwrap();
        store.put("directory/object", payload("y"), PutMode::Create).await.unwrap();
        for name in ["object/below", "object/far/below", "directory"] {
            for mode in [PutMode::Create, PutMode::Replace] {
                let error = store.put(name, payload("z"), mode).await.unwrap_err();
                assert_eq!(
                    (error.kind(), error.outcome()),
                    (StoreErrorKind::InvalidInput, Outcome::NotApplied),
                    "{mode:?}: {error}"
                );
                let mut upload = store.start_multipart(name, mode).await.unwrap();
                upload.put_part(payload("z")).await.unwrap();
                let error = upload.complete().await.unwrap_err();
                assert_eq!(
                    (error.kind(), error.outcome()),
                    (StoreErrorKind::InvalidInput, Outcome::NotApplied)
                );
            }
        }
        assert_eq!(whole(&store, "object").await.unwrap(), "x");
        assert_eq!(whole(&store, "directory/object").await.unwrap(), "y");
        assert_eq!(listed(&store, "").await.len(), 2);
    });
    assert_eq!(leftovers(&directory), 0);
}

#[test]
fn a_taken_name_is_certain() {
    let (directory, store) = store();
    block_on(async {
        store.put("a/b", payload("x"), PutMode::Create).await.unwrap();
        let error = store.put("a/b", payload("y"), PutMode::Create).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::AlreadyExists, Outcome::NotApplied));
    });
    assert_eq!(leftovers(&directory), 0);
}

#[test]
fn leftovers_are_never_seen_and_go_by_age() {
    let (directory, store) = store();
    fs::create_dir(staging(&directory)).unwrap();
    // The very names that this process would take next.
    for number in 0..500 {
        fs::write(staging(&directory).join(format!("{}-{number}", std::process::id())), "half an obj")
            .unwrap();
    }
    block_on(async {
        store.put("object", payload("x"), PutMode::Create).await.unwrap();
        for prefix in ["", ".", ".b", ".batcher-tmp", ".batcher-tmp/"] {
            let names: Vec<_> = listed(&store, prefix).await.into_keys().collect();
            assert_eq!(names, if prefix.is_empty() { vec!["object"] } else { vec![] });
        }
        assert_eq!(store.remove_leftovers(Duration::from_secs(3600)).await.unwrap(), 0);
        assert_eq!(leftovers(&directory), 500);
        assert_eq!(store.remove_leftovers(Duration::ZERO).await.unwrap(), 500);
        assert_eq!(store.remove_leftovers(Duration::ZERO).await.unwrap(), 0);
        assert_eq!(whole(&store, "object").await.unwrap(), "x");
    });
    assert_eq!(leftovers(&directory), 0);
}

#[test]
fn an_upload_that_lost_its_file_applies_nothing() {
    let (_directory, store) = store();
    block_on(async {
        for mode in [PutMode::Create, PutMode::Replace] {
            let mut upload = store.start_multipart("object", mode).await.unwrap();
            upload.put_part(payload("x")).await.unwrap();
            assert_eq!(store.remove_leftovers(Duration::ZERO).await.unwrap(), 1);
            let error = upload.complete().await.unwrap_err();
            assert_eq!(error.outcome(), Outcome::NotApplied);
            assert_eq!(store.size("object").await.unwrap_err().kind(), StoreErrorKind::NotFound);
        }
    });
}

#[test]
fn dropped_uploads_take_their_file_along() {
    let (directory, store) = store();
    block_on(async {
        let mut upload = store.start_multipart("object", PutMode::Create).await.unwrap();
        upload.put_part(payload("x")).await.unwrap();
        assert_eq!(leftovers(&directory), 1);
    });
    assert_eq!(leftovers(&directory), 0);
    assert!(block_on(listed(&store, "")).is_empty());
}

#[test]
fn an_upload_with_a_missing_part_does_not_complete() {
    let (directory, store) = store();
    block_on(async {
        let mut upload = store.start_multipart("object", PutMode::Create).await.unwrap();
        upload.put_part(payload("one")).await.unwrap();
        drop(upload.put_part(payload("two")));
        upload.put_part(payload("three")).await.unwrap();
        let error = upload.complete().await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::InvalidInput, Outcome::NotApplied));
        upload.abort().await.unwrap();
        assert_eq!(leftovers(&directory), 0);

        let mut upload = store.start_multipart("object", PutMode::Create).await.unwrap();
        upload.complete().await.unwrap();
        assert_eq!(upload.complete().await.unwrap_err().kind(), StoreErrorKind::InvalidInput);
        upload.abort().await.unwrap();
        assert_eq!(store.size("object").await.unwrap(), 0);
    });
    assert_eq!(leftovers(&directory), 0);
}

/// What a network file system does that sends a link twice: the name is there, and it is this very file.
#[test]
#[cfg(unix)]
fn a_link_that_landed_unnoticed_is_a_success() {
    let (directory, store) = store();
    block_on(async {
        let mut upload = store.start_multipart("object", PutMode::Create).await.unwrap();
        upload.put_part(payload("x")).await.unwrap();
        let staged = fs::read_dir(staging(&directory)).unwrap().next().unwrap().unwrap().path();
        fs::hard_link(&staged, directory.path().join("object")).unwrap();
        upload.complete().await.unwrap();
        assert_eq!(whole(&store, "object").await.unwrap(), "x");

        let mut upload = store.start_multipart("other", PutMode::Create).await.unwrap();
        fs::write(directory.path().join("other"), "").unwrap();
        assert_eq!(upload.complete().await.unwrap_err().kind(), StoreErrorKind::AlreadyExists);
    });
}

/// Files that somebody else put into the directory.
#[test]
#[cfg(unix)]
fn strange_files_hurt_nobody() {
    use std::os::unix::ffi::OsStrExt;
    let (directory, store) = store();
    let path = |name: &str| directory.path().join(name);
    fs::write(path("control\n"), "x").unwrap();
    fs::write(directory.path().join(Path::new(std::ffi::OsStr::from_bytes(b"\xff"))), "x").unwrap();
    std::os::unix::fs::symlink(directory.path(), path("loop")).unwrap();
    std::os::unix::fs::symlink("nowhere", path("dangling")).unwrap();
    let piped =
        std::process::Command::new("mkfifo").arg(path("pipe")).status().is_ok_and(|status| status.success());
    block_on(async {
        store.put("object", payload("x"), PutMode::Create).await.unwrap();
        let names: Vec<_> = listed(&store, "").await.into_keys().collect();
        assert_eq!(names, ["object"]);
        if piped {
            let error = store.read("pipe", ReadRange::Bounded(0..1)).await.unwrap_err();
            assert_eq!(error.kind(), StoreErrorKind::NotFound);
            assert_eq!(store.size("pipe").await.unwrap_err().kind(), StoreErrorKind::NotFound);
            store.delete("pipe/below").await.unwrap();
        }
    });
}

/// More objects than one batch of a list, in directories that come and go.
#[test]
fn long_lists_are_complete() {
    let (_directory, store) = store();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for number in 0..3000 {
        let path = store.root().join(format!("many/{}", number % 7));
        fs::create_dir_all(&path).unwrap();
        fs::write(path.join(number.to_string()), "x").unwrap();
    }
    runtime.block_on(async {
        assert_eq!(listed(&store, "many").await.len(), 3000);
        assert_eq!(listed(&store, "many/3/").await.len(), (0..3000).filter(|number| number % 7 == 3).count());
    });
}

#[test]
fn a_read_gives_one_version() {
    let (_directory, store) = store();
    block_on(async {
        store.put("object", payload("one"), PutMode::Replace).await.unwrap();
        let first = store.read("object", ReadRange::Suffix(1)).await.unwrap();
        let again = store.read("object", ReadRange::Bounded(0..1)).await.unwrap();
        assert!(first.version.is_some());
        assert_eq!(first.version, again.version);
    });
}

#[test]
fn a_runtime_that_shuts_down_is_unavailable() {
    let (_directory, store) = store();
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    let handle = runtime.handle().clone();
    runtime.shutdown_background();
    let _context = handle.enter();
    let error = block_on(store.put("object", payload("x"), PutMode::Create)).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::Unavailable, Outcome::Unknown));
}

#[test]
fn a_dropped_put_may_still_land_but_never_in_half() {
    let (_directory, store) = store();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    runtime.block_on(async {
        for number in 0..50 {
            let name = format!("dropped/{number}");
            let put = store.put(&name, payload(vec![1; 100_000]), PutMode::Create);
            // Polled once.
            let _ = futures_util::FutureExt::now_or_never(put);
        }
    });
    drop(runtime);
    let objects = block_on(listed(&store, "dropped/"));
    assert!(!objects.is_empty() && objects.values().all(|len| *len == 100_000), "{objects:?}");
}
