#![doc = include_str!("../README.md")]

#[cfg(all(feature = "lz4", feature = "object-store"))]
mod background;
#[cfg(all(feature = "lz4", feature = "object-store"))]
mod checkpoint_batcher;
#[cfg(all(feature = "lz4", feature = "object-store"))]
mod checkpoint_reader;

mod defaults;
mod thread_pool;

#[cfg(feature = "lz4-c")]
pub use batcher_codecs::Lz4C;
#[cfg(feature = "zstd")]
pub use batcher_codecs::Zstd;
#[cfg(feature = "lz4")]
pub use batcher_codecs::{Lz4, Lz4Block};
pub use batcher_codecs::{Raw, registry};
pub use batcher_core::*;
#[cfg(feature = "local")]
pub use batcher_stores::LocalStore;
#[cfg(feature = "object-store")]
pub use batcher_stores::ObjectStoreSink;
#[cfg(feature = "opendal")]
pub use batcher_stores::OpendalSink;
pub use batcher_stores::{TokioTimer, open_url};
#[cfg(all(feature = "lz4", feature = "object-store"))]
pub use checkpoint_batcher::{CheckpointBatcher, CheckpointStoreError};
#[cfg(all(feature = "lz4", feature = "object-store"))]
pub use checkpoint_reader::CheckpointReader;
pub use defaults::{builder, open, read_options};
pub use thread_pool::ThreadPool;
