//! The identity of a batch object, and the name that it gets in the store.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::CodecId;

/// Who wrote a batch object, for which epoch, and as which of its objects: unique for each object that one batcher
/// ever writes. It stands in the object, and every checksum in the object depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BatchId {
    /// The writer's name, as the builder was told it.
    pub writer: String,
    /// The epoch that [`Batcher::flush`](crate::Batcher::flush) was called with.
    pub epoch: u64,
    /// 0 for the first object of the epoch, then 1, 2, …
    pub part: u64,
}

impl fmt::Display for BatchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "epoch {} part {} of writer {:?}", self.epoch, self.part, self.writer)
    }
}

/// Gives each batch object its name. Must give different names to different ids, and the same name every time.
pub type Naming = Arc<dyn Fn(&BatchId, CodecId) -> String + Send + Sync>;

/// The default naming: `{epoch:020}/{writer}-{part:06}.{extension}`, where the extension is that of the codec's standard
/// tool: `lz4`, `zst`, or `batch` for private codecs.
///
/// ```
/// use batcher_core::{default_name, BatchId, CodecId};
/// let id = BatchId { writer: "node-7".into(), epoch: 42, part: 0 };
/// assert_eq!(default_name(&id, CodecId::LZ4), "00000000000000000042/node-7-000000.lz4");
/// ```
#[must_use]
pub fn default_name(id: &BatchId, codec: CodecId) -> String {
    let extension = match codec {
        CodecId::RAW | CodecId::LZ4 => "lz4",
        CodecId::ZSTD => "zst",
        _ => "batch",
    };
    format!("{:020}/{}-{:06}.{extension}", id.epoch, id.writer, id.part)
}
