//! Core of the checkpoint batcher: the traits, the container format, the batcher and the reader.

pub mod adaptor;
mod codec;
mod executor;
mod name;
mod payload;
mod registry;
mod sink;
mod source;
mod store_error;
mod timer;

pub use adaptor::{
    Limit, Meter, MeterSnapshot, OperationStats, Prefix, Readings, Retry, RetryPolicy, Timeout,
};
pub use codec::{Codec, CodecError, CodecId, MAX_CODEC_PARAMS};
pub use executor::{Executor, Inline, Job};
pub use name::{MAX_NAME_LEN, check_name};
pub use payload::Payload;
pub use registry::CodecRegistry;
pub use sink::{BlobSink, MultipartUpload, PutMode, SinkCapabilities};
pub use source::{BlobSource, BlobStore, ObjectInfo, ReadRange, ReadReply};
pub use store_error::{Operation, Outcome, StoreError, StoreErrorKind};
pub use timer::Timer;
