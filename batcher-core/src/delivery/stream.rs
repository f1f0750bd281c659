//! A batch that is uploaded while it is still being compressed.

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;

use super::Delivery;
use super::parts::Parts;
use crate::batch::EncodedBlock;
use crate::{BlobStore, PutMode, SinkCapabilities, StoreError};

/// The frames of a batch in order, as far as they are compressed, and their upload, where they are worth one already.
///
/// Nothing depends on it: whatever goes wrong here ends the upload, and the sealed object is delivered as if there had
/// been none.
#[derive(Debug)]
pub(crate) struct Stream {
    header: Bytes,
    frames: Vec<EncodedBlock>,
    /// Bytes of the header and the frames.
    len: u64,
    /// Bytes of the blocks before compression.
    block_bytes: u64,
    /// Bytes of all blocks that there will be, once that is known.
    expected: Option<u64>,
    upload: Upload,
    /// How many frames the upload has.
    pushed: usize,
}

#[derive(Debug)]
enum Upload {
    /// Not worth one, or not known to be.
    Not {
        threshold: u64,
        capabilities: Box<SinkCapabilities>,
    },
    Begun(Parts),
    /// Not possible, or it failed.
    Over,
}

/// Of all bytes, the part after whose compression the length of the object is guessed.
const SAMPLE: u64 = 8;

impl Stream {
    /// Nothing yet of an object that begins with `header`.
    pub(crate) fn new<S: BlobStore>(header: Bytes, delivery: &Delivery<'_, S>) -> Self {
        let capabilities = delivery.store.capabilities();
        let guarded = delivery.config.mode == PutMode::Replace || capabilities.multipart_create;
        let upload = match delivery.threshold(&capabilities).filter(|_| guarded) {
            Some(threshold) => Upload::Not { threshold, capabilities: Box::new(capabilities) },
            None => Upload::Over,
        };
        Self {
            len: header.len() as u64,
            header,
            frames: Vec::new(),
            block_bytes: 0,
            expected: None,
            upload,
            pushed: 0,
        }
    }

    /// Says how many bytes of blocks there will be.
    pub(crate) fn expect(&mut self, block_bytes: u64) {
        self.expected = Some(block_bytes);
    }

    /// The frames taken so far.
    pub(crate) fn frames(&self) -> &[EncodedBlock] {
        &self.frames
    }

    /// The upload that has some of the frames.
    pub(crate) fn into_upload(self) -> Option<Parts> {
        match self.upload {
            Upload::Begun(parts) => Some(parts),
            Upload::Not { .. } | Upload::Over => None,
        }
    }

    /// Takes the next frame.
    pub(crate) async fn take<S: BlobStore>(&mut self, frame: EncodedBlock, delivery: &mut Delivery<'_, S>) {
        let before = self.block_bytes;
        self.len += frame.frame.len() as u64;
        self.block_bytes += frame.block_len as u64;
        self.frames.push(frame);
        if let Upload::Not { threshold, capabilities } = &self.upload
            && (self.len > *threshold || self.is_guessed_over(*threshold, before))
        {
            // Not more than that in any codec's worst case, and enough for the index in most.
            let most = self.expected.map_or(0, |expected| expected.saturating_add(expected / 8));
            let capabilities = SinkCapabilities::clone(capabilities);
            match delivery.begin(delivery.config.mode, &capabilities, most).await {
                Ok(parts) => self.upload = Upload::Begun(parts),
                Err(_) => self.upload = Upload::Over,
            }
        }
        let due = match &self.upload {
            Upload::Begun(parts) => self.len - parts.len() >= parts.part_len(),
            Upload::Not { .. } | Upload::Over => false,
        };
        if due && self.push(delivery).await.is_err() {
            self.give_up(delivery).await;
        }
    }

    /// Whether a first sample of the blocks says that the object will be well over a length. Asked once, by content and not
    /// by time, so that the same batch makes the same requests.
    fn is_guessed_over(&self, threshold: u64, before: u64) -> bool {
        let Some(expected) = self.expected else { return false };
        let sample = expected / SAMPLE;
        before < sample
            && self.block_bytes >= sample
            && u128::from(self.len) * u128::from(expected)
                > u128::from(self.block_bytes) * u128::from(threshold) * 2
    }

    /// Hands over the frames that the upload does not have. Many at a time: looking at one ends the segment that it is in.
    async fn push<S: BlobStore>(&mut self, delivery: &mut Delivery<'_, S>) -> Result<(), StoreError> {
        let Upload::Begun(parts) = &mut self.upload else { return Ok(()) };
        if parts.len() == 0 {
            delivery.push(parts, self.header.clone()).await?;
        }
        while let Some(next) = self.frames.get(self.pushed) {
            if !parts.have_room_for(parts.len() + next.frame.len() as u64) {
                return Err(StoreError::new(
                    crate::StoreErrorKind::TooLarge,
                    crate::Operation::PutPart,
                    delivery.name,
                ));
            }
            delivery.push(parts, next.frame.bytes()).await?;
            self.pushed += 1;
        }
        Ok(())
    }

    async fn give_up<S: BlobStore>(&mut self, delivery: &mut Delivery<'_, S>) {
        self.upload = Upload::Over;
        delivery.clear_away().await;
    }

    /// Lets the upload go on while `work` is waited for.
    pub(crate) async fn go_on_during<S: BlobStore, T>(
        &mut self,
        delivery: &mut Delivery<'_, S>,
        work: impl Future<Output = T>,
    ) -> T {
        let mut work = pin!(work);
        if let Upload::Begun(parts) = &mut self.upload {
            match parts.go_on_during(work.as_mut()).await {
                Ok(done) => return done,
                Err(_) => self.give_up(delivery).await,
            }
        }
        work.await
    }
}
