//! Blobs that are compressed and sorted on other threads, and what bounds those who wait for it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, mpsc};
use std::thread;

use batcher_codecs::{Lz4, Raw};
use batcher_core::{BatchHandle, Batcher, BatcherBuilder, Executor, Inline, Job, ReadOptions};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use futures_util::TryStreamExt;
use scenario::{noise, open};

/// More than three runs of entries.
const MANY: u32 = 110_000;

/// Threads that end with the executor.
#[derive(Debug)]
struct Threads {
    jobs: mpsc::Sender<Job>,
    threads: usize,
}

impl Threads {
    fn new(threads: usize) -> Self {
        let (jobs, work) = mpsc::channel::<Job>();
        let work = Arc::new(Mutex::new(work));
        for _ in 0..threads {
            let work = Arc::clone(&work);
            thread::spawn(move || {
                loop {
                    let Ok(job) = work.lock().unwrap().recv() else { break };
                    job();
                }
            });
        }
        Self { jobs, threads }
    }
}

impl Executor for Threads {
    fn execute(&self, job: Job) {
        self.jobs.send(job).unwrap();
    }
    fn parallelism(&self) -> usize {
        self.threads
    }
}

/// Keeps jobs until it is told to run or to drop them.
#[derive(Clone, Default)]
struct Later {
    jobs: Arc<Mutex<Vec<Job>>>,
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}

impl Executor for Later {
    fn execute(&self, job: Job) {
        self.jobs.lock().unwrap().push(job);
    }
}

impl Later {
    fn len(&self) -> usize {
        self.jobs.lock().unwrap().len()
    }

    fn take(&self) -> Vec<Job> {
        std::mem::take(&mut *self.jobs.lock().unwrap())
    }
}

/// Runs what does not sort: every second job is dropped, and tried again by the next flush where it matters.
#[derive(Debug, Default)]
struct DropsEverySecond(Mutex<u32>);

impl Executor for DropsEverySecond {
    fn execute(&self, job: Job) {
        let mut jobs = self.0.lock().unwrap();
        *jobs += 1;
        if jobs.is_multiple_of(2) {
            drop(jobs);
            job();
        }
    }
}

fn builder(memory: &MemoryStore) -> BatcherBuilder<Lz4, MemoryStore> {
    Batcher::builder(Lz4::default(), memory.clone()).writer("w").block_len(10_000)
}

/// A key that no order of adds sorts, out of so many.
fn key(number: u32, of: u32) -> String {
    format!("partition-{:06}/agg", (number.wrapping_mul(2_654_435_761) >> 8) % of)
}

fn read(memory: &MemoryStore, object: &str) -> BTreeMap<String, Bytes> {
    block_on(async {
        let reader = open(memory, object, ReadOptions::default()).await;
        assert_eq!(reader.verify().await.unwrap().blobs, reader.len());
        reader.blobs().try_collect().await.unwrap()
    })
}

#[test]
fn an_executor_runs_one_job_at_a_time_unless_it_says_otherwise_behind_a_pointer_too() {
    assert_eq!((Later::default().parallelism(), Inline.parallelism()), (1, 1));
    assert_eq!(Executor::parallelism(&Arc::new(Threads::new(7))), 7);
}

#[test]
fn one_two_and_seven_threads_give_the_bytes_that_none_gives() {
    let object = |executor: Arc<dyn Executor>| {
        let memory = MemoryStore::new();
        let mut batcher = builder(&memory).executor(executor).build().unwrap();
        for number in 0..MANY {
            let blob = number.to_le_bytes().repeat(usize::try_from(number % 7).unwrap());
            batcher.add(&key(number, 90_000), blob).unwrap();
            if number % 10_000 == 0 {
                batcher.add(&key(number, 90_000), noise(35_000, number.into())).unwrap();
            }
        }
        let report = block_on(batcher.flush(1)).unwrap();
        memory.object(&report.receipts[0].object).unwrap()
    };
    let inline = object(Arc::new(Inline));
    for threads in [1, 2, 7] {
        assert!(object(Arc::new(Threads::new(threads))) == inline, "{threads} threads");
    }
}

