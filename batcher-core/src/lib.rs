//! Core of the checkpoint batcher: the traits, the container format, the batcher and the reader.

pub mod adaptor;
mod batch;
mod batcher;
mod builder;
mod codec;
mod copy;
mod delivery;
mod early_upload;
mod epochs;
mod executor;
mod flush_error;
mod format;
mod id;
mod metrics;
mod name;
mod payload;
mod pending;
mod reader;
mod receipt;
mod registry;
mod sink;
mod source;
mod store_error;
mod timer;
mod waiter;

/// The macro with which [`BlobSink`] and [`BlobSource`] are implemented.
pub use async_trait::async_trait;

pub use adaptor::{
    Limit, Meter, MeterSnapshot, OperationStats, Prefix, Readings, Retry, RetryPolicy, Timeout,
};
pub use batch::{AddError, AddErrorKind, BatchHandle};
pub use batcher::Batcher;
pub use builder::{BatcherBuilder, ConfigError};
pub use codec::{Codec, CodecError, CodecId, MAX_CODEC_PARAMS};
pub use executor::{Executor, Inline, Job};
pub use flush_error::{FlushError, FlushErrorKind};
pub use format::{
    Corruption, FORMAT_VERSION, MAX_BLOCK_LEN, MAX_DICTIONARY_LEN, MAX_KEY_LEN, MAX_WRITER_LEN, Problem,
    Section,
};
pub use id::{BatchId, Naming, default_name};
pub use metrics::{BatchMetrics, BatchMetricsSnapshot};
pub use name::{MAX_NAME_LEN, check_name};
pub use payload::Payload;
pub use reader::{
    BatchReader, BlobGroup, BlobInfo, ObjectFormat, ObjectPart, ObjectSummary, PlannedRequest, ReadError,
    ReadErrorKind, ReadOptions, ReadPlan, VerifyReport,
};
pub use receipt::{BatchReceipt, FlushReport};
pub use registry::CodecRegistry;
pub use sink::{BlobSink, MultipartUpload, PutMode, SinkCapabilities};
pub use source::{BlobSource, BlobStore, ObjectInfo, ReadRange, ReadReply};
pub use store_error::{Operation, Outcome, StoreError, StoreErrorKind};
pub use timer::Timer;
