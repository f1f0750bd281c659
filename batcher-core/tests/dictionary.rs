//! Dictionaries for small blobs: trained in the batch, stored in the object, found by the reader.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;

use batcher_codecs::{Lz4, Zstd, registry};
use batcher_core::{
    BatchReader, Batcher, BatcherBuilder, Codec, CodecError, CodecId, CodecRegistry, ConfigError, Executor,
    Job, MAX_DICTIONARY_LEN, Operation, Problem, ReadErrorKind, ReadOptions, Section, StoreErrorKind,
};
use batcher_testkit::{Fault, FaultPlan, FaultStore, MemoryStore, block_on};
use bytes::Bytes;
use futures_util::{FutureExt, TryStreamExt};

type Builder = BatcherBuilder<Zstd, MemoryStore>;

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

/// Others, that have something else in common.
fn lines(count: u64) -> BTreeMap<String, Bytes> {
    (0..count)
        .map(|n| {
            (
                format!("lines/{n:06}"),
                Bytes::from(format!("SEQ={n};kind=operator-state;watermark={};late=0;", n * 77)),
            )
        })
        .collect()
}

fn builder(store: &MemoryStore) -> Builder {
    Batcher::builder(Zstd::default(), store.clone()).block_len(1000)
}

fn write<C: Codec + 'static>(
    builder: BatcherBuilder<C, MemoryStore>,
    blobs: &BTreeMap<String, Bytes>,
) -> String {
    let mut batcher = builder.build().unwrap();
    for (key, blob) in blobs {
        batcher.add(key, blob.clone()).unwrap();
    }
    block_on(batcher.flush(1)).unwrap().receipts[0].object.clone()
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

#[test]
fn decoders_with_dictionaries_count_against_the_memory_limit_whole() {
    let store = MemoryStore::new();
    let object = write(builder(&store).dictionary(4096), &json(3000));
    for (limit, fits) in [(100_000, false), (200_000, true)] {
        let options = ReadOptions::default().with_memory_limit(limit);
        let reader = block_on(BatchReader::open_with(store.clone(), &object, &registry(), options)).unwrap();
        match block_on(reader.get("counts/000001")) {
            Ok(blob) => assert!(fits && blob.is_some()),
            Err(error) => {
                assert!(!fits && matches!(error.kind(), ReadErrorKind::Memory { .. }), "{error:?}");
            }
        }
    }
}

/// Runs jobs on so many threads.
#[derive(Debug)]
struct Threads(mpsc::Sender<Job>, usize);

impl Threads {
    fn new(threads: usize) -> Self {
        let (jobs, work) = mpsc::channel::<Job>();
        let work = Arc::new(Mutex::new(work));
        for _ in 0..threads {
            let work = Arc::clone(&work);
            std::thread::spawn(move || {
                loop {
                    let Ok(job) = work.lock().unwrap().recv() else { break };
                    job();
                }
            });
        }
        Self(jobs, threads)
    }
}

impl Executor for Threads {
    fn execute(&self, job: Job) {
        self.0.send(job).unwrap();
    }
    fn parallelism(&self) -> usize {
        self.1
    }
}

/// Keeps jobs, to be run or dropped later.
#[derive(Clone, Debug, Default)]
struct Later(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held(Vec<Job>);

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} jobs", self.0.len())
    }
}

impl Executor for Later {
    fn execute(&self, job: Job) {
        self.0.lock().unwrap().0.push(job);
    }
}

impl Later {
    fn take(&self) -> Vec<Job> {
        std::mem::take(&mut self.0.lock().unwrap().0)
    }
}

fn bytes(blobs: &BTreeMap<String, Bytes>, set_up: impl FnOnce(Builder) -> Builder) -> Bytes {
    let store = MemoryStore::new();
    let object = write(set_up(builder(&store)), blobs);
    assert!(block_on(read(&store, &object)) == *blobs);
    store.object(&object).unwrap()
}

#[test]
fn the_same_adds_give_the_same_object_on_any_number_of_threads() {
    let blobs = json(3000);
    // Trained in the midst of the adds, and at the cut.
    for len in [512, 4096, 32_768] {
        let inline = bytes(&blobs, |builder| builder.dictionary(len));
        for threads in [1, 2, 7] {
            for backlog in [1, 1 << 20] {
                let set_up = |builder: Builder| {
                    builder.dictionary(len).backlog(backlog).executor(Threads::new(threads))
                };
                assert!(bytes(&blobs, set_up) == inline, "{len} on {threads}");
            }
        }
    }
}

