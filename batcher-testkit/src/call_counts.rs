//! How often each operation was called.

use std::collections::HashMap;

use batcher_core::Operation;

#[derive(Debug, Default)]
pub(crate) struct CallCounts(HashMap<Operation, u64>);

impl CallCounts {
    /// Counts a call.
    pub(crate) fn count(&mut self, operation: Operation) {
        *self.0.entry(operation).or_default() += 1;
    }

    pub(crate) fn get(&self, operation: Operation) -> u64 {
        self.0.get(&operation).copied().unwrap_or_default()
    }
}
