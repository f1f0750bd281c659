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