#[test]
fn where_a_dictionary_does_not_pay_there_is_none() {
    let few = json(5);
    let noise = (0..500).map(|n| (n.to_string(), scenario::noise(100, n))).collect();
    for blobs in [BTreeMap::new(), few, noise] {
        let objects = [0, 4096].map(|len| {
            let mut all = blobs.clone();
            all.insert("large".into(), scenario::rows(5000, 1));
            bytes(&all, |builder| builder.dictionary(len))
        });
        assert!(objects[0] == objects[1]);
    }
    let blobs = json(3000);
    let lz4 = [0, 4096].map(|len| {
        let store = MemoryStore::new();
        let builder = Batcher::builder(Lz4::default(), store.clone()).block_len(1000).dictionary(len);
        let object = write(builder, &blobs);
        store.object(&object).unwrap()
    });
    assert!(lz4[0] == lz4[1], "LZ4 knows none");
}

#[test]
fn a_training_job_that_is_dropped_leaves_plain_frames() {
    let blobs = json(3000);
    let plain = bytes(&blobs, |builder| builder);
    let later = Later::default();
    let store = MemoryStore::new();
    let mut batcher = builder(&store).dictionary(512).executor(later.clone()).build().unwrap();
    for (key, blob) in &blobs {
        batcher.add(key, blob.clone()).unwrap();
        drop(later.take());
    }
    let mut flush = Box::pin(batcher.flush(1));
    let report = loop {
        if let Some(report) = flush.as_mut().now_or_never() {
            break report.unwrap();
        }
        later.take().into_iter().for_each(|job| job());
    };
    drop(flush);
    assert!(store.object(&report.receipts[0].object).unwrap() == plain);
}

/// What waits for a dictionary is bounded: whoever adds more trains it.
#[test]
fn an_executor_that_does_nothing_holds_back_a_sample_and_a_backlog() {
    let blobs = json(3000);
    let later = Later::default();
    let store = MemoryStore::new();
    let mut batcher =
        builder(&store).dictionary(512).backlog(20_000).executor(later.clone()).build().unwrap();
    let handle = batcher.handle();
    let mut ready_until = 0;
    for (index, (key, blob)) in blobs.iter().enumerate() {
        if handle.ready().now_or_never().is_some() {
            ready_until = index;
        }
        handle.add(key, blob.clone()).unwrap();
    }
    // The sample of 16,384 bytes and the backlog were let in, and then the adders had to compress.
    let let_in: usize = blobs.values().take(ready_until).map(Bytes::len).sum();
    assert!((30_000..45_000).contains(&let_in), "{let_in}");
    let mut flush = Box::pin(batcher.flush(1));
    let report = loop {
        if let Some(report) = flush.as_mut().now_or_never() {
            break report.unwrap();
        }
        later.take().into_iter().for_each(|job| job());
    };
    drop(flush);
    let object = store.object(&report.receipts[0].object).unwrap();
    assert!(object == bytes(&blobs, |builder| builder.dictionary(512)));
}

/// The blobs of an epoch that was given up keep the dictionary that they are compressed with.
#[test]
fn an_object_has_the_dictionaries_of_all_batches_that_went_into_it() {
    let script = FaultPlan::new().at(Operation::Put, 0, Fault::Reject(StoreErrorKind::Throttled));
    let store = FaultStore::new(MemoryStore::new(), script);
    let mut batcher =
        Batcher::builder(Zstd::default(), store).block_len(1000).dictionary(2048).build().unwrap();
    let mut all = BTreeMap::new();
    for (epoch, blobs) in [(1, json(1000)), (2, lines(1000))] {
        for (key, blob) in &blobs {
            batcher.add(key, blob.clone()).unwrap();
        }
        all.extend(blobs);
        let flushed = block_on(batcher.flush(epoch));
        assert_eq!(flushed.is_ok(), epoch == 2);
        let Ok(report) = flushed else { continue };
        let store = batcher.store().inner();
        let object = &report.receipts[0].object;
        assert!(block_on(read(store, object)) == all);
        let digested = Arc::new(AtomicUsize::new(0));
        let codecs = CodecRegistry::new().with(Clumsy { trains: Trains::Well, digested: digested.clone() });
        let reader = block_on(BatchReader::open(store.clone(), object, &codecs)).unwrap();
        block_on(reader.verify()).unwrap();
        assert_eq!(digested.load(Ordering::SeqCst), 2, "once each");
    }
}

