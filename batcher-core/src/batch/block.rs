//! One block on its way from raw bytes to a frame.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;

use super::dictionary::Dictionary;
use super::run::SpareRuns;
use super::segments::{Segments, Stored};
use super::{Backlog, Buffers};
use crate::codec::checked_len;
use crate::executor::hand_over;
use crate::format::crc;
use crate::waiter::Waiter;
use crate::{Codec, CodecError, Executor};

/// The bytes of a block: copied together from small blobs, or a slice of a large one.
#[derive(Debug)]
pub(crate) enum RawBlock {
    Copied(Vec<u8>),
    Shared(Bytes),
}

impl RawBlock {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Copied(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

/// A block's frame, and the checksum of the frame alone: its number and object are not known yet.
#[derive(Clone, Debug)]
pub(crate) struct EncodedBlock {
    pub(crate) frame: Stored,
    pub(crate) frame_crc: u32,
    /// Length in bytes of the block that the frame decodes to.
    pub(crate) block_len: usize,
    /// What the frame was encoded with.
    pub(crate) dictionary: Option<Arc<Dictionary>>,
}

#[derive(Debug)]
enum State {
    /// Not encoded, and held here until its job runs: one that was handed over, or that is about to be.
    Raw(RawBlock),
    /// With a job that runs at this moment.
    Running,
    Encoded(EncodedBlock),
    /// Could not be encoded; the next flush tries again.
    Failed(RawBlock, CodecError),
    /// No longer wanted: whatever a job still makes of it is dropped.
    Released,
}

/// Whoever hands over a block while more wait than should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Encodes it by itself: who adds faster than all others compress has to help.
    Helps,
    /// Does not: it is asynchronous code, or the block's memory was spent before.
    DoesNotHelp,
}

/// A block that is being encoded somewhere, or has been.
#[derive(Debug)]
pub(crate) struct Block {
    len: usize,
    slot: Mutex<Slot>,
    done: Waiter,
    /// Set before the block is handed to the executor, where there is one.
    dictionary: OnceLock<Arc<Dictionary>>,
}

/// How far a block is, and how many jobs there are that may encode it: where none is left, it is not waited for.
///
/// What the state held is never dropped with the slot locked: it may be the caller's, and then runs foreign code.
#[derive(Debug)]
struct Slot {
    state: State,
    jobs: usize,
    /// Bytes by which the block counts as backlog.
    waiting: usize,
}

impl Slot {
    /// Replaces the state by what `next` makes of it.
    fn change<T>(&mut self, next: impl FnOnce(State) -> (State, T)) -> T {
        let (changed, result) = next(std::mem::replace(&mut self.state, State::Running));
        self.state = changed;
        result
    }

    /// Has it encoded again where that has failed; how it had.
    fn renew(&mut self) -> Option<CodecError> {
        self.change(|state| match state {
            State::Failed(raw, error) => (State::Raw(raw), Some(error)),
            other => (other, None),
        })
    }

    /// Counts one more job, and the block as backlog, where it is a copy that waits to be encoded: slices of the caller's blobs
    /// can wait in any number. The bytes that it now counts by.
    fn expect_job(&mut self, encoding: &Encoding) -> usize {
        self.jobs += 1;
        if let (State::Raw(RawBlock::Copied(bytes)), 0) = (&self.state, self.waiting) {
            self.waiting = bytes.len();
            encoding.backlog.grow(self.waiting);
        }
        self.waiting
    }