#[test]
fn the_last_of_a_key_wins_over_runs_and_handles() {
    let executors: [Arc<dyn Executor>; 3] =
        [Arc::new(Inline), Arc::new(Threads::new(2)), Arc::<DropsEverySecond>::default()];
    for executor in executors {
        let memory = MemoryStore::new();
        let mut batcher = builder(&memory).executor(executor).build().unwrap();
        let handles = [batcher.handle(), batcher.handle(), batcher.handle()];
        let mut expected = BTreeMap::new();
        for number in 0..2 * MANY {
            let (key, blob) = (key(number, 50_000), Bytes::copy_from_slice(&number.to_le_bytes()));
            handles[usize::try_from(number % 3).unwrap()].add(&key, blob.clone()).unwrap();
            expected.insert(key, blob);
        }
        let report = loop {
            if let Ok(report) = block_on(batcher.flush(1)) {
                break report;
            }
        };
        let superseded = u64::from(2 * MANY) - expected.len() as u64;
        assert_eq!(report.receipts[0].superseded, superseded);
        assert!(read(&memory, &report.receipts[0].object) == expected);
    }
}

#[test]
fn a_batch_that_goes_to_another_epoch_keeps_its_runs() {
    let memory = MemoryStore::new();
    let later = Later::default();
    let mut batcher = builder(&memory).executor(later.clone()).backlog(usize::MAX).build().unwrap();
    let mut expected = BTreeMap::new();
    for number in 0..MANY {
        let (key, blob) = (key(number, 80_000), Bytes::copy_from_slice(&number.to_le_bytes()));
        batcher.add(&key, blob.clone()).unwrap();
        expected.insert(key, blob);
        if number == MANY / 2 {
            // Everything is dropped, whatever it was to do.
            drop(later.take());
            let mut flush = Box::pin(batcher.flush(1));
            block_on(async { assert!(futures_util::poll!(&mut flush).is_pending()) });
        }
    }
    // Indexes the first half, for an epoch that nobody flushes again.
    later.take().into_iter().for_each(|job| job());
    let mut flush = Box::pin(batcher.flush(2));
    let report = block_on(async {
        loop {
            if let std::task::Poll::Ready(flushed) = futures_util::poll!(&mut flush) {
                break flushed.unwrap();
            }
            later.take().into_iter().for_each(|job| job());
        }
    });
    assert!(read(&memory, &report.receipts[0].object) == expected);
}

#[test]
fn who_adds_faster_than_others_compress_has_to_help() {
    let later = Later::default();
    let mut batcher = Batcher::builder(Raw, MemoryStore::new())
        .executor(later.clone())
        .block_len(1000)
        .backlog(3000)
        .build()
        .unwrap();
    for number in 0..100 {
        batcher.add(&format!("key-{number}"), vec![number; 500]).unwrap();
    }
    assert_eq!(later.len(), 3, "the others were compressed here");
    // Slices of long blobs take no memory, and wait in any number.
    batcher.add("long", noise(20_000, 1)).unwrap();
    assert_eq!(later.len(), 23);

    let handle = batcher.handle();
    block_on(async {
        let mut ready = Box::pin(handle.ready());
        assert!(futures_util::poll!(&mut ready).is_pending());
        for job in later.take() {
            job();
        }
        ready.await;
    });
    // Even with no backlog at all something can be added.
    let batcher = Batcher::builder(Raw, MemoryStore::new()).executor(later).backlog(0).build().unwrap();
    block_on(batcher.handle().ready());
}

#[test]
fn a_waiting_producer_goes_on_when_jobs_are_dropped() {
    let later = Later::default();
    let batcher = Batcher::builder(Raw, MemoryStore::new())
        .executor(later.clone())
        .block_len(100)
        .backlog(100)
        .build()
        .unwrap();
    let handle = batcher.handle();
    handle.add("key", vec![0; 99]).unwrap();
    handle.add("key", vec![0; 99]).unwrap();
    block_on(async {
        let mut ready = Box::pin(handle.ready());
        handle.add("key", vec![0; 99]).unwrap();
        assert!(futures_util::poll!(&mut ready).is_pending());
        drop(later.take());
        ready.await;
    });
}

#[test]
fn the_index_is_sorted_on_the_executor_in_pieces_that_are_worth_a_job() {
    let jobs = |blobs: u32| {
        let later = Later::default();
        let mut batcher = builder(&MemoryStore::new()).executor(later.clone()).build().unwrap();
        for number in 0..blobs {
            batcher.add(&key(number, MANY), Bytes::new()).unwrap();
        }
        let while_added = later.len();
        block_on(async { assert!(futures_util::poll!(std::pin::pin!(batcher.flush(1))).is_pending()) });
        // One more makes the object.
        (while_added, later.len() - while_added - 1)
    };
    assert_eq!([32_767, 32_768, 65_536].map(jobs), [(0, 1), (1, 0), (2, 0)]);
    assert_eq!([4095, 4096].map(jobs), [(0, 0), (0, 1)]);
}

