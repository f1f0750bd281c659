//! What readers make of stores that fail, change and answer in unusual ways.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Waker};

use async_trait::async_trait;
use batcher_codecs::{Lz4, Raw, registry};
use batcher_core::{
    BatchReader, BlobSink, BlobSource, Codec, CodecError, CodecId, CodecRegistry, Executor, Job, Operation,
    Outcome, Payload, PutMode, ReadError, ReadErrorKind, ReadOptions, ReadRange, ReadReply, StoreError,
    StoreErrorKind,
};
use batcher_testkit::corpus::KeyKind;
use batcher_testkit::{Fault, FaultPlan, FaultStore, MemoryStore, block_on};
use bytes::Bytes;
use futures_util::TryStreamExt;
use scenario::{State, check, expected, mixed, noise};

/// Blobs enough that neither the index nor any data is in a small first read.
fn state() -> State {
    (0..300u16).map(|n| (format!("{:0>200}", u32::from(n) * 7919 % 1000), noise(700, n.into()))).collect()
}

fn object() -> Bytes {
    block_on(scenario::object(&state(), Arc::new(Raw), 1000))
}

fn memory() -> MemoryStore {
    let memory = MemoryStore::new();
    memory.insert("o", object());
    memory
}

fn options() -> ReadOptions {
    ReadOptions::default().with_first_read_len(0).with_max_gap(0)
}

async fn open(source: impl BlobSource + 'static, options: ReadOptions) -> Result<BatchReader, ReadError> {
    BatchReader::open_with(source, "o", &registry(), options).await
}

#[test]
fn a_store_that_cannot_read_suffixes_after_all_is_asked_for_the_size() {
    let unsupported = Fault::Reject(StoreErrorKind::Unsupported);
    let store = FaultStore::new(memory(), FaultPlan::new().at(Operation::Read, 0, unsupported));
    let reader = block_on(open(store.clone(), options())).unwrap();
    assert_eq!((store.calls(Operation::Size), store.calls(Operation::Read)), (1, 3));
    assert_eq!(reader.object(), "o");
    block_on(check(&reader, &expected(&state())));
}

#[test]
fn what_fails_while_an_object_is_opened_is_the_stores_error() {
    let timeout = Fault::Reject(StoreErrorKind::Timeout);
    for suffixes in [true, false] {
        let store =
            if suffixes { MemoryStore::new() } else { MemoryStore::builder().without_suffix_reads().build() };
        store.insert("o", object());
        let mut faults = vec![(Operation::Read, 0), (Operation::Read, 1)];
        if !suffixes {
            faults.push((Operation::Size, 0));
        }
        for (operation, call) in faults {
            let script = FaultPlan::new().at(operation, call, timeout);
            let error = block_on(open(FaultStore::new(store.clone(), script), options())).unwrap_err();
            let ReadErrorKind::Store(kind) = error.kind() else { panic!("{error:?}") };
            assert_eq!((kind.kind(), kind.operation()), (StoreErrorKind::Timeout, operation));
            assert_eq!((error.object(), error.key()), ("o", None));
            assert!(error.is_retryable() && !error.is_not_found());
        }
    }
    let error = block_on(open(MemoryStore::new(), options())).unwrap_err();
    assert!(error.is_not_found() && !error.is_retryable());
}

/// Reads that fail once it is open: of the page of keys, of the page of blocks, and of the blocks.
#[test]
fn errors_of_a_blob_name_its_key() {
    let key = &state()[100].0;
    let timeout = Fault::Reject(StoreErrorKind::Timeout);
    let reads = {
        let store = FaultStore::new(memory(), FaultPlan::new());
        let reader = block_on(open(store.clone(), options())).unwrap();
        let opened = store.calls(Operation::Read);
        let _blob = block_on(reader.get(key)).unwrap();
        opened..store.calls(Operation::Read)
    };
    assert_eq!(reads.end - reads.start, 3);
    for read in reads {
        let reader = || {
            let script = FaultPlan::new().at(Operation::Read, read, timeout);
            block_on(open(FaultStore::new(memory(), script), options())).unwrap()
        };
        let get = block_on(reader().get(key)).unwrap_err();
        let chunked = reader();
        let chunks =
            block_on(async { chunked.chunks(key).await?.expect("there").try_collect::<Vec<_>>().await });
        for error in [get, chunks.unwrap_err()] {
            assert_eq!((error.key(), error.object()), (Some(key.as_str()), "o"));
            assert!(error.is_retryable());
        }
    }
}

