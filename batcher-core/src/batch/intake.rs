//! Where blobs come in, from one thread or from many.

use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use thiserror::Error;

use super::Cut;
use super::block::{Caller, Encoding};
use super::dictionary::Choice;
use super::entries::entry_len;
use super::lane::Lane;
use super::sample::SampleLimits;
use crate::MAX_KEY_LEN;

/// What a batcher and its handles share. Each handle fills a lane of its own; the only thing that they touch together on
/// every add is a few counters.
#[derive(Debug)]
pub(crate) struct Intake {
    encoding: Arc<Encoding>,
    block_len: usize,
    memory_limit: usize,
    /// For the dictionary of each batch, where there is to be one.
    sample: Option<SampleLimits>,
    lanes: Mutex<Lanes>,
    /// Orders the adds of all lanes, so that the last of a key wins whichever handle it came through.
    turns: AtomicU64,
    blobs: AtomicU64,
    bytes: AtomicU64,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Lanes {
    list: Vec<Arc<Mutex<Lane>>>,
    /// Those whose handle is gone, for the next handle to go on with: or each of many short-lived handles would leave a
    /// block and a run behind that it has hardly begun.
    spare: Vec<Arc<Mutex<Lane>>>,
    /// Of what has been added since the last cut, through whichever lane.
    choice: Option<Arc<Choice>>,
}

impl Intake {
    pub(crate) fn new(
        encoding: Arc<Encoding>,
        block_len: usize,
        memory_limit: usize,
        sample: Option<SampleLimits>,
    ) -> Arc<Self> {
        Arc::new(Self {
            encoding,
            block_len,
            memory_limit,
            sample,
            lanes: Mutex::new(Lanes { list: Vec::new(), spare: Vec::new(), choice: sample.map(Choice::new) }),
            turns: AtomicU64::new(0),
            blobs: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        })
    }

    pub(crate) fn encoding(&self) -> &Arc<Encoding> {
        &self.encoding
    }

    fn lanes(&self) -> MutexGuard<'_, Lanes> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Of what has been added since the last cut.
    pub(crate) fn choice(&self) -> Option<Arc<Choice>> {
        self.lanes().choice.clone()
    }

    /// Blobs that no flush has taken yet.
    pub(crate) fn blobs(&self) -> u64 {
        self.blobs.load(Ordering::Relaxed)
    }

    /// Bytes of keys and blobs that no flush has taken yet.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn handle(self: &Arc<Self>) -> BatchHandle {
        let mut lanes = self.lanes();
        let lane = lanes.spare.pop().unwrap_or_else(|| {
            let lane = Arc::new(Mutex::new(Lane::new(lanes.choice.clone())));
            lanes.list.push(Arc::clone(&lane));
            lane
        });
        drop(lanes);
        BatchHandle { intake: Arc::clone(self), lane }
    }

    /// Appends the closed blocks of all lanes to a batch that is being uploaded already; their entries stay until the cut.
    /// Ready where there are any; else the task is woken when one is closed.
    pub(crate) fn poll_adopt(&self, cut: &mut Cut, context: &mut Context<'_>) -> Poll<()> {
        self.encoding.closed_block.register(context);
        let before = cut.blocks.len();
        for lane in &self.lanes().list {
            cut.adopt(&mut lane.lock().unwrap_or_else(PoisonError::into_inner));
        }
        if cut.blocks.len() > before { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Takes all blobs away from all lanes at one moment, appends them to `cut`, and forgets lanes whose handle is gone.
    ///
    /// One moment: of two adds of one key through two handles, the later must never be taken without the earlier.
    pub(crate) fn cut(&self, cut: &mut Cut) {
        let mut lanes = self.lanes();
        lanes.spare.clear();
        // Nobody can add to a lane that only this list knows. Looked at before anything is taken: a handle may add and be
        // dropped at any time.
        let orphans: Vec<bool> = lanes.list.iter().map(|lane| Arc::strong_count(lane) == 1).collect();
        let mut locked: Vec<_> =
            lanes.list.iter().map(|lane| lane.lock().unwrap_or_else(PoisonError::into_inner)).collect();
        let next = self.sample.map(Choice::new);
        let empty = || Lane::new(next.clone());
        let taken: Vec<Lane> =
            locked.iter_mut().map(|lane| std::mem::replace(&mut **lane, empty())).collect();
        drop(locked);
        let choice = std::mem::replace(&mut lanes.choice, next);
        let mut orphans = orphans.into_iter();
        lanes.list.retain(|_| !orphans.next().unwrap_or(false));
        drop(lanes);
        let mut chores = Vec::new();
        for mut lane in taken {
            self.blobs.fetch_sub(lane.blobs, Ordering::Relaxed);
            self.bytes.fetch_sub(lane.bytes, Ordering::Relaxed);
            chores.append(&mut lane.close());
            cut.take(&mut lane);
        }
        for chore in chores {
            chore.run(Caller::DoesNotHelp, &self.encoding);
        }
        cut.choices.extend(choice.filter(|choice| choice.close(&self.encoding)));
    }

    /// Refuses whatever comes from now on: the batcher is gone.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
    }
}

/// Adds blobs to a batcher from anywhere: each clone fills blocks of its own, so that threads with a clone each do not
/// wait for one another.
///
/// Dropping a handle loses nothing: what was added through it goes into the next flush. A flush takes what had been
/// added when it was called; whatever is added meanwhile is the next flush's.
///
/// ```
/// # use batcher_core::{Batcher, AddError};
/// # use batcher_testkit::{block_on, MemoryStore};
/// # use batcher_codecs::Lz4;
/// # block_on(async {
/// let mut batcher = Batcher::builder(Lz4::default(), MemoryStore::new()).build()?;
/// let operators: Vec<_> = (0..4)
///     .map(|operator| {
///         let handle = batcher.handle();
///         std::thread::spawn(move || handle.add(&format!("operator-{operator}"), vec![operator; 100]))
///     })
///     .collect();
/// for operator in operators {
///     operator.join().expect("no panic")?;
/// }
/// assert_eq!(batcher.flush(1).await?.blobs(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct BatchHandle {
    intake: Arc<Intake>,
    lane: Arc<Mutex<Lane>>,
}

