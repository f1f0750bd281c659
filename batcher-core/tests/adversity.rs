//! Callers, executors and stores that behave badly. Objects: see `golden`, `legacy`, `limits` and `reading`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;
use async_trait::async_trait;
use batcher_codecs::{Lz4, Raw, registry};
use batcher_core::*;
use batcher_testkit::{Fault, FaultPlan, FaultStore, MemoryStore, block_on};
use std::sync::atomic::*;
use std::sync::{Arc, Mutex};

/// Executor that keeps the jobs until told.
#[derive(Debug, Default, Clone)]
struct Later(Arc<Q>);
#[derive(Default)]
struct Q(Mutex<Vec<Job>>);
impl std::fmt::Debug for Q {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Q")
    }
}
impl Executor for Later {
    fn execute(&self, job: Job) {
        self.0.0.lock().unwrap().push(job);
    }
}
impl Later {
    fn run(&self) {
        let jobs: Vec<_> = std::mem::take(&mut *self.0.0.lock().unwrap());
        for j in jobs {
            j();
        }
    }
}

/// A store that calls a hook in every put.
#[derive(Clone)]
struct Hook {
    inner: MemoryStore,
    hook: Arc<dyn Fn() + Send + Sync>,
}
impl std::fmt::Debug for Hook {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hook")
    }
}
#[async_trait]
impl BlobSink for Hook {
    fn capabilities(&self) -> SinkCapabilities {
        self.inner.capabilities()
    }
    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        (self.hook)();
        self.inner.put(name, payload, mode).await
    }
    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        self.inner.start_multipart(name, mode).await
    }
}
#[async_trait]
impl BlobSource for Hook {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        self.inner.read(name, range).await
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.inner.size(name).await
    }
}

#[test]
fn a_flush_ends_however_busy_the_handles_are() {
    let slot: Arc<Mutex<Option<BatchHandle>>> = Arc::default();
    let n = Arc::new(AtomicUsize::new(0));
    let (s, m) = (slot.clone(), n.clone());
    let store = Hook {
        inner: MemoryStore::new(),
        hook: Arc::new(move || {
            let i = m.fetch_add(1, Ordering::SeqCst);
            if i < 50 {
                s.lock().unwrap().as_ref().unwrap().add(&format!("epoch8-{i}"), vec![1u8]).unwrap();
            }
        }),
    };
    let mut b = Batcher::builder(Lz4::default(), store).build().unwrap();
    *slot.lock().unwrap() = Some(b.handle());
    b.add("epoch7", vec![0u8]).unwrap();
    let r = block_on(b.flush(7)).unwrap();
    assert_eq!(r.blobs(), 1);
}

#[test]
fn an_object_acknowledged_in_a_flush_that_fails_later_gets_its_receipt() {
    let script = FaultPlan::new().at(Operation::Put, 0, Fault::Reject(StoreErrorKind::Throttled)).at(
        Operation::Put,
        2,
        Fault::Reject(StoreErrorKind::Throttled),
    );
    let memory = MemoryStore::new();
    let mut b = Batcher::builder(Lz4::default(), FaultStore::new(memory.clone(), script)).build().unwrap();
    b.add("a", vec![1u8]).unwrap();
    block_on(b.flush(7)).unwrap_err();
    b.add("b", vec![2u8]).unwrap();
    block_on(b.flush(7)).unwrap_err(); // part 0 acknowledged, part 1 fails
    let r = block_on(b.flush(7)).unwrap();
    assert_eq!(r.receipts.len(), memory.names().len(), "every acknowledged object has given a receipt");
}

#[test]
fn discard_while_blocks_are_being_encoded_keeps_the_accounts() {
    let later = Later::default();
    let mut b = Batcher::builder(Lz4::default(), MemoryStore::new()).executor(later.clone()).build().unwrap();
    b.add("a", vec![1u8; 1000]).unwrap();
    assert_eq!(b.discard(), 1);
    later.run();
    b.add("b", vec![1u8]).expect("nothing is held");
}

use std::future::Future;

#[test]
fn many_long_keys_come_back() {
    let memory = MemoryStore::new();
    let mut b = Batcher::builder(Lz4::default(), memory.clone()).build().unwrap();
    let prefix = "k".repeat(65_530);
    for i in 0..4200 {
        b.add(&format!("{prefix}{i:06}"), vec![1u8]).unwrap();
    }
    let r = block_on(b.flush(7)).expect("flush");
    let opened = block_on(BatchReader::open(memory.clone(), &r.receipts[0].object, &registry()));
    let reader = opened.expect("what was acknowledged can be read");
    for i in [0, 2000, 4199] {
        assert_eq!(block_on(reader.get(&format!("{prefix}{i:06}"))).unwrap().unwrap().len(), 1);
    }
}

