//! Objects of every version that was ever written, kept in the repository: they stay readable, and every damage to them is
//! noticed.
//!
//! `UPDATE_GOLDEN=1 cargo test -p batcher-core --test golden` writes the files that are not there yet.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use batcher_codecs::{Lz4, Lz4Block, Raw, Zstd, registry};
use batcher_core::{
    BatchReader, BlobSource, Codec, CodecRegistry, ObjectFormat, ObjectInfo, ReadError, ReadErrorKind,
    ReadOptions, ReadRange, ReadReply, StoreError, async_trait,
};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use scenario::{State, check, expected, mixed, noise, rows};

/// Few, small blobs, so that every bit of the object can be tried: one longer than a block, one empty, one replaced.
fn small() -> State {
    vec![
        ("partition-0/agg".into(), rows(90, 1)),
        ("partition-0/empty".into(), Bytes::new()),
        ("partition-1/agg".into(), rows(300, 2)),
        ("partition-2/noise".into(), noise(40, 3)),
        ("partition-0/agg".into(), rows(60, 4)),
    ]
}

/// An `LCB1` object, written after `docs/FORMAT.md`.
fn lcb1(state: &State, version: u32) -> Bytes {
    let mut body = Vec::new();
    for (key, blob) in state {
        for field in [key.as_bytes(), blob] {
            body.extend_from_slice(&u32::try_from(field.len()).unwrap().to_le_bytes());
            body.extend_from_slice(field);
        }
    }
    let codec = Lz4Block::default();
    let mut block = vec![0; codec.max_frame_len(body.len())];
    let len = codec.encode(&body, &mut block).unwrap();
    let body_len = u32::try_from(body.len()).unwrap().to_le_bytes();
    let rest = [&body_len[..], &block[..len]].concat();
    let mut object = b"LCB1".to_vec();
    object.extend_from_slice(&version.to_le_bytes());
    object.extend_from_slice(&u32::try_from(state.len()).unwrap().to_le_bytes());
    object.extend_from_slice(&body_len);
    if version == 2 {
        object.extend_from_slice(&crc32c::crc32c(&rest).to_le_bytes());
    }
    object.extend_from_slice(&rest);
    object.into()
}

struct Golden {
    name: &'static str,
    state: State,
    write: fn(&State) -> Bytes,
}

fn written(state: &State, codec: Arc<dyn Codec>, block_len: usize) -> Bytes {
    block_on(scenario::object(state, codec, block_len))
}

fn goldens() -> Vec<Golden> {
    let golden = |name, state, write| Golden { name, state, write };
    vec![
        golden("v1-raw-example", example(), |state| written(state, Arc::new(Raw), 1000)),
        golden("v1-raw-small", small(), |state| written(state, Arc::new(Raw), 128)),
        golden("v1-lz4-small", small(), |state| written(state, Arc::new(Lz4::default()), 128)),
        golden("v1-zstd-small", small(), |state| written(state, Arc::new(Zstd::default()), 128)),
        golden("v1-raw-mixed", mixed(), |state| written(state, Arc::new(Raw), 1000)),
        // Written before pages had a least number of entries; codec raw.
        golden("v1-mixed-short-pages", mixed(), |_| unreachable!("kept, not written any longer")),
        golden("v1-lz4-mixed", mixed(), |state| written(state, Arc::new(Lz4::default()), 1000)),
        golden("v1-zstd-mixed", mixed(), |state| written(state, Arc::new(Zstd::default()), 1000)),
        golden("v1-zstd-dictionary", alike(), |state| {
            block_on(scenario::object_with(state, Arc::new(Zstd::default()), |builder| {
                builder.block_len(300).dictionary(2048)
            }))
        }),
        golden("v1-lz4-pages", pages(), |state| written(state, Arc::new(Lz4::default()), 64)),
        golden("v1-lz4-empty-blobs", empty_blobs(), |state| written(state, Arc::new(Lz4::default()), 128)),
        golden("lcb1-v1", small(), |state| lcb1(state, 1)),
        golden("lcb1-v2", small(), |state| lcb1(state, 2)),
    ]
}

/// More than one page of keys, and more than one of blocks.
fn pages() -> State {
    (0..6000u64).map(|n| (format!("{:x}", u128::from(n) * 0x9E37_79B9_7F4A_7C15), rows(50, n))).collect()
}

/// Enough small blobs with much in common for a dictionary, and one large one.
fn alike() -> State {
    let small = (0..60_u64).map(|n| {
        let x = n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        let blob = format!(
            r#"{{"customer":{x},"window":{{"start":"2024-05-{:02}"}},"currency":"EUR"}}"#,
            x % 28 + 1
        );
        (format!("{n:02}"), Bytes::from(blob))
    });
    small.chain([("large".to_owned(), rows(700, 9))]).collect()
}

/// The worked example of `docs/FORMAT.md`.
fn example() -> State {
    vec![("a".to_owned(), Bytes::from("hello")), ("ab".to_owned(), Bytes::new())]
}

