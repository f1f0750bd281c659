//! The threads on which blocks are compressed and decompressed.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;

use batcher_core::{Executor, Job};
use rayon_core::{ThreadPool as Threads, ThreadPoolBuilder};

/// The pool that all of a process share, while anybody does.
static SHARED: Mutex<Weak<Threads>> = Mutex::new(Weak::new());

/// An [`Executor`] with threads of its own, named `batcher-0` and so on.
///
/// Clones are the same pool. Its threads end when the last clone is dropped and the jobs that were handed over are done;
/// nobody waits for that. They sleep while there is nothing to do.
///
/// ```
/// use batcher::{BatchReader, Batcher, Lz4, ReadOptions, ThreadPool, registry};
/// # use batcher_testkit::MemoryStore;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> { pollster::block_on(async {
/// let store = MemoryStore::new();
/// let pool = ThreadPool::new(2)?;
/// let mut batcher = Batcher::builder(Lz4::default(), store.clone()).executor(pool.clone()).build()?;
/// batcher.add("partition-0", vec![0; 1_000_000])?;
/// let report = batcher.flush(1).await?;
///
/// let options = ReadOptions::default().with_executor(pool);
/// let reader = BatchReader::open_with(store, &report.receipts[0].object, &registry(), options).await?;
/// assert_eq!(reader.get("partition-0").await?.map(|blob| blob.len()), Some(1_000_000));
/// # Ok(()) }) }
/// ```
#[derive(Clone)]
pub struct ThreadPool {
    threads: Arc<Threads>,
}

impl ThreadPool {
    /// A pool of so many threads, at least one.
    ///
    /// # Errors
    ///
    /// [`io::Error`] where the system gives no more threads.
    pub fn new(threads: usize) -> io::Result<Self> {
        let threads = ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|index| format!("batcher-{index}"))
            // A job that panics has been dropped, and whoever waits for it was told so.
            .panic_handler(|_| ())
            .build()
            .map_err(io::Error::other)?;
        Ok(Self { threads: Arc::new(threads) })
    }

    /// The pool of this process: with as many threads as it may use cores, started when it is first asked for, and ended
    /// when nobody holds it any longer.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn shared() -> io::Result<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(threads) = shared.upgrade() {
            return Ok(Self { threads });
        }
        let pool = Self::new(thread::available_parallelism().map_or(1, usize::from))?;
        *shared = Arc::downgrade(&pool.threads);
        Ok(pool)
    }
}

impl fmt::Debug for ThreadPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ThreadPool").field("threads", &self.parallelism()).finish()
    }
}

impl Executor for ThreadPool {
    fn execute(&self, job: Job) {
        // First come, first served: the blocks of a batch are wanted in order.
        self.threads.spawn_fifo(job);
    }

    fn parallelism(&self) -> usize {
        self.threads.current_num_threads()
    }
}