#[test]
fn a_naming_that_panics_loses_nothing() {
    let memory = MemoryStore::new();
    let mut b = Batcher::builder(Lz4::default(), memory.clone())
        .naming(|id, codec| {
            assert!(id.epoch != 13);
            default_name(id, codec)
        })
        .build()
        .unwrap();
    b.add("a", vec![1u8]).unwrap();
    let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = block_on(b.flush(13));
    }));
    assert!(r.is_err());
    assert_eq!(b.len(), 1, "held");
}

#[derive(Debug, Clone, Default)]
struct Panics(Arc<AtomicBool>);
impl Executor for Panics {
    fn execute(&self, job: Job) {
        assert!(!self.0.load(Ordering::SeqCst), "no more threads");
        job();
    }
}

#[test]
fn an_executor_that_panics_in_a_flush_loses_nothing() {
    let p = Panics::default();
    let memory = MemoryStore::new();
    let mut b = Batcher::builder(Lz4::default(), memory.clone()).executor(p.clone()).build().unwrap();
    let h = b.handle();
    b.add("a", vec![1u8]).unwrap();
    h.add("b", vec![2u8]).unwrap();
    p.0.store(true, Ordering::SeqCst);
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = block_on(b.flush(7));
    }));
    p.0.store(false, Ordering::SeqCst);
    let r = block_on(b.flush(8));
    let blobs = r.map(|r| r.blobs());
    assert_eq!(blobs.ok(), Some(2), "len {}", b.len());
}

#[test]
fn an_executor_that_panics_in_an_add_loses_nothing() {
    let p = Panics::default();
    let memory = MemoryStore::new();
    let mut b =
        Batcher::builder(Lz4::default(), memory.clone()).block_len(1000).executor(p.clone()).build().unwrap();
    b.add("a", vec![1u8; 10]).unwrap();
    p.0.store(true, Ordering::SeqCst);
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = b.add("b", vec![2u8; 5000]);
    }));
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _ = b.add("c", vec![2u8; 5000]);
    }));
    p.0.store(false, Ordering::SeqCst);
    let r = block_on(b.flush(8)).unwrap();
    let reader = block_on(BatchReader::open(memory.clone(), &r.receipts[0].object, &registry())).unwrap();
    assert_eq!(block_on(reader.get("a")).unwrap().as_deref(), Some(&[1u8; 10][..]));
}

#[test]
fn a_handle_that_outlives_its_batcher_is_told() {
    let b = Batcher::builder(Lz4::default(), MemoryStore::new()).build().unwrap();
    let h = b.handle();
    drop(b);
    assert!(h.add("a", vec![1u8]).is_err(), "Ok for a blob that nobody can ever flush");
}

#[test]
fn a_refused_epoch_gives_nothing_up() {
    let script = FaultPlan::new().at(Operation::Put, 0, Fault::Reject(StoreErrorKind::Throttled)).at(
        Operation::Put,
        1,
        Fault::Reject(StoreErrorKind::Throttled),
    );
    let mut b =
        Batcher::builder(Lz4::default(), FaultStore::new(MemoryStore::new(), script)).build().unwrap();
    b.add("a", vec![1u8]).unwrap();
    block_on(b.flush(5)).unwrap_err();
    block_on(b.flush(6)).unwrap_err(); // gives up 5
    // refused
    let _report = block_on(b.flush(6)).expect("6 is still retryable after a refused call");
}

#[test]
fn uploads_of_given_up_batches_are_cleared_away() {
    for discard in [false, true] {
        let memory = MemoryStore::new();
        let mut b =
            Batcher::builder(Raw, memory.clone()).part_len(1000).multipart_threshold(10_000).build().unwrap();
        b.add("k", vec![1u8; 20_000]).unwrap();
        {
            let mut f = std::pin::pin!(b.flush(7));
            let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
            for _ in 0..4 {
                assert!(f.as_mut().poll(&mut cx).is_pending());
            }
        }
        if discard {
            b.discard();
            b.add("x", vec![0u8]).unwrap();
        }
        let _ = block_on(b.flush(8)).unwrap();
        assert_eq!(memory.open_uploads(), 0);
    }
}

