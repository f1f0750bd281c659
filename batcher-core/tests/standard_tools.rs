//! Whoever loses this library can still get at the state: the standard tools open the objects.
//!
//! Needs `lz4` and `zstd`; says so and passes where they are missing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::process::Command;
use std::sync::Arc;

use batcher_codecs::{Lz4, Raw, Zstd};
use batcher_core::Codec;
use batcher_testkit::block_on;
use scenario::{mixed, rows};

#[test]
fn the_tools_accept_every_object_and_yield_the_blobs_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let codecs: [(&str, Arc<dyn Codec>); 3] =
        [("lz4", Arc::new(Raw)), ("lz4", Arc::new(Lz4::default())), ("zstd", Arc::new(Zstd::default()))];
    let large = vec![("large".to_owned(), rows(9_000_000, 1)), ("small".to_owned(), rows(10, 2))];
    for (tool, codec) in codecs {
        if Command::new(tool).arg("--version").output().is_err() {
            eprintln!("not tested: {tool} cannot be run");
            continue;
        }
        for (state, block_len) in [(mixed(), 1000), (mixed(), 256 * 1024), (large.clone(), 8 << 20)] {
            let path = directory.path().join("object");
            std::fs::write(&path, block_on(scenario::object(&state, codec.clone(), block_len))).unwrap();
            let run = |option: &str| Command::new(tool).arg(option).arg(&path).output().unwrap();
            let tested = run("-t");
            assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
            let decoded = run("-dc");
            assert!(decoded.status.success(), "{}", String::from_utf8_lossy(&decoded.stderr));
            let blobs: Vec<u8> = state.iter().flat_map(|(_, blob)| blob.to_vec()).collect();
            assert!(decoded.stdout == blobs, "{tool}, {block_len}");
        }
    }
}

/// As `docs/FORMAT.md` says: the tool misses the dictionary, and decodes with it. Here it is found by its place.
#[test]
fn the_tool_decodes_an_object_with_its_dictionary() {
    if Command::new("zstd").arg("--version").output().is_err() {
        eprintln!("not tested: zstd cannot be run");
        return;
    }
    let small = (0..3000u64).map(|n| (n.to_string(), rows(40, n)));
    let state: Vec<_> = small.chain([("large".to_owned(), rows(5000, 1))]).collect();
    let set_up = |builder: scenario::Builder| builder.block_len(1000).dictionary(4096);
    let object = block_on(scenario::object_with(&state, Arc::new(Zstd::default()), set_up));
    let directory = tempfile::tempdir().unwrap();
    let [path, page, dictionary] = ["object", "page", "dictionary"].map(|name| directory.path().join(name));
    std::fs::write(&path, &object).unwrap();
    let zstd = |arguments: &[&str]| Command::new("zstd").args(arguments).output().unwrap();
    let file = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let missing = zstd(&["-t", &file(&path)]);
    assert!(!missing.status.success());
    assert!(String::from_utf8_lossy(&missing.stderr).contains("ictionary"));

    let magic = 0x184D_2A5B_u32.to_le_bytes();
    let start = (1..).find(|start| object[*start..].starts_with(&magic)).unwrap();
    let len = u32::from_le_bytes(object[start + 4..start + 8].try_into().unwrap());
    std::fs::write(&page, &object[start + 8..start + 8 + usize::try_from(len).unwrap()]).unwrap();
    std::fs::write(&dictionary, zstd(&["-dcq", &file(&page)]).stdout).unwrap();
    let decoded = zstd(&["-dcq", "-D", &file(&dictionary), &file(&path)]);
    assert!(decoded.status.success(), "{}", String::from_utf8_lossy(&decoded.stderr));
    let blobs: Vec<u8> = state.iter().flat_map(|(_, blob)| blob.to_vec()).collect();
    assert!(decoded.stdout == blobs);
}
