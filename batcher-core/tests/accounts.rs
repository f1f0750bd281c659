//! What a batcher says of itself: what it holds, what is due, what it was told.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::sync::{Arc, Mutex, mpsc};
use std::thread::JoinHandle;

use batcher_codecs::{Lz4, Lz4Block, Raw};
use batcher_core::{
    AddErrorKind, BatchId, Batcher, Codec, CodecError, CodecId, ConfigError, Executor, FlushErrorKind, Job,
    MAX_CODEC_PARAMS, MAX_WRITER_LEN, Operation, Outcome, PutMode, StoreErrorKind, default_name,
};
use batcher_testkit::{Fault, FaultPlan, FaultStore, MemoryStore, block_on};

const REJECTED: Fault = Fault::Reject(StoreErrorKind::Throttled);

/// Refuses the puts of these numbers.
fn refusing(puts: impl IntoIterator<Item = u32>) -> FaultStore<MemoryStore> {
    let script =
        puts.into_iter().fold(FaultPlan::new(), |script, put| script.at(Operation::Put, put, REJECTED));
    FaultStore::new(MemoryStore::new(), script)
}

#[test]
fn a_flush_is_due_from_the_threshold_on() {
    let mut batcher = Batcher::builder(Raw, MemoryStore::new()).flush_threshold(10).build().unwrap();
    assert!(!batcher.should_flush());
    batcher.add("key", vec![0; 6]).unwrap();
    assert!(!batcher.should_flush(), "9 bytes");
    batcher.add("k", vec![]).unwrap();
    assert!(batcher.should_flush(), "10 bytes");
    let _report = block_on(batcher.flush(1)).unwrap();
    assert!(!batcher.should_flush());
    let usual = Batcher::builder(Raw, MemoryStore::new()).build().unwrap();
    usual.handle().add("", vec![0; (8 << 20) - 1]).unwrap();
    assert!(!usual.should_flush());
    usual.handle().add("k", vec![]).unwrap();
    assert!(usual.should_flush());
}

#[test]
fn what_is_held_is_counted_wherever_it_stands() {
    let mut batcher = Batcher::builder(Raw, refusing([0, 1, 2])).memory_limit(10_000).build().unwrap();
    let held = |batcher: &Batcher<FaultStore<MemoryStore>>| (batcher.len(), batcher.buffered_bytes());
    assert!(batcher.is_empty());
    batcher.add("one", vec![0; 10]).unwrap();
    batcher.handle().add("three", vec![0; 20]).unwrap();
    assert_eq!(held(&batcher), (2, 38));
    assert!(!batcher.is_empty());
    // Pending under epoch 1.
    let _error = block_on(batcher.flush(1)).unwrap_err();
    assert_eq!(held(&batcher), (2, 38));
    batcher.add("one", vec![0; 100]).unwrap();
    assert_eq!(held(&batcher), (3, 141));
    // The retry of epoch 1 fails, and what was added since is carried along.
    let _error = block_on(batcher.flush(1)).unwrap_err();
    assert_eq!(held(&batcher), (3, 141));
    batcher.add("two", vec![0; 1000]).unwrap();
    assert_eq!(held(&batcher), (4, 1144));
    // All of it pending under epoch 2.
    let _error = block_on(batcher.flush(2)).unwrap_err();
    assert_eq!(held(&batcher), (4, 1144));
    let report = block_on(batcher.flush(2)).unwrap();
    assert_eq!((report.blobs(), held(&batcher)), (3, (0, 0)));
    assert!(batcher.is_empty());
    // Nor is any memory taken for held, of keys for instance.
    let full = batcher.add("key", vec![0; 10_000]).unwrap_err().kind();
    assert!(matches!(full, AddErrorKind::Full { held: 0, .. }), "{full:?}");
}

