//! How blobs are read back: in which order, with how much memory, reading ahead, and letting go of the thread.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Poll, Waker};

use batcher_codecs::{Lz4, Raw, registry};
use batcher_core::{
    BatchReader, BlobGroup, Codec, CodecError, CodecId, Executor, Job, Limit, Operation, ReadOptions,
};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, TryStreamExt};
use scenario::{State, check, expected, mixed, noise, rows};

fn store(state: &State, codec: Arc<dyn Codec>, block_len: usize) -> MemoryStore {
    let store = MemoryStore::new();
    store.insert("o", block_on(scenario::object(state, codec, block_len)));
    store
}

fn open(store: &MemoryStore, options: ReadOptions) -> BatchReader {
    block_on(scenario::open(store, "o", options))
}

fn restored(reader: &BatchReader) -> State {
    block_on(reader.blobs().try_collect()).unwrap()
}

/// Small blobs, and blobs of many blocks that begin and end within them.
fn state() -> State {
    let lens = [300, 12_345, 7, 0, 4000, 900, 1000, 2500];
    let blobs = (0..120).map(|n| (format!("{:03}", n * 37 % 120), rows(lens[n % lens.len()], n as u64)));
    blobs.collect()
}

/// Threads that take jobs in turn.
#[derive(Debug)]
struct Pool(mpsc::Sender<Job>, usize);

impl Pool {
    fn new(threads: usize) -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || {
                while let Ok(job) = { queue.lock().unwrap().recv() } {
                    job();
                }
            });
        }
        Self(jobs, threads)
    }
}

impl Executor for Pool {
    fn execute(&self, job: Job) {
        self.0.send(job).unwrap();
    }
    fn parallelism(&self) -> usize {
        self.1
    }
}

/// Keeps jobs until it is told to run the one that it got last.
#[derive(Clone, Debug)]
struct Backwards(Arc<Mutex<Jobs>>, usize);

#[derive(Default)]
struct Jobs(Vec<Job>);

impl std::fmt::Debug for Jobs {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} jobs", self.0.len())
    }
}

impl Backwards {
    fn new(parallelism: usize) -> Self {
        Self(Arc::default(), parallelism)
    }
    fn waiting(&self) -> usize {
        self.0.lock().unwrap().0.len()
    }
    fn run_one(&self) -> bool {
        let job = self.0.lock().unwrap().0.pop();
        job.map(|job| job()).is_some()
    }
}

impl Executor for Backwards {
    fn execute(&self, job: Job) {
        self.0.lock().unwrap().0.push(job);
    }
    fn parallelism(&self) -> usize {
        self.1
    }
}

#[test]
fn blobs_come_in_the_order_in_which_they_stand_whoever_decodes_them() {
    let state = state();
    let store = store(&state, Arc::new(Lz4::default()), 1000);
    let usual = restored(&open(&store, ReadOptions::default()));
    assert!(usual == state, "the order in which they were added by one thread");
    for threads in [1, 2, 7] {
        let options = ReadOptions::default().with_executor(Pool::new(threads)).with_max_read_len(5000);
        let reader = open(&store, options.with_first_read_len(0));
        assert!(restored(&reader) == state, "{threads} threads");
        block_on(check(&reader, &expected(&state)));
    }
    for parallelism in [1, 2, 7] {
        let executor = Backwards::new(parallelism);
        let reader = open(&store, ReadOptions::default().with_executor(executor.clone()));
        let mut all = pin!(reader.blobs().try_collect::<State>());
        let restored = loop {
            match all.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(all) => break all.unwrap(),
                Poll::Pending => drop(executor.run_one()),
            }
        };
        assert!(restored == state, "{parallelism} jobs, the last one first");
    }
}

