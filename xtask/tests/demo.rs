//! The demo in small: the real command, a real worker process, real kills.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests fail by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("demo").args(arguments).output().unwrap()
}

fn small(store: &Path, more: &[&str]) -> (Value, Output) {
    let store = store.to_str().unwrap();
    let small = ["--json", "--events", "12000", "--every", "3000", "--seed", "5", "--store", store];
    let output = demo(&[&small[..], more].concat());
    (serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), output)
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_killed_job_ends_as_the_uninterrupted_one() {
    for codec in ["lz4", "zstd", "raw"] {
        let directory = tempfile::tempdir().unwrap();
        // Before the first checkpoint, in the middle of one, between two, and when all is processed but not saved.
        let kills = "1000,epoch:2,8000,12000";
        let (report, output) =
            small(directory.path(), &["--codec", codec, "--kill-at", kills, "--keep", "2"]);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(report["same"], true);
        assert_eq!(report["interrupted"], report["uninterrupted"]);
        assert_eq!(report["interrupted"]["events"], 12000);
        assert_eq!(report["restarts"], 4);
        assert_eq!(report["restores"], 3);
        // At least 1000, 2000 and 3000, and another 3000 where the kill came before the commit record; and some more, because
        // a kill comes a little after its point.
        let replayed = report["replayed_events"].as_u64().unwrap();
        assert!((6000..=9500).contains(&replayed), "{replayed}");
        assert!(report["saved"]["blobs"].as_u64().unwrap() > 1000, "{report}");

        let runs = names(directory.path());
        let run = directory.path().join(runs.iter().find(|name| name.starts_with("demo-")).unwrap());
        let kept = ["00000000000000000003", "00000000000000000004"];
        assert_eq!(names(&run.join("commits")), kept.map(|epoch| format!("{epoch}.json")));
        for epoch in kept {
            assert!(!names(&run.join("batches").join(epoch)).is_empty());
        }
    }
}

#[test]
fn random_kills_repeat_by_seed() {
    let directory = tempfile::tempdir().unwrap();
    let planned = |output: &Output| {
        let progress = String::from_utf8(output.stderr.clone()).unwrap();
        progress.lines().next().unwrap().to_owned()
    };
    let (first, output) = small(directory.path(), &["--kills", "2"]);
    assert!(output.status.success(), "{output:?}");
    let (second, again) = small(directory.path(), &["--kills", "2"]);
    assert_eq!(planned(&output), planned(&again));
    assert_eq!(first["interrupted"], second["interrupted"]);
}

#[test]
fn bad_arguments_end_with_code_2_and_a_message() {
    for arguments in [&["--events", "0"][..], &["--codec", "gzip"], &["--nothing"], &["--store", "memory://"]]
    {
        let output = demo(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
    let unknown = Command::new(env!("CARGO_BIN_EXE_xtask")).arg("nothing").output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_store_that_cannot_be_opened_ends_with_code_1() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (_, output) = small(file.path(), &[]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

#[test]
fn without_a_task_the_tasks_are_listed() {
    let output = Command::new(env!("CARGO_BIN_EXE_xtask")).output().unwrap();
    assert!(output.status.success());
    assert!(String::from_utf8(output.stdout).unwrap().contains("demo"));
}
