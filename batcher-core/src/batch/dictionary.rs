//! The dictionary of one batch: sampled from its first small blobs, trained, or decided against.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use super::block::{Block, Caller, Encoding};
use super::sample::{Sample, SampleLimits};
use crate::Codec;
use crate::executor::hand_over;
use crate::waiter::Waiter;

/// What was trained, and the codec that compresses with it.
#[derive(Debug)]
pub(crate) struct Dictionary {
    pub(crate) bytes: Vec<u8>,
    pub(crate) codec: Arc<dyn Codec>,
}

/// Whether the copied blocks of a batch are compressed with a dictionary, and with which. They wait for the answer: by
/// content alone the same blobs have to give the same object.
#[derive(Debug)]
pub(crate) struct Choice {
    /// Spares adders the lock once the sample is complete.
    sampling: AtomicBool,
    state: Mutex<State>,
    decided: Waiter,
}

#[derive(Debug)]
enum State {
    /// The first small blobs come in. What waits is hardly longer than the sample may be.
    Sampling {
        sample: Sample,
        waiting: Vec<Arc<Block>>,
    },
    /// A job trains. What comes in meanwhile counts as backlog.
    Training {
        sample: Arc<Sample>,
        waiting: Vec<Arc<Block>>,
        backlog: usize,
    },
    Decided(Option<Arc<Dictionary>>),
}

impl Choice {
    pub(crate) fn new(limits: SampleLimits) -> Arc<Self> {
        Arc::new(Self {
            sampling: AtomicBool::new(true),
            state: Mutex::new(State::Sampling { sample: Sample::new(limits), waiting: Vec::new() }),
            decided: Waiter::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows what is copied into a block; the first are the sample. Whether it is complete now, so that it is time to
    /// [train](Self::train).
    pub(crate) fn show(&self, blob: &[u8]) -> bool {
        if !self.sampling.load(Ordering::Relaxed) {
            return false;
        }
        match &mut *self.state() {
            State::Sampling { sample, .. } => {
                sample.push(blob);
                sample.is_full()
            }
            _ => false,
        }
    }

    /// Ends the sample, as nothing more comes in, and says whether there was anything.
    pub(crate) fn close(self: &Arc<Self>, encoding: &Arc<Encoding>) -> bool {
        let empty = match &*self.state() {
            State::Sampling { sample, .. } => sample.is_empty(),
            _ => false,
        };
        self.train(encoding);
        !empty
    }

    /// Has the dictionary trained, unless that was done already.
    pub(crate) fn train(self: &Arc<Self>, encoding: &Arc<Encoding>) {
        let mut state = self.state();
        let State::Sampling { sample, waiting } = &mut *state else { return };
        let sample = Arc::new(std::mem::take(sample));
        let waiting = std::mem::take(waiting);
        *state = State::Training { sample: Arc::clone(&sample), waiting, backlog: 0 };
        drop(state);
        self.sampling.store(false, Ordering::Relaxed);
        let job = TrainJob { choice: Arc::clone(self), encoding: Arc::clone(encoding), sample };
        if job.sample.longest_dictionary() == 0 {
            job.run();
            return;
        }
        hand_over(&*encoding.executor, move || job.run());
    }

    /// Hands a block to the executor once there is an answer.
    pub(crate) fn submit(self: &Arc<Self>, block: &Arc<Block>, from: Caller, encoding: &Arc<Encoding>) {
        let mut state = self.state();
        match &mut *state {
            State::Sampling { waiting, .. } => waiting.push(Arc::clone(block)),
            State::Training { sample, waiting, backlog } => {
                let helps = from == Caller::Helps && encoding.backlog.is_full();
                encoding.backlog.grow(block.len());
                *backlog += block.len();
                waiting.push(Arc::clone(block));
                if helps {
                    // Whoever adds faster than others train does it, too: the same sample gives the same dictionary.
                    let sample = Arc::clone(sample);
                    drop(state);
                    TrainJob { choice: Arc::clone(self), encoding: Arc::clone(encoding), sample }.run();
                }
            }
            State::Decided(dictionary) => {
                let dictionary = dictionary.clone();
                drop(state);
                block.submit_with(dictionary, from, encoding);
            }
        }
    }

    /// Gives the answer, where none was given yet, and the blocks that waited for it.
    fn decide(&self, dictionary: Option<Arc<Dictionary>>, encoding: &Encoding) -> Vec<Arc<Block>> {
        let mut state = self.state();
        let State::Training { waiting, backlog, .. } = &mut *state else { return Vec::new() };
        let (waiting, backlog) = (std::mem::take(waiting), *backlog);
        *state = State::Decided(dictionary);
        drop(state);
        // Outside the lock: waking runs foreign code.
        encoding.backlog.shrink(backlog);
        self.decided.wake();
        waiting
    }

    /// There will be no dictionary, nor any of the blocks that wait for it.
    pub(crate) fn release(&self, encoding: &Encoding) {
        drop(self.decide(None, encoding));
    }

    /// Ready once it is known whether there is a dictionary.
    pub(crate) fn poll_decided(&self, context: &mut Context<'_>) -> Poll<Option<Arc<Dictionary>>> {
        self.decided.register(context);
        match &*self.state() {
            State::Sampling { .. } | State::Training { .. } => Poll::Pending,
            State::Decided(dictionary) => Poll::Ready(dictionary.clone()),
        }
    }
}

/// Ready once it is known of all of these choices, with the dictionaries that there are.
pub(crate) fn poll_all(choices: &[Arc<Choice>], context: &mut Context<'_>) -> Poll<Vec<Arc<Dictionary>>> {
    let mut dictionaries = Vec::new();
    for choice in choices {
        match choice.poll_decided(context) {
            Poll::Ready(dictionary) => dictionaries.extend(dictionary),
            Poll::Pending => return Poll::Pending,
        }
    }
    Poll::Ready(dictionaries)
}

/// Trains, and sends the waiting blocks on. Where it is dropped before it ran there is no dictionary.
struct TrainJob {
    choice: Arc<Choice>,
    encoding: Arc<Encoding>,
    sample: Arc<Sample>,
}

impl TrainJob {
    fn run(self) {
        let train = || self.sample.train(&self.encoding.codec);
        let dictionary = catch_unwind(AssertUnwindSafe(train)).ok().flatten().map(Arc::new);
        for block in self.choice.decide(dictionary.clone(), &self.encoding) {
            block.submit_with(dictionary.clone(), Caller::DoesNotHelp, &self.encoding);
        }
    }
}

impl Drop for TrainJob {
    fn drop(&mut self) {
        // Nothing is handed to an executor that may be in the middle of dropping its jobs: the flush does that.
        for block in self.choice.decide(None, &self.encoding) {
            block.abandon();
        }
    }
}