/// cut() is not one moment over all lanes
#[derive(Debug, Clone, Default)]
struct OnExecute(Arc<Mutex<Vec<BatchHandle>>>, Arc<AtomicUsize>);
impl Executor for OnExecute {
    fn execute(&self, job: Job) {
        if self.1.fetch_add(1, Ordering::SeqCst) == 0 {
            let h = std::mem::take(&mut *self.0.lock().unwrap());
            if let [early, late] = &h[..] {
                early.add("k", b"old".to_vec()).unwrap();
                late.add("k", b"new".to_vec()).unwrap();
                std::mem::forget(h);
            }
        }
        job();
    }
}
#[test]
fn a_cut_takes_all_lanes_at_one_moment() {
    let e = OnExecute::default();
    let memory = MemoryStore::new();
    let mut b = Batcher::builder(Lz4::default(), memory.clone()).executor(e.clone()).build().unwrap();
    let early = b.handle();
    let middle = b.handle();
    let late = b.handle();
    middle.add("trigger", vec![1u8]).unwrap();
    *e.0.lock().unwrap() = vec![early, late];
    let mut last = None;
    let mut objects: Vec<String> =
        block_on(b.flush(7)).unwrap().receipts.into_iter().map(|r| r.object).collect();
    objects.extend(block_on(b.flush(7)).unwrap().receipts.into_iter().map(|r| r.object));
    for o in &objects {
        let r = block_on(BatchReader::open(memory.clone(), o, &registry())).unwrap();
        if let Some(v) = block_on(r.get("k")).unwrap() {
            last = Some(v);
        }
    }
    assert_eq!(last.as_deref(), Some(&b"new"[..]), "the last add wins");
}

#[test]
fn a_handle_dropped_while_a_flush_cuts_loses_nothing() {
    let mut batcher = Batcher::builder(Raw, MemoryStore::new()).build().unwrap();
    let (mut added, mut taken) = (0, 0);
    for _ in 0..10 {
        let seed = batcher.handle();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3)
                .map(|_| {
                    let seed = seed.clone();
                    scope.spawn(move || {
                        for _ in 0..1000 {
                            let handle = seed.clone();
                            for _ in 0..3 {
                                handle.add("k", vec![0; 200]).unwrap();
                            }
                        }
                    })
                })
                .collect();
            while threads.iter().any(|thread| !thread.is_finished()) {
                taken += batcher.discard();
            }
        });
        taken += batcher.discard();
        added += 9000;
    }
    assert_eq!((taken, batcher.len()), (added, 0));
}

#[test]
fn the_memory_limit_counts_for_a_blob_in_one_block() {
    let memory = MemoryStore::new();
    let mut b = Batcher::builder(Lz4::default(), memory.clone()).build().unwrap();
    b.add("a", vec![1u8; 100_000]).unwrap();
    let r = block_on(b.flush(5)).unwrap();
    let reader = block_on(BatchReader::open_with(
        memory,
        &r.receipts[0].object,
        &registry(),
        ReadOptions::default().with_memory_limit(1000),
    ))
    .unwrap();
    assert!(block_on(reader.get("a")).is_err(), "doc: Memory where the blob is longer than the limit");
    let all: Result<Vec<_>, _> = block_on(futures_util::TryStreamExt::try_collect(reader.blobs()));
    assert!(matches!(all.unwrap_err().kind(), ReadErrorKind::Memory { .. }));
}

#[test]
fn keys_count_against_the_memory_limit() {
    let mut b = Batcher::builder(Lz4::default(), MemoryStore::new()).memory_limit(1000).build().unwrap();
    for i in 0..100 {
        if b.add(&format!("{}{i:06}", "k".repeat(65_000)), vec![]).is_err() {
            return;
        }
    }
    panic!("6.5 MB held with a limit of 1000");
}

