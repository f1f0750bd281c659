//! What a store holds after it said "already exists".

use std::ops::ControlFlow;

use super::{Delivery, Undelivered};
use crate::{BlobStore, Operation, Outcome, Payload, ReadRange, ReadReply, StoreError, StoreErrorKind};

/// Bytes that are read back at a time.
const READ_BACK_LEN: u64 = 8 * 1024 * 1024;

impl<S: BlobStore> Delivery<'_, S> {
    /// `Break` where the object is there with exactly these bytes, `Continue` where there is none. A conflict only where
    /// the same other bytes were read twice: one answer may have been spoilt on its way.
    pub(super) async fn read_back(
        &mut self,
        payload: &Payload,
        claim: &StoreError,
    ) -> Result<ControlFlow<()>, Undelivered> {
        let name = self.name;
        let unknown = |error: StoreError| {
            let unresolved = format!("could not be read back after {claim}");
            StoreError::new(error.kind(), Operation::Put, name)
                .with_outcome(Outcome::Unknown)
                .with_source(ReadBack { unresolved, error })
        };
        let mut at = 0;
        let mut expected = Position::default();
        while at < payload.len() {
            let range = at..(at + READ_BACK_LEN).min(payload.len());
            let mut other: Option<ReadReply> = None;
            loop {
                let reply = match self.store.read(name, ReadRange::Bounded(range.clone())).await {
                    Ok(reply) => reply,
                    Err(error) if error.kind() == StoreErrorKind::NotFound => {
                        return Ok(ControlFlow::Continue(()));
                    }
                    Err(error) => return Err(unknown(error).into()),
                };
                if reply.object_len == payload.len()
                    && let Some(next) = expected.after(payload, &reply.bytes)
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

#[derive(Debug, thiserror::Error)]
#[error("{unresolved}")]
struct ReadBack {
    unresolved: String,
    #[source]
    error: StoreError,
}
