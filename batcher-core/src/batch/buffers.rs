//! Buffers that serve many blocks: on many machines, touching fresh memory costs more than copying.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Keeps buffers between uses, up to a sum of their lengths.
#[derive(Debug)]
pub(crate) struct Buffers {
    idle: Mutex<Idle>,
    most_bytes: usize,
}

#[derive(Debug, Default)]
struct Idle {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl Buffers {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self { idle: Mutex::default(), most_bytes }
    }

    fn idle(&self) -> MutexGuard<'_, Idle> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty or used buffer; whatever it holds is of no meaning.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut idle = self.idle();
        let buffer = idle.buffers.pop().unwrap_or_default();
        idle.bytes -= buffer.capacity();
        buffer
    }

    pub(crate) fn give_back(&self, buffer: Vec<u8>) {
        let mut idle = self.idle();
        if idle.bytes + buffer.capacity() <= self.most_bytes {
            idle.bytes += buffer.capacity();
            idle.buffers.push(buffer);
        }
    }
}