fn empty_blobs() -> State {
    ["", "a", "b"].map(|key| (key.to_owned(), Bytes::new())).into()
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name).with_extension("bin")
}

fn bytes(golden: &Golden) -> Bytes {
    let path = path(golden.name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() && !path.exists() {
        std::fs::write(&path, (golden.write)(&golden.state)).unwrap();
    }
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).into()
}

async fn open(
    object: &Bytes,
    codecs: &CodecRegistry,
    options: ReadOptions,
) -> Result<BatchReader, ReadError> {
    let store = MemoryStore::new();
    store.insert("golden", object.clone());
    BatchReader::open_with(store, "golden", codecs, options).await
}

#[test]
fn golden_objects_stay_readable() {
    let codecs = registry();
    for golden in goldens() {
        let object = bytes(&golden);
        let reader = block_on(open(&object, &codecs, ReadOptions::default())).unwrap();
        let summary = reader.summary();
        match golden.name {
            "lcb1-v1" => assert_eq!(summary.format, ObjectFormat::Lcb1(1)),
            "lcb1-v2" => assert_eq!(summary.format, ObjectFormat::Lcb1(2)),
            _ => assert_eq!(summary.format, ObjectFormat::Container(1)),
        }
        block_on(check(&reader, &expected(&golden.state)));
    }
}

/// What is written today is what was written then, as far as no codec's library is in between.
#[test]
fn golden_objects_are_still_written_so() {
    for golden in goldens().iter().filter(|golden| golden.name.contains("raw")) {
        assert!((golden.write)(&golden.state) == bytes(golden), "{}", golden.name);
    }
}

/// The hex digits of section 11 are those of the golden object.
#[test]
fn the_worked_example_is_the_golden_one() {
    let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/FORMAT.md");
    let text = std::fs::read_to_string(document).unwrap();
    let example = text.split("## 11.").nth(1).unwrap().split("```").nth(1).unwrap();
    let hex: String = example
        .lines()
        .filter_map(|line| line.get(20..))
        .flat_map(str::chars)
        .filter(char::is_ascii_hexdigit)
        .collect();
    let golden = goldens().into_iter().find(|golden| golden.name == "v1-raw-example").unwrap();
    let expected: String = bytes(&golden).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, expected);
}

/// Reads all that there is; `None` where any of it failed.
async fn read_all(
    object: &Bytes,
    codecs: &CodecRegistry,
    first_read_len: u64,
) -> Option<BTreeMap<String, Bytes>> {
    let options = ReadOptions::default().with_first_read_len(first_read_len).with_memory_limit(1 << 20);
    let reader = open(object, codecs, options).await.ok()?;
    reader.blobs().try_collect::<Vec<_>>().await.ok().map(|blobs| blobs.into_iter().collect())
}

/// The one object in which reading everything for every bit would take hours.
const LARGE: &str = "v1-lz4-pages";