impl Clone for BatchHandle {
    fn clone(&self) -> Self {
        self.intake.handle()
    }
}

impl Drop for BatchHandle {
    fn drop(&mut self) {
        self.intake.lanes().spare.push(Arc::clone(&self.lane));
    }
}

impl BatchHandle {
    /// Adds a blob, as [`Batcher::add`](crate::Batcher::add) does.
    ///
    /// # Errors
    ///
    /// As [`Batcher::add`](crate::Batcher::add).
    pub fn add(&self, key: &str, blob: impl Into<Bytes>) -> Result<(), AddError> {
        let blob = blob.into();
        let intake = &*self.intake;
        if key.len() > MAX_KEY_LEN {
            return Err(AddError::new(
                AddErrorKind::KeyTooLong { len: key.len(), limit: MAX_KEY_LEN },
                key,
                blob,
            ));
        }
        if intake.closed.load(Ordering::Relaxed) {
            return Err(AddError::new(AddErrorKind::Closed, key, blob));
        }
        let held = intake.encoding.held.load(Ordering::Relaxed);
        if held.saturating_add(blob.len() + entry_len(key)) > intake.memory_limit {
            return Err(AddError::new(AddErrorKind::Full { held, limit: intake.memory_limit }, key, blob));
        }
        let chores = {
            let mut lane = self.lane.lock().unwrap_or_else(PoisonError::into_inner);
            let turn = intake.turns.fetch_add(1, Ordering::Relaxed);
            intake.encoding.held.fetch_add(blob.len() + entry_len(key), Ordering::Relaxed);
            let chores = lane.add(key, &blob, turn, intake.block_len, &intake.encoding);
            // With the lane locked, so that no cut subtracts them before.
            intake.blobs.fetch_add(1, Ordering::Relaxed);
            intake.bytes.fetch_add(key.len() as u64 + blob.len() as u64, Ordering::Relaxed);
            chores
        };
        // A flush that takes the blocks meanwhile waits for them.
        for chore in chores {
            chore.run(Caller::Helps, &intake.encoding);
        }
        Ok(())
    }

    /// Waits until so few blobs wait to be compressed that an add does not compress on its own thread; see
    /// [`BatcherBuilder::backlog`](crate::BatcherBuilder::backlog). In asynchronous code, wait for it before each add, or before
    /// each few: compressing a block takes longer than such code should go without awaiting.
    ///
    /// With an executor that runs jobs at once, as [`Inline`](crate::Inline), it is always ready. It does not wait for what
    /// only a flush can free: an add may still answer [`Full`](AddErrorKind::Full).
    ///
    /// ```
    /// # use batcher_core::Batcher;
    /// # use batcher_testkit::{block_on, MemoryStore};
    /// # use batcher_codecs::Lz4;
    /// # block_on(async {
    /// let batcher = Batcher::builder(Lz4::default(), MemoryStore::new()).build()?;
    /// let handle = batcher.handle();
    /// for partition in 0..100 {
    ///     handle.ready().await;
    ///     handle.add(&format!("partition-{partition}"), vec![0; 10_000])?;
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
    /// ```
    pub async fn ready(&self) {
        poll_fn(|context| self.intake.encoding.backlog.poll_room(context)).await;
    }
}

/// Why a blob was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddErrorKind {
    /// The key is longer than the format allows; use a shorter one.
    #[error("key of {len} bytes, over the limit of {limit}")]
    KeyTooLong {
        /// The key's length in bytes.
        len: usize,
        /// The longest key in bytes.
        limit: usize,
    },
    /// The batcher was dropped: nobody could flush the blob any longer.
    #[error("the batcher is gone")]
    Closed,
    /// The batcher holds as much as it may; flush, then add the blob again.
    #[error("{held} bytes held of at most {limit}")]
    Full {
        /// Bytes held: blobs not yet compressed, compressed ones not yet acknowledged by the store, and their keys.
        held: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

/// A blob that was not taken, with the blob: nothing is lost.
#[derive(Error)]
#[error("cannot add blob of {} bytes under key {:.80}: {kind}", blob.len(), format!("{key:?}"))]
pub struct AddError {
    kind: AddErrorKind,
    key: String,
    blob: Bytes,
}

impl AddError {
    fn new(kind: AddErrorKind, key: &str, blob: Bytes) -> Self {
        Self { kind, key: key.to_owned(), blob }
    }

    /// Why.
    #[must_use]
    pub fn kind(&self) -> AddErrorKind {
        self.kind
    }

    /// The key and the blob, to be added again later or elsewhere.
    #[must_use]
    pub fn into_parts(self) -> (String, Bytes) {
        (self.key, self.blob)
    }
}

impl fmt::Debug for AddError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AddError")
            .field("kind", &self.kind)
            .field("blob_len", &self.blob.len())
            .finish_non_exhaustive()
    }
}