#[test]
fn metrics_count_flushes_bytes_requests_and_failures() {
    let mut batcher = Batcher::builder(Raw, refusing([0])).build().unwrap();
    batcher.add("key", vec![0; 100]).unwrap();
    let _error = block_on(batcher.flush(1)).unwrap_err();
    let report = block_on(batcher.flush(1)).unwrap();
    let metrics = batcher.metrics().snapshot();
    assert_eq!((metrics.batches_flushed, metrics.failed_flushes), (1, 1));
    assert_eq!((metrics.entries_flushed, metrics.bytes_before_compression), (1, 103));
    assert_eq!(metrics.bytes_after_compression, report.object_bytes());
    assert_eq!((metrics.put_count, report.requests()), (2, 2));
    assert_eq!(report.object_bytes(), report.receipts[0].object_len);
}

#[test]
fn a_receipt_tells_what_is_in_the_object() {
    let mut batcher = Batcher::builder(Raw, MemoryStore::new()).block_len(100).build().unwrap();
    for (key, len) in [("m", 70), ("z", 30), ("a", 99), ("m", 5), ("", 0)] {
        batcher.add(key, vec![0; len]).unwrap();
    }
    let receipt = block_on(batcher.flush(1)).unwrap().receipts.remove(0);
    assert_eq!((receipt.first_key.as_str(), receipt.last_key.as_str()), ("", "z"));
    assert_eq!((receipt.blobs, receipt.blob_bytes), (4, 134));
    assert_eq!((receipt.superseded, receipt.superseded_bytes), (1, 70));
    // 70 and 30 bytes fill one block, and 99 leave no room for 5.
    assert_eq!(receipt.blocks, 3);
}

#[test]
fn the_tail_of_a_long_blob_has_a_block_of_its_own_where_it_fills_half_of_one() {
    for (tail, blocks) in [(51, 3), (50, 2)] {
        let mut batcher = Batcher::builder(Raw, MemoryStore::new()).block_len(100).build().unwrap();
        batcher.add("long", vec![0; 100 + tail]).unwrap();
        batcher.add("short", vec![0; 30]).unwrap();
        assert_eq!(block_on(batcher.flush(1)).unwrap().receipts[0].blocks, blocks, "{tail}");
    }
}

#[test]
fn an_object_s_name_ends_as_its_codec_s_tool_wants_it() {
    let id = BatchId { writer: "w".into(), epoch: 42, part: 7 };
    let private = CodecId::new(CodecId::FIRST_PRIVATE);
    for (codec, end) in
        [(CodecId::RAW, "lz4"), (CodecId::LZ4, "lz4"), (CodecId::ZSTD, "zst"), (private, "batch")]
    {
        assert_eq!(default_name(&id, codec), format!("00000000000000000042/w-000007.{end}"));
    }
}

#[test]
fn an_object_that_stands_is_unreported_until_a_flush_succeeds() {
    let mut batcher = Batcher::builder(Raw, refusing([0, 2])).build().unwrap();
    batcher.add("a", vec![1]).unwrap();
    let _error = block_on(batcher.flush(7)).unwrap_err();
    assert!(batcher.unreported().is_empty());
    batcher.add("b", vec![2]).unwrap();
    // The first object gets through now, the second does not.
    let _error = block_on(batcher.flush(7)).unwrap_err();
    let [unreported] = batcher.unreported() else { panic!("one object stands") };
    assert_eq!((unreported.id.part, batcher.len()), (0, 1));
    assert!(batcher.store().inner().object(&unreported.object).is_some());
    let parts: Vec<_> =
        block_on(batcher.flush(7)).unwrap().receipts.iter().map(|receipt| receipt.id.part).collect();
    assert_eq!(parts, [0, 1]);
    assert!(batcher.unreported().is_empty());
}

