//! How a batcher is set up.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use thiserror::Error;

use crate::batch::{Backlog, Buffers, Encoding, Intake, SampleLimits, Segments, SpareRuns};
use crate::delivery::DeliveryConfig;
use crate::waiter::Waiter;
use crate::{
    BatchId, Batcher, BlobStore, Codec, CodecId, Executor, Inline, MAX_BLOCK_LEN, MAX_CODEC_PARAMS,
    MAX_DICTIONARY_LEN, MAX_WRITER_LEN, Naming, Operation, PutMode, StoreError, check_name, default_name,
};

/// Sets up a [`Batcher`]; made by [`Batcher::builder`].
#[must_use]
pub struct BatcherBuilder<C, S> {
    codec: C,
    store: S,
    writer: String,
    naming: Naming,
    block_len: usize,
    memory_limit: usize,
    backlog: Option<usize>,
    idle_memory: usize,
    flush_threshold: u64,
    dictionary_len: usize,
    delivery: DeliveryConfig,
    executor: Arc<dyn Executor>,
}

impl<C, S> fmt::Debug for BatcherBuilder<C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatcherBuilder")
            .field("writer", &self.writer)
            .field("block_len", &self.block_len)
            .field("memory_limit", &self.memory_limit)
            .field("flush_threshold", &self.flush_threshold)
            .field("delivery", &self.delivery)
            .finish_non_exhaustive()
    }
}

