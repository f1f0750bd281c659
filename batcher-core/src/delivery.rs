//! Puts one sealed object into a store, whatever the store answers.

use std::ops::ControlFlow;

use futures_util::stream::{FuturesUnordered, StreamExt};

use crate::{
    BatchMetrics, BlobStore, MultipartUpload, Operation, Outcome, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError, StoreErrorKind,
};

/// How often a create is sent again after the store said "already exists" and there was nothing.
const PHANTOMS: usize = 4;

/// What the large stores take in one put: S3's limit of 5 GiB.
const USUAL_PUT_LEN: u64 = 5 << 30;

/// Bytes that are read back at a time.
const READ_BACK_LEN: u64 = 8 * 1024 * 1024;

/// How objects are sent.
#[derive(Clone, Debug)]
pub(crate) struct DeliveryConfig {
    pub(crate) mode: PutMode,
    pub(crate) multipart_threshold: u64,
    pub(crate) part_len: u64,
    pub(crate) parts_in_flight: usize,
}

/// Why an object was not delivered.
#[derive(Debug)]
pub(crate) enum Undelivered {
    Store(StoreError),
    /// Another object of that name stands there.
    Conflict,
}

impl From<StoreError> for Undelivered {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The uploads of one object whose futures may have been dropped midway, or whose completion failed.
#[derive(Debug, Default)]
pub(crate) struct OpenUploads {
    /// Being sent; the next attempt clears it away.
    sending: Option<Box<dyn MultipartUpload>>,
    /// To be aborted later: once completion was asked for, an upload may become the object at any time, and is let be
    /// until the object is known to stand.
    later: Vec<Box<dyn MultipartUpload>>,
}

impl OpenUploads {
    /// Takes over the uploads of a batch that is given up.
    pub(crate) fn extend(&mut self, other: Self) {
        // What is completing may still become an object, which nobody will look for; it is not ours to abort.
        self.later.extend(other.sending);
    }

    /// Takes over the uploads of an object that stands.
    pub(crate) fn extend_all(&mut self, other: Self) {
        self.later.extend(other.later);
        self.extend(Self { sending: other.sending, later: Vec::new() });
    }

    /// Aborts all of them; that an abort fails is no matter of any batch's. Each is asked once only: one that is never
    /// answered must not keep every later flush waiting.
    pub(crate) async fn abort(&mut self) {
        while let Some(mut upload) = self.later.pop() {
            let _ = upload.abort().await;
        }
    }
}

/// One object on its way.
#[derive(Debug)]
pub(crate) struct Delivery<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) config: &'a DeliveryConfig,
    pub(crate) metrics: &'a BatchMetrics,
    pub(crate) name: &'a str,
    pub(crate) payload: &'a Payload,
    pub(crate) requests: &'a mut u64,
    pub(crate) open: &'a mut OpenUploads,
    /// Whether an attempt, of this delivery or of an earlier one, may have made the object or may yet: what a later one
    /// is refused does not undo it.
    pub(crate) in_doubt: &'a mut bool,
}

