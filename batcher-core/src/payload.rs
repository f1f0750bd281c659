//! What is put into a store: a sequence of byte chunks that are never joined in memory.

use bytes::{Bytes, BytesMut};

/// The bytes of one object or one part of it, as a sequence of chunks. Cloning it copies no data.
///
/// ```
/// use batcher_core::Payload;
/// let payload: Payload = [&b"one"[..], b"two"].into_iter().map(bytes::Bytes::from_static).collect();
/// assert_eq!(payload.len(), 6);
/// assert_eq!(payload.to_bytes(), "onetwo");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    chunks: Vec<Bytes>,
    len: u64,
}

impl Payload {
    /// A payload without any bytes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a chunk.
    pub fn push(&mut self, chunk: Bytes) {
        if !chunk.is_empty() {
            self.len += chunk.len() as u64;
            self.chunks.push(chunk);
        }
    }

    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The chunks in order; none of them is empty.
    #[must_use]
    pub fn chunks(&self) -> &[Bytes] {
        &self.chunks
    }

    /// All bytes in one piece: the only chunk itself where there is one, a copy otherwise.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        if let [only] = self.chunks.as_slice() {
            return only.clone();
        }
        let mut whole = BytesMut::with_capacity(self.chunks.iter().map(Bytes::len).sum());
        for chunk in &self.chunks {
            whole.extend_from_slice(chunk);
        }
        whole.freeze()
    }
}

impl FromIterator<Bytes> for Payload {
    fn from_iter<I: IntoIterator<Item = Bytes>>(chunks: I) -> Self {
        let mut payload = Self::new();
        payload.extend(chunks);
        payload
    }
}

impl Extend<Bytes> for Payload {
    fn extend<I: IntoIterator<Item = Bytes>>(&mut self, chunks: I) {
        for chunk in chunks {
            self.push(chunk);
        }
    }
}

impl From<Bytes> for Payload {
    fn from(chunk: Bytes) -> Self {
        std::iter::once(chunk).collect()
    }
}
