//! What goes in comes out: all codecs, block lengths, read options, stores and runtimes.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::collections::BTreeMap;

use batcher_codecs::Lz4;
use batcher_core::{AddErrorKind, Batcher, ObjectFormat, Operation, ReadErrorKind, ReadOptions};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use proptest::prelude::*;
use scenario::{check, codecs, expected, mixed, noise, open, rows, write};

/// Write, read in every way, flush again.
async fn scenario() {
    for codec in codecs() {
        for block_len in [1, 7, 1000, 256 * 1024] {
            let store = MemoryStore::new();
            let mut batcher =
                Batcher::builder(codec.clone(), store.clone()).block_len(block_len).build().expect("valid");
            let state = mixed();
            let report = write(&mut batcher, &state, 7).await;
            let [receipt] = report.receipts.as_slice() else { panic!("one object") };
            assert!(batcher.is_empty() && batcher.buffered_bytes() == 0);
            for first_read_len in [0, 100, 5000, 1 << 20] {
                let options = ReadOptions::default().with_first_read_len(first_read_len);
                let reader = open(&store, &receipt.object, options).await;
                check(&reader, &expected(&state)).await;
                let summary = reader.summary();
                assert_eq!(summary.format, ObjectFormat::Container(1));
                assert_eq!(
                    (summary.id, summary.checksum),
                    (Some(receipt.id.clone()), Some(receipt.checksum))
                );
                assert_eq!((summary.object_len, summary.blobs), (receipt.object_len, receipt.blobs));
                assert_eq!((summary.blob_bytes, summary.blocks), (receipt.blob_bytes, receipt.blocks));
            }
            assert!(batcher.flush(7).await.unwrap().receipts.is_empty(), "nothing to flush");
        }
    }
}

#[test]
fn under_a_bare_block_on() {
    block_on(scenario());
}

#[test]
fn under_smol() {
    smol::block_on(async { smol::spawn(scenario()).await });
}

#[tokio::test(flavor = "current_thread")]
async fn under_tokio_on_one_thread() {
    tokio::spawn(scenario()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_tokio_on_several_threads() {
    tokio::spawn(scenario()).await.unwrap();
}

#[test]
fn the_same_state_gives_the_same_bytes() {
    for codec in codecs() {
        let object = || block_on(scenario::object(&mixed(), codec.clone(), 1000));
        assert!(object() == object());
    }
}

#[test]
fn the_last_blob_of_a_key_wins() {
    block_on(async {
        let store = MemoryStore::new();
        let mut batcher = Batcher::builder(Lz4::default(), store.clone()).build().unwrap();
        for round in 0..3u8 {
            for key in ["a", "b", "c"] {
                batcher.add(key, vec![round; 100]).unwrap();
            }
        }
        batcher.add("b", "last").unwrap();
        assert_eq!(batcher.len(), 10);
        let report = batcher.flush(1).await.unwrap();
        let receipt = &report.receipts[0];
        assert_eq!((receipt.blobs, receipt.blob_bytes), (3, 204));
        assert_eq!((receipt.superseded, receipt.superseded_bytes), (7, 700));
        let reader = open(&store, &receipt.object, ReadOptions::default()).await;
        let blobs = [("a", vec![2; 100]), ("b", b"last".to_vec()), ("c", vec![2; 100])];
        check(&reader, &blobs.map(|(key, blob)| (key.to_owned(), Bytes::from(blob))).into()).await;
    });
}

#[test]
fn handles_of_many_threads_fill_one_batch() {
    let store = MemoryStore::new();
    let mut batcher = Batcher::builder(Lz4::default(), store.clone()).block_len(1000).build().unwrap();
    let state = |thread: usize| (0..500).map(move |n| (format!("{thread}/{n}"), rows(n, n as u64)));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let handle = if thread % 2 == 0 { batcher.handle() } else { batcher.handle().clone() };
            scope.spawn(move || state(thread).for_each(|(key, blob)| handle.add(&key, blob).unwrap()));
        }
    });
    assert_eq!(batcher.len(), 2000);
    let report = block_on(batcher.flush(1)).unwrap();
    block_on(async {
        let reader = open(&store, &report.receipts[0].object, ReadOptions::default()).await;
        check(&reader, &(0..4).flat_map(state).collect()).await;
    });
}

