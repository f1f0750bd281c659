//! An upload in parts, of bytes that come one after the other.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::{Delivery, DeliveryConfig};
use crate::{BlobStore, Operation, Outcome, Payload, PutMode, SinkCapabilities, StoreError, StoreErrorKind};

/// The parts of one upload: those under way, and the one that is being put together.
#[derive(Debug)]
pub(crate) struct Parts {
    part_len: u64,
    max_parts: Option<u64>,
    open: Payload,
    /// Bytes taken so far.
    len: u64,
    in_flight: FuturesUnordered<BoxFuture<'static, Result<(), StoreError>>>,
}

impl Parts {
    /// Bytes taken so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn part_len(&self) -> u64 {
        self.part_len
    }

    /// Whether an object of so many bytes can be uploaded in parts of this length.
    pub(crate) fn have_room_for(&self, len: u64) -> bool {
        self.max_parts.is_none_or(|most| len.div_ceil(self.part_len) <= most)
    }

    /// Lets the parts under way go on while `work` is waited for.
    ///
    /// # Errors
    ///
    /// That of the first part that has failed.
    pub(crate) async fn go_on_during<T>(
        &mut self,
        mut work: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, StoreError> {
        poll_fn(|context| {
            while let Poll::Ready(Some(sent)) = self.in_flight.poll_next_unpin(context) {
                if let Err(error) = sent {
                    return Poll::Ready(Err(error));
                }
            }
            work.as_mut().poll(context).map(Ok)
        })
        .await
    }
}

impl<S: BlobStore> Delivery<'_, S> {
    /// Starts an upload in parts of an object of up to about `len` bytes.
    pub(super) async fn begin(
        &mut self,
        mode: PutMode,
        capabilities: &SinkCapabilities,
        len: u64,
    ) -> Result<Parts, StoreError> {
        self.count();
        let upload = self.store.start_multipart(self.name, mode).await?;
        self.attempts.uploads.sending = Some(upload);
        Ok(Parts {
            part_len: part_len(self.config, capabilities, len),
            max_parts: capabilities.max_parts,
            open: Payload::new(),
            len: 0,
            in_flight: FuturesUnordered::new(),
        })
    }

    /// Takes the object's next bytes, and waits while as many parts are under way as may be.
    pub(super) async fn push(&mut self, parts: &mut Parts, mut chunk: Bytes) -> Result<(), StoreError> {
        parts.len += chunk.len() as u64;
        while !chunk.is_empty() {
            let room = usize::try_from(parts.part_len - parts.open.len()).unwrap_or(usize::MAX);
            parts.open.push(chunk.split_to(room.min(chunk.len())));
            if parts.open.len() == parts.part_len {
                self.send(parts).await?;
            }
        }
        Ok(())
    }

    async fn send(&mut self, parts: &mut Parts) -> Result<(), StoreError> {
        while parts.in_flight.len() >= self.config.parts_in_flight {
            if let Some(sent) = parts.in_flight.next().await {
                sent?;
            }
        }
        let part = std::mem::take(&mut parts.open);
        self.count();
        if let Some(upload) = self.attempts.uploads.sending.as_mut() {
            parts.in_flight.push(upload.put_part(part));
            return Ok(());
        }
        // Nobody takes it away while parts are being sent.
        Err(StoreError::new(StoreErrorKind::Other, Operation::PutPart, self.name))
    }

    /// Makes the upload an object.
    pub(super) async fn complete(&mut self) -> Result<(), StoreError> {
        self.count();
        let uploads = &mut self.attempts.uploads;
        uploads.later.extend(uploads.sending.take());
        self.attempts.in_doubt = true;
        let Some(upload) = uploads.later.last_mut() else { return Ok(()) };
        let completed = upload.complete().await;
        let refused = completed.as_ref().is_err_and(|error| error.outcome() == Outcome::NotApplied);
        if completed.is_ok() {
            uploads.later.pop();
        } else if refused {
            // It will never become the object, and a batch that is given up leaves alone what may.
            uploads.sending = uploads.later.pop();
            self.clear_away().await;
        }
        completed
    }

    /// Sends what the upload does not have yet of the payload, and waits until it has all.
    pub(super) async fn send_rest(&mut self, parts: &mut Parts, payload: &Payload) -> Result<(), StoreError> {
        let mut offset = 0;
        for chunk in payload.chunks() {
            let end = offset + chunk.len() as u64;
            if end > parts.len {
                let taken = usize::try_from(parts.len - offset).unwrap_or(usize::MAX);
                self.push(parts, chunk.slice(taken..)).await?;
            }
            offset = end;
        }
        if !parts.open.is_empty() {
            self.send(parts).await?;
        }
        while let Some(sent) = parts.in_flight.next().await {
            sent?;
        }
        Ok(())
    }
}

/// The configured part length, or more where the store would need too many parts of it or wants longer ones.
fn part_len(config: &DeliveryConfig, capabilities: &SinkCapabilities, len: u64) -> u64 {
    let few_enough = capabilities.max_parts.map_or(1, |most| len.div_ceil(most.max(1)));
    config.part_len.max(few_enough).max(capabilities.min_part_len.unwrap_or(1)).max(1)
}
