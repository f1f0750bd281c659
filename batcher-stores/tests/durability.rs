//! What a directory keeps when processes die, disks fill up and syncs fail, and that it syncs at all.
//!
//! Each test runs this very program again as a child, under `strace` or in a mount namespace of its own where it
//! needs one; where the machine has none, it says so and passes.
#![cfg(all(feature = "local", target_os = "linux"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod objects;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use batcher_core::{BlobSink, Outcome, PutMode, StoreErrorKind};
use batcher_stores::LocalStore;
use objects::{listed, payload, whole};
use pollster::block_on;

const TASK: &str = "STORES_TEST_TASK";
const ROOT: &str = "STORES_TEST_ROOT";

/// This program, to be run again for `task` on `root`.
fn arguments() -> Vec<String> {
    let program = std::env::current_exe().unwrap().into_os_string().into_string().unwrap();
    [&program, "--exact", "child", "--nocapture", "--test-threads=1"].map(String::from).to_vec()
}

fn command(before: &[&str], task: &str, root: &Path) -> Command {
    let line: Vec<_> = before.iter().map(|word| String::from(*word)).chain(arguments()).collect();
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]).env(TASK, task).env(ROOT, root).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `task` under `before`, and panics with what it printed where it fails.
fn run(before: &[&str], task: &str, root: &Path) {
    let output = command(before, task, root).output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.contains(&format!("did {task}")), "{task}: {printed}");
}

/// Whether `line` works here.
fn can(line: &[&str]) -> bool {
    let works = Command::new(line[0]).args(&line[1..]).output().is_ok_and(|output| output.status.success());
    if !works {
        println!("skipped: cannot run {line:?} here");
    }
    works
}

/// Does the task that a parent gave, if one did.
#[test]
fn child() {
    let (Ok(task), Ok(root)) = (std::env::var(TASK), std::env::var(ROOT)) else { return };
    let root = Path::new(&root);
    block_on(async {
        match task.as_str() {
            "write for ever" => write_for_ever(root).await,
            "create" => one_of_each(root, PutMode::Create).await,
            "replace" => one_of_each(root, PutMode::Replace).await,
            "delete" => LocalStore::new(root).unwrap().delete("a/b/put").await.unwrap(),
            "find taken" => find_taken(root).await,
            "fill the disk" => fill_the_disk(root).await,
            "write to a read-only disk" => write_to_a_read_only_disk(root).await,
            task => fail_to_sync(root, task).await,
        }
    });
    println!("did {task}");
}

async fn write_for_ever(root: &Path) {
    let store = LocalStore::new(root).unwrap();
    for number in 0_u32.. {
        let bytes = vec![number.to_le_bytes()[0]; 300_000];
        store
            .put(&format!("{}/{number}", number % 5), payload(bytes.clone()), PutMode::Create)
            .await
            .unwrap();
        store.put("replaced", payload(bytes.clone()), PutMode::Replace).await.unwrap();
        let mut upload = store.start_multipart("parts", PutMode::Replace).await.unwrap();
        let parts = [upload.put_part(payload(bytes.clone())), upload.put_part(payload(bytes))];
        for part in parts.into_iter().rev() {
            part.await.unwrap();
        }
        upload.complete().await.unwrap();
        println!("{number}");
    }
}

#[test]
fn a_killed_writer_leaves_whole_objects_only() {
    let directory = tempfile::tempdir().unwrap();
    let store = LocalStore::new(directory.path()).unwrap();
    let mut left_something = false;
    for round in 0..25 {
        let mut writer = command(&[], "write for ever", directory.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(15 + round * 7));
        writer.kill().unwrap();
        writer.wait().unwrap();
        left_something |=
            fs::read_dir(directory.path().join(".batcher-tmp")).is_ok_and(|mut files| files.next().is_some());
        block_on(async {
            for (name, len) in listed(&store, "").await {
                let object = whole(&store, &name).await.unwrap();
                let wanted = if name == "parts" { 600_000 } else { 300_000 };
                assert_eq!((len, object.len()), (wanted, object.len()), "{name}");
                assert!(object.iter().all(|byte| *byte == object[0]), "{name} is of several writes");
                // The next writer begins with the same names.
                if name != "replaced" && name != "parts" {
                    store.delete(&name).await.unwrap();
                }
            }
        });
    }
    assert!(left_something, "no writer was killed in the middle of a write");
    block_on(store.remove_leftovers(Duration::ZERO)).unwrap();
    assert_eq!(fs::read_dir(directory.path().join(".batcher-tmp")).unwrap().count(), 0);
}