impl<S: BlobStore> Delivery<'_, S> {
    /// Ends well only when the store holds exactly the payload under the name.
    pub(crate) async fn run(mut self) -> Result<(), Undelivered> {
        self.clear_away().await;
        let mut last = None;
        for _ in 0..PHANTOMS {
            let was_in_doubt = *self.in_doubt;
            match self.write().await {
                Ok(()) => return Ok(()),
                Err(error)
                    if self.config.mode == PutMode::Create
                        && error.kind() == StoreErrorKind::AlreadyExists =>
                {
                    // Our own earlier attempt, somebody else's object, or a mere conflict: only the bytes tell.
                    if self.read_back(&error).await?.is_break() {
                        return Ok(());
                    }
                    last = Some(error);
                }
                Err(error) => {
                    *self.in_doubt = was_in_doubt || error.outcome() == Outcome::Unknown;
                    let error = if was_in_doubt { error.with_outcome(Outcome::Unknown) } else { error };
                    return Err(error.into());
                }
            }
        }
        let error =
            last.unwrap_or_else(|| StoreError::new(StoreErrorKind::AlreadyExists, Operation::Put, self.name));
        Err(error.with_outcome(Outcome::Unknown).into())
    }

    fn count(&mut self) {
        *self.requests += 1;
        self.metrics.requested();
    }

    async fn write(&mut self) -> Result<(), StoreError> {
        let capabilities = self.store.capabilities();
        let len = self.payload.len();
        let too_long = capabilities.max_put_len.is_some_and(|most| len > most);
        // An object in parts cannot be created conditionally in most stores: as long as one put takes it, it goes in one.
        let unguarded = self.config.mode == PutMode::Create && !capabilities.multipart_create;
        let threshold = if unguarded {
            capabilities.max_put_len.unwrap_or(USUAL_PUT_LEN)
        } else {
            self.config.multipart_threshold
        };
        if capabilities.multipart && (too_long || len > threshold) {
            return self.write_parts(&capabilities).await;
        }
        if too_long {
            return Err(StoreError::new(StoreErrorKind::TooLarge, Operation::Put, self.name)
                .with_outcome(Outcome::NotApplied));
        }
        self.count();
        // Before it is waited for, since the future may be dropped.
        *self.in_doubt = true;
        self.store.put(self.name, self.payload.clone(), self.config.mode).await
    }

    async fn write_parts(&mut self, capabilities: &SinkCapabilities) -> Result<(), StoreError> {
        let mut mode = self.config.mode;
        if mode == PutMode::Create && !capabilities.multipart_create {
            // The best that such stores allow: look first. Between the look and the completion another writer of the
            // same writer name could be overwritten; names are unique, so that takes a second batcher of that name.
            match self.store.size(self.name).await {
                Ok(_) => {
                    return Err(StoreError::new(
                        StoreErrorKind::AlreadyExists,
                        Operation::StartMultipart,
                        self.name,
                    ));
                }
                Err(error) if error.kind() == StoreErrorKind::NotFound => mode = PutMode::Replace,
                Err(error) => return Err(error),
            }
        }
        self.count();
        let upload = self.store.start_multipart(self.name, mode).await?;
        let upload = self.open.sending.insert(upload);
        let mut parts =
            self.payload.parts(part_len(self.config, capabilities, self.payload.len())).into_iter();
        let mut sending = FuturesUnordered::new();
        let failed = loop {
            if sending.len() < self.config.parts_in_flight
                && let Some(part) = parts.next()
            {
                *self.requests += 1;
                self.metrics.requested();
                sending.push(upload.put_part(part));
                continue;
            }
            match sending.next().await {
                None => break None,
                Some(Ok(())) => {}
                Some(Err(error)) => break Some(error),
            }
        };
        drop(sending);
        if let Some(error) = failed {
            // The next attempt would do it, too; there may be none.
            self.clear_away().await;
            // Parts without a completion are no object, whatever became of the part.
            return Err(error.with_outcome(Outcome::NotApplied));
        }
        self.count();
        self.open.later.extend(self.open.sending.take());
        *self.in_doubt = true;
        let Some(upload) = self.open.later.last_mut() else { return Ok(()) };
        let completed = upload.complete().await;
        let refused = completed.as_ref().is_err_and(|error| error.outcome() == Outcome::NotApplied);
        if completed.is_ok() {
            self.open.later.pop();
        } else if refused {
            // It will never become the object, and a batch that is given up leaves alone what may.
            self.open.sending = self.open.later.pop();
            self.clear_away().await;
        }
        completed
    }

    /// Gives back the parts of an upload that was never to be completed. That it fails is no matter of the batch's.
    async fn clear_away(&mut self) {
        if let Some(upload) = self.open.sending.as_mut() {
            let _ = upload.abort().await;
        }
        self.open.sending = None;
    }

    /// `Break` where the object is there with exactly these bytes, `Continue` where there is none. A conflict only where
    /// the same other bytes were read twice: one answer may have been spoilt on its way.
    async fn read_back(&mut self, claim: &StoreError) -> Result<ControlFlow<()>, Undelivered> {
        let name = self.name;
        let unknown = |error: StoreError| {
            let unresolved = format!("could not be read back after {claim}");
            StoreError::new(error.kind(), Operation::Put, name)
                .with_outcome(Outcome::Unknown)
                .with_source(ReadBack { unresolved, error })
        };
        let mut at = 0;
        let mut expected = Position::default();
        while at < self.payload.len() {
            let range = at..(at + READ_BACK_LEN).min(self.payload.len());
            let mut other: Option<ReadReply> = None;
            loop {
                let reply = match self.store.read(name, ReadRange::Bounded(range.clone())).await {
                    Ok(reply) => reply,
                    Err(error) if error.kind() == StoreErrorKind::NotFound => {
                        return Ok(ControlFlow::Continue(()));
                    }
                    Err(error) => return Err(unknown(error).into()),
                };
                if reply.object_len == self.payload.len()
                    && let Some(next) = expected.after(self.payload, &reply.bytes)
                    && reply.bytes.len() as u64 == range.end - range.start
                {
                    expected = next;
                    break;
                }
                let whole = ReadRange::Bounded(range.clone()).resolve(reply.object_len);
                let short = (reply.bytes.len() as u64) < whole.end - whole.start;
                match other {
                    // What did not come says nothing about what stands there.
                    _ if short => {
                        let short = StoreError::new(StoreErrorKind::Unavailable, Operation::Read, name);
                        return Err(unknown(short).into());
                    }
                    None => other = Some(reply),
                    Some(other) if other.bytes == reply.bytes && other.object_len == reply.object_len => {
                        return Err(Undelivered::Conflict);
                    }
                    Some(_) => {
                        let unsteady = StoreError::new(StoreErrorKind::Unavailable, Operation::Read, name);
                        return Err(unknown(unsteady).into());
                    }
                }
            }
            at = range.end;
        }
        Ok(ControlFlow::Break(()))
    }
}

/// A place in a payload.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    chunk: usize,
    offset: usize,
}

impl Position {
    /// The place behind these bytes; `None` where the payload has others here.
    fn after(mut self, payload: &Payload, mut bytes: &[u8]) -> Option<Self> {
        while !bytes.is_empty() {
            let chunk = payload.chunks().get(self.chunk)?.get(self.offset..)?;
            let len = chunk.len().min(bytes.len());
            if chunk[..len] != bytes[..len] {
                return None;
            }
            bytes = &bytes[len..];
            if len == chunk.len() {
                self = Self { chunk: self.chunk + 1, offset: 0 };
            } else {
                self.offset += len;
            }
        }
        Some(self)
    }
}

/// The configured part length, or more where the store would need too many parts of it or wants longer ones.
fn part_len(config: &DeliveryConfig, capabilities: &SinkCapabilities, len: u64) -> u64 {
    let few_enough = capabilities.max_parts.map_or(1, |most| len.div_ceil(most.max(1)));
    config.part_len.max(few_enough).max(capabilities.min_part_len.unwrap_or(1)).max(1)
}

#[derive(Debug, thiserror::Error)]
#[error("{unresolved}")]
struct ReadBack {
    unresolved: String,
    #[source]
    error: StoreError,
}
