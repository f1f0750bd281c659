//! Reading ahead and decoding at the same time.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_channel::oneshot;
use futures_core::Stream;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{BoxStream, Fuse, FuturesOrdered, StreamExt};

use super::batch::Batch;
use super::object::Object;
use super::plan::{Joined, Place};
use super::{ReadError, ReadErrorKind};
use crate::CodecError;
use crate::format::{Corruption, Problem};

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

/// Reads frames and decodes them, in order.
///
/// At most [`reads_in_flight`](crate::ReadOptions::reads_in_flight) reads are under way or wait with frames that no job has taken, and
/// as many jobs run as the executor has threads, and one more waits. Every poll lets all of them go on.
pub(super) struct Pipeline<'a, D: Decoding> {
    object: &'a Object,
    batch: &'a Batch,
    pub(super) decoding: D,
    planned: Fuse<BoxStream<'a, Result<Joined<D::Place>, ReadError>>>,
    reads: FuturesOrdered<BoxFuture<'a, ReadFrames<D::Place>>>,
    arrived: VecDeque<ReadFrames<D::Place>>,
    jobs: FuturesOrdered<oneshot::Receiver<Decoded<D::Output>>>,
    decoded: VecDeque<D::Output>,
    failed: Option<ReadError>,
    ended: bool,
    /// Whether it has been pending since a job was last waited for.
    gave_way: bool,
}

type ReadFrames<P> = Result<VecDeque<(P, Bytes)>, ReadError>;

/// What one job has decoded until it failed, if it did.
struct Decoded<T> {
    outputs: Vec<T>,
    failed: Option<Corruption>,
}

impl<'a, D: Decoding> Pipeline<'a, D> {
    pub(super) fn new(
        object: &'a Object,
        batch: &'a Batch,
        planned: BoxStream<'a, Result<Joined<D::Place>, ReadError>>,
        decoding: D,
    ) -> Self {
        Self {
            object,
            batch,
            decoding,
            planned: planned.fuse(),
            reads: FuturesOrdered::new(),
            arrived: VecDeque::new(),
            jobs: FuturesOrdered::new(),
            decoded: VecDeque::new(),
            failed: None,
            ended: false,
            gave_way: true,
        }
    }

    fn advance(&mut self, cx: &mut Context<'_>) {
        while self.failed.is_none() {
            self.poll_reads(cx);
            if !self.begin_jobs() {
                break;
            }
        }
    }

    fn poll_reads(&mut self, cx: &mut Context<'_>) {
        let most = self.object.options.reads_in_flight.max(1);
        while self.reads.len() + self.arrived.len() < most
            && let Poll::Ready(Some(planned)) = self.planned.poll_next_unpin(cx)
        {
            let (object, batch) = (self.object, self.batch);
            self.reads.push_back(async move { read(object, batch, planned?).await }.boxed());
        }
        while let Poll::Ready(Some(frames)) = self.reads.poll_next_unpin(cx) {
            self.arrived.push_back(frames);
        }
    }

    /// Hands frames over to the executor; whether another read may begin because of that.
    fn begin_jobs(&mut self) -> bool {
        let executor = &self.object.options.executor;
        let parallelism = executor.parallelism();
        let job_len = if parallelism > 1 { D::JOB_LEN } else { 1 };
        let mut emptied = false;
        while self.jobs.len() <= parallelism {
            let mut run = Vec::new();
            let mut len = 0;
            while len < job_len {
                let frames = match self.arrived.front_mut() {
                    Some(Ok(frames)) => frames,
                    Some(Err(_)) => {
                        self.failed = self.arrived.pop_front().and_then(Result::err);
                        break;
                    }
                    None => break,
                };
                let Some((place, frame)) = frames.front() else {
                    self.arrived.pop_front();
                    emptied = true;
                    continue;
                };
                let idle = run.is_empty() && self.jobs.is_empty() && self.decoded.is_empty();
                match self.decoding.begin(place, idle) {
                    Begin::Work(work) => {
                        len += place.decoded_len();
                        run.push((place.section(), place.range().start, frame.clone(), work));
                        frames.pop_front();
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
            let (answer, answered) = oneshot::channel();
            executor.execute(Box::new(move || {
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
                // Nobody waits any longer where the reading future was dropped.
                let _ = answer.send(decoded);
            }));
            self.jobs.push_back(answered);
            if self.failed.is_some() {
                break;
            }
        }
        emptied
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
                let all_read = this.reads.is_empty() && this.arrived.is_empty() && this.planned.is_done();
                if this.failed.is_none() && !all_read {
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

async fn read<P: Place>(object: &Object, batch: &Batch, planned: Joined<P>) -> ReadFrames<P> {
    for place in &planned.places {
        batch.check_frame_len(object, place)?;
    }
    let fetched = object.fetch(&planned.range).await?;
    let cut = |place: P| {
        let frame = object.cut(&fetched, &place.range());
        (place, frame)
    };
    Ok(planned.places.into_iter().map(cut).collect())
}