async fn one_of_each(root: &Path, mode: PutMode) {
    let store = LocalStore::new(root).unwrap();
    store.put("a/b/put", payload("x"), mode).await.unwrap();
    let mut upload = store.start_multipart("a/b/parts", mode).await.unwrap();
    upload.put_part(payload("x")).await.unwrap();
    upload.complete().await.unwrap();
}

async fn find_taken(root: &Path) {
    let error =
        LocalStore::new(root).unwrap().put("a/b/put", payload("y"), PutMode::Create).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::AlreadyExists);
}

const STRACE: &[&str] = &["strace", "-f", "-y", "-qq", "-e", "signal=none"];

/// The calls of `task` that matter, in order, each as its name and the last part of the path that it is about.
fn calls(root: &Path, task: &str) -> Vec<String> {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut line = STRACE.to_vec();
    line.extend([
        "-e",
        "trace=fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink,unlinkat,mkdir,mkdirat",
    ]);
    line.extend(["-o", log.path().to_str().unwrap()]);
    run(&line, task, root);
    let log = fs::read_to_string(log.path()).unwrap();
    let here = root.to_str().unwrap();
    let own = log.lines().filter(|call| call.contains(here) && !call.contains("= -1"));
    own.map(|call| {
        let (name, arguments) = call.split_once('(').unwrap();
        let name = name.rsplit(' ').next().unwrap();
        // A file descriptor is shown with its path; of two paths the second is the new name.
        let path = arguments.rsplit(here).next().unwrap();
        let path: String = path.chars().take_while(|c| !matches!(c, '>' | '"')).collect();
        let path = if path.starts_with("/.batcher-tmp/") { "/temporary" } else { &path };
        format!("{} {path}", name.trim_end_matches("at").trim_end_matches("at2"))
    })
    .collect()
}

