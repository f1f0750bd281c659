//! Measures how fast an object is read back, against the codec and the memory of the same machine.
//!
//! ```sh
//! cargo run --release -p batcher-core --example restore -- [MiB of state, default 256] [codec] [blob length]
//! ```
//!
//! Speeds are in bytes of state. `raw` is the codec alone on one thread, `copy` is copying, both into one buffer that is used again;
//! `each` drops every blob once it has been looked at, `kept` keeps them all. The goal is 0.90 × threads × raw, or 0.8 × copy
//! where that is lower. Allocations are those of the calling thread.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "nobody calls it")]

use std::hint::black_box;
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use batcher_codecs::{Lz4, Zstd, registry};
use batcher_core::{BatchReader, Batcher, Codec, Executor, Job, Operation, ReadOptions};
use batcher_testkit::corpus::{BlobKind, KeyKind};
use batcher_testkit::{MemoryStore, block_on};
use futures_util::TryStreamExt;

const BLOCK_LEN: usize = 256 << 10;
const ROUNDS: usize = 5;

/// A pool that serves here and nowhere else.
#[derive(Debug)]
struct Threads {
    jobs: mpsc::Sender<Job>,
    threads: usize,
}

impl Threads {
    fn new(threads: usize) -> Self {
        let (jobs, receiver) = mpsc::channel::<Job>();
        let receiver = Arc::new(std::sync::Mutex::new(receiver));
        for _ in 0..threads {
            let receiver = Arc::clone(&receiver);
            std::thread::spawn(move || {
                loop {
                    let job = receiver.lock().unwrap().recv();
                    let Ok(job) = job else { return };
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

/// Page faults of the process that needed no disk, so far.
fn faults() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.split_whitespace().nth(7).and_then(|field| field.parse().ok()).unwrap_or(0)
}

fn gigabytes(bytes: u64, time: Duration) -> f64 {
    bytes as f64 / time.as_secs_f64() / 1e9
}

/// The best of several rounds, and the page faults of that round.
fn best(mut round: impl FnMut()) -> (Duration, u64) {
    (0..ROUNDS)
        .map(|_| {
            let (before, begun) = (faults(), Instant::now());
            round();
            (begun.elapsed(), faults() - before)
        })
        .min()
        .unwrap()
}

fn raw(codec: &dyn Codec, state: &[u8]) -> (f64, f64, f64) {
    let mut frame = vec![0; codec.max_frame_len(BLOCK_LEN)];
    let frames: Vec<(Vec<u8>, usize)> = state
        .chunks(BLOCK_LEN)
        .map(|block| {
            let len = codec.encode(block, &mut frame).unwrap();
            (frame[..len].to_vec(), block.len())
        })
        .collect();
    let packed: usize = frames.iter().map(|(frame, _)| frame.len()).sum();
    let mut block = vec![0; BLOCK_LEN];
    let (decoding, _) = best(|| {
        for (frame, len) in &frames {
            codec.decode(frame, &mut block[..*len]).unwrap();
            black_box(&block);
        }
    });
    let (copying, _) = best(|| {
        for source in state.chunks(BLOCK_LEN) {
            block[..source.len()].copy_from_slice(source);
            black_box(&block);
        }
    });
    let bytes = state.len() as u64;
    (gigabytes(bytes, decoding), gigabytes(bytes, copying), state.len() as f64 / packed as f64)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let total = args.first().map_or(256, |mib| mib.parse::<usize>().unwrap()) << 20;
    let only_codec = args.get(1).map(String::as_str);
    let only_len = args.get(2).map(|len| len.parse::<usize>().unwrap());
    let codecs: [(&str, Arc<dyn Codec>); 2] =
        [("lz4", Arc::new(Lz4::default())), ("zstd", Arc::new(Zstd::default()))];
    println!(
        "codec    blob  threads |   raw   copy ratio | each GB/s  of goal  faults allocs/blob | group GB/s  of goal | kept GB/s  faults"
    );
    for (name, codec) in codecs {
        if only_codec.is_some_and(|only| only != name && only != "all") {
            continue;
        }
        for len in [64, 1 << 10, 64 << 10, 1 << 20] {
            if only_len.is_some_and(|only| only != len) {
                continue;
            }
            measure(name, &codec, len, total);
        }
    }
}

fn measure(name: &str, codec: &Arc<dyn Codec>, len: usize, total: usize) {
    let store = MemoryStore::new();
    let mut batcher = Batcher::builder(Arc::clone(codec), store.clone())
        .block_len(BLOCK_LEN)
        .memory_limit(usize::MAX)
        .build()
        .unwrap();
    // Pieces of long blobs: short ones made one by one would be more alike than rows of one state are.
    let long = BlobKind::Rows.blob(7, 8 << 20);
    let count = total / len;
    let mut state = Vec::with_capacity(total);
    for number in 0..count {
        let start = number * len % long.len();
        let blob = long.slice(start..start + len);
        state.extend_from_slice(&blob);
        batcher.add(&KeyKind::Sequential.key(1, number as u64), blob).unwrap();
    }
    let report = block_on(batcher.flush(1)).unwrap();
    let object = report.receipts[0].object.clone();
    let (raw, copy, ratio) = raw(&**codec, &state);
    drop(state);
    for threads in [1, 2] {
        let mut options = ReadOptions::default();
        if threads > 1 {
            options = options.with_executor(Threads::new(threads));
        }
        let open = || block_on(BatchReader::open_with(store.clone(), &object, &registry(), options.clone()));
        let bytes = (count * len) as u64;
        let mut allocations = 0;
        let reader = open().unwrap();
        let (each, each_faults) = best(|| {
            let info = allocation_counter::measure(|| {
                let mut sum = 0;
                block_on(reader.blobs().try_for_each(|(_, blob)| {
                    sum += black_box(blob).len() as u64;
                    std::future::ready(Ok(()))
                }))
                .unwrap();
                assert_eq!(sum, bytes);
            });
            allocations = info.count_total;
        });
        let (groups, _) = best(|| {
            let mut sum = 0;
            block_on(reader.blob_groups().try_for_each(|group| {
                sum += group.blobs().map(|(_, blob)| black_box(blob).len() as u64).sum::<u64>();
                std::future::ready(Ok(()))
            }))
            .unwrap();
            assert_eq!(sum, bytes);
        });
        let (kept, kept_faults) = best(|| {
            let all: Vec<_> = block_on(reader.blobs().try_collect()).unwrap();
            assert_eq!(all.len(), count);
        });
        let goal = (0.90 * threads as f64 * raw).min(0.8 * copy);
        let (each, groups) = (gigabytes(bytes, each), gigabytes(bytes, groups));
        println!(
            "{name:<5} {len:>7}  {threads:>7} | {raw:>5.2} {copy:>6.2} {ratio:>5.2} | {each:>9.2} {:>8.2} {each_faults:>7} {:>11.3} | {groups:>10.2} {:>8.2} | {:>9.2} {kept_faults:>7}",
            each / goal,
            allocations as f64 / count as f64,
            groups / goal,
            gigabytes(bytes, kept),
        );
    }
    // One blob out of all.
    let before = store.requests(Operation::Read);
    let reader = block_on(BatchReader::open(store.clone(), &object, &registry())).unwrap();
    block_on(reader.get(&KeyKind::Sequential.key(1, count as u64 / 2))).unwrap().unwrap();
    println!("{name:<5} {len:>7}  one blob: {} reads", store.requests(Operation::Read) - before);
}
