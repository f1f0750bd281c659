//! Our own stack. Whatever changes in how a batcher is best set up changes here.

use std::sync::Arc;

use batcher::{
    BatchHandle, BatchReader, Batcher, BatcherBuilder, BlobSink, BlobSource, BlobStore, Codec, CodecRegistry,
    Executor, Lz4, Lz4C, PutMode, ReadOptions, ThreadPool, Zstd, async_trait,
};
use futures_util::TryStreamExt;

use super::super::codec_name::CodecName;
use super::super::state::State;
use super::{Session, Stack, TakeBlob};
use crate::failure::Failure;

/// Bytes of a part and parts at a time; stated here so that uploading alone is measured with the same.
pub(crate) const PART_LEN: u64 = 8 << 20;
pub(crate) const PARTS_IN_FLIGHT: usize = 4;

/// The library's own default.
const DEFAULT_BLOCK_LEN: usize = 256 << 10;

/// What our stack with this codec is called.
pub(crate) fn own_name(codec: CodecName) -> String {
    format!("batcher, {}", codec.name())
}

/// A `Batcher` and a `BatchReader` on a pool of threads.
#[derive(Clone, Debug)]
pub(crate) struct Own {
    name: String,
    codec: CodecName,
    executor: Arc<dyn Executor>,
    block_len: usize,
    longest_dictionary: usize,
}

impl Own {
    /// On a pool of so many threads.
    pub(crate) fn new(codec: CodecName, threads: usize) -> Result<Self, Failure> {
        Ok(Self::on(codec, Arc::new(ThreadPool::new(threads)?)))
    }

    /// On any executor.
    pub(crate) fn on(codec: CodecName, executor: Arc<dyn Executor>) -> Self {
        Self { name: own_name(codec), codec, executor, block_len: DEFAULT_BLOCK_LEN, longest_dictionary: 0 }
    }

    /// Blocks of another length than the default.
    pub(crate) fn with_block_len(mut self, bytes: usize) -> Self {
        self.block_len = bytes;
        self
    }

    /// With a dictionary of at most so many bytes where one pays.
    pub(crate) fn with_dictionary(mut self, longest: usize) -> Self {
        self.longest_dictionary = longest;
        self
    }

    /// Under another name, beside one that is set up otherwise.
    pub(crate) fn called(mut self, name: String) -> Self {
        self.name = name;
        self
    }

    pub(crate) fn codec(&self) -> Arc<dyn Codec> {
        match self.codec {
            CodecName::Lz4 => Arc::new(Lz4::default()),
            CodecName::Lz4C => Arc::new(Lz4C::default()),
            CodecName::Zstd => Arc::new(Zstd::default()),
        }
    }

    /// A batcher that creates where the store can, as the default is.
    pub(crate) fn batcher(&self, store: Arc<dyn BlobStore>) -> Result<Batcher<Arc<dyn BlobStore>>, Failure> {
        Ok(self.builder(store).build()?)
    }

    /// What such a batcher is built by.
    pub(crate) fn builder(
        &self,
        store: Arc<dyn BlobStore>,
    ) -> BatcherBuilder<Arc<dyn Codec>, Arc<dyn BlobStore>> {
        let mode = if store.capabilities().create { PutMode::Create } else { PutMode::Replace };
        Batcher::builder(self.codec(), store)
            .executor(Arc::clone(&self.executor))
            .block_len(self.block_len)
            .dictionary(self.longest_dictionary)
            .put_mode(mode)
            .memory_limit(usize::MAX)
            .part_len(PART_LEN)
            .parts_in_flight(PARTS_IN_FLIGHT)
    }

    pub(crate) fn read_options(&self) -> ReadOptions {
        ReadOptions::default().with_executor(Arc::clone(&self.executor)).with_memory_limit(u64::MAX)
    }

    /// What opens objects: its own codec and no other, for `lz4` and `lz4-c` have the same id.
    pub(crate) fn registry(&self) -> CodecRegistry {
        CodecRegistry::new().with(self.codec())
    }

    /// Has all blobs handed out a group at a time, as bytes and not to be kept.
    pub(crate) async fn read_groups(
        &self,
        store: Arc<dyn BlobStore>,
        mut look: impl FnMut(&str, &[u8]),
    ) -> Result<(), Failure> {
        let reader = self.reader(store).await?;
        let mut groups = reader.blob_groups();
        while let Some(group) = groups.try_next().await? {
            group.blobs().for_each(|(key, blob)| look(key, blob));
        }
        Ok(())
    }

    /// The reader of the only object in a store.
    pub(crate) async fn reader(&self, store: Arc<dyn BlobStore>) -> Result<BatchReader, Failure> {
        let names: Vec<String> = store.list("").map_ok(|info| info.name).try_collect().await?;
        let name = names.first().ok_or("there is no object")?;
        Ok(BatchReader::open_with(store, name, &self.registry(), self.read_options()).await?)
    }
}

#[async_trait]
impl Stack for Own {
    fn name(&self) -> &str {
        &self.name
    }

    fn session(&self, state: &Arc<State>, store: Arc<dyn BlobStore>) -> Result<Box<dyn Session>, Failure> {
        let batcher = self.batcher(store)?;
        Ok(Box::new(OwnSession { handle: batcher.handle(), batcher, state: Arc::clone(state), epoch: 0 }))
    }

    async fn read(&self, store: Arc<dyn BlobStore>, take: TakeBlob<'_>) -> Result<(), Failure> {
        let reader = self.reader(store).await?;
        let mut blobs = reader.blobs();
        while let Some((key, blob)) = blobs.try_next().await? {
            take(key, blob);
        }
        Ok(())
    }
}

#[derive(Debug)]
struct OwnSession {
    batcher: Batcher<Arc<dyn BlobStore>>,
    handle: BatchHandle,
    state: Arc<State>,
    epoch: u64,
}

#[async_trait]
impl Session for OwnSession {
    fn add_all(&mut self) -> Result<(), Failure> {
        for (key, blob) in &self.state.blobs {
            self.handle.add(key, blob.clone())?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        self.epoch += 1;
        let _ = self.batcher.flush(self.epoch).await?;
        Ok(())
    }

    async fn write(&mut self) -> Result<(), Failure> {
        self.epoch += 1;
        let mut added = Ok(());
        let add_all = async {
            for (key, blob) in &self.state.blobs {
                self.handle.ready().await;
                added = self.handle.add(key, blob.clone());
                if added.is_err() {
                    break;
                }
            }
        };
        let _ = self.batcher.flush_when(self.epoch, add_all).await?;
        Ok(added?)
    }

    fn goes_on(&self) -> bool {
        true
    }
}
