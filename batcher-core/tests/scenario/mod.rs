//! State, written and read back, as several tests need it.
#![allow(dead_code, reason = "no test needs all of it")]

use std::collections::BTreeMap;
use std::sync::Arc;

use batcher_codecs::{Lz4, Raw, Zstd, registry};
use batcher_core::{BatchReader, Batcher, BatcherBuilder, BlobStore, Codec, FlushReport, ReadOptions};
use batcher_testkit::MemoryStore;
use bytes::Bytes;
use futures_util::TryStreamExt;

pub(crate) type Builder = BatcherBuilder<Arc<dyn Codec>, MemoryStore>;

pub(crate) type State = Vec<(String, Bytes)>;

/// Every codec of the container format.
pub(crate) fn codecs() -> Vec<Arc<dyn Codec>> {
    vec![std::sync::Arc::new(Raw), std::sync::Arc::new(Lz4::default()), std::sync::Arc::new(Zstd::default())]
}

/// Bytes that compress about as well as rows of numbers do.
pub(crate) fn rows(len: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = Vec::with_capacity(len + 32);
    while out.len() < len {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.extend_from_slice(
            format!("row={:06};count={};", out.len() / 24, (state >> 40) % 1000).as_bytes(),
        );
    }
    out.truncate(len);
    Bytes::from(out)
}

/// Bytes that do not compress.
pub(crate) fn noise(len: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Blobs of all the sizes that matter to blocks of 1000 bytes: none, tiny, just below and above a block, several
/// blocks; with keys of all kinds.
pub(crate) fn mixed() -> State {
    let lens = [0, 1, 10, 100, 499, 500, 501, 999, 1000, 1001, 1499, 1500, 1501, 2000, 2500, 12_345, 0, 7, 0];
    let mut state: State = lens
        .iter()
        .enumerate()
        .map(|(index, len)| {
            let blob = if index % 3 == 0 { noise(*len, index as u64) } else { rows(*len, index as u64) };
            (format!("partition-{:03}/operator-{index}", (index * 7) % 19), blob)
        })
        .collect();
    state.push((String::new(), rows(33, 1)));
    state.push(("k".repeat(65_536), rows(44, 2)));
    state.push(("schlüssel/キー/🗝".to_owned(), rows(55, 3)));
    state
}

/// What reading back is to give.
pub(crate) fn expected(state: &State) -> BTreeMap<String, Bytes> {
    state.iter().cloned().collect()
}

/// Writes state as one object.
pub(crate) async fn write<S: BlobStore>(batcher: &mut Batcher<S>, state: &State, epoch: u64) -> FlushReport {
    for (key, blob) in state {
        batcher.add(key, blob.clone()).expect("fits");
    }
    batcher.flush(epoch).await.expect("the store works")
}

/// The bytes of the object that a batcher with this codec and block length makes of state.
pub(crate) async fn object(state: &State, codec: Arc<dyn Codec>, block_len: usize) -> Bytes {
    object_with(state, codec, |builder| builder.block_len(block_len)).await
}

/// The bytes of the object that a batcher set up like this makes of state.
pub(crate) async fn object_with(
    state: &State,
    codec: Arc<dyn Codec>,
    set_up: impl FnOnce(Builder) -> Builder,
) -> Bytes {
    let store = MemoryStore::new();
    let mut batcher = set_up(Batcher::builder(codec, store.clone()).writer("w")).build().expect("valid");
    let report = write(&mut batcher, state, 7).await;
    store.object(&report.receipts[0].object).expect("it was put")
}

/// Reads an object in every way there is and checks that all agree with what is expected.
pub(crate) async fn check(reader: &BatchReader, expected: &BTreeMap<String, Bytes>) {
    assert_eq!(reader.len(), expected.len() as u64);
    let keys: Vec<_> = reader.keys().try_collect().await.expect("keys");
    assert!(
        keys.iter().map(|blob| (&blob.key, blob.len)).eq(expected.iter().map(|(k, b)| (k, b.len() as u64)))
    );
    for (key, blob) in expected {
        assert!(reader.get(key).await.expect("get").as_ref() == Some(blob), "get {key:.40?}");
        let chunks = reader.chunks(key).await.expect("chunks").expect("there");
        let chunks: Vec<Bytes> = chunks.try_collect().await.expect("chunks");
        assert!(chunks.concat() == *blob, "chunks of {key:.40?}");
    }
    let mut wanted: Vec<&str> = expected.keys().rev().map(String::as_str).collect();
    wanted.insert(wanted.len() / 2, "no such key");
    let many = reader.get_many(&wanted).await.expect("get_many");
    assert!(wanted.iter().map(|key| expected.get(*key)).eq(many.iter().map(Option::as_ref)));
    let all: Vec<(String, Bytes)> = reader.blobs().try_collect().await.expect("blobs");
    assert_eq!(all.len(), expected.len());
    assert!(all.into_iter().collect::<BTreeMap<_, _>>() == *expected);
    let report = reader.verify().await.expect("verify");
    assert_eq!(report.blobs, expected.len() as u64);
    assert!(reader.get("no such key").await.expect("get").is_none());
}

/// Opens an object that a store holds.
pub(crate) async fn open(store: &MemoryStore, name: &str, options: ReadOptions) -> BatchReader {
    BatchReader::open_with(store.clone(), name, &registry(), options).await.expect("opens")
}
