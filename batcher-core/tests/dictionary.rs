//! Dictionaries for small blobs: trained in the batch, stored in the object, found by the reader.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;

use batcher_codecs::{Zstd, registry};
use batcher_core::{BatchReader, Batcher, BatcherBuilder};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use futures_util::TryStreamExt;

/// Small blobs that have much in common.
fn json(count: u64) -> BTreeMap<String, Bytes> {
    (0..count)
        .map(|n| {
            let x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20;
            let blob = format!(
                r#"{{"customer":{x},"window":{{"start":"2024-05-{:02}T00:00:00Z","end":null}},"count":{},"currency":"EUR","open":{}}}"#,
                x % 28 + 1,
                x % 1000,
                x % 3 == 0
            );
            (format!("counts/{n:06}"), Bytes::from(blob))
        })
        .collect()
}

fn builder(store: &MemoryStore) -> BatcherBuilder<Zstd, MemoryStore> {
    Batcher::builder(Zstd::default(), store.clone()).block_len(1000)
}

fn write(builder: BatcherBuilder<Zstd, MemoryStore>, blobs: &BTreeMap<String, Bytes>) -> String {
    let mut batcher = builder.build().unwrap();
    for (key, blob) in blobs {
        batcher.add(key, blob.clone()).unwrap();
    }
    let report = block_on(batcher.flush(1)).unwrap();
    report.receipts[0].object.clone()
}

async fn read(store: &MemoryStore, object: &str) -> BTreeMap<String, Bytes> {
    let reader = BatchReader::open(store.clone(), object, &registry()).await.unwrap();
    reader.verify().await.unwrap();
    reader.blobs().try_collect::<Vec<_>>().await.unwrap().into_iter().collect()
}

#[test]
fn small_blobs_in_short_blocks_take_less_with_a_dictionary() {
    let blobs = json(3000);
    let lens: Vec<usize> = [0, 4096]
        .map(|len| {
            let store = MemoryStore::new();
            let object = write(builder(&store).dictionary(len), &blobs);
            assert!(block_on(read(&store, &object)) == blobs);
            store.object(&object).unwrap().len()
        })
        .into();
    assert!(lens[1] * 4 < lens[0] * 3, "{lens:?}");
}
