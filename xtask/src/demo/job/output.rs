//! What an operator has put out: how much, and a digest of all of it in order.

use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

use super::row::{RowError, RowReader, RowWriter};

/// The output of one operator so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Output {
    pub(crate) rows: u64,
    pub(crate) digest: u64,
}

impl Output {
    pub(super) fn put(&mut self, values: &[u64]) {
        for value in values {
            self.digest = XxHash3_64::oneshot_with_seed(self.digest, &value.to_le_bytes());
        }
        self.rows += 1;
    }

    pub(super) fn write(&self, row: &mut RowWriter) {
        row.u64(self.rows);
        row.u64(self.digest);
    }

    pub(super) fn read(row: &mut RowReader<'_>) -> Result<Self, RowError> {
        Ok(Self { rows: row.u64()?, digest: row.u64()? })
    }
}
