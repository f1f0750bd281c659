//! A small stateful engine: it checkpoints, dies, starts again, restores, and clears away what nobody refers to.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::num::{NonZeroU32, NonZeroUsize};
use std::pin::Pin;
use std::sync::{Arc, Mutex, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use batcher_codecs::{Lz4, registry};
use batcher_core::{
    BatchHandle, BatchReader, BatchReceipt, Batcher, BlobSink, BlobSource, BlobStore, Codec, CodecRegistry,
    Executor, FlushErrorKind, Inline, Job, Limit, Meter, Prefix, PutMode, ReadError, ReadOptions, Retry,
    RetryPolicy, Timeout,
};
use batcher_testkit::corpus::{BlobKind, KeyKind, Lengths, Shape, Step, Workload};
use batcher_testkit::{FaultKind, FiredFault, MemoryStore, World};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};

use crate::codec::{LONGEST, Learner};

/// How the engine keeps its checkpoints.
#[derive(Clone, Debug)]
pub(crate) struct Engine {
    pub(crate) mode: PutMode,
    /// Whether objects go up in parts.
    pub(crate) in_parts: bool,
    /// Bytes in a block before compression.
    pub(crate) block_len: usize,
    /// How many handles the operators share.
    pub(crate) handles: usize,
    /// Bytes in a part; an epoch's object has some 1,000.
    pub(crate) part_len: u64,
    /// Whether uploads begin before all blobs are there.
    pub(crate) early: bool,
    /// Whether blocks are compressed on other threads.
    pub(crate) threads: bool,
    /// Whether objects have dictionaries.
    pub(crate) dictionaries: bool,
    /// Whether the codec and the executor that reading uses go wrong, too.
    pub(crate) reading: bool,
    /// What stands between the batcher and the store, from the store outwards.
    pub(crate) adaptors: Vec<Adaptor>,
    pub(crate) epochs: u64,
    /// What the epochs add, where it is not the engine's own few blobs.
    pub(crate) shape: Option<Shape>,
    /// How many tiny blobs an epoch has besides.
    pub(crate) tiny: u64,
    /// Whether the last block is so long that a flush waits for its job.
    pub(crate) long: bool,
    /// Whether a flush that failed is followed by one of the next epoch, which takes the blobs along, instead of being tried again.
    pub(crate) moves_on: bool,
    /// Where: a store in this world, with an object of somebody else's.
    pub(crate) open: fn(World) -> Opened,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Adaptor {
    Timeout,
    Limit,
    Retry,
    Meter,
    Prefix,
}

pub(crate) type Opened = Pin<Box<dyn Future<Output = Result<Store, String>>>>;

impl Default for Engine {
    fn default() -> Self {
        Self {
            mode: PutMode::Create,
            in_parts: true,
            block_len: 500,
            handles: 2,
            part_len: 320,
            early: false,
            threads: false,
            dictionaries: false,
            reading: false,
            adaptors: Vec::new(),
            epochs: 2,
            shape: None,
            tiny: 0,
            long: false,
            moves_on: false,
            open: memory,
        }
    }
}

/// Bytes that one put takes, where it takes little: longer than what is somebody else's, and shorter than any object.
pub(crate) const MAX_PUT_LEN: u64 = 10;

pub(crate) type Run = Pin<Box<dyn Future<Output = Result<(), String>>>>;

pub(crate) type Store = Arc<dyn BlobStore>;

/// What the engine's coordinator knows, which does not die with a process.
type Committed = Arc<Mutex<Vec<BatchReceipt>>>;

/// After how many tries without success the faults are to have ceased, and after how many more it must have worked.
const HEALED_AFTER: u32 = 2;
const TRIES: u32 = 8;

/// Of each epoch of the engine, how many numbers the batcher may use: one for each try.
const NUMBERS: u64 = 16;

impl Engine {
    pub(crate) fn run(self, world: World) -> Run {
        Box::pin(async move { self.live(&world).await })
    }