#[test]
fn groups_hold_the_same_blobs_in_the_same_order() {
    for state in [state(), mixed(), vec![("empty".into(), Bytes::new())]] {
        let reader = open(&store(&state, Arc::new(Raw), 1000), ReadOptions::default());
        let groups: Vec<_> = block_on(reader.blob_groups().try_collect()).unwrap();
        let lent: State = groups
            .iter()
            .flat_map(BlobGroup::blobs)
            .map(|(key, blob)| (key.to_owned(), Bytes::copy_from_slice(blob)))
            .collect();
        let given: State = groups.into_iter().flat_map(BlobGroup::into_blobs).collect();
        // Empty blobs stand where others do, so that their order is another.
        assert!(lent == restored(&reader) && given == lent);
        assert!(expected(&given) == expected(&state));
    }
}

#[test]
fn blobs_keep_their_bytes_while_buffers_are_used_again() {
    let state = state();
    let store = store(&state, Arc::new(Lz4::default()), 1000);
    let reader = open(&store, ReadOptions::default().with_executor(Pool::new(2)));
    let mut held = State::new();
    block_on(async {
        for round in 0..3 {
            let mut blobs = reader.blobs().enumerate();
            while let Some((number, blob)) = blobs.next().await {
                let blob = blob.unwrap();
                assert!(blob == state[number]);
                if number % 3 == round {
                    held.push(blob);
                }
            }
        }
    });
    drop(reader);
    let expected = expected(&state);
    assert!(held.len() == state.len() && held.iter().all(|(key, blob)| *blob == expected[key]));
}

/// Bytes that one pass over all blobs allocates, each of which is dropped at once, and the most that it holds.
fn allocated(reader: &BatchReader) -> (u64, u64) {
    let info = allocation_counter::measure(|| {
        let pass = reader.blob_groups().try_for_each(|group| {
            assert!(group.blobs().all(|(_, blob)| !blob.is_empty()));
            std::future::ready(Ok(()))
        });
        block_on(pass).unwrap();
    });
    (info.bytes_total, info.bytes_max)
}

#[test]
fn a_pass_needs_little_memory_and_the_same_for_all_blocks() {
    // Blobs in one block, and blobs of several.
    for len in [10_000, 400_000] {
        let state: State = (0..16_000_000 / len).map(|n| (format!("{n:05}"), rows(len, n as u64))).collect();
        let store = store(&state, Arc::new(Lz4::default()), 100_000);
        let reader = open(&store, ReadOptions::default());
        let plan = block_on(reader.explain_blobs()).unwrap();
        assert_eq!(plan.decoded_bytes, 16_000_000);
        let (total, most) = allocated(&reader);
        assert!(total < 4_000_000, "{len}: {total} bytes for a stream of 16 MB");
        assert!(most < plan.memory + len as u64, "{len}: {most} bytes at a time, {} planned", plan.memory);
        let (total, _) = allocated(&reader);
        assert!(total < 1_000_000, "{len}: {total} bytes the second time");
        // Without spare buffers there is a fresh one for each block.
        let (total, most) = allocated(&open(&store, ReadOptions::default().with_spare_memory(0)));
        assert!(total > 16_000_000, "{len}: {total} bytes");
        assert!(most < plan.memory + len as u64, "{len}: {most} bytes at a time");
    }
}

#[test]
fn blobs_that_end_with_their_block_do_not_add_up() {
    let state: State = (0..100u64).map(|n| (format!("{n:03}"), noise(1000, n))).collect();
    let store = store(&state, Arc::new(Raw), 1000);
    // One of them fits, and the index.
    assert!(restored(&open(&store, ReadOptions::default().with_memory_limit(20_000))) == state);
}

#[test]
fn no_more_spare_memory_is_kept_than_was_asked_for() {
    let state: State =
        (9000..).step_by(10).take(100).zip(0..).map(|(len, n)| (format!("{n:03}"), noise(len, n))).collect();
    let store = store(&state, Arc::new(Raw), 10_000);
    let reader = open(&store, ReadOptions::default().with_spare_memory(200_000));
    drop(restored(&reader));
    let kept = allocation_counter::measure(|| {
        let mut blobs = restored(&reader);
        blobs.truncate(50);
        // One buffer is used again while others wait and others are out.
        assert!(block_on(reader.get("007")).unwrap().is_some());
        blobs.clear();
        assert!(block_on(reader.get("007")).unwrap().is_some());
    });
    // As much as before, but for the length of a buffer.
    assert!(kept.bytes_current.abs() < 15_000, "{kept:?}");
    let first = open(&store, ReadOptions::default().with_spare_memory(200_000));
    let kept = allocation_counter::measure(|| drop(restored(&first))).bytes_current;
    assert!((180_000..220_000).contains(&kept), "{kept}");
}