/// codec whose parameters grow after build
#[derive(Debug, Clone)]
struct Grows(Arc<AtomicBool>, Vec<u8>);
impl Codec for Grows {
    fn id(&self) -> CodecId {
        CodecId::new(0x9000)
    }
    fn params(&self) -> &[u8] {
        if self.0.load(Ordering::SeqCst) { &self.1 } else { &[] }
    }
    fn max_frame_len(&self, l: usize) -> usize {
        Raw.max_frame_len(l)
    }
    fn encode(&self, b: &[u8], f: &mut [u8]) -> Result<usize, CodecError> {
        Raw.encode(b, f)
    }
    fn decode(&self, f: &[u8], b: &mut [u8]) -> Result<(), CodecError> {
        Raw.decode(f, b)
    }
}
#[test]
fn codec_parameters_are_those_of_the_build() {
    let memory = MemoryStore::new();
    let c = Grows(Arc::default(), vec![7; 5000]);
    let mut b = Batcher::builder(c.clone(), memory.clone()).build().unwrap();
    c.0.store(true, Ordering::SeqCst);
    b.add("a", vec![1u8]).unwrap();
    let r = block_on(b.flush(7)).expect("flush");
    block_on(BatchReader::open(memory, &r.receipts[0].object, &registry().with(c)))
        .expect("acknowledged is readable");
}
#[test]
fn another_epoch_waits_for_the_index_of_the_first() {
    let later = Later::default();
    let mut b = Batcher::builder(Lz4::default(), MemoryStore::new()).executor(later.clone()).build().unwrap();
    b.add("a", vec![1u8; 1000]).unwrap();
    {
        let mut f = std::pin::pin!(b.flush(1));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(f.as_mut().poll(&mut cx).is_pending());
    }
    // dropped flush while encoding; run; dropped while indexing; other epoch; all through
    later.run();
    {
        let mut f = std::pin::pin!(b.flush(1));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(f.as_mut().poll(&mut cx).is_pending());
    }
    {
        let mut f = std::pin::pin!(b.flush(2));
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(f.as_mut().poll(&mut cx).is_pending());
    }
    later.run();
    let l = later.clone();
    let stop = Arc::new(AtomicBool::new(false));
    let s = stop.clone();
    let t = std::thread::spawn(move || {
        while !s.load(Ordering::SeqCst) {
            l.run();
            std::thread::yield_now();
        }
    });
    let r = block_on(b.flush(2)).unwrap();
    stop.store(true, Ordering::SeqCst);
    t.join().unwrap();
    assert_eq!((r.blobs(), b.len(), r.receipts[0].id.epoch), (1, 0, 2));
    b.add("b", vec![1u8]).unwrap();
}
#[test]
fn receipts_survive_json() {
    // flatten makes the receipt a map of unknown length
    let r = block_on(async {
        let mut b = Batcher::builder(Raw, MemoryStore::new()).build().unwrap();
        b.add("a", vec![1u8]).unwrap();
        b.flush(1).await.unwrap()
    });
    let back: FlushReport = serde_json::from_str(&serde_json::to_string(&r).unwrap()).unwrap();
    assert_eq!(back, r);
}

#[test]
fn a_conditional_create_is_never_given_up_for_parts() {
    let memory = MemoryStore::builder().without_multipart_create().build();
    let build =
        || Batcher::builder(Raw, memory.clone()).part_len(1000).multipart_threshold(10_000).build().unwrap();
    let (mut dead, mut good) = (build(), build());
    dead.add("k", vec![1; 20_000]).unwrap();
    good.add("k", vec![2; 20_000]).unwrap();
    let receipt = block_on(good.flush(7)).unwrap().receipts.remove(0);
    let error = block_on(dead.flush(7)).unwrap_err();
    assert!(matches!(error.kind(), FlushErrorKind::Conflict));
    let reader = block_on(BatchReader::open(memory.clone(), &receipt.object, &registry())).unwrap();
    assert_eq!(block_on(reader.get("k")).unwrap().unwrap()[0], 2);
    assert_eq!(memory.requests(Operation::StartMultipart), 0);
}

#[test]
fn what_is_added_during_a_retried_flush_is_the_next_ones() {
    let slot: Arc<Mutex<Option<BatchHandle>>> = Arc::default();
    let calls = Arc::new(AtomicUsize::new(0));
    let (adds, counts) = (slot.clone(), calls.clone());
    let hook = move || {
        if counts.fetch_add(1, Ordering::SeqCst) == 1 {
            adds.lock().unwrap().as_ref().unwrap().add("next", vec![1]).unwrap();
        }
    };
    let store = Hook { inner: MemoryStore::new(), hook: Arc::new(hook) };
    let script = FaultPlan::new().at(Operation::Put, 0, Fault::AckLost);
    let mut batcher = Batcher::builder(Lz4::default(), FaultStore::new(store, script)).build().unwrap();
    *slot.lock().unwrap() = Some(batcher.handle());
    batcher.add("first", vec![0]).unwrap();
    assert!(block_on(batcher.flush(7)).is_err());
    assert_eq!(block_on(batcher.flush(7)).unwrap().blobs(), 1);
    assert_eq!(batcher.len(), 1);
}
