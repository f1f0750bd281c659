//! How a tiny batcher gets an object into its store, whatever the store answers.

use std::time::Duration;

use batcher_core::{Outcome, PutMode, ReadRange, StoreError, StoreErrorKind};
use bytes::Bytes;

use crate::bug::Bug;
use crate::tiny_batcher::{Open, TinyBatcher};
use crate::tools::Failure;

/// Objects longer than this go up in parts.
const PART_LEN: usize = 64;
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

enum There {
    Same,
    Other,
    Nothing,
}

impl TinyBatcher {
    /// Stores one of the sealed objects.
    pub(crate) async fn deliver(&mut self, index: usize) -> Result<(), Failure> {
        for tries in 1.. {
            let maybe_there = std::mem::replace(&mut self.sealed[index].maybe_there, true);
            let Err(error) = self.store(index, tries).await else { return Ok(()) };
            if error.kind() == StoreErrorKind::AlreadyExists {
                if self.tools.has(Bug::ExistsIsSuccess) {
                    return Ok(());
                }
                if self.tools.has(Bug::ExistsIsFailure) {
                    self.skip_name(index);
                    return Err(error.into());
                }
                match self.look(index).await? {
                    There::Same => return Ok(()),
                    There::Other => return Err(Failure::Conflict),
                    There::Nothing => {}
                }
            } else {
                assert!(error.kind() != StoreErrorKind::Denied || !self.tools.has(Bug::PanicsOnDenied));
                if error.kind() == StoreErrorKind::Timeout && self.tools.has(Bug::TimeoutIsSuccess) {
                    return Ok(());
                }
                if error.outcome() == Outcome::NotApplied {
                    self.sealed[index].maybe_there = maybe_there;
                } else if self.tools.has(Bug::CleansUpAfterUnknown) {
                    let _ = self.tools.store.delete(&self.sealed[index].name).await;
                }
                if !error.kind().is_retryable() {
                    return Err(error.into());
                }
            }
            if tries >= TRIES && !self.tools.has(Bug::RetriesForEver) {
                return Err(error.into());
            }
            self.tools.timer.sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn store(&mut self, index: usize, tries: u32) -> Result<(), StoreError> {
        let (name, bytes) = (self.sealed[index].name.clone(), self.sealed[index].bytes.clone());
        let mode = match tries > 1 && self.tools.has(Bug::RetryReplaces) {
            true => PutMode::Replace,
            false => self.mode,
        };
        if bytes.len() > PART_LEN {
            self.upload(&name, &bytes, mode).await
        } else {
            self.tools.store.put(&name, bytes.into(), mode).await
        }
    }

    async fn upload(&mut self, name: &str, bytes: &Bytes, mode: PutMode) -> Result<(), StoreError> {
        self.abort_open().await;
        let upload = self.tools.store.start_multipart(name, mode).await?;
        let open = self.open.insert(Open { upload, completing: false });
        for start in (0..bytes.len()).step_by(PART_LEN) {
            let part = bytes.slice(start..bytes.len().min(start + PART_LEN));
            let sent = open.upload.put_part(part.into()).await;
            if let Err(error) = sent
                && !self.tools.has(Bug::CompletesAnyway)
            {
                if self.tools.has(Bug::UploadLeft) {
                    self.open = None;
                }
                self.abort_open().await;
                // Its completion was never asked for.
                return Err(error.with_outcome(Outcome::NotApplied));
            }
        }
        open.completing = true;
        let mut completed = open.upload.complete().await;
        if self.tools.has(Bug::SwallowedCompletion) {
            completed = Ok(());
        }
        match completed {
            Err(error) if error.outcome() == Outcome::NotApplied => {
                open.completing = false;
                self.abort_open().await;
                Err(error)
            }
            Err(error) if self.tools.has(Bug::AbortAfterUnknown) => {
                open.completing = false;
                self.abort_open().await;
                Err(error.with_outcome(Outcome::NotApplied))
            }
            Err(error) => {
                self.abort_open().await;
                Err(error)
            }
            Ok(()) => {
                self.open = None;
                Ok(())
            }
        }
    }

    /// Gives an upload back that an earlier flush has left. What was asked to become an object is let be, until that is there.
    async fn abort_open(&mut self) {
        match self.open.take() {
            Some(open) if open.completing => self.in_doubt.push(open.upload),
            Some(mut open) => _ = open.upload.abort().await,
            None => {}
        }
    }

    /// All objects are there, and need none of their uploads any longer.
    pub(crate) async fn abort_in_doubt(&mut self) {
        while let Some(mut upload) = self.in_doubt.pop() {
            if !self.tools.has(Bug::DoubtLeft) {
                let _ = upload.abort().await;
            }
        }
    }

    /// Compares what is there with what should be. A difference is believed when it was read twice.
    async fn look(&self, index: usize) -> Result<There, Failure> {
        let sealed = &self.sealed[index];
        for _ in 0..2 {
            match self.tools.store.read(&sealed.name, ReadRange::Bounded(0..u64::MAX)).await {
                Ok(reply) if reply.bytes == sealed.bytes => return Ok(There::Same),
                Ok(_) => {}
                Err(error) if error.kind() == StoreErrorKind::NotFound => return Ok(There::Nothing),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(There::Other)
    }
}