/// Several blobs share reads of blocks; what is looked up for one of them alone names it.
#[test]
fn errors_of_several_blobs_name_the_key_that_was_looked_up() {
    let key = &state()[100].0;
    let timeout = Fault::Reject(StoreErrorKind::Timeout);
    for (read, named) in [(2, true), (3, true), (4, false)] {
        let script = FaultPlan::new().at(Operation::Read, read, timeout);
        let store = FaultStore::new(memory(), script);
        let reader = block_on(open(store.clone(), options())).unwrap();
        let error = block_on(reader.get_many(&[key])).unwrap_err();
        assert_eq!(error.key(), named.then_some(key.as_str()), "read {read}");
        assert_eq!(store.fired().len(), 1);
    }
}

#[test]
fn an_object_that_is_replaced_is_noticed_at_the_next_read() {
    for longer in [true, false] {
        let memory = memory();
        let reader = block_on(open(memory.clone(), options())).unwrap();
        let mut other = object().to_vec();
        if longer {
            other.push(0);
        }
        memory.insert("o", other);
        let error = block_on(reader.get(&state()[0].0)).unwrap_err();
        assert!(matches!(error.kind(), ReadErrorKind::Replaced), "{error:?}");
        assert!(error.is_retryable());
    }
}

/// A store that knows no versions.
#[derive(Debug)]
struct Unversioned(MemoryStore);

#[async_trait]
impl BlobSource for Unversioned {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        Ok(ReadReply { version: None, ..self.0.read(name, range).await? })
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.0.size(name).await
    }
}

#[test]
fn without_versions_another_length_is_noticed() {
    let memory = memory();
    let reader = block_on(open(Unversioned(memory.clone()), options())).unwrap();
    memory.insert("o", [&object()[..], &[0]].concat());
    let error = block_on(reader.get(&state()[0].0)).unwrap_err();
    assert!(matches!(error.kind(), ReadErrorKind::Replaced), "{error:?}");
}

#[test]
fn without_versions_the_checksums_notice() {
    let memory = memory();
    let reader = block_on(open(Unversioned(memory.clone()), options())).unwrap();
    block_on(check(&reader, &expected(&state())));
    let other: State = state().into_iter().map(|(key, blob)| (key, noise(blob.len(), 99_999))).collect();
    let other = block_on(scenario::object(&other, Arc::new(Raw), 1000));
    assert_eq!(other.len(), object().len());
    let reader = block_on(open(Unversioned(memory.clone()), options())).unwrap();
    memory.insert("o", other);
    let error = block_on(reader.get(&state()[0].0)).unwrap_err();
    assert!(matches!(error.kind(), ReadErrorKind::Corrupt(_)), "{error:?}");
    assert!(!error.is_retryable());
}

#[test]
fn a_store_that_keeps_to_the_defaults_cannot_list_delete_or_take_parts() {
    #[derive(Debug)]
    struct Least(MemoryStore);
    #[async_trait]
    impl BlobSink for Least {
        async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
            self.0.put(name, payload, mode).await
        }
    }
    let refused = |error: StoreError, operation| {
        assert_eq!((error.kind(), error.operation()), (StoreErrorKind::Unsupported, operation));
        assert_eq!((error.object(), error.outcome()), ("n", Outcome::NotApplied));
    };
    // Behind a pointer, too.
    let sink: Arc<dyn BlobSink> = Arc::new(Least(MemoryStore::new()));
    let sink = Arc::new(sink);
    refused(block_on(sink.start_multipart("n", PutMode::Replace)).unwrap_err(), Operation::StartMultipart);
    refused(block_on(sink.delete("n")).unwrap_err(), Operation::Delete);
    let source: Arc<dyn BlobSource> = Arc::new(Unversioned(MemoryStore::new()));
    let source = Arc::new(source);
    assert!(source.reads_suffixes());
    refused(block_on(source.list("n").try_next()).unwrap_err(), Operation::List);

    let full: Arc<MemoryStore> = Arc::new(memory());
    assert_eq!(block_on(full.list("").try_next()).unwrap().unwrap().name, "o");
    assert_eq!(block_on(full.size("o")).unwrap(), object().len() as u64);
    block_on(full.delete("o")).unwrap();
    assert!(full.names().is_empty());
}