    async fn live(&self, world: &World) -> Result<(), String> {
        let store = (self.open)(world.clone()).await?;
        let store = self.adaptors.iter().try_fold(store, |store, adaptor| adaptor.around(store, world))?;
        let committed = Committed::default();
        let mut lives = 0;
        loop {
            let life = world.process("node", self.process(world, &store, lives, &committed)).await;
            match life {
                Some(ended) => break ended?,
                // What the process held is gone, and will be made again by the next one.
                None => world.forgotten(),
            }
            lives += 1;
            if lives >= HEALED_AFTER {
                world.heal();
            }
            if lives > TRIES {
                return Err("every process dies".into());
            }
        }
        // Once more with everything that was late, and after a power cut.
        world.settle().await;
        world.restart().await;
        self.restore(world, &store, &committed).await
    }

    /// One life of the process: it goes on behind the last epoch that was committed.
    async fn process(
        &self,
        world: &World,
        store: &Store,
        life: u32,
        committed: &Committed,
    ) -> Result<(), String> {
        let codec: Arc<dyn Codec> =
            if self.dictionaries { Arc::new(Learner::default()) } else { Arc::new(Lz4::default()) };
        // From 32 times as much: in the midst of an epoch.
        let longest = if self.dictionaries { LONGEST } else { 0 };
        let mut batcher = Batcher::builder(world.codec(codec), store.clone())
            .dictionary(longest)
            .executor(self.executor(world))
            .writer(format!("node-{life}"))
            .put_mode(self.mode)
            .block_len(self.block_len)
            .multipart_threshold(if self.in_parts { 1 } else { u64::MAX })
            .part_len(self.part_len)
            .parts_in_flight(2)
            .build()
            .map_err(|error| error.to_string())?;
        if life > 0 {
            self.restore(world, store, committed).await?;
        }
        let first = committed.lock().unwrap().last().map_or(0, |receipt| receipt.id.epoch / NUMBERS + 1);
        for epoch in first..self.epochs {
            // The operators' own: a flush that dies does not stop them.
            let mut operators = Operators {
                handles: (0..self.handles).map(|_| batcher.handle()).collect(),
                blobs: state(epoch, self),
            };
            if !self.early {
                operators.add_all(world).await;
            }
            let mut tries = 0;
            let report = loop {
                let fired = world.fired().len();
                let number = epoch * NUMBERS + if self.moves_on { u64::from(tries) } else { 0 };
                let flushed = if self.early {
                    world.attempt("flush", batcher.flush_when(number, operators.add_all(world))).await
                } else {
                    world.attempt("flush", batcher.flush(number)).await
                };
                match flushed {
                    Some(Ok(report)) => break report,
                    Some(Err(error)) => match error.kind() {
                        // Half an object stands in the way: its name is lost, and the epoch with it.
                        FlushErrorKind::Conflict if world.is_damaged() => return Ok(()),
                        // What was read back must have been spoilt twice, and alike, to be taken for somebody else's.
                        FlushErrorKind::Conflict if spoilt(&world.fired()[fired..]) < 2 => {
                            return Err(error.to_string());
                        }
                        _ => {}
                    },
                    None => {}
                }
                // An object that a flush got stored before it failed is held in its receipt.
                let stored = batcher.unreported().iter().map(|receipt| receipt.blobs + receipt.superseded);
                world.judge_held(batcher.len() + stored.sum::<u64>());
                tries += 1;
                if tries == 1 {
                    // Operators do not wait: this is for the same epoch and not for the object that failed.
                    let blob = Bytes::from(format!("late in {epoch}"));
                    batcher.add("late", blob.clone()).map_err(|error| error.to_string())?;
                    world.wrote("late", blob);
                }
                if tries >= HEALED_AFTER {
                    world.heal();
                }
                if tries > TRIES {
                    return Err("no flush succeeds although the faults have ceased".into());
                }
            };
            committed.lock().unwrap().extend(report.receipts);
            world.acknowledged();
            world.judge_held(batcher.len());
        }
        // Shutting down: whatever uploads are left over are given back.
        for _ in 0..TRIES {
            if let Some(Ok(_)) = world.attempt("last flush", batcher.flush(self.epochs * NUMBERS)).await {
                break;
            }
        }
        self.clear_away(world, store, committed).await
    }

    fn executor(&self, world: &World) -> Arc<dyn Executor> {
        if self.threads { Arc::new(world.executor(Threads::new())) } else { Arc::new(world.executor(Inline)) }
    }