/// The first dictionary's frame: the first skippable one but the header.
fn dictionary_of(object: &[u8]) -> (usize, usize) {
    let magic = 0x184D_2A5B_u32.to_le_bytes();
    let start = (1..).find(|start| object[*start..].starts_with(&magic)).unwrap();
    let len = u32::from_le_bytes(object[start + 4..start + 8].try_into().unwrap());
    (start, start + 8 + usize::try_from(len).unwrap())
}

/// Of an object whose end is all that the first read gets, one blob takes a read for the dictionary, once.
#[test]
fn a_dictionary_is_read_once() {
    let blobs = json(3000);
    let store = MemoryStore::new();
    let object = write(builder(&store).dictionary(4096), &blobs);
    let reads = || store.requests(Operation::Read);
    let whole = store.object(&object).unwrap();
    let behind = whole.len() - dictionary_of(&whole).1;
    for (first_read_len, expected) in [(256 * 1024, [1, 0, 0]), (behind as u64, [1, 2, 1])] {
        let options = ReadOptions::default().with_first_read_len(first_read_len);
        let mut before = reads();
        let reader = block_on(scenario::open(&store, &object, options));
        let mut counts = vec![reads() - before];
        for key in ["counts/000000", "counts/000900"] {
            before = reads();
            assert!(block_on(reader.get(key)).unwrap().unwrap() == blobs[key]);
            counts.push(reads() - before);
        }
        assert_eq!(counts, expected, "{first_read_len} of {}", whole.len());
    }
}

/// A Zstandard writer that stores another dictionary than it uses.
#[derive(Clone, Debug)]
struct Forger {
    stored: fn(Vec<u8>) -> Vec<u8>,
    used: Arc<Mutex<Vec<u8>>>,
}

impl Codec for Forger {
    fn id(&self) -> CodecId {
        CodecId::ZSTD
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        Zstd::default().max_frame_len(block_len)
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        Zstd::default().encode(block, frame)
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        Zstd::default().decode(frame, block)
    }
    fn train_dictionary(&self, samples: &[&[u8]], longest: usize) -> Option<Vec<u8>> {
        let dictionary = Zstd::default().train_dictionary(samples, longest)?;
        *self.used.lock().unwrap() = dictionary.clone();
        Some((self.stored)(dictionary))
    }
    fn with_dictionary(&self, _dictionary: &[u8]) -> Result<Arc<dyn Codec>, CodecError> {
        Zstd::default().with_dictionary(&self.used.lock().unwrap())
    }
}

fn cut_tables(mut dictionary: Vec<u8>) -> Vec<u8> {
    dictionary.truncate(20);
    dictionary
}

fn another_id(mut dictionary: Vec<u8>) -> Vec<u8> {
    dictionary[4] ^= 1;
    dictionary
}

#[test]
fn a_dictionary_that_is_none_is_damage_of_its_own_and_a_wrong_one_of_the_block() {
    let blobs = json(3000);
    let stored: [fn(Vec<u8>) -> Vec<u8>; 3] = [|_| b"not one".to_vec(), cut_tables, another_id];
    for (index, stored) in stored.into_iter().enumerate() {
        let store = MemoryStore::new();
        let codec = Forger { stored, used: Arc::default() };
        let builder = Batcher::builder(codec, store.clone()).block_len(1000).dictionary(4096);
        let object = write(builder, &blobs);
        let reader = block_on(BatchReader::open(store, &object, &registry())).unwrap();
        for error in [
            block_on(reader.get("counts/000000")).unwrap_err(),
            block_on(reader.blobs().try_collect::<Vec<_>>()).unwrap_err(),
            block_on(reader.verify()).unwrap_err(),
        ] {
            let ReadErrorKind::Corrupt(corruption) = error.kind() else { panic!("{error:?}") };
            assert!(matches!(corruption.problem, Problem::Codec(_)), "{error:?}");
            let expected = if index == 2 { Section::Block(0) } else { Section::Dictionary(0) };
            assert_eq!(corruption.section, expected);
        }
    }
}

/// What a codec does that trains badly.
#[derive(Clone, Debug)]
enum Trains {
    Panics,
    TooLong,
    Nothing,
    Unusable,
    Well,
}

