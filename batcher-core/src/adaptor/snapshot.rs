//! What a meter has counted.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Operation;

/// What a [`Meter`](crate::Meter) has counted so far, by operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MeterSnapshot {
    /// Whole objects put.
    pub put: OperationStats,
    /// Multipart uploads started.
    pub start_multipart: OperationStats,
    /// Parts put.
    pub put_part: OperationStats,
    /// Multipart uploads completed.
    pub complete_multipart: OperationStats,
    /// Multipart uploads aborted.
    pub abort_multipart: OperationStats,
    /// Objects deleted.
    pub delete: OperationStats,
    /// Ranges read.
    pub read: OperationStats,
    /// Lengths asked for.
    pub size: OperationStats,
    /// Lists.
    pub list: OperationStats,
}

/// What became of all calls of one operation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct OperationStats {
    /// Calls begun, those still running included.
    pub calls: u64,
    /// Calls that ended in an error; of a list, its errors.
    pub failures: u64,
    /// Calls that were dropped before they ended; never a list.
    pub dropped: u64,
    /// Bytes handed to the store, or read from it, in calls that succeeded.
    pub bytes: u64,
    /// The time that ended and dropped calls took, added up; of a list, the time spent waiting for items.
    pub busy: Duration,
    /// The longest of those times.
    pub longest: Duration,
}

impl MeterSnapshot {
    /// What was counted for one operation; `None` for one that no store does.
    ///
    /// ```
    /// use batcher_core::{MeterSnapshot, Operation};
    /// assert_eq!(MeterSnapshot::default().get(Operation::Put).unwrap().calls, 0);
    /// ```
    #[must_use]
    pub fn get(&self, operation: Operation) -> Option<&OperationStats> {
        match operation {
            Operation::Put => Some(&self.put),
            Operation::StartMultipart => Some(&self.start_multipart),
            Operation::PutPart => Some(&self.put_part),
            Operation::CompleteMultipart => Some(&self.complete_multipart),
            Operation::AbortMultipart => Some(&self.abort_multipart),
            Operation::Delete => Some(&self.delete),
            Operation::Read => Some(&self.read),
            Operation::Size => Some(&self.size),
            Operation::List => Some(&self.list),
            Operation::Open => None,
        }
    }

    pub(super) fn get_mut(&mut self, operation: Operation) -> Option<&mut OperationStats> {
        match operation {
            Operation::Put => Some(&mut self.put),
            Operation::StartMultipart => Some(&mut self.start_multipart),
            Operation::PutPart => Some(&mut self.put_part),
            Operation::CompleteMultipart => Some(&mut self.complete_multipart),
            Operation::AbortMultipart => Some(&mut self.abort_multipart),
            Operation::Delete => Some(&mut self.delete),
            Operation::Read => Some(&mut self.read),
            Operation::Size => Some(&mut self.size),
            Operation::List => Some(&mut self.list),
            Operation::Open => None,
        }
    }

    /// Bytes handed to the store, in puts and parts that succeeded.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.put.bytes + self.put_part.bytes
    }

    /// Bytes read from the store.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.read.bytes
    }

    /// Requests that stores charge for as writes: puts, and the start, the parts and the end of multipart uploads.
    #[must_use]
    pub fn write_requests(&self) -> u64 {
        self.put.calls + self.start_multipart.calls + self.put_part.calls + self.complete_multipart.calls
    }
}