    /// Leaves it to the next flush where nobody has begun to encode it; whether nobody had.
    fn abandon(&mut self) -> bool {
        self.change(|state| match state {
            State::Raw(raw) => (State::Failed(raw, CodecError::Abandoned), true),
            other => (other, false),
        })
    }
}

/// What all blocks of a batcher need in order to be encoded.
#[derive(Debug)]
pub(crate) struct Encoding {
    pub(crate) codec: Arc<dyn Codec>,
    pub(crate) executor: Arc<dyn Executor>,
    /// The codec's parameters as they were when the batcher was built.
    pub(crate) params: Vec<u8>,
    /// For blocks that are filled.
    pub(crate) raw: Buffers,
    /// For frames of unknown length.
    pub(crate) scratch: Buffers,
    pub(crate) frames: Segments,
    pub(crate) spare_runs: SpareRuns,
    pub(crate) backlog: Backlog,
    /// Who waits for further blocks to be closed.
    pub(crate) closed_block: Waiter,
    /// Bytes held in memory for this batcher: blobs until encoded, their frames, keys and entries until acknowledged.
    pub(crate) held: AtomicUsize,
}

impl Block {
    pub(crate) fn new(raw: RawBlock) -> Arc<Self> {
        let len = raw.bytes().len();
        Arc::new(Self {
            len,
            slot: Mutex::new(Slot { state: State::Raw(raw), jobs: 0, waiting: 0 }),
            done: Waiter::default(),
            dictionary: OnceLock::new(),
        })
    }

    /// The block's length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands the block to the executor.
    pub(crate) fn submit(self: &Arc<Self>, from: Caller, encoding: &Arc<Encoding>) {
        let full = encoding.backlog.is_full();
        let waiting = self.slot().expect_job(encoding);
        let mut job = EncodeJob { block: Arc::clone(self), encoding: Arc::clone(encoding) };
        if from == Caller::Helps && waiting > 0 && full {
            job.run();
            return;
        }
        job.hand_over();
    }

    /// Hands the block to the executor, to be encoded with a dictionary where there is one.
    pub(crate) fn submit_with(
        self: &Arc<Self>,
        dictionary: Option<Arc<Dictionary>>,
        from: Caller,
        encoding: &Arc<Encoding>,
    ) {
        if let Some(dictionary) = dictionary {
            self.dictionary.get_or_init(|| dictionary);
        }
        self.submit(from, encoding);
    }

    /// Leaves the block to the next flush, as there will be no job.
    pub(crate) fn abandon(&self) {
        let abandoned = self.slot().abandon();
        if abandoned {
            self.done.wake();
        }
    }

    /// Hands the block to the executor again where it has failed.
    pub(crate) fn retry(self: &Arc<Self>, encoding: &Arc<Encoding>) {
        let mut slot = self.slot();
        let failed = slot.renew();
        if failed.is_some() {
            // At once: the last of earlier jobs may be dropped at this moment.
            slot.expect_job(encoding);
            drop(slot);
            EncodeJob { block: Arc::clone(self), encoding: Arc::clone(encoding) }.hand_over();
        }
    }

    /// Encodes the block here where no job has begun to, or where it has failed.
    pub(crate) fn help(self: &Arc<Self>, encoding: &Arc<Encoding>) {
        let mut slot = self.slot();
        let _failed = slot.renew();
        slot.expect_job(encoding);
        drop(slot);
        EncodeJob { block: Arc::clone(self), encoding: Arc::clone(encoding) }.run();
    }

    /// Ready once the block is encoded or has failed.
    pub(crate) fn poll_encoded(&self, context: &mut Context<'_>) -> Poll<Result<EncodedBlock, CodecError>> {
        self.done.register(context);
        self.outcome().map_or(Poll::Pending, Poll::Ready)
    }

    /// What has come of it. An error is given away once.
    pub(crate) fn outcome(&self) -> Option<Result<EncodedBlock, CodecError>> {
        match &mut self.slot().state {
            State::Raw(_) | State::Running | State::Released => None,
            State::Encoded(encoded) => Some(Ok(encoded.clone())),
            State::Failed(_, error) => Some(Err(std::mem::replace(error, CodecError::Abandoned))),
        }
    }