#[test]
fn small_blobs_do_not_keep_large_blocks() {
    let state: State = (0..100u64).map(|n| (format!("{n:03}"), noise(2000, n))).collect();
    let store = store(&state, Arc::new(Raw), 100_000);
    let reader = open(&store, ReadOptions::default());
    let held = |keys: std::ops::Range<usize>| {
        let keys: Vec<_> = keys.map(|n| &state[n].0).collect();
        // Has the index and a buffer at hand.
        drop(block_on(reader.get_many(&keys)).unwrap());
        let mut blobs = Vec::new();
        let info = allocation_counter::measure(|| blobs.push(block_on(reader.get_many(&keys)).unwrap()));
        info.bytes_current
    };
    // The first two blocks are shorter. Copies of three blobs, and the block itself where thirty of its 32 were asked for.
    assert!((6000..9000).contains(&held(27..30)), "{}", held(27..30));
    assert!(held(25..55) < 9000, "{}", held(25..55));
}

/// Counts what it decodes.
#[derive(Clone, Debug, Default)]
struct Counted(Lz4, Arc<AtomicUsize>);

impl Codec for Counted {
    fn id(&self) -> CodecId {
        self.0.id()
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        self.0.max_frame_len(block_len)
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        self.0.encode(block, frame)
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.decode(frame, block)
    }
}

#[test]
fn decoding_inline_lets_go_of_the_thread_between_blocks() {
    let state: State = (0..40u64).map(|n| (format!("{n:02}"), rows(1000, n))).collect();
    let store = store(&state, Arc::new(Lz4::default()), 1000);
    let codec = Counted::default();
    let reader = block_on(BatchReader::open(store, "o", &registry().with(codec.clone()))).unwrap();
    codec.1.store(0, Ordering::Relaxed);
    let mut all = pin!(reader.verify());
    let mut polls = 0;
    while all.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
        polls += 1;
        assert!(codec.1.swap(0, Ordering::Relaxed) <= 5, "poll {polls}");
    }
    assert!(polls >= 36, "{polls} polls for 40 blocks");
}

#[test]
fn reads_go_on_while_blocks_are_decoded() {
    let state: State = (0..40u64).map(|n| (format!("{n:02}"), noise(1000, n))).collect();
    let memory = store(&state, Arc::new(Raw), 1000);
    for (reads_in_flight, parallelism) in [(1, 1), (4, 1), (4, 3)] {
        let executor = Backwards::new(parallelism);
        let options = ReadOptions::default().with_first_read_len(6000).with_max_read_len(1);
        let options = options.with_reads_in_flight(reads_in_flight).with_executor(executor.clone());
        let reader = open(&memory, options);
        let before = memory.requests(Operation::Read);
        let mut chunks = pin!(reader.blobs());
        let mut poll = || chunks.as_mut().poll_next(&mut Context::from_waker(Waker::noop()));
        // The page of blocks, the page of keys, and its sorting.
        for _ in 0..3 {
            assert!(poll().is_pending() && executor.run_one());
        }
        for _ in 0..20 {
            assert!(poll().is_pending());
        }
        // No job has run, and nobody waits: each job has a block, and the reads after those are there already. As large as a
        // job may be, there is one block in the first and only the reads that were there together in another.
        let reads = usize::try_from(memory.requests(Operation::Read) - before).unwrap();
        assert!(executor.waiting() <= parallelism + 1);
        assert!(reads > reads_in_flight, "{reads} reads");
        assert!(reads <= (parallelism + 1) * reads_in_flight + reads_in_flight, "{reads} reads");
        for _ in 0..20 {
            assert!(poll().is_pending());
        }
        assert_eq!(memory.requests(Operation::Read) - before, reads as u64, "it stops there");
    }
}

