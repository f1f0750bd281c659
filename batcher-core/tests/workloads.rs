//! Jobs over many epochs, of every shape and with keys of every kind: what is read is what was added last.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::collections::BTreeMap;

use batcher_codecs::{Lz4, registry};
use batcher_core::{BatchReader, BatchReceipt, Batcher};
use batcher_testkit::corpus::{
    BlobKind, ExpectedState, KeyKind, Lengths, Shape, Step, Workload, edge_keys, edge_lengths,
};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use futures_util::TryStreamExt;

const SHAPES: [Shape; 8] = [
    Shape::Steady,
    Shape::Bursts,
    Shape::Skewed,
    Shape::Duplicates,
    Shape::Incremental(100),
    Shape::Growing,
    Shape::OneHuge(100_000),
    Shape::Gaps,
];

type Blobs = BTreeMap<String, Bytes>;

async fn read(store: &MemoryStore, receipt: &BatchReceipt) -> Blobs {
    let reader = BatchReader::open(store.clone(), &receipt.object, &registry()).await.unwrap();
    let blobs: Blobs = reader.blobs().try_collect().await.unwrap();
    // One by one, and some that are asked for together, they are the same.
    for (key, blob) in blobs.iter().step_by(1 + blobs.len() / 50) {
        assert_eq!(reader.get(key).await.unwrap().as_ref(), Some(blob), "{key:?}");
    }
    let keys: Vec<&str> = blobs.keys().step_by(3).map(String::as_str).collect();
    let some = reader.get_many(&keys).await.unwrap();
    assert!(keys.iter().zip(some).all(|(key, blob)| blob.as_ref() == blobs.get(*key)));
    assert_eq!(reader.len(), blobs.len() as u64);
    blobs
}

/// Runs a job by turns through two handles, and reads all of each epoch back at its end.
fn run(workload: &Workload, block_len: usize) {
    let store = MemoryStore::new();
    let mut batcher = Batcher::builder(Lz4::default(), store.clone()).block_len(block_len).build().unwrap();
    let mut expected = ExpectedState::new();
    let handles = [batcher.handle(), batcher.handle()];
    let (mut receipts, mut turn) = (BTreeMap::<u64, Vec<BatchReceipt>>::new(), 0);
    for step in workload.steps() {
        match &step {
            Step::Add { key, blob } => {
                handles[turn % 2].add(key, blob.clone()).unwrap();
                turn += 1;
            }
            Step::Flush { epoch } => {
                let report = block_on(batcher.flush(*epoch)).unwrap();
                receipts.entry(*epoch).or_default().extend(report.receipts);
            }
        }
        expected.apply(&step);
    }
    let mut state = Blobs::new();
    for epoch in expected.epochs() {
        let mut blobs = Blobs::new();
        for receipt in &receipts[&epoch] {
            blobs.extend(block_on(read(&store, receipt)));
        }
        assert_eq!(blobs.len(), expected.epoch(epoch).len());
        assert!(blobs == *expected.epoch(epoch), "epoch {epoch} of {workload:?}");
        state.extend(blobs);
    }
    assert!(state == expected.state_at(u64::MAX), "{workload:?}");
}

#[test]
fn every_shape_with_keys_of_every_kind_is_read_back() {
    for (seed, shape) in (1..).zip(SHAPES) {
        for kind in KeyKind::ALL {
            run(&Workload::new(shape, seed).with_keys(kind, 40), 2000);
        }
    }
}

/// More than one page of keys and of blocks.
#[test]
fn a_large_job_is_read_back() {
    for shape in [Shape::Skewed, Shape::Duplicates, Shape::Incremental(10)] {
        let workload = Workload::new(shape, 5)
            .with_keys(KeyKind::Uuid, 20_000)
            .with_blobs([BlobKind::Counters, BlobKind::Rows], Lengths::UpTo(100))
            .with_epochs(0..3);
        run(&workload, 256);
    }
}

/// Keys that often break something, with blobs of lengths that do: about the length of a block.
#[test]
fn edges_are_read_back() {
    for block_len in [100, 4096] {
        let store = MemoryStore::new();
        let mut batcher =
            Batcher::builder(Lz4::default(), store.clone()).block_len(block_len).build().unwrap();
        let (mut expected, lengths) = (Blobs::new(), edge_lengths(block_len));
        for (number, key) in edge_keys().into_iter().enumerate() {
            let len = lengths[number % lengths.len()];
            let blob = BlobKind::ALL[number % BlobKind::ALL.len()].blob(number as u64, len);
            batcher.add(&key, blob.clone()).unwrap();
            expected.insert(key, blob);
        }
        let receipt = block_on(batcher.flush(1)).unwrap().receipts.remove(0);
        assert!(block_on(read(&store, &receipt)) == expected);
    }
}