impl<C: Codec + 'static, S: BlobStore> BatcherBuilder<C, S> {
    pub(crate) fn new(codec: C, store: S) -> Self {
        Self {
            codec,
            store,
            writer: "batcher".to_owned(),
            naming: Arc::new(default_name),
            block_len: 256 * 1024,
            memory_limit: 4 << 30,
            backlog: None,
            idle_memory: 64 << 20,
            flush_threshold: 8 << 20,
            dictionary_len: 0,
            delivery: DeliveryConfig {
                mode: PutMode::Create,
                multipart_threshold: 8 << 20,
                part_len: 8 << 20,
                parts_in_flight: 4,
            },
            executor: Arc::new(Inline),
        }
    }

    /// The writer's name, which must differ between all batchers that write into the same store at the same time, and
    /// should differ between the lives of one: a node's name and a count of its starts, for instance. At most
    /// [`MAX_WRITER_LEN`] bytes. Default: `batcher`.
    pub fn writer(mut self, writer: impl Into<String>) -> Self {
        self.writer = writer.into();
        self
    }

    /// How objects are named. Default: [`default_name`].
    pub fn naming(mut self, naming: impl Fn(&BatchId, CodecId) -> String + Send + Sync + 'static) -> Self {
        self.naming = Arc::new(naming);
        self
    }

    /// Whether an object of the same name may be replaced. Default: [`PutMode::Create`], which needs a store that can
    /// create conditionally and protects a good checkpoint from a process that should be dead. Where the store cannot create
    /// conditionally in parts (S3 through `object_store` cannot), objects go up in one put as long as it takes them (5 GiB where the store
    /// does not say), and longer ones are protected by a look beforehand only.
    pub fn put_mode(mut self, mode: PutMode) -> Self {
        self.delivery.mode = mode;
        self
    }

    /// Length in bytes of a block before compression, from 1 to [`MAX_BLOCK_LEN`]. Larger blocks compress better;
    /// reading a single blob reads at least one block. The first blocks of each [`BatchHandle`](crate::BatchHandle) are
    /// shorter where blobs are: the length at which one is full begins at 16 KiB and doubles, so that small batches, too,
    /// are compressed while blobs come in. Default: 256 KiB.
    pub fn block_len(mut self, bytes: usize) -> Self {
        self.block_len = bytes;
        self
    }

    /// The most bytes that are held before [`Batcher::add`] answers [`Full`](crate::AddErrorKind::Full): blobs, compressed
    /// or not, their keys, and about 40 bytes a blob. Threads that add at the same moment may each go over it by one blob.
    /// A blob that is longer than a block counts less as its parts are compressed, though its memory stays until the last of
    /// them is. Default: 4 GiB.
    pub fn memory_limit(mut self, bytes: usize) -> Self {
        self.memory_limit = bytes;
        self
    }

    /// Bytes of small blobs that may wait, copied together in full blocks, to be compressed by the
    /// [executor](Self::executor). Where more wait, an add that fills a block compresses it on its own thread, so that blobs
    /// that come in faster than they are compressed take no more memory; [`BatchHandle::ready`](crate::BatchHandle::ready)
    /// waits instead. Blobs of a block's length and more are not copied and do not count. Default: four blocks for each of
    /// the executor's threads.
    pub fn backlog(mut self, bytes: usize) -> Self {
        self.backlog = Some(bytes);
        self
    }

    /// Bytes of frames, and as many of keys and entries, whose memory is kept from flush to flush, to serve again: memory that was never touched costs more
    /// than copying into memory that was. Default: 64 MiB.
    pub fn idle_memory(mut self, bytes: usize) -> Self {
        self.idle_memory = bytes;
        self
    }

    /// Bytes of keys and blobs from which on [`Batcher::should_flush`] is true. Default: 8 MiB.
    pub fn flush_threshold(mut self, bytes: u64) -> Self {
        self.flush_threshold = bytes;
        self
    }

    /// The longest dictionary in bytes, up to [`MAX_DICTIONARY_LEN`], that is trained from the first small blobs of each batch and
    /// stored in its object; 0, the default, for none. With one, short blocks of blobs that are alike compress about as well as
    /// long ones, so that a single blob is read with far fewer bytes. 4 KiB were best in most that was measured (`docs/PERFORMANCE.md`), and longer ones
    /// take longer to train.
    ///
    /// Of codecs that know no dictionaries, of batches that are too short for one, and where it would not pay for itself
    /// on the blobs that it is trained from, objects have none. Blobs of a [block's length](Self::block_len) and more
    /// are compressed without. Objects with a dictionary cannot be read by versions of this library before it knew them, which say so.
    ///
    /// Blocks wait until the dictionary is trained: when blobs of 32 times its length are there, or of 1 MiB where that is
    /// less, and else in the flush; [`Batcher::flush_when`] uploads nothing before. A copy of those blobs and the
    /// dictionary come on top of the [memory limit](Self::memory_limit).
    pub fn dictionary(mut self, bytes: usize) -> Self {
        self.dictionary_len = bytes;
        self
    }

    /// Length in bytes over which an object goes up in parts, where the store can do that. Default: 8 MiB.
    pub fn multipart_threshold(mut self, bytes: u64) -> Self {
        self.delivery.multipart_threshold = bytes;
        self
    }

    /// Length in bytes of a part; longer ones are sent where the store wants longer or fewer ones. Default: 8 MiB.
    pub fn part_len(mut self, bytes: u64) -> Self {
        self.delivery.part_len = bytes;
        self
    }

    /// How many parts are sent at the same time, at least 1. Default: 4.
    pub fn parts_in_flight(mut self, parts: usize) -> Self {
        self.delivery.parts_in_flight = parts;
        self
    }

    /// Where blocks are compressed and objects are indexed. Default: [`Inline`].
    ///
    /// What is shorter than handing it over is done by the flush itself: a last block of up to 16 KiB that no job has begun
    /// with, up to 300 or so short keys, and the rest of the index of up to 64 blocks. It gives the codec some thirty
    /// kilobytes at most then.
    pub fn executor(mut self, executor: impl Executor + 'static) -> Self {
        self.executor = Arc::new(executor);
        self
    }

    /// The batcher.
    ///
    /// # Errors
    ///
    /// [`ConfigError`], naming the setting that cannot be.
    pub fn build(self) -> Result<Batcher<S>, ConfigError> {
        if !(1..=MAX_BLOCK_LEN).contains(&self.block_len) {
            return Err(ConfigError::BlockLen { len: self.block_len, limit: MAX_BLOCK_LEN });
        }
        if self.writer.len() > MAX_WRITER_LEN {
            return Err(ConfigError::WriterTooLong { len: self.writer.len(), limit: MAX_WRITER_LEN });
        }
        let params = self.codec.params().to_vec();
        if params.len() > MAX_CODEC_PARAMS {
            return Err(ConfigError::CodecParamsTooLong { len: params.len(), limit: MAX_CODEC_PARAMS });
        }
        if self.dictionary_len > MAX_DICTIONARY_LEN {
            let (len, limit) = (self.dictionary_len, MAX_DICTIONARY_LEN);
            return Err(ConfigError::DictionaryTooLong { len, limit });
        }
        if self.codec.id() == CodecId::LZ4_BLOCK {
            return Err(ConfigError::ReadOnlyCodec);
        }
        if self.delivery.part_len == 0 || self.delivery.parts_in_flight == 0 {
            return Err(ConfigError::NoParts);
        }
        if self.delivery.mode == PutMode::Create && !self.store.capabilities().create {
            return Err(ConfigError::CreateUnsupported);
        }
        let sample = BatchId { writer: self.writer.clone(), epoch: u64::MAX, part: u64::MAX };
        check_name(&(self.naming)(&sample, self.codec.id()), Operation::Put).map_err(ConfigError::Name)?;
        let threads = self.executor.parallelism().max(1);
        let backlog = self.backlog.unwrap_or(threads.saturating_mul(4).saturating_mul(self.block_len));
        let encoding = Arc::new(Encoding {
            codec: Arc::new(self.codec),
            executor: self.executor,
            params,
            raw: Buffers::new(self.idle_memory.min(backlog.saturating_add(2 * self.block_len))),
            scratch: Buffers::new(
                self.idle_memory.min(threads.saturating_add(1).saturating_mul(2 * self.block_len)),
            ),
            frames: Segments::new(self.idle_memory),
            spare_runs: SpareRuns::new(self.idle_memory),
            backlog: Backlog::new(backlog),
            closed_block: Waiter::default(),
            held: AtomicUsize::new(0),
        });
        let sample = SampleLimits { dictionary_len: self.dictionary_len, block_len: self.block_len };
        let sample = (sample.dictionary_len > 0).then_some(sample);
        let intake = Intake::new(encoding, self.block_len, self.memory_limit, sample);
        Ok(Batcher::new(intake, self.store, self.writer, self.naming, self.flush_threshold, self.delivery))
    }
}