    /// What reading is given besides the store.
    fn reading(&self, world: &World) -> (CodecRegistry, ReadOptions) {
        let options = ReadOptions::default().with_first_read_len(300).with_max_read_len(500);
        let codecs = registry().with(Learner::default());
        if !self.reading {
            return (codecs, options);
        }
        let codecs = codecs.with(world.codec(Lz4::default())).with(world.codec(Learner::default()));
        (codecs, options.with_executor(self.executor(world)))
    }

    /// Reads everything back that was committed, as often as it takes.
    async fn restore(&self, world: &World, store: &Store, committed: &Committed) -> Result<(), String> {
        let receipts = committed.lock().unwrap().clone();
        let reading = self.reading(world);
        for tries in 0.. {
            match world.attempt("restore", read_all(store, &receipts, &reading)).await {
                Some(Ok(read)) => {
                    world.judge_read(read);
                    break;
                }
                // What is gone is gone, and was said to be.
                Some(Err(_)) | None if world.is_damaged() && tries > HEALED_AFTER => break,
                Some(Err(error)) if tries > TRIES => return Err(error.to_string()),
                None if tries > TRIES => return Err("no restore comes to an end".into()),
                _ => {}
            }
            if tries >= HEALED_AFTER {
                world.heal();
            }
        }
        Ok(())
    }

    /// Deletes what no receipt refers to. That a list does not show everything leaves something for the next time.
    async fn clear_away(&self, world: &World, store: &Store, committed: &Committed) -> Result<(), String> {
        let known: Vec<String> =
            committed.lock().unwrap().iter().map(|receipt| receipt.object.clone()).collect();
        let clear = async {
            let mut names: Vec<_> = store.list("0").filter_map(async |info| info.ok()).collect().await;
            names.retain(|info| !known.contains(&info.name));
            for info in names {
                let _ = store.delete(&info.name).await;
            }
        };
        let _ = world.attempt("clear", clear).await;
        Ok(())
    }
}

/// Those who add blobs, one after the other, through handles of their own.
struct Operators {
    handles: Vec<BatchHandle>,
    blobs: VecDeque<(String, Bytes)>,
}

impl Operators {
    async fn add_all(&mut self, world: &World) {
        while let Some((key, blob)) = self.blobs.pop_front() {
            self.handles.rotate_left(1);
            self.handles[0].add(&key, blob.clone()).unwrap();
            world.wrote(&key, blob);
            let mut turns = 0..3;
            poll_fn(|context| {
                context.waker().wake_by_ref();
                if turns.next().is_some() { Poll::Pending } else { Poll::Ready(()) }
            })
            .await;
        }
    }
}

/// Two threads.
#[derive(Debug)]
struct Threads {
    jobs: mpsc::Sender<Job>,
}

impl Threads {
    fn new() -> Self {
        let (jobs, work) = mpsc::channel::<Job>();
        let work = Arc::new(Mutex::new(work));
        for _ in 0..2 {
            let work = Arc::clone(&work);
            thread::spawn(move || {
                loop {
                    let Ok(job) = work.lock().unwrap().recv() else { break };
                    job();
                }
            });
        }
        Self { jobs }
    }
}

impl Executor for Threads {
    fn execute(&self, job: Job) {
        self.jobs.send(job).unwrap();
    }
    fn parallelism(&self) -> usize {
        2
    }
}

fn memory(world: World) -> Opened {
    Box::pin(async move {
        let store = world.store(MemoryStore::new());
        world.plant(&store, "somebody/else", "theirs").await.map_err(|error| error.to_string())?;
        Ok(Arc::new(store) as Store)
    })
}

/// Parts can be put, and the object that they make only put in place of another; no one put takes any object of the engine's.
pub(crate) fn parts_replace(world: World) -> Opened {
    Box::pin(async move {
        let memory = MemoryStore::builder().without_multipart_create().with_max_put_len(MAX_PUT_LEN).build();
        let store = world.store(memory);
        world.plant(&store, "somebody/else", "theirs").await.map_err(|error| error.to_string())?;
        Ok(Arc::new(store) as Store)
    })
}

impl Adaptor {
    /// From the store outwards, as an engine would stack them: patient, bounded, counted, and below a prefix.
    pub(crate) const ALL: [Self; 5] = [Self::Timeout, Self::Limit, Self::Retry, Self::Meter, Self::Prefix];

