//! Buffers that blocks are decoded into, and that come back when the last blob in them is dropped: on many machines,
//! touching fresh memory costs more than decoding.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::{Bytes, BytesMut};

/// Keeps a bounded number of bytes between uses.
#[derive(Debug)]
pub(super) struct Buffers {
    idle: Mutex<Idle>,
    most: u64,
}

#[derive(Debug, Default)]
struct Idle {
    buffers: Vec<BytesMut>,
    bytes: u64,
}

impl Buffers {
    pub(super) fn new(most: u64) -> Arc<Self> {
        Arc::new(Self { idle: Mutex::default(), most })
    }

    /// A buffer of at least `len` bytes, and not much more, of no meaning.
    pub(super) fn take(&self, len: usize) -> BytesMut {
        self.reuse(len).unwrap_or_else(|| BytesMut::zeroed(len))
    }

    /// As [`take`](Self::take); `None` where there is not that much memory.
    pub(super) fn try_take(&self, len: usize) -> Option<BytesMut> {
        self.reuse(len).or_else(|| {
            // Only asking for zeroed memory gives it untouched, and only asking for any can be refused.
            Vec::<u8>::new().try_reserve_exact(len).ok()?;
            Some(BytesMut::zeroed(len))
        })
    }

    fn reuse(&self, len: usize) -> Option<BytesMut> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let fits = |buffer: &BytesMut| (len..=len.saturating_mul(2)).contains(&buffer.len());
        // The one used last, which is likeliest to be in the processor's cache.
        let index = idle.buffers.iter().rposition(fits)?;
        let buffer = idle.buffers.remove(index);
        idle.bytes -= buffer.len() as u64;
        Some(buffer)
    }

    /// Keeps a buffer for later, instead of older ones where there is no room for all.
    pub(super) fn give_back(&self, buffer: BytesMut) {
        let len = buffer.len() as u64;
        if len > self.most {
            return;
        }
        let mut dropped = Vec::new();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        while idle.bytes + len > self.most {
            let oldest = idle.buffers.remove(0);
            idle.bytes -= oldest.len() as u64;
            dropped.push(oldest);
        }
        idle.bytes += len;
        idle.buffers.push(buffer);
        drop(idle);
    }

    /// The first `len` bytes of a buffer, which comes back when nobody has any of them any longer.
    pub(super) fn share(self: &Arc<Self>, buffer: BytesMut, len: usize) -> Bytes {
        Bytes::from_owner(Lent { buffer, len, home: Arc::downgrade(self) })
    }
}

/// A buffer that somebody has.
struct Lent {
    buffer: BytesMut,
    len: usize,
    /// Blobs may outlive their reader, and then nobody needs the buffer.
    home: Weak<Buffers>,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade() {
            home.give_back(std::mem::take(&mut self.buffer));
        }
    }
}
