//! Real servers: `cargo xtask stores -- cargo test -p batcher-stores --all-features --test servers`. Tests of a server that
//! is not there say so and pass, or fail where `BATCHER_TEST_STORES` is `required`.
#![cfg(all(feature = "aws", feature = "azure"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod server;

use std::collections::BTreeMap;
use std::sync::Arc;

use batcher_codecs::{Lz4, Raw, registry};
use batcher_core::{
    BatchReader, Batcher, BatcherBuilder, BlobStore, Codec, FlushErrorKind, Outcome, PutMode, ReadRange,
    StoreErrorKind,
};
use batcher_testkit::conformance::{self, SinkOptions};
use bytes::Bytes;
use futures_util::TryStreamExt;
use server::{Server, fresh, on_tokio};

const SEAWEEDFS: Server = Server("S3");
const MOTO: Server = Server("MOTO");
const AZURITE: Server = Server("AZURE");

type State = BTreeMap<String, Bytes>;

/// Reproducible bytes that do not compress.
fn noise(len: usize, seed: u64) -> Bytes {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(len).collect()
}

/// Blobs of many lengths under keys of many kinds, of about this many bytes.
fn state(bytes: usize, seed: u64) -> State {
    let lens = [0, 1, 100, 4096, 70_000, bytes / 2, bytes / 3, bytes / 6];
    let blob = |(index, len)| (format!("partition-{index}/données 50%"), noise(len, seed + index as u64));
    lens.into_iter().enumerate().map(blob).collect()
}

fn add<S: BlobStore>(batcher: &mut Batcher<S>, state: &State) {
    for (key, blob) in state {
        batcher.add(key, blob.clone()).unwrap();
    }
}

async fn reads_back(store: &Arc<dyn BlobStore>, object: &str, state: &State) {
    let reader = BatchReader::open(Arc::clone(store), object, &registry()).await.unwrap();
    let all: BTreeMap<_, _> = reader.blobs().try_collect().await.unwrap();
    assert!(all == *state, "all blobs of {object}");
    for (key, blob) in state {
        assert!(reader.get(key).await.unwrap().as_ref() == Some(blob), "{key} of {object}");
    }
    reader.verify().await.unwrap();
}

async fn names(store: &Arc<dyn BlobStore>) -> Vec<String> {
    let mut names: Vec<_> = store.list("").map_ok(|object| object.name).try_collect().await.unwrap();
    names.sort();
    names
}

fn conforms(store: Option<Arc<dyn BlobStore>>, options: impl FnOnce(SinkOptions) -> SinkOptions) {
    let Some(store) = store else { return };
    let options = options(SinkOptions::new(fresh("conformance")));
    let report = on_tokio(conformance::sink(&*store, &options));
    println!("{report}");
    report.assert_clean();
}

#[test]
fn seaweedfs_conforms() {
    // It takes a backslash for a slash, which S3 does not. Creators of one name queue: three take a second.
    let store = SEAWEEDFS.open_limited("", 5000 << 20);
    conforms(store, |options| options.with_contenders(3).with_odd_names_refused());
}

#[test]
fn moto_conforms() {
    conforms(MOTO.open(""), |options| options.with_contenders(32));
}

#[test]
fn azurite_conforms() {
    // As Azure, it throws away the parts of all other uploads when one is completed; tested below.
    conforms(AZURITE.open(""), |options| {
        let options = options.with_contenders(32).with_odd_names_refused();
        options.without("uploads_at_once_are_apart")
    });
}

#[test]
fn azurites_second_upload_of_a_name_is_to_be_sent_again() {
    let Some(store) = AZURITE.open(&fresh("uploads")) else { return };
    on_tokio(async {
        let (one, other) = (noise(100, 1), noise(100, 2));
        let mut first = store.start_multipart("a", PutMode::Replace).await.unwrap();
        let mut second = store.start_multipart("a", PutMode::Replace).await.unwrap();
        first.put_part(one.clone().into()).await.unwrap();
        second.put_part(other.into()).await.unwrap();
        first.complete().await.unwrap();
        let error = second.complete().await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::Unavailable, Outcome::Unknown));
        assert_eq!(store.read("a", ReadRange::Bounded(0..1000)).await.unwrap().bytes, one);
    });
}

/// Backslashes are the only odd characters that these refuse.
#[test]
fn names_with_backslashes_are_refused_and_others_are_not() {
    for store in [SEAWEEDFS.open_limited(&fresh("names"), 1 << 20), AZURITE.open(&fresh("names"))] {
        let Some(store) = store else { continue };
        on_tokio(async {
            for odd in
                ["a b", "a%20b", "50%", "a+b", "a?b", "a#b", "a:b", "\"a\"", "<a>", "{a}", "a|b", "é", "日本"]
            {
                store.put(odd, noise(5, 1).into(), PutMode::Create).await.unwrap();
                assert_eq!(store.size(odd).await.unwrap(), 5);
            }
            let error = store.put(r"a\b", noise(5, 1).into(), PutMode::Create).await.unwrap_err();
            assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::InvalidInput, Outcome::NotApplied));
            assert_eq!(names(&store).await.len(), 13);
        });
    }
}