#[derive(Clone, Debug)]
struct Clumsy {
    trains: Trains,
    digested: Arc<AtomicUsize>,
}

impl Codec for Clumsy {
    fn id(&self) -> CodecId {
        CodecId::ZSTD
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        Zstd::default().max_frame_len(block_len)
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        Zstd::default().encode(block, frame)
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        Zstd::default().decode(frame, block)
    }
    fn train_dictionary(&self, samples: &[&[u8]], longest: usize) -> Option<Vec<u8>> {
        match self.trains {
            Trains::Panics => panic!("clumsy"),
            Trains::TooLong => Zstd::default().train_dictionary(samples, 2 * longest),
            Trains::Nothing => Some(Vec::new()),
            Trains::Unusable => Some(vec![7; longest]),
            Trains::Well => Zstd::default().train_dictionary(samples, longest),
        }
    }
    fn with_dictionary(&self, dictionary: &[u8]) -> Result<Arc<dyn Codec>, CodecError> {
        self.digested.fetch_add(1, Ordering::SeqCst);
        Zstd::default().with_dictionary(dictionary)
    }
}

#[test]
fn a_codec_that_trains_badly_gives_plain_frames() {
    let blobs = json(3000);
    let plain = bytes(&blobs, |builder| builder);
    for trains in [Trains::Panics, Trains::TooLong, Trains::Nothing, Trains::Unusable] {
        let store = MemoryStore::new();
        let codec = Clumsy { trains: trains.clone(), digested: Arc::default() };
        let builder = Batcher::builder(codec, store.clone()).block_len(1000).dictionary(4096);
        let object = write(builder, &blobs);
        assert!(store.object(&object).unwrap() == plain, "{trains:?}");
    }
}

#[test]
fn a_reader_that_does_not_know_dictionaries_says_so() {
    let blobs = json(3000);
    let mut object = bytes(&blobs, |builder| builder.dictionary(4096)).to_vec();
    let trailer = object.len() - 56;
    assert_eq!(object[trailer + 36], 1, "the feature");
    assert_eq!(bytes(&blobs, |builder| builder)[..][16 + 4], 0, "none without");
    // The next feature is to this reader what dictionaries are to older ones.
    object[trailer + 36] = 3;
    let checksum = crc32c::crc32c(&object[trailer..trailer + 44]);
    object[trailer + 44..trailer + 48].copy_from_slice(&checksum.to_le_bytes());
    let store = MemoryStore::new();
    store.insert("newer", object);
    let error = block_on(BatchReader::open(store, "newer", &registry())).unwrap_err();
    assert!(matches!(error.kind(), ReadErrorKind::UnsupportedFeatures { unknown: 2 }), "{error:?}");
}

#[test]
fn a_dictionary_is_at_most_as_long_as_the_format_allows() {
    let build = |len| builder(&MemoryStore::new()).dictionary(len).build().map(|_| ());
    build(MAX_DICTIONARY_LEN).unwrap();
    let error = build(MAX_DICTIONARY_LEN + 1).unwrap_err();
    assert!(matches!(error, ConfigError::DictionaryTooLong { limit: MAX_DICTIONARY_LEN, .. }), "{error:?}");
}

/// Uploads begin before all blobs are there, but not before it is known what the object's first bytes are.
#[test]
fn an_early_upload_has_the_same_bytes() {
    let blobs = json(3000);
    for (index, len) in [512, 32_768].into_iter().enumerate() {
        let whole = bytes(&blobs, |builder| builder.dictionary(len));
        let store = MemoryStore::new();
        let mut batcher =
            builder(&store).dictionary(len).multipart_threshold(1).part_len(5000).build().unwrap();
        let handle = batcher.handle();
        let mut started = 0;
        let adds = async {
            for (key, blob) in &blobs {
                handle.add(key, blob.clone()).unwrap();
                pending_once().await;
            }
            started = store.requests(Operation::PutPart);
        };
        let report = block_on(batcher.flush_when(1, adds)).unwrap();
        assert_eq!(started > 0, index == 0, "{started} parts before the last blob");
        assert!(store.object(&report.receipts[0].object).unwrap() == whole);
    }
}

async fn pending_once() {
    let mut pending = true;
    std::future::poll_fn(|context| {
        context.waker().wake_by_ref();
        if std::mem::take(&mut pending) { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}