#[test]
fn every_epoch_holds_its_own_blobs_in_memory_that_served_before() {
    let memory = MemoryStore::new();
    let mut batcher = builder(&memory).executor(Threads::new(2)).build().unwrap();
    for epoch in 0..4 {
        let mut expected = BTreeMap::new();
        for number in 0..70_000 {
            let (key, blob) =
                (key(number, 60_000), Bytes::from(vec![u8::try_from(number % 251).unwrap(); 9]));
            batcher.add(&key, blob.clone()).unwrap();
            expected.insert(key, blob);
        }
        let report = block_on(batcher.flush(epoch)).unwrap();
        assert!(read(&memory, &report.receipts[0].object) == expected);
        memory.remove(&report.receipts[0].object);
    }
}

#[test]
fn a_batcher_that_is_gone_leaves_no_memory_behind() {
    let live = || {
        let memory = MemoryStore::new();
        let mut batcher = builder(&memory).build().unwrap();
        for epoch in 0..3 {
            for number in 0..5_000 {
                batcher.add(&key(number, 4_000), vec![7; 100]).unwrap();
            }
            let report = block_on(batcher.flush(epoch)).unwrap();
            assert_eq!(report.receipts.len(), 1);
        }
        batcher.add("left", vec![7; 100]).unwrap();
    };
    // What is made once in a process.
    live();
    assert_eq!(allocation_counter::measure(live).bytes_current, 0);
}

#[test]
fn a_flush_compresses_nothing_by_itself_however_much_waits() {
    let later = Later::default();
    let mut batcher = Batcher::builder(Lz4::default(), MemoryStore::new())
        .executor(later.clone())
        .block_len(1000)
        .backlog(1)
        .build()
        .unwrap();
    let handles: Vec<_> = (0..5).map(|_| batcher.handle()).collect();
    for (number, handle) in (0..).zip(&handles) {
        handle.add(&format!("key-{number}"), noise(100, number)).unwrap();
    }
    block_on(async {
        assert!(futures_util::poll!(std::pin::pin!(batcher.flush(1))).is_pending());
    });
    assert_eq!(later.len(), 5);
}

#[test]
fn many_handles_that_are_soon_dropped_fill_blocks_together() {
    let memory = MemoryStore::new();
    let mut batcher = Batcher::builder(Raw, memory.clone()).block_len(1000).build().unwrap();
    let handle = batcher.handle();
    for number in 0..1000 {
        handle.clone().add(&format!("key-{number}"), noise(100, number)).unwrap();
    }
    let report = block_on(batcher.flush(1)).unwrap();
    let reader = block_on(open(&memory, &report.receipts[0].object, ReadOptions::default()));
    assert_eq!((reader.len(), reader.summary().blocks), (1000, 100));
}

/// Runs jobs at once, and adds a blob before the first of them, through the handle that the job comes from.
#[derive(Debug, Default)]
struct Adding {
    handle: Mutex<Option<Arc<BatchHandle>>>,
}

impl Executor for Adding {
    fn execute(&self, job: Job) {
        if let Some(handle) = self.handle.lock().unwrap().take() {
            handle.add("from within", vec![1; 100]).unwrap();
        }
        job();
    }
}

#[test]
fn an_executor_may_add_blobs_itself() {
    let (done, ended) = mpsc::channel();
    thread::spawn(move || {
        let executor = Arc::new(Adding::default());
        let mut batcher = Batcher::builder(Raw, MemoryStore::new())
            .executor(Arc::clone(&executor) as Arc<dyn Executor>)
            .block_len(1000)
            .build()
            .unwrap();
        let handle = Arc::new(batcher.handle());
        *executor.handle.lock().unwrap() = Some(Arc::clone(&handle));
        handle.add("full", vec![2; 1000]).unwrap();
        done.send(block_on(batcher.flush(1)).unwrap().blobs()).unwrap();
    });
    assert_eq!(ended.recv_timeout(std::time::Duration::from_secs(60)), Ok(2));
}