/// Writes state in one put and in parts, and reads it back.
fn keeps_state(server: Server) {
    let prefix = fresh("state");
    let Some(store) = server.open(&prefix) else { return };
    on_tokio(async {
        let builder = |writer: &str| Batcher::builder(Raw, Arc::clone(&store)).writer(writer);
        let small = state(300_000, 1);
        let large = state(20 << 20, 2);
        let batchers: Vec<(BatcherBuilder<Raw, _>, &State, u64)> = vec![
            (builder("one-put"), &small, 1),
            // Larger than the threshold, and created nonetheless, which parts cannot be.
            (builder("large-put"), &large, 1),
            // Start, three parts of 8 MiB at most, completion.
            (builder("parts").put_mode(PutMode::Replace), &large, 5),
        ];
        for (builder, state, requests) in batchers {
            writes(builder, &store, state, requests).await;
        }
        writes(Batcher::builder(Lz4::default(), Arc::clone(&store)).writer("lz4"), &store, &small, 1).await;
        let expected = ["large-put-000000.lz4", "lz4-000000.lz4", "one-put-000000.lz4", "parts-000000.lz4"];
        assert_eq!(names(&store).await, expected.map(|name| format!("00000000000000000007/{name}")));
        // The prefix is part of the names from outside.
        let outside = server.open("").unwrap();
        reads_back(&outside, &format!("{prefix}/00000000000000000007/lz4-000000.lz4"), &small).await;
    });
}

async fn writes<C: Codec + 'static>(
    builder: BatcherBuilder<C, Arc<dyn BlobStore>>,
    store: &Arc<dyn BlobStore>,
    state: &State,
    requests: u64,
) {
    let mut batcher = builder.build().unwrap();
    add(&mut batcher, state);
    let report = batcher.flush(7).await.unwrap();
    let [receipt] = report.receipts.as_slice() else { panic!("{report:?}") };
    assert_eq!((receipt.blobs, receipt.requests), (state.len() as u64, requests), "{receipt:?}");
    assert_eq!(store.size(&receipt.object).await.unwrap(), receipt.object_len);
    reads_back(store, &receipt.object, state).await;
}

/// Of two writers of one name, the second is told, and the first one's object stays.
async fn refuses_a_second_writer(store: Arc<dyn BlobStore>) {
    let batcher = || Batcher::builder(Raw, Arc::clone(&store)).writer("w").build().unwrap();
    let (mut first, mut second, mut again) = (batcher(), batcher(), batcher());
    let (kept, other) = (state(7 << 20, 3), state(7 << 20, 4));
    add(&mut first, &kept);
    add(&mut second, &other);
    add(&mut again, &kept);
    let object = first.flush(7).await.unwrap().receipts.remove(0).object;
    let error = second.flush(7).await.unwrap_err();
    assert!(matches!(error.kind(), FlushErrorKind::Conflict), "{error:?}");
    assert_eq!((error.outcome(), error.is_retryable()), (Outcome::NotApplied, false));
    assert_eq!(second.len(), other.len() as u64);
    reads_back(&store, &object, &kept).await;
    // Another epoch takes the blobs along.
    let report = second.flush(8).await.unwrap();
    reads_back(&store, &report.receipts[0].object, &other).await;
    // The same bytes once more are no conflict.
    assert_eq!(again.flush(7).await.unwrap().receipts[0].object, object);
    reads_back(&store, &object, &kept).await;
    assert_eq!(names(&store).await.len(), 2);
}

/// The same where an object goes up in one put, and in parts.
fn keeps_writers_apart(server: Server) {
    let Some(store) = server.open(&fresh("one-put")) else { return };
    on_tokio(refuses_a_second_writer(store));
    let Some(store) = server.open_limited(&fresh("parts"), 6 << 20) else { return };
    on_tokio(refuses_a_second_writer(store));
}

macro_rules! servers {
    ($($module:ident: $server:ident;)*) => {
        $(mod $module {
            #[test]
            fn keeps_state() {
                super::keeps_state(super::$server);
            }

            #[test]
            fn keeps_writers_apart() {
                super::keeps_writers_apart(super::$server);
            }
        })*
    };
}

servers! {
    seaweedfs: SEAWEEDFS;
    moto: MOTO;
    azurite: AZURITE;
}
