//! Holds this implementation against a second one, in Python, that was written from `docs/FORMAT.md` alone.
//!
//! Needs `python3`, and `zstd` for Zstandard objects; says so and passes where they are missing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use batcher_codecs::registry;
use batcher_core::{BatchReader, ReadError, VerifyReport};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use futures_util::TryStreamExt;

fn tests() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests")
}

fn python(script: &str, arguments: &[&str]) -> Option<Output> {
    let script = tests().join("second_implementation").join(script);
    match Command::new("python3").arg("-B").arg(script).args(arguments).output() {
        Ok(output) => Some(output),
        Err(error) => {
            eprintln!("not tested: python3 cannot be run: {error}");
            None
        }
    }
}

fn has_zstd() -> bool {
    let there = Command::new("zstd").arg("--version").output().is_ok();
    if !there {
        eprintln!("not tested with Zstandard: zstd cannot be run");
    }
    there
}

type Blobs = BTreeMap<String, Bytes>;

fn read(path: &Path) -> (Result<Blobs, ReadError>, Result<VerifyReport, ReadError>) {
    let store = MemoryStore::new();
    store.insert("o", std::fs::read(path).unwrap());
    block_on(async {
        match BatchReader::open(store.clone(), "o", &registry()).await {
            Ok(reader) => (reader.blobs().try_collect().await, reader.verify().await),
            Err(error) => {
                (Err(error), BatchReader::open(store, "o", &registry()).await.map(|_| panic!("opens")))
            }
        }
    })
}

/// The second implementation's lines: key, length and checksum of each blob.
fn listing(blobs: &Blobs) -> String {
    let hex = |key: &str| key.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let line = |(key, blob): (&String, &Bytes)| {
        format!("{} {} {:08x}\n", hex(key), blob.len(), crc32c::crc32c(blob))
    };
    blobs.iter().map(line).collect()
}

#[test]
fn the_second_reader_reads_every_golden_object_alike() {
    for entry in std::fs::read_dir(tests().join("golden")).unwrap() {
        let path = entry.unwrap().path();
        if path.to_str().unwrap().contains("zstd") && !has_zstd() {
            continue;
        }
        let Some(output) = python("read_batch.py", &[path.to_str().unwrap()]) else { return };
        assert!(output.status.success(), "{}: {}", path.display(), String::from_utf8_lossy(&output.stderr));
        let theirs = String::from_utf8(output.stdout).unwrap();
        let (_summary, theirs) = theirs.split_once('\n').unwrap();
        assert_eq!(theirs, listing(&read(&path).0.unwrap()), "{}", path.display());
    }
}

#[test]
fn what_the_second_writer_writes_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let blobs = scenario::mixed().into_iter().collect::<Blobs>();
    let hex = |blob: &Bytes| blob.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let json: Vec<_> = blobs.iter().map(|(key, blob)| (key, hex(blob))).collect();
    let json_path = directory.path().join("blobs.json");
    std::fs::write(&json_path, serde_json::to_vec(&json).unwrap()).unwrap();
    for codec in ["raw", "lz4", "zstd"] {
        if codec == "zstd" && !has_zstd() {
            continue;
        }
        for (block_length, per_page) in [("1000", "3"), ("100000", "1000")] {
            let path = directory.path().join(codec);
            let arguments = [
                "--blobs",
                json_path.to_str().unwrap(),
                "--codec",
                codec,
                "--block-length",
                block_length,
                "--per-page",
                per_page,
                path.to_str().unwrap(),
            ];
            let Some(output) = python("write_batch.py", &arguments) else { return };
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let (read, verified) = read(&path);
            assert!(read.unwrap() == blobs, "{codec}");
            assert_eq!(verified.unwrap().blobs, blobs.len() as u64);
        }
    }
}

/// Objects whose checksums are right and whose content breaks one rule each.
#[test]
fn objects_that_lie_are_refused_and_unusual_ones_read() {
    let directory = tempfile::tempdir().unwrap();
    let Some(output) = python("write_batch.py", &["--list-broken"]) else { return };
    let list = String::from_utf8(output.stdout).unwrap();
    let zstd = has_zstd();
    // All in one run of Python, unless some of them cannot be made.
    if zstd {
        let output =
            python("write_batch.py", &["--broken", "all", directory.path().to_str().unwrap()]).unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let mut failures = Vec::new();
    let mut counts = BTreeMap::new();
    for line in list.lines() {
        let [kind, verdict, _section, text] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let path = directory.path().join(kind);
        if !zstd {
            let output = python("write_batch.py", &["--broken", kind, path.to_str().unwrap()]).unwrap();
            if !output.status.success() {
                continue;
            }
        }
        let (read, verified) = read(&path);
        let right = match verdict {
            "must" => read.is_err() && verified.is_err(),
            "whole" => verified.is_err(),
            "valid" => read.is_ok() && verified.is_ok(),
            // Left to the reader, as long as it does not panic.
            "open" => true,
            _ => panic!("{line}"),
        };
        *counts.entry(verdict.to_owned()).or_insert(0) += 1;
        if !right {
            let read = read.map(|blobs| blobs.len());
            failures.push(format!("{kind} ({verdict}: {text}): read {read:?}, verified {verified:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(counts["must"] > 100, "{counts:?}");
}
