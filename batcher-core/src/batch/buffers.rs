//! Buffers that serve many blocks: on many machines, touching fresh memory costs more than copying.

use std::sync::{Mutex, PoisonError};

/// Keeps a bounded number of buffers between uses.
#[derive(Debug)]
pub(crate) struct Buffers {
    idle: Mutex<Vec<Vec<u8>>>,
    most: usize,
}

impl Buffers {
    pub(crate) fn new(most: usize) -> Self {
        Self { idle: Mutex::default(), most }
    }

    /// An empty or used buffer; whatever it holds is of no meaning.
    pub(crate) fn take(&self) -> Vec<u8> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(crate) fn give_back(&self, buffer: Vec<u8>) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < self.most {
            idle.push(buffer);
        }
    }
}