#[test]
fn parts_are_told_before_they_are_used() {
    let mut batcher = Batcher::builder(Raw, refusing([1])).writer("w").build().unwrap();
    assert_eq!(batcher.next_part(7).unwrap(), 0);
    batcher.add("a", vec![1]).unwrap();
    let _report = block_on(batcher.flush(7)).unwrap();
    assert_eq!((batcher.next_part(7).unwrap(), batcher.next_part(8).unwrap()), (1, 0));
    batcher.add("b", vec![2]).unwrap();
    let _error = block_on(batcher.flush(8)).unwrap_err();
    let _report = block_on(batcher.flush(9)).unwrap();
    let error = batcher.next_part(8).unwrap_err();
    assert!(matches!(error.kind(), FlushErrorKind::EpochGivenUp));
    assert_eq!(*error.id(), BatchId { writer: "w".into(), epoch: 8, part: 0 });
    assert_eq!((error.object(), error.outcome(), error.is_retryable()), ("", Outcome::NotApplied, false));
    batcher.add("c", vec![3]).unwrap();
    let error = block_on(batcher.flush(8)).unwrap_err();
    assert!(matches!(error.kind(), FlushErrorKind::EpochGivenUp));
    assert_eq!(batcher.len(), 1);
}

#[test]
fn epochs_that_are_too_many_to_remember_are_refused() {
    let store = MemoryStore::builder().build();
    let mut batcher = Batcher::builder(Raw, store.clone()).put_mode(PutMode::Replace).build().unwrap();
    for epoch in [10].into_iter().chain(20..20 + 65_536) {
        batcher.add("k", vec![]).unwrap();
        let report = block_on(batcher.flush(epoch)).unwrap();
        store.remove(&report.receipts[0].object).unwrap();
    }
    let error = batcher.next_part(10).unwrap_err();
    assert!(matches!(error.kind(), FlushErrorKind::EpochForgotten { oldest: 11 }), "{error:?}");
    assert!(!error.is_retryable());
    assert_eq!((batcher.next_part(11).unwrap(), batcher.next_part(20).unwrap()), (0, 1));
}

#[test]
fn errors_of_a_flush_say_what_the_store_said() {
    for (kind, retryable) in [
        (StoreErrorKind::Throttled, true),
        (StoreErrorKind::Timeout, true),
        (StoreErrorKind::Denied, false),
        (StoreErrorKind::NoSpace, StoreErrorKind::NoSpace.is_retryable()),
    ] {
        for (fault, outcome) in
            [(Fault::Reject(kind), Outcome::NotApplied), (Fault::AckLost, Outcome::Unknown)]
        {
            let script = FaultPlan::new().at(Operation::Put, 0, fault);
            let store = FaultStore::new(MemoryStore::new(), script);
            let mut batcher = Batcher::builder(Raw, store).writer("w").build().unwrap();
            batcher.add("k", vec![1]).unwrap();
            let error = block_on(batcher.flush(3)).unwrap_err();
            assert!(matches!(error.kind(), FlushErrorKind::Store(_)));
            assert_eq!(error.outcome(), outcome);
            assert_eq!(error.is_retryable(), retryable || fault == Fault::AckLost);
            assert_eq!((error.id().epoch, error.object()), (3, "00000000000000000003/w-000000.lz4"));
        }
    }
    // "Already exists", and nothing there, time and again.
    let script = FaultPlan::new().from_call(Operation::Put, 0, Fault::PhantomExists);
    let mut batcher = Batcher::builder(Raw, FaultStore::new(MemoryStore::new(), script)).build().unwrap();
    batcher.add("k", vec![1]).unwrap();
    let error = block_on(batcher.flush(3)).unwrap_err();
    assert!(error.is_retryable() && error.outcome() == Outcome::Unknown);
    assert_eq!(batcher.metrics().snapshot().put_count, 4, "tried four times");
}

/// Has parameters of a length, and fails to encode where it has none.
#[derive(Debug)]
struct Parameters(Vec<u8>);

impl Codec for Parameters {
    fn id(&self) -> CodecId {
        CodecId::new(CodecId::FIRST_PRIVATE)
    }
    fn params(&self) -> &[u8] {
        &self.0
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        Raw.max_frame_len(block_len)
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        if self.0.is_empty() {
            return Err(CodecError::Params { reason: "none" });
        }
        Raw.encode(block, frame)
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        Raw.decode(frame, block)
    }
}