    /// Whether it waits by a timer.
    pub(crate) fn pauses(self) -> bool {
        matches!(self, Self::Timeout | Self::Retry)
    }

    pub(crate) fn around(self, store: Store, world: &World) -> Result<Store, String> {
        let timer = world.timer();
        let seconds = Duration::from_secs;
        Ok(match self {
            Self::Timeout => Arc::new(Timeout::new(store, seconds(60), timer)),
            Self::Limit => Arc::new(Limit::new(store, NonZeroUsize::new(2).unwrap())),
            Self::Retry => {
                let policy = RetryPolicy::default()
                    .with_attempts(NonZeroU32::new(3).unwrap())
                    .with_pauses(seconds(1), seconds(20))
                    .with_patience(seconds(600));
                Arc::new(Retry::new(store, policy, timer))
            }
            Self::Meter => Arc::new(Meter::new(store, timer)),
            Self::Prefix => Arc::new(Prefix::new(store, "node/").map_err(|error| error.to_string())?),
        })
    }
}

/// How many answers held other bytes than the store, or another version; one that breaks off does not.
pub(crate) fn spoilt(fired: &[FiredFault]) -> usize {
    let spoils = |kind| {
        matches!(kind, FaultKind::FlipBit | FaultKind::ZeroedRead | FaultKind::Misdirected | FaultKind::Stale)
    };
    fired.iter().filter(|fired| spoils(fired.fault.kind())).count()
}

/// What an epoch adds, in order: most of it is new in each, one key only stands in the first.
fn state(epoch: u64, engine: &Engine) -> VecDeque<(String, Bytes)> {
    if let Some(shape) = engine.shape {
        return workload(shape, epoch);
    }
    let mut blobs = BTreeMap::new();
    for partition in 0..3_u64 {
        let seed = epoch * 31 + partition;
        // One is longer than a block.
        let len = if partition == 1 { 520 } else { 100 + seed % 60 };
        let blob: Vec<u8> = (0..len).map(|byte| ((byte * seed) ^ (byte >> 2)).to_le_bytes()[0]).collect();
        let blob = if engine.dictionaries {
            [&epoch.to_le_bytes()[..], &vec![blob[9]; blob.len()]].concat()
        } else {
            blob
        };
        blobs.insert(format!("partition-{partition}/counts"), blob.into());
    }
    blobs.insert(format!("epoch-{epoch}/offsets"), Bytes::from(epoch.to_string()));
    blobs.insert("empty".into(), Bytes::new());
    if engine.long {
        blobs.insert("partition-9/window".into(), vec![epoch.to_le_bytes()[0]; 17_000].into());
    }
    blobs.extend((0..engine.tiny).map(|number| (format!("tiny/{number}"), Bytes::from_static(b"."))));
    blobs.into_iter().collect()
}

/// That of a job with few keys and short blobs.
fn workload(shape: Shape, epoch: u64) -> VecDeque<(String, Bytes)> {
    let workload = Workload::new(shape, 11)
        .with_keys(KeyKind::Sequential, 4)
        .with_blobs(BlobKind::ALL, Lengths::UpTo(300))
        .with_epochs(0..epoch + 1);
    let mut flushed = 0;
    let mut blobs = VecDeque::new();
    for step in workload.steps() {
        match step {
            Step::Add { key, blob } if flushed == epoch => blobs.push_back((key, blob)),
            Step::Add { .. } => {}
            Step::Flush { .. } => flushed += 1,
        }
    }
    blobs
}

async fn read_all(
    store: &Store,
    receipts: &[BatchReceipt],
    (codecs, options): &(CodecRegistry, ReadOptions),
) -> Result<BTreeMap<String, Bytes>, ReadError> {
    let mut all = BTreeMap::new();
    for (index, receipt) in receipts.iter().enumerate() {
        let reader = BatchReader::open_with(store.clone(), &receipt.object, codecs, options.clone()).await?;
        all.extend(reader.blobs().try_collect::<Vec<_>>().await?);
        // One is enough to see that two ways to read give the same.
        if index == 0
            && let Some(blob) = reader.get("partition-0/counts").await?
        {
            assert_eq!(all.get("partition-0/counts"), Some(&blob), "two ways to read give two blobs");
        }
    }
    Ok(all)
}
