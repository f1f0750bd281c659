//! Frames that are read before they are asked for.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{self, BoxStream, Fuse, FuturesOrdered, StreamExt};

use super::ReadError;
use super::batch::Batch;
use super::object::Object;
use super::plan::{Joined, Place};

/// Reads that are under way or have arrived, at most [`reads_in_flight`](crate::ReadOptions::reads_in_flight) of them, in the order in
/// which they were planned. Each brings a frame at least.
pub(super) struct ReadAhead<'a, P> {
    object: &'a Object,
    batch: &'a Batch,
    planned: Fuse<BoxStream<'a, Result<Joined<P>, ReadError>>>,
    reads: FuturesOrdered<BoxFuture<'a, ReadFrames<P>>>,
    arrived: VecDeque<ReadFrames<P>>,
}

type ReadFrames<P> = Result<VecDeque<(P, Bytes)>, ReadError>;

impl<'a, P: Place + Send + 'static> ReadAhead<'a, P> {
    pub(super) fn new(
        object: &'a Object,
        batch: &'a Batch,
        planned: BoxStream<'a, Result<Joined<P>, ReadError>>,
    ) -> Self {
        Self {
            object,
            batch,
            planned: planned.fuse(),
            reads: FuturesOrdered::new(),
            arrived: VecDeque::new(),
        }
    }

    /// Of reads that are all known.
    pub(super) fn of(object: &'a Object, batch: &'a Batch, planned: Vec<Joined<P>>) -> Self {
        Self::new(object, batch, stream::iter(planned).map(Ok).boxed())
    }

    /// Lets reads go on, and begins others where there is room.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) {
        while self.has_room()
            && let Poll::Ready(Some(planned)) = self.planned.poll_next_unpin(cx)
        {
            let (object, batch) = (self.object, self.batch);
            debug_assert!(planned.as_ref().map_or(true, |read| !read.places.is_empty()));
            self.reads.push_back(async move { read(object, batch, planned?).await }.boxed());
        }
        while let Poll::Ready(Some(frames)) = self.reads.poll_next_unpin(cx) {
            self.arrived.push_back(frames);
        }
    }

    /// Waits for something else, whose own reads go first, and reads meanwhile.
    pub(super) async fn during<T>(&mut self, wanted: impl Future<Output = T> + Send + 'a) -> T {
        let mut wanted = wanted.boxed();
        poll_fn(|cx| {
            let polled = wanted.poll_unpin(cx);
            self.poll(cx);
            polled
        })
        .await
    }

    /// The next frame that has arrived; it stays until it is [taken](Self::take).
    ///
    /// # Errors
    ///
    /// What its read failed with. Nothing that was planned after it is of use then.
    pub(super) fn front(&mut self) -> Result<Option<&(P, Bytes)>, ReadError> {
        match self.arrived.pop_front_if(|frames| frames.is_err()) {
            Some(Err(error)) => Err(error),
            _ => Ok(self.arrived.front().and_then(|frames| frames.as_ref().ok()?.front())),
        }
    }

    /// Takes the frame in front away, and with the last of a read makes room for another.
    pub(super) fn take(&mut self) {
        if let Some(Ok(frames)) = self.arrived.front_mut() {
            frames.pop_front();
            if frames.is_empty() {
                self.arrived.pop_front();
            }
        }
    }

    /// Whether nothing is left.
    pub(super) fn is_done(&self) -> bool {
        self.reads.is_empty() && self.arrived.is_empty() && self.planned.is_done()
    }

    /// Whether another read could begin.
    pub(super) fn has_room(&self) -> bool {
        self.reads.len() + self.arrived.len() < self.object.options.reads_in_flight.max(1)
    }
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