#[test]
fn blocks_are_read_while_the_index_is_decoded() {
    let state: State = (0..40u64).map(|n| (format!("{n:02}"), noise(1000, n))).collect();
    let memory = store(&state, Arc::new(Raw), 1000);
    let executor = Backwards::new(1);
    let options = ReadOptions::default().with_first_read_len(6000).with_max_read_len(1);
    let reader = open(&memory, options.with_executor(executor.clone()));
    let before = memory.requests(Operation::Read);
    let mut blobs = pin!(reader.blobs());
    let mut poll = || blobs.as_mut().poll_next(&mut Context::from_waker(Waker::noop()));
    assert!(poll().is_pending());
    // The page of keys, and then that of blocks, of which the latter is decoded first.
    assert!(executor.waiting() == 2 && executor.run_one());
    for _ in 0..20 {
        assert!(poll().is_pending());
    }
    assert_eq!(executor.waiting(), 1, "the page of keys");
    assert_eq!(memory.requests(Operation::Read) - before, 4, "as many as may be in flight");
    let mut all = State::new();
    for _ in 0..1000 {
        executor.run_one();
        if let Poll::Ready(Some(blob)) = poll() {
            all.push(blob.unwrap());
        }
    }
    assert!(all == state);
}

/// Three pages of blocks, whose reads wait for one another and for those of the blocks.
#[test]
fn all_comes_back_from_a_store_that_takes_one_read_at_a_time() {
    let state: State = (0..9000u64).map(|n| (format!("{n:04}"), noise(10, n))).collect();
    let memory = store(&state, Arc::new(Raw), 10);
    for reads_in_flight in [1, 2, 4] {
        let options = ReadOptions::default().with_first_read_len(0).with_max_read_len(1).with_max_gap(0);
        let store = Limit::new(memory.clone(), NonZeroUsize::MIN);
        let options = options.with_reads_in_flight(reads_in_flight);
        let reader = block_on(BatchReader::open_with(store, "o", &registry(), options)).unwrap();
        let mut count = pin!(reader.blobs().try_fold(0, async |count, _| Ok(count + 1)));
        let mut verified = pin!(reader.verify());
        let mut poll = Poll::Pending;
        for _ in 0..1_000_000 {
            poll = count.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if poll.is_ready() {
                break;
            }
        }
        assert!(matches!(poll, Poll::Ready(Ok(9000))), "{reads_in_flight} in flight");
        let verified = (0..1_000_000)
            .any(|_| verified.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
        assert!(verified, "{reads_in_flight} in flight");
    }
}

#[test]
fn pages_of_the_index_are_read_together() {
    let state: State = (0..20_000).map(|n| (format!("{:05}", n * 7919 % 20_000), Bytes::new())).collect();
    let memory = store(&state, Arc::new(Raw), 1000);
    let reads = |options: ReadOptions, read: &dyn Fn(&BatchReader)| {
        let reader = open(&memory, options.with_first_read_len(0));
        let before = memory.requests(Operation::Read);
        read(&reader);
        memory.requests(Operation::Read) - before
    };
    let all = |reader: &BatchReader| assert!(restored(reader).len() == 20_000);
    let keys = |reader: &BatchReader| {
        let keys: Vec<_> = block_on(reader.keys().try_collect()).unwrap();
        assert!(keys.len() == 20_000 && keys.is_sorted_by_key(|info| info.key.clone()));
    };
    let many = |reader: &BatchReader| {
        let wanted: Vec<_> = state.iter().map(|(key, _)| key).collect();
        assert!(block_on(reader.get_many(&wanted)).unwrap().into_iter().all(|blob| blob.is_some()));
    };
    for read in [&all as &dyn Fn(&BatchReader), &keys, &many] {
        assert_eq!(reads(ReadOptions::default(), read), 1);
        let apart = reads(ReadOptions::default().with_max_read_len(1), read);
        assert!(apart > 5, "{apart} pages");
    }
}