#[test]
fn every_flipped_bit_is_noticed_or_harmless() {
    // Version 1 of the starting point's format has no checksum.
    for golden in goldens().iter().filter(|golden| !["lcb1-v1", LARGE].contains(&golden.name)) {
        let object = bytes(golden);
        let expected = expected(&golden.state);
        let harmless = AtomicUsize::new(0);
        let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (object, expected, harmless) = (&object, &expected, &harmless);
                scope.spawn(move || {
                    let codecs = registry();
                    for bit in (thread..object.len() * 8).step_by(threads) {
                        if !is_noticed(object, bit, expected, &codecs, golden.name) {
                            harmless.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        let harmless = harmless.into_inner();
        assert!(harmless < 70 * 8, "{}: {harmless} of {}", golden.name, object.len() * 8);
    }
}

/// Whether a flipped bit keeps the blobs from being read; where it does not, they must be right, and verifying must notice.
fn is_noticed(
    object: &Bytes,
    bit: usize,
    expected: &BTreeMap<String, Bytes>,
    codecs: &CodecRegistry,
    name: &str,
) -> bool {
    let mut flipped = object.to_vec();
    flipped[bit / 8] ^= 1 << (bit % 8);
    let flipped = Bytes::from(flipped);
    block_on(async {
        let Some(blobs) = read_all(&flipped, codecs, 100).await else { return true };
        assert!(blobs == *expected, "{name} bit {bit}");
        // Only the header is not looked at in order to read blobs; to verify is to look at it.
        let reader = open(&flipped, codecs, ReadOptions::default()).await.unwrap();
        let error = reader.verify().await.unwrap_err();
        assert!(matches!(error.kind(), ReadErrorKind::Corrupt(_)), "{name} bit {bit}");
        false
    })
}

/// An object of which a bit is flipped on the way.
#[derive(Debug)]
struct Flipped {
    object: Bytes,
    bit: AtomicUsize,
    /// What was read.
    ranges: Mutex<Vec<Range<usize>>>,
}

impl Flipped {
    fn new(object: &Bytes, bit: usize) -> Arc<Self> {
        Arc::new(Self { object: object.clone(), bit: AtomicUsize::new(bit), ranges: Mutex::default() })
    }
}

#[async_trait]
impl BlobSource for Flipped {
    async fn read(&self, _name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let object_len = self.object.len() as u64;
        let range = range.resolve(object_len);
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        let bit = self.bit.load(Ordering::Relaxed);
        let mut bytes = self.object.slice(range.clone());
        if range.contains(&(bit / 8)) {
            let mut flipped = bytes.to_vec();
            flipped[bit / 8 - range.start] ^= 1 << (bit % 8);
            bytes = flipped.into();
        }
        self.ranges.lock().unwrap().push(range);
        Ok(ReadReply { bytes, object_len, version: None })
    }
    async fn size(&self, _name: &str) -> Result<u64, StoreError> {
        Ok(self.object.len() as u64)
    }
    fn list(&self, _prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        stream::empty().boxed()
    }
}

/// Each bit is flipped under the eyes of a reader of one blob that needs it.
#[test]
fn every_flipped_bit_of_a_large_object_is_noticed_by_whoever_reads_there() {
    let goldens = goldens();
    let golden = goldens.iter().find(|golden| golden.name == LARGE).unwrap();
    let (object, codecs) = (bytes(golden), registry());
    let options = || ReadOptions::default().with_first_read_len(56).with_max_gap(0);
    let open = |source: &Arc<Flipped>| {
        block_on(BatchReader::open_with(Arc::clone(source), "golden", &codecs, options()))
    };
    // By whose reading each byte is needed, and by how many-th of its reads. Nobody needs the header, and everybody the root.
    let mut needed: Vec<Option<(usize, &str)>> = vec![None; object.len()];
    for (key, _) in &golden.state {
        let source = Flipped::new(&object, usize::MAX);
        let reader = open(&source).unwrap();
        source.ranges.lock().unwrap().clear();
        block_on(reader.get(key)).unwrap();
        for (nth, range) in source.ranges.lock().unwrap().drain(..).enumerate() {
            needed[range].fill(Some((nth, key)));
        }
    }
    // A page of keys, one of blocks, a block.
    let reads = needed.iter().flatten().map(|(nth, _)| nth + 1).max();
    assert_eq!(reads, Some(3));
    assert!(needed.iter().filter(|needed| needed.is_none()).count() < 1000);
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let (object, needed, open) = (&object, &needed, &open);
    let noticed = |read: Result<Option<Bytes>, ReadError>, bit| match read {
        // One whose last bytes are others seems to have no end.
        Err(error) => assert!(
            matches!(error.kind(), ReadErrorKind::Corrupt(_) | ReadErrorKind::Truncated { .. }),
            "bit {bit}: {error}"
        ),
        Ok(blob) => panic!("bit {bit} is not noticed: {blob:?}"),
    };
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                // Each meets flipped bits in one of its reads alone, and so keeps what the others before it have brought.
                let readers = [0; 3].map(|_| {
                    let source = Flipped::new(object, usize::MAX);
                    (Arc::clone(&source), open(&source).unwrap())
                });
                for bit in (thread..object.len() * 8).step_by(threads) {
                    match needed[bit / 8] {
                        Some((nth, key)) => {
                            let (source, reader) = &readers[nth];
                            source.bit.store(bit, Ordering::Relaxed);
                            noticed(block_on(reader.get(key)), bit);
                            source.ranges.lock().unwrap().clear();
                        }
                        None => {
                            let read = open(&Flipped::new(object, bit));
                            let verified = read.and_then(|reader| block_on(reader.verify()));
                            noticed(verified.map(|_| None), bit);
                        }
                    }
                }
            });
        }
    });
}

#[test]
fn every_truncation_is_noticed() {
    let codecs = registry();
    for golden in goldens() {
        let object = bytes(&golden);
        for len in 0..object.len() {
            let error = block_on(open(&object.slice(..len), &codecs, ReadOptions::default())).unwrap_err();
            match error.kind() {
                ReadErrorKind::Truncated { object_len } => assert_eq!(*object_len, len as u64),
                ReadErrorKind::Foreign { object_len, .. } => {
                    assert!(*object_len == len as u64 && len < 4, "{} at {len}: {error}", golden.name);
                }
                ReadErrorKind::Corrupt(_) if golden.name.starts_with("lcb1") => {}
                other => panic!("{} at {len}: {other:?}", golden.name),
            }
        }
    }
}

#[test]
fn bytes_behind_the_end_are_noticed() {
    let codecs = registry();
    for golden in goldens() {
        let object = bytes(&golden);
        for more in [&[0][..], &object] {
            let longer = Bytes::from([&object[..], more].concat());
            let error = block_on(open(&longer, &codecs, ReadOptions::default())).unwrap_err();
            let truncated = matches!(error.kind(), ReadErrorKind::Truncated { .. });
            assert!(truncated || matches!(error.kind(), ReadErrorKind::Corrupt(_)), "{error:?}");
        }
    }
}
