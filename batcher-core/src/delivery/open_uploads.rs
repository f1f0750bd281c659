//! Uploads in parts that were left midway.

use crate::MultipartUpload;

/// The uploads of one object whose futures may have been dropped midway, or whose completion failed.
#[derive(Debug, Default)]
pub(crate) struct OpenUploads {
    /// Being sent; the next attempt clears it away.
    pub(super) sending: Option<Box<dyn MultipartUpload>>,
    /// To be aborted later: once completion was asked for, an upload may become the object at any time, and is let be
    /// until the object is known to stand.
    pub(super) later: Vec<Box<dyn MultipartUpload>>,
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

    /// Gives back the parts of an upload that was never to be completed. That it fails is no matter of the batch's. It is
    /// asked once only, as in [`abort`](Self::abort).
    pub(super) async fn clear_away(&mut self) {
        if let Some(mut upload) = self.sending.take() {
            let _ = upload.abort().await;
        }
    }

    /// Aborts all of them; that an abort fails is no matter of any batch's. Each is asked once only: one that is never
    /// answered must not keep every later flush waiting.
    pub(crate) async fn abort(&mut self) {
        while let Some(mut upload) = self.later.pop() {
            let _ = upload.abort().await;
        }
    }
}