#[test]
fn files_and_directories_are_synced() {
    if !can(&["strace", "-o", "/dev/null", "true"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let up = ["fsync /a/b", "fsync /a", "fsync "];
    let published = |naming: &str, object: &str, after: &[&str]| {
        let naming = format!("{naming} /a/b/{object}");
        [&["fsync /temporary", naming.as_str()], &up[..], after]
            .concat()
            .into_iter()
            .map(String::from)
            .collect::<Vec<_>>()
    };
    let mut created = calls(directory.path(), "create");
    // Directories are made as they are needed, in an order that is the standard library's.
    created.retain(|call| !call.starts_with("mkdir"));
    let unlinked = ["unlink /temporary"];
    assert_eq!(
        created,
        [published("link", "put", &unlinked), published("link", "parts", &unlinked)].concat()
    );
    let replaced = calls(directory.path(), "replace");
    assert_eq!(replaced, [published("rename", "put", &[]), published("rename", "parts", &[])].concat());
    let taken = calls(directory.path(), "find taken");
    assert_eq!(taken, ["fsync /temporary", "fsync /a/b", "fsync /a", "fsync ", "unlink /temporary"]);
    for task in ["delete", "delete"] {
        let deleted = calls(directory.path(), task);
        assert_eq!(deleted[deleted.len() - 3..], up, "a repeated deletion syncs, too");
    }
}

/// Fails the syncs that `faults` names, by number, and says what must come of it.
async fn fail_to_sync(root: &Path, task: &str) {
    let store = LocalStore::new(root).unwrap();
    let mode = if task.contains("create") { PutMode::Create } else { PutMode::Replace };
    let error = store.put("put", payload("x"), mode).await.unwrap_err();
    if task.contains("file") {
        // Not even the name, and no leftover.
        assert_eq!(error.outcome(), Outcome::NotApplied);
        assert!(listed(&store, "").await.is_empty());
    } else {
        assert_eq!(error.outcome(), Outcome::Unknown);
        assert_eq!(listed(&store, "").await.len(), 1);
        // Whoever asks again must not be told of an object that may yet be lost.
        let again = store.put("put", payload("x"), PutMode::Create).await;
        assert_eq!(again.unwrap_err().kind(), StoreErrorKind::AlreadyExists);
    }
    assert_eq!(error.kind(), StoreErrorKind::Other);
    assert_eq!(fs::read_dir(root.join(".batcher-tmp")).unwrap().count(), 0);
}

#[test]
fn failed_syncs_are_told() {
    if !can(&["strace", "-e", "inject=fsync:error=EIO", "-o", "/dev/null", "true"]) {
        return;
    }
    for (task, number) in [("file create", 1), ("file replace", 1), ("root create", 2), ("root replace", 2)] {
        let directory = tempfile::tempdir().unwrap();
        let fault = format!("inject=fsync:error=EIO:when={number}");
        let mut line = STRACE.to_vec();
        line.extend(["-e", "trace=fsync", "-e", &fault, "-o", "/dev/null"]);
        run(&line, task, directory.path());
    }
}

const PRIVATE: &[&str] = &["unshare", "--mount", "sh", "-ec"];

async fn fill_the_disk(root: &Path) {
    let store = LocalStore::new(root).unwrap();
    store.put("small", payload("x"), PutMode::Create).await.unwrap();
    let large = payload(vec![1; 2 << 20]);
    for mode in [PutMode::Create, PutMode::Replace] {
        for name in ["large", "small"] {
            let error = store.put(name, large.clone(), mode).await.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::NoSpace, Outcome::NotApplied));
        }
        let mut upload = store.start_multipart("large", mode).await.unwrap();
        let error = upload.put_part(large.clone()).await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::NoSpace, Outcome::NotApplied));
        upload.abort().await.unwrap();
    }
    assert_eq!(listed(&store, "").await.len(), 1);
    assert_eq!(whole(&store, "small").await.unwrap(), "x");
    // The failed ones took nothing with them.
    store.put("half", payload(vec![1; 1 << 19]), PutMode::Create).await.unwrap();
}

#[test]
fn a_full_disk_has_no_space_and_loses_nothing() {
    if !can(&["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=1m tmpfs \"${ROOT}\"; exec \"$0\" \"$@\"");
    run(&[PRIVATE, &[mount.as_str()]].concat(), "fill the disk", directory.path());
}

async fn write_to_a_read_only_disk(root: &Path) {
    let store = LocalStore::new(root).unwrap();
    for mode in [PutMode::Create, PutMode::Replace] {
        for error in [
            store.put("new", payload("x"), mode).await.unwrap_err(),
            store.put("old", payload("x"), mode).await.unwrap_err(),
            store.start_multipart("new", mode).await.unwrap_err(),
        ] {
            assert_eq!(
                (error.kind(), error.outcome()),
                (StoreErrorKind::Denied, Outcome::NotApplied),
                "{error}"
            );
        }
    }
    assert_eq!(store.delete("old").await.unwrap_err().kind(), StoreErrorKind::Denied);
    assert_eq!(whole(&store, "old").await.unwrap(), "old");
    assert_eq!(listed(&store, "").await.len(), 1);
    assert_eq!(LocalStore::create(root.join("sub")).unwrap_err().kind(), StoreErrorKind::Denied);
}

#[test]
fn a_read_only_disk_denies_writes_and_gives_reads() {
    if !can(&["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]) {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let mount = format!(
        "mount -t tmpfs tmpfs \"${ROOT}\"; printf old > \"${ROOT}/old\"; mount -o remount,ro \"${ROOT}\"; exec \"$0\" \"$@\""
    );
    run(&[PRIVATE, &[mount.as_str()]].concat(), "write to a read-only disk", directory.path());
}
