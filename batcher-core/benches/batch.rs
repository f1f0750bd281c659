//! Sealing a batch, and finding a key in one: `cargo bench -p batcher-core`.
#![allow(missing_docs, clippy::unwrap_used, reason = "a benchmark fails by panicking")]

use std::hint::black_box;

use batcher_codecs::{Lz4, registry};
use batcher_core::{BatchReader, Batcher};
use batcher_testkit::corpus::{BlobKind, KeyKind};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const BLOBS: u64 = 100_000;
const BLOB_LEN: usize = 64;

fn blobs() -> Vec<(String, Bytes)> {
    let blob = |number| (KeyKind::Sequential.key(0, number), BlobKind::Rows.blob(number, BLOB_LEN));
    (0..BLOBS).map(blob).collect()
}

fn filled(blobs: &[(String, Bytes)], store: MemoryStore) -> Batcher<MemoryStore> {
    let mut batcher = Batcher::builder(Lz4::default(), store).build().unwrap();
    for (key, blob) in blobs {
        batcher.add(key, blob.clone()).unwrap();
    }
    batcher
}

/// All blocks but the last have been compressed by then: what is left is sorting, the index and the put.
fn sealing(criterion: &mut Criterion) {
    let blobs = blobs();
    let mut group = criterion.benchmark_group("seal");
    group.sample_size(20).throughput(Throughput::Elements(BLOBS));
    group.bench_function("100,000 blobs of 64 bytes", |bencher| {
        bencher.iter_batched(
            || filled(&blobs, MemoryStore::new()),
            |mut batcher| {
                let report = block_on(batcher.flush(1)).unwrap();
                (batcher, report)
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

/// A key whose page and block are at hand or not, as chance will have it.
fn lookup(criterion: &mut Criterion) {
    let store = MemoryStore::new();
    let blobs = blobs();
    let mut batcher = filled(&blobs, store.clone());
    let report = block_on(batcher.flush(1)).unwrap();
    let reader = block_on(BatchReader::open(store, &report.receipts[0].object, &registry())).unwrap();
    let mut at = 0;
    criterion.bench_function("get one of 100,000 blobs", |bencher| {
        bencher.iter(|| {
            // A step that meets every key, far from the one before.
            at = (at + 61_803) % blobs.len();
            block_on(reader.get(black_box(&blobs[at].0))).unwrap()
        });
    });
}

criterion_group!(benches, sealing, lookup);
criterion_main!(benches);