/// Drops every job.
#[derive(Debug)]
struct Drops;

impl Executor for Drops {
    fn execute(&self, _job: Job) {}
}

/// Runs jobs on threads of their own.
#[derive(Debug)]
struct Threads;

impl Executor for Threads {
    fn execute(&self, job: Job) {
        std::thread::spawn(job);
    }
    fn parallelism(&self) -> usize {
        4
    }
}

#[test]
fn blocks_are_decoded_on_the_executor_asked_for() {
    block_on(async {
        let reader = open(memory(), options().with_executor(Drops)).await.unwrap();
        let error = reader.get(&state()[0].0).await.unwrap_err();
        assert!(matches!(error.kind(), ReadErrorKind::Abandoned) && error.is_retryable(), "{error:?}");
        let reader = open(memory(), options().with_executor(Threads)).await.unwrap();
        check(&reader, &expected(&state())).await;
    });
}

#[test]
fn as_many_reads_are_under_way_as_was_asked_for() {
    let key = |n: usize| state()[n].0.clone();
    // Blocks that are no neighbours.
    let keys: Vec<_> = (0..10).map(|n| key(n * 20)).collect();
    for (asked, under_way) in [(0, 1), (1, 1), (3, 3)] {
        let counted = FaultStore::new(memory(), FaultPlan::new());
        let reader = block_on(open(counted.clone(), options())).unwrap();
        // Has the pages of the index read.
        let _blob = block_on(reader.get(&keys[0])).unwrap();
        let before = counted.calls(Operation::Read) - 1;
        let script = FaultPlan::new().from_call(Operation::Read, before, Fault::Hang);
        let store = FaultStore::new(memory(), script);
        let reader = block_on(open(store.clone(), options().with_reads_in_flight(asked))).unwrap();
        let mut get = pin!(reader.get_many(&keys));
        for _ in 0..20 {
            assert!(get.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        assert_eq!(store.calls(Operation::Read) - before, under_way);
    }
}

#[test]
fn a_blob_of_exactly_one_block_has_no_other_read() {
    let state: State = (0..5).map(|n| (format!("{n}"), noise(1000, n))).collect();
    let memory = MemoryStore::new();
    memory.insert("o", block_on(scenario::object(&state, Arc::new(Raw), 1000)));
    // Each block in a read of its own.
    let reader = block_on(open(memory.clone(), options().with_max_read_len(1))).unwrap();
    let _blob = block_on(reader.get("0")).unwrap();
    for (key, blob) in &state {
        let before = memory.requests(Operation::Read);
        assert!(block_on(reader.get(key)).unwrap().unwrap() == *blob);
        assert_eq!(memory.requests(Operation::Read) - before, 1, "{key}");
    }
}

#[test]
fn blobs_that_have_been_handed_out_no_longer_count_against_the_limit() {
    let state: State = (0..5).map(|n| (format!("{n}"), noise(3500, n))).collect();
    let memory = MemoryStore::new();
    memory.insert("o", block_on(scenario::object(&state, Arc::new(Raw), 1000)));
    let read = |limit| {
        let reader = block_on(open(memory.clone(), options().with_memory_limit(limit))).unwrap();
        block_on(reader.blobs().try_collect::<Vec<_>>())
    };
    assert!(read(3500).unwrap() == state);
    assert!(matches!(read(3499).unwrap_err().kind(), ReadErrorKind::Memory { len: 3500, limit: 3499, .. }));
}

#[test]
fn whichever_read_fails_its_error_comes_out() {
    let state: State = vec![("long".into(), noise(3500, 1)), ("short".into(), noise(10, 2))];
    let memory = MemoryStore::new();
    memory.insert("o", block_on(scenario::object(&state, Arc::new(Raw), 1000)));
    let mut failed = [0, 0];
    for (way, failed) in failed.iter_mut().enumerate() {
        for call in 0.. {
            let script = FaultPlan::new().at(Operation::Read, call, Fault::Reject(StoreErrorKind::Timeout));
            let store = FaultStore::new(memory.clone(), script);
            let result = block_on(async {
                let reader = open(store.clone(), options().with_max_read_len(1)).await?;
                match way {
                    0 => reader.get("long").await.map(drop),
                    _ => reader.verify().await.map(drop),
                }
            });
            if store.fired().is_empty() {
                result.unwrap();
                break;
            }
            assert!(matches!(result.unwrap_err().kind(), ReadErrorKind::Store(_)), "{way}, {call}");
            *failed += 1;
        }
    }
    // End, root, page of keys, page of blocks and four blocks; the header, too, to verify.
    assert_eq!(failed, [8, 9]);
}

/// Counts the bytes that it hands out.
#[derive(Clone, Debug)]
struct Weighed(MemoryStore, Arc<AtomicU64>);

#[async_trait]
impl BlobSource for Weighed {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let reply = self.0.read(name, range).await?;
        self.1.fetch_add(reply.bytes.len() as u64, Ordering::Relaxed);
        Ok(reply)
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.0.size(name).await
    }
}

#[test]
fn one_key_among_many_is_found_in_a_page_of_reasonable_length() {
    // Short keys, and long ones of which 128 are in a page at least.
    for (kind, keys, root, page) in [
        (KeyKind::Uuid, 50_000, 2_000..9_000, 16_000..17_000),
        (KeyKind::LongSeparators, 2_000, 8_000..14_000, 40_000..50_000),
    ] {
        let state: State = (0..keys).map(|n| (kind.key(1, n), Bytes::new())).collect();
        let memory = MemoryStore::new();
        memory.insert("o", block_on(scenario::object(&state, Arc::new(Raw), 1000)));
        let source = Weighed(memory, Arc::default());
        let reader = block_on(open(source.clone(), options())).unwrap();
        let opened = source.1.swap(0, Ordering::Relaxed);
        assert!(root.contains(&opened), "{kind:?}: root of {opened} bytes");
        assert_eq!(block_on(reader.get(&state[77].0)).unwrap().unwrap(), "");
        let read = source.1.load(Ordering::Relaxed);
        assert!(page.contains(&read), "{kind:?}: page of {read} bytes");
    }
}

/// Fails or panics in the so-manieth decoding.
#[derive(Clone, Debug)]
struct Fickle {
    fails: bool,
    left: Arc<AtomicUsize>,
}

impl Codec for Fickle {
    fn id(&self) -> CodecId {
        CodecId::LZ4
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        Lz4::default().max_frame_len(block_len)
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        Lz4::default().encode(block, frame)
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        if self.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            assert!(self.fails, "on purpose");
            return Err(CodecError::Library("no memory".into()));
        }
        Lz4::default().decode(frame, block)
    }
}

#[test]
fn a_codec_that_fails_or_panics_says_nothing_about_the_object() {
    let memory = MemoryStore::new();
    memory.insert("o", block_on(scenario::object(&mixed(), Arc::new(Lz4::default()), 1000)));
    for fails in [true, false] {
        let mut decodings = 0;
        loop {
            let codec = Fickle { fails, left: Arc::new(AtomicUsize::new(decodings)) };
            let codecs = CodecRegistry::new().with(codec);
            let read = block_on(async {
                let reader = BatchReader::open(memory.clone(), "o", &codecs).await?;
                reader.blobs().try_collect::<Vec<_>>().await
            });
            let Err(error) = read else { break };
            assert_eq!(error.is_retryable(), fails, "{error:?}");
            match error.kind() {
                ReadErrorKind::Codec(CodecError::Library(_)) => assert!(fails),
                ReadErrorKind::Codec(CodecError::Panicked) => assert!(!fails),
                other => panic!("{other:?}"),
            }
            decodings += 1;
        }
        // The directory, a page of keys, a page of blocks, and blocks.
        assert!(decodings > 5, "{decodings}");
    }
}