#[test]
fn an_add_that_happens_later_wins_whichever_handle_it_came_through() {
    let store = MemoryStore::new();
    let mut batcher = Batcher::builder(Lz4::default(), store.clone()).build().unwrap();
    let (first, second) = (batcher.handle(), batcher.handle());
    second.add("warm", "up").unwrap();
    second.add("k", "early").unwrap();
    first.add("k", "late").unwrap();
    let report = block_on(batcher.flush(1)).unwrap();
    let reader = block_on(open(&store, &report.receipts[0].object, ReadOptions::default()));
    assert_eq!(block_on(reader.get("k")).unwrap().unwrap(), "late");
}

#[test]
fn blobs_come_out_in_the_order_in_which_they_went_in() {
    use futures_util::TryStreamExt;
    block_on(async {
        let store = MemoryStore::new();
        let mut batcher = Batcher::builder(Lz4::default(), store.clone()).block_len(100).build().unwrap();
        let state: Vec<_> =
            (0..200).map(|n| (format!("{:03}", (n * 77) % 200), rows(1 + n % 250, 1))).collect();
        let report = write(&mut batcher, &state, 1).await;
        let reader = open(&store, &report.receipts[0].object, ReadOptions::default()).await;
        let blobs: Vec<_> = reader.blobs().try_collect().await.unwrap();
        assert!(blobs == state);
    });
}

#[test]
fn what_the_batcher_cannot_hold_comes_back() {
    let mut batcher =
        Batcher::builder(Lz4::default(), MemoryStore::new()).memory_limit(1000).build().unwrap();
    let long = "k".repeat(65_537);
    let error = batcher.add(&long, "blob").unwrap_err();
    assert!(matches!(error.kind(), AddErrorKind::KeyTooLong { len: 65_537, limit: 65_536 }));
    assert_eq!(error.into_parts(), (long, Bytes::from("blob")));

    batcher.add("a", noise(900, 1)).unwrap();
    let error = batcher.add("b", noise(900, 2)).unwrap_err();
    assert!(matches!(error.kind(), AddErrorKind::Full { limit: 1000, .. }), "{error}");
    let _report = block_on(batcher.flush(1)).unwrap();
    let (key, blob) = error.into_parts();
    batcher.add(&key, blob).unwrap();
    assert_eq!(batcher.len(), 1);
}

#[test]
fn a_blob_over_the_memory_limit_is_refused_whole_and_readable_in_chunks() {
    use futures_util::TryStreamExt;
    block_on(async {
        let store = MemoryStore::new();
        let mut batcher = Batcher::builder(Lz4::default(), store.clone()).block_len(1000).build().unwrap();
        let state = vec![("large".to_owned(), rows(50_000, 1)), ("small".to_owned(), rows(10, 2))];
        let report = write(&mut batcher, &state, 1).await;
        let options = ReadOptions::default().with_memory_limit(20_000);
        let reader = open(&store, &report.receipts[0].object, options).await;
        let refused = |error: batcher_core::ReadError| {
            assert!(
                matches!(error.kind(), ReadErrorKind::Memory { len: 50_000.., limit: 20_000, .. }),
                "{error}"
            );
            assert_eq!(error.key(), Some("large"));
        };
        refused(reader.get("large").await.unwrap_err());
        refused(reader.get_many(&["small", "large"]).await.unwrap_err());
        refused(reader.blobs().try_collect::<Vec<_>>().await.unwrap_err());
        let chunks: Vec<_> = reader.chunks("large").await.unwrap().unwrap().try_collect().await.unwrap();
        assert!(chunks.concat() == state[0].1);
        assert!(reader.get("small").await.unwrap().unwrap() == state[1].1);
    });
}