/// A setting with which no batcher can be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The block length is 0 or over the format's limit.
    #[error("block length of {len} bytes, where 1 to {limit} are possible")]
    BlockLen {
        /// The length asked for.
        len: usize,
        /// The longest possible.
        limit: usize,
    },
    /// The writer's name is over the format's limit.
    #[error("writer name of {len} bytes, over the limit of {limit}")]
    WriterTooLong {
        /// Its length in bytes.
        len: usize,
        /// The longest possible.
        limit: usize,
    },
    /// The codec's parameters are over the format's limit.
    #[error("codec parameters of {len} bytes, over the limit of {limit}")]
    CodecParamsTooLong {
        /// Their length in bytes.
        len: usize,
        /// The longest possible.
        limit: usize,
    },
    /// The dictionary's length is over the format's limit.
    #[error("dictionary of {len} bytes, over the limit of {limit}")]
    DictionaryTooLong {
        /// The length asked for.
        len: usize,
        /// The longest possible.
        limit: usize,
    },
    /// The codec is only for reading objects of the starting point's format.
    #[error("the codec is for reading only")]
    ReadOnlyCodec,
    /// Part length or parts in flight are 0.
    #[error("part length and parts in flight must be at least 1")]
    NoParts,
    /// The store cannot create conditionally: choose [`PutMode::Replace`] and accept that a process that should be dead
    /// can replace a good checkpoint.
    #[error("the store cannot create conditionally; choose PutMode::Replace knowingly")]
    CreateUnsupported,
    /// The naming, with this writer name, gives names that no store takes.
    #[error("the object names are not usable")]
    Name(#[source] StoreError),
}
