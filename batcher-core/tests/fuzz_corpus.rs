//! Replays what the fuzzer found worth keeping: nothing panics, nothing comes back wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

use batcher_codecs::registry;
use batcher_core::{BatchReader, ReadOptions};
use batcher_testkit::{MemoryStore, block_on};
use futures_util::TryStreamExt;

#[test]
fn the_corpus_is_read_without_a_panic() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../fuzz/corpus/read_object");
    let mut objects = 0;
    for entry in std::fs::read_dir(corpus).unwrap() {
        let store = MemoryStore::new();
        store.insert("o", std::fs::read(entry.unwrap().path()).unwrap());
        objects += 1;
        for first_read_len in [64, 1 << 20] {
            let options =
                ReadOptions::default().with_first_read_len(first_read_len).with_memory_limit(32 << 20);
            let opened = block_on(BatchReader::open_with(store.clone(), "o", &registry(), options));
            let Ok(reader) = opened else { continue };
            let verified = block_on(reader.verify());
            let blobs: Result<Vec<_>, _> = block_on(reader.blobs().try_collect());
            for (key, blob) in blobs.iter().flatten() {
                assert_eq!(block_on(reader.get(key)).unwrap().as_ref(), Some(blob));
            }
            assert!(verified.is_err() || blobs.is_ok());
        }
    }
    assert!(objects > 100, "{objects}");
}