#[test]
fn one_blob_takes_one_read_after_opening_and_two_where_the_index_is_large() {
    block_on(async {
        let store = MemoryStore::new();
        let mut batcher = Batcher::builder(Lz4::default(), store.clone()).build().unwrap();
        let key = |n: u64| format!("{:016x}", n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut state: Vec<_> = (0..100_000).map(|n| (key(n), noise(64, n))).collect();
        state.sort();
        let report = write(&mut batcher, &state, 1).await;
        let object = &report.receipts[0].object;
        let reads = || store.requests(Operation::Read);
        for (first_read_len, index_reads) in [(2 << 20, 0), (64 * 1024, 1)] {
            let before = reads();
            let reader =
                open(&store, object, ReadOptions::default().with_first_read_len(first_read_len)).await;
            assert_eq!(reads() - before, 1);
            assert!(reader.get(&state[50_000].0).await.unwrap().unwrap() == state[50_000].1);
            assert_eq!(reads() - before, 2 + index_reads);
        }
        // Reading many keys joins neighbours.
        let reader = open(&store, object, ReadOptions::default().with_first_read_len(2 << 20)).await;
        let before = reads();
        let keys: Vec<_> = state[20_000..30_000].iter().map(|(key, _)| key).collect();
        assert!(reader.get_many(&keys).await.unwrap().iter().all(Option::is_some));
        assert_eq!(reads() - before, 1);
    });
}

#[test]
fn stores_that_cannot_read_suffixes_are_asked_for_the_size() {
    block_on(async {
        let store = MemoryStore::builder().without_suffix_reads().build();
        let mut batcher = Batcher::builder(Lz4::default(), store.clone()).block_len(1000).build().unwrap();
        let state = mixed();
        let report = write(&mut batcher, &state, 1).await;
        for first_read_len in [60, 1 << 20] {
            let options = ReadOptions::default().with_first_read_len(first_read_len);
            check(&open(&store, &report.receipts[0].object, options).await, &expected(&state)).await;
        }
    });
}

#[test]
fn epochs_of_any_number_work() {
    block_on(async {
        let store = MemoryStore::new();
        let mut batcher = Batcher::builder(Lz4::default(), store.clone()).build().unwrap();
        for epoch in [0, 1_000_000, u64::MAX] {
            for part in 0..2 {
                batcher.add("k", format!("{epoch}")).unwrap();
                let receipt = batcher.flush(epoch).await.unwrap().receipts.remove(0);
                assert_eq!((receipt.id.epoch, receipt.id.part), (epoch, part));
                let reader = open(&store, &receipt.object, ReadOptions::default()).await;
                assert_eq!(reader.get("k").await.unwrap().unwrap(), format!("{epoch}"));
            }
        }
        assert_eq!(store.names().len(), 6);
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_state_comes_back(
        state in prop::collection::vec((".{0,12}", prop::collection::vec(any::<u8>(), 0..400)), 0..80),
        codec in 0usize..3,
        block_len in 1usize..300,
        first_read_len in 0u64..2000,
        max_gap in 0u64..500,
    ) {
        block_on(async {
            let store = MemoryStore::new();
            let codec = codecs().swap_remove(codec);
            let mut batcher = Batcher::builder(codec, store.clone()).block_len(block_len).build().unwrap();
            let state: Vec<_> = state.into_iter().map(|(key, blob)| (key, Bytes::from(blob))).collect();
            let report = write(&mut batcher, &state, 7).await;
            let expected: BTreeMap<_, _> = expected(&state);
            if let [receipt] = report.receipts.as_slice() {
                let options = ReadOptions::default()
                    .with_first_read_len(first_read_len)
                    .with_max_gap(max_gap)
                    .with_max_read_len(1000);
                check(&open(&store, &receipt.object, options).await, &expected).await;
            } else {
                assert!(state.is_empty());
            }
        });
    }
}
