//! Gets one sealed object into a store, whatever the store answers.

mod open_uploads;
mod parts;
mod read_back;
mod stream;

pub(crate) use open_uploads::OpenUploads;
pub(crate) use stream::Stream;

use crate::{
    BatchMetrics, BlobStore, Operation, Outcome, Payload, PutMode, SinkCapabilities, StoreError,
    StoreErrorKind,
};
use parts::Parts;

/// How often a create is sent again after the store said "already exists" and there was nothing.
const PHANTOMS: usize = 4;

/// What the large stores take in one put: S3's limit of 5 GiB.
const USUAL_PUT_LEN: u64 = 5 << 30;

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

/// What was done so far to get an object into a store, over all attempts.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    pub(crate) requests: u64,
    pub(crate) uploads: OpenUploads,
    /// Whether one of them may have made the object or may yet: what a later one is refused does not undo it.
    in_doubt: bool,
}

/// One object on its way.
#[derive(Debug)]
pub(crate) struct Delivery<'a, S> {
    pub(crate) store: &'a S,
    pub(crate) config: &'a DeliveryConfig,
    pub(crate) metrics: &'a BatchMetrics,
    pub(crate) name: &'a str,
    pub(crate) attempts: &'a mut Attempts,
}

impl<S: BlobStore> Delivery<'_, S> {
    /// Ends well only when the store holds exactly the payload under the name. The first attempt goes on with an upload
    /// of the payload's beginning, where there is one and none of its parts fails.
    pub(crate) async fn run(&mut self, payload: &Payload, begun: Option<Parts>) -> Result<(), Undelivered> {
        let mut sent = false;
        if let Some(mut parts) = begun {
            sent = parts.have_room_for(payload.len()) && self.send_rest(&mut parts, payload).await.is_ok();
        }
        if !sent {
            self.clear_away().await;
        }
        let mut last = None;
        for _ in 0..PHANTOMS {
            let was_in_doubt = self.attempts.in_doubt;
            let written =
                if std::mem::take(&mut sent) { self.complete().await } else { self.write(payload).await };
            match written {
                Ok(()) => return Ok(()),
                Err(error)
                    if self.config.mode == PutMode::Create
                        && error.kind() == StoreErrorKind::AlreadyExists =>
                {
                    // Our own earlier attempt, somebody else's object, or a mere conflict: only the bytes tell.
                    if self.read_back(payload, &error).await?.is_break() {
                        return Ok(());
                    }
                    last = Some(error);
                }
                Err(error) => {
                    self.attempts.in_doubt = was_in_doubt || error.outcome() == Outcome::Unknown;
                    let error = if was_in_doubt { error.with_outcome(Outcome::Unknown) } else { error };
                    return Err(error.into());
                }
            }
        }
        let error =
            last.unwrap_or_else(|| StoreError::new(StoreErrorKind::AlreadyExists, Operation::Put, self.name));
        Err(error.with_outcome(Outcome::Unknown).into())
    }

    /// Ends an upload that was left midway.
    pub(crate) async fn clear_away(&mut self) {
        self.attempts.uploads.clear_away().await;
    }

    fn count(&mut self) {
        self.attempts.requests += 1;
        self.metrics.requested();
    }

    /// The length over which an object goes up in parts; `None` where the store has no parts.
    fn threshold(&self, capabilities: &SinkCapabilities) -> Option<u64> {
        // An object in parts cannot be created conditionally in most stores: as long as one put takes it, it goes in one.
        let unguarded = self.config.mode == PutMode::Create && !capabilities.multipart_create;
        let most = capabilities.max_put_len;
        let threshold = if unguarded {
            most.unwrap_or(USUAL_PUT_LEN)
        } else {
            self.config.multipart_threshold.min(most.unwrap_or(u64::MAX))
        };
        capabilities.multipart.then_some(threshold)
    }

    async fn write(&mut self, payload: &Payload) -> Result<(), StoreError> {
        let capabilities = self.store.capabilities();
        if self.threshold(&capabilities).is_some_and(|threshold| payload.len() > threshold) {
            return self.write_parts(payload, &capabilities).await;
        }
        if capabilities.max_put_len.is_some_and(|most| payload.len() > most) {
            return Err(StoreError::new(StoreErrorKind::TooLarge, Operation::Put, self.name)
                .with_outcome(Outcome::NotApplied));
        }
        self.count();
        // Before it is waited for, since the future may be dropped.
        self.attempts.in_doubt = true;
        self.store.put(self.name, payload.clone(), self.config.mode).await
    }

    async fn write_parts(
        &mut self,
        payload: &Payload,
        capabilities: &SinkCapabilities,
    ) -> Result<(), StoreError> {
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
        let mut parts = self.begin(mode, capabilities, payload.len()).await?;
        if let Err(error) = self.send_rest(&mut parts, payload).await {
            drop(parts);
            self.clear_away().await;
            // Parts without a completion are no object, whatever became of the part.
            return Err(error.with_outcome(Outcome::NotApplied));
        }
        self.complete().await
    }
}