#[test]
fn limits_of_the_settings_are_exact() {
    let build = |codec: Parameters| Batcher::builder(codec, MemoryStore::new()).build();
    assert!(build(Parameters(vec![0; MAX_CODEC_PARAMS])).is_ok());
    assert!(matches!(
        build(Parameters(vec![0; MAX_CODEC_PARAMS + 1])),
        Err(ConfigError::CodecParamsTooLong { len: 4097, limit: 4096 })
    ));
    let shared = Arc::new(Parameters(vec![0; MAX_CODEC_PARAMS + 1]));
    assert!(matches!(
        Batcher::builder(shared, MemoryStore::new()).build(),
        Err(ConfigError::CodecParamsTooLong { .. })
    ));
    assert!(matches!(
        Batcher::builder(Lz4Block::default(), MemoryStore::new()).build(),
        Err(ConfigError::ReadOnlyCodec)
    ));
    let store = MemoryStore::new;
    for block_len in [1, 64 << 20] {
        assert!(Batcher::builder(Lz4::default(), store()).block_len(block_len).build().is_ok());
    }
    let named = |len: usize| {
        Batcher::builder(Raw, store()).writer("w".repeat(len)).naming(|id, _| id.epoch.to_string()).build()
    };
    assert!(named(MAX_WRITER_LEN).is_ok() && named(MAX_WRITER_LEN + 1).is_err());
}

#[test]
fn a_codec_that_refuses_its_work_is_not_worth_a_retry() {
    let mut batcher = Batcher::builder(Parameters(Vec::new()), MemoryStore::new()).build().unwrap();
    batcher.add("k", vec![1]).unwrap();
    let error = block_on(batcher.flush(1)).unwrap_err();
    assert!(matches!(error.kind(), FlushErrorKind::Encode(CodecError::Params { .. })), "{error:?}");
    assert_eq!((error.is_retryable(), error.outcome()), (false, Outcome::NotApplied));
    assert_eq!(batcher.len(), 1);
}

/// Says when it begins, and goes on when told.
#[derive(Debug)]
struct Slow {
    begun: mpsc::Sender<()>,
    go_on: Mutex<mpsc::Receiver<()>>,
}

impl Codec for Slow {
    fn id(&self) -> CodecId {
        Raw.id()
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        Raw.max_frame_len(block_len)
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        self.begun.send(()).unwrap();
        self.go_on.lock().unwrap().recv().unwrap();
        Raw.encode(block, frame)
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        Raw.decode(frame, block)
    }
}

/// Runs jobs on threads of their own, to be waited for.
#[derive(Clone, Debug, Default)]
struct Threads(Arc<Mutex<Vec<JoinHandle<()>>>>);

impl Executor for Threads {
    fn execute(&self, job: Job) {
        self.0.lock().unwrap().push(std::thread::spawn(job));
    }
}

#[test]
fn what_is_discarded_while_it_is_being_encoded_is_off_the_account() {
    let (begun, has_begun) = mpsc::channel();
    let (tell, go_on) = mpsc::channel();
    let threads = Threads::default();
    let mut batcher = Batcher::builder(Slow { begun, go_on: Mutex::new(go_on) }, MemoryStore::new())
        .block_len(900)
        .memory_limit(1000)
        .executor(threads.clone())
        .build()
        .unwrap();
    for _ in 0..5 {
        batcher.add("k", vec![0; 900]).unwrap();
        has_begun.recv().unwrap();
        assert!(batcher.add("l", vec![0; 900]).is_err(), "full");
        assert_eq!(batcher.discard(), 1);
        tell.send(()).unwrap();
        let thread = threads.0.lock().unwrap().pop().unwrap();
        thread.join().unwrap();
    }
    assert!(batcher.is_empty());
}