    /// Lets go of the block, and takes what it held off the accounts.
    pub(crate) fn release(&self, encoding: &Encoding) {
        let mut slot = self.slot();
        let state = std::mem::replace(&mut slot.state, State::Released);
        let waiting = std::mem::take(&mut slot.waiting);
        drop(slot);
        let held = match &state {
            State::Encoded(encoded) => encoded.frame.len(),
            State::Raw(_) | State::Running | State::Failed(..) => self.len,
            State::Released => 0,
        };
        let_go(state);
        encoding.held.fetch_sub(held, Ordering::Relaxed);
        encoding.backlog.shrink(waiting);
    }
}

/// Drops what may be the caller's, whose code may panic: the rest has to be done all the same.
fn let_go<T>(value: T) {
    let _ = catch_unwind(AssertUnwindSafe(|| drop(value)));
}

/// Encodes one block, where it has been counted among the block's jobs; says so if it was the last and nobody has.
#[derive(Debug)]
struct EncodeJob {
    block: Arc<Block>,
    encoding: Arc<Encoding>,
}

impl EncodeJob {
    fn hand_over(mut self) {
        let executor = Arc::clone(&self.encoding.executor);
        hand_over(&*executor, move || self.run());
    }

    fn run(&mut self) {
        let raw = self.block.slot().change(|state| match state {
            State::Raw(raw) => (State::Running, Some(raw)),
            other => (other, None),
        });
        let Some(raw) = raw else { return };
        let encoded =
            catch_unwind(AssertUnwindSafe(|| self.encode(raw.bytes()))).unwrap_or(Err(CodecError::Panicked));
        let next = match encoded {
            Ok(encoded) => {
                // Before anybody can see it: whoever is answered may rely on it that nothing of theirs is held any longer.
                match raw {
                    RawBlock::Copied(buffer) => self.encoding.raw.give_back(buffer),
                    RawBlock::Shared(slice) => let_go(slice),
                }
                State::Encoded(encoded)
            }
            Err(error) => State::Failed(raw, error),
        };
        let mut slot = self.block.slot();
        let unwanted = if matches!(slot.state, State::Released) {
            Some(next)
        } else {
            if let State::Encoded(encoded) = &next {
                // In this order, so that the account is never short of what is held.
                self.encoding.held.fetch_add(encoded.frame.len(), Ordering::Relaxed);
                self.encoding.held.fetch_sub(self.block.len, Ordering::Relaxed);
            }
            slot.state = next;
            None
        };
        let waiting = std::mem::take(&mut slot.waiting);
        drop(slot);
        let_go(unwanted);
        self.encoding.backlog.shrink(waiting);
    }

    fn encode(&self, raw: &[u8]) -> Result<EncodedBlock, CodecError> {
        let dictionary = self.block.dictionary.get();
        let codec = &**dictionary.map_or(&self.encoding.codec, |dictionary| &dictionary.codec);
        let longest = codec.max_frame_len(raw.len());
        let mut buffer = self.encoding.scratch.take();
        if buffer.len() < longest {
            buffer.resize(longest, 0);
        }
        let len = checked_len(codec.encode(raw, &mut buffer)?, longest)?;
        let frame = &buffer[..len];
        let encoded = EncodedBlock {
            frame_crc: crc(frame),
            frame: self.encoding.frames.store(frame),
            block_len: raw.len(),
            dictionary: dictionary.cloned(),
        };
        self.encoding.scratch.give_back(buffer);
        Ok(encoded)
    }
}

impl Drop for EncodeJob {
    fn drop(&mut self) {
        let waiting = {
            let mut slot = self.block.slot();
            slot.jobs -= 1;
            let abandoned = slot.jobs == 0 && slot.abandon();
            if abandoned { std::mem::take(&mut slot.waiting) } else { 0 }
        };
        self.encoding.backlog.shrink(waiting);
        // Whether or not it was this job that has encoded it: who looks in vain waits again.
        self.block.done.wake();
    }
}
