//! Holds the lines that ARCHITECTURE.md draws.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// All crates that a crate needs in production, with these features.
fn dependencies(package: &str, arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(root())
        .args([
            "tree",
            "--package",
            package,
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--offline",
        ])
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn has_none(package: &str, arguments: &[&str], forbidden: &[&str]) {
    let found = dependencies(package, arguments);
    assert!(found.contains(package));
    for name in forbidden {
        assert!(!found.contains(*name), "{package} needs {name}");
    }
}

#[test]
fn core_names_no_runtime_store_or_codec_library() {
    has_none(
        "batcher-core",
        &["--all-features"],
        &[
            "tokio",
            "smol",
            "async-std",
            "async-io",
            "rayon",
            "futures-executor",
            "object_store",
            "opendal",
            "lz4_flex",
            "lz4",
            "zstd",
            "zstd-safe",
            "batcher",
            "batcher-codecs",
            "batcher-stores",
            "batcher-testkit",
        ],
    );
}

#[test]
fn codecs_stores_and_testkit_stand_beside_each_other_on_core() {
    let stores = ["tokio", "object_store", "opendal", "batcher-stores", "batcher-testkit", "batcher"];
    has_none("batcher-codecs", &["--all-features"], &stores);
    has_none(
        "batcher-stores",
        &["--all-features"],
        &["batcher-codecs", "batcher-testkit", "batcher", "lz4_flex", "zstd"],
    );
    has_none(
        "batcher-testkit",
        &["--all-features"],
        &["tokio", "smol", "object_store", "batcher-codecs", "batcher-stores", "batcher"],
    );
    has_none("batcher", &["--all-features"], &["batcher-testkit", "xtask"]);
}

#[test]
fn core_reads_no_clock_environment_or_file_and_spawns_nothing() {
    let forbidden =
        ["std::fs", "std::net", "std::env", "std::thread", "std::process", "Instant", "SystemTime"];
    let mut files = 0;
    let mut folders = vec![root().join("batcher-core/src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files += 1;
            let text = std::fs::read_to_string(&path).unwrap();
            for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
                for word in forbidden {
                    assert!(!line.contains(word), "{}: {line}", path.display());
                }
            }
        }
    }
    assert!(files > 30, "{files}");
}
