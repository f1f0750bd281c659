//! Decoding while frames are read ahead.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_channel::oneshot;
use futures_core::Stream;
use futures_util::stream::{FuturesOrdered, StreamExt};

use super::object::Object;
use super::plan::Place;
use super::read_ahead::ReadAhead;
use super::{ReadError, ReadErrorKind};
use crate::CodecError;
use crate::executor::hand_over;
use crate::format::{Corruption, Problem};
use crate::waiter::Answer;

/// What becomes of frames.
pub(super) trait Decoding {
    type Place: Place + Send + 'static;
    type Output: Send + 'static;

    /// Decoded bytes after which a job ends: enough that handing it over and waking up for it cost next to nothing, and one frame
    /// where jobs run one at a time, because that may be in the thread that polls.
    const JOB_LEN: usize;

    /// The work for one frame; they are asked for in the order of the frames. `idle` says that all frames before it have been
    /// decoded and handed out.
    fn begin(&mut self, place: &Self::Place, idle: bool) -> Begin<Self::Output>;
}

/// What is to be done about a frame.
pub(super) enum Begin<T> {
    /// This, wherever jobs run.
    Work(Work<T>),
    /// Nothing, until all before it have been handed out.
    Wait,
    /// Nothing at all.
    Fail(ReadError),
}

pub(super) type Work<T> = Box<dyn FnOnce(Bytes) -> Result<T, Problem> + Send>;

/// Decodes frames in the order in which they are read.
///
/// As many jobs run as the executor has threads, and one more waits. Every poll lets them and the reads go on.
pub(super) struct Pipeline<'a, D: Decoding> {
    object: &'a Object,
    pub(super) decoding: D,
    frames: ReadAhead<'a, D::Place>,
    jobs: FuturesOrdered<oneshot::Receiver<Decoded<D::Output>>>,
    decoded: VecDeque<D::Output>,
    failed: Option<ReadError>,
    ended: bool,
    /// Whether it has been pending since a job was last waited for.
    gave_way: bool,
}

/// What one job has decoded until it failed, if it did.
struct Decoded<T> {
    outputs: Vec<T>,
    failed: Option<Corruption>,
}

impl<'a, D: Decoding> Pipeline<'a, D> {
    pub(super) fn new(object: &'a Object, frames: ReadAhead<'a, D::Place>, decoding: D) -> Self {
        Self {
            object,
            decoding,
            frames,
            jobs: FuturesOrdered::new(),
            decoded: VecDeque::new(),
            failed: None,
            ended: false,
            gave_way: true,
        }
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        while self.failed.is_none() {
            self.frames.poll(cx);
            let full = !self.frames.has_room();
            self.begin_jobs();
            // A read that all jobs have been taken from leaves its place to another.
            if !full || !self.frames.has_room() {
                break;
            }
        }
    }

    /// Hands frames over to the executor.
    fn begin_jobs(&mut self) {
        let executor = &self.object.options.executor;
        let parallelism = executor.parallelism();
        let job_len = if parallelism > 1 { D::JOB_LEN } else { 1 };
        while self.jobs.len() <= parallelism {
            let mut run = Vec::new();
            let mut len = 0;
            while len < job_len {
                let (place, frame) = match self.frames.front() {
                    Ok(Some(front)) => front,
                    Ok(None) => break,
                    Err(error) => {
                        self.failed = Some(error);
                        break;
                    }
                };
                let idle = run.is_empty() && self.jobs.is_empty() && self.decoded.is_empty();
                match self.decoding.begin(place, idle) {
                    Begin::Work(work) => {
                        len += place.decoded_len();
                        run.push((place.section(), place.range().start, frame.clone(), work));
                        self.frames.take();
                    }
                    Begin::Wait => break,
                    Begin::Fail(error) => {
                        self.failed = Some(error);
                        break;
                    }
                }
            }
            if run.is_empty() {
                break;
            }
            let (answer, answered) = Answer::channel();
            hand_over(&**executor, move || {
                let mut decoded = Decoded { outputs: Vec::with_capacity(run.len()), failed: None };
                for (section, offset, frame, work) in run {
                    match guarded(|| work(frame)) {
                        Ok(output) => decoded.outputs.push(output),
                        Err(problem) => {
                            decoded.failed = Some(problem.at(section, offset));
                            break;
                        }
                    }
                }
                answer.give(decoded);
            });
            self.jobs.push_back(answered);
            if self.failed.is_some() {
                break;
            }
        }
    }
}

// Nothing in it is pinned in place.
impl<D: Decoding> Unpin for Pipeline<'_, D> {}

impl<D: Decoding> Stream for Pipeline<'_, D> {
    type Item = Result<D::Output, ReadError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        this.advance(cx);
        while this.decoded.is_empty() {
            if this.jobs.is_empty() {
                if this.failed.is_none() && !this.frames.is_done() {
                    return Poll::Pending;
                }
                this.ended = true;
                return Poll::Ready(this.failed.take().map(Err));
            }
            if !std::mem::replace(&mut this.gave_way, true) {
                // Whoever decodes where it is polled would otherwise never let go of its thread.
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Some(answer) = ready!(this.jobs.poll_next_unpin(cx)) else { continue };
            this.gave_way = false;
            let failed = match answer {
                Ok(decoded) => {
                    this.decoded.extend(decoded.outputs);
                    decoded.failed.map(|corruption| this.object.corrupt(corruption))
                }
                Err(oneshot::Canceled) => Some(this.object.error(ReadErrorKind::Abandoned)),
            };
            if let Some(failed) = failed {
                // Of several errors, the first in the order of the frames.
                this.failed = Some(failed);
                this.jobs.clear();
            }
            this.advance(cx);
        }
        Poll::Ready(this.decoded.pop_front().map(Ok))
    }
}

/// What comes of a codec's work, which may panic.
pub(super) fn guarded<T>(work: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(Problem::Codec(CodecError::Panicked)))
}
