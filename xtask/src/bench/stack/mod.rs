//! What is compared: our own stack, and the ways in which state is packed without it.

mod blob_per_object;
mod own;
mod starting_point;
mod tarball;
mod zip_archive;

use std::sync::Arc;

use batcher::{BlobStore, Payload, PutMode, ReadRange, StoreError, async_trait};
use bytes::Bytes;
use futures_util::TryStreamExt;

pub(crate) use blob_per_object::BlobPerObject;
pub(crate) use own::{Own, PART_LEN, PARTS_IN_FLIGHT, own_name};
pub(crate) use starting_point::StartingPoint;
pub(crate) use tarball::{TarLz4, TarZstd};
pub(crate) use zip_archive::ZipZstd;

use super::codec_name::CodecName;
use super::state::State;
use crate::failure::Failure;

/// A way to get a state's blobs into a store and back.
#[async_trait]
pub(crate) trait Stack: Send + Sync {
    /// What it is called in tables.
    fn name(&self) -> &str;

    /// Gets ready to write this state into an empty store: what is done here does not count.
    fn session(&self, state: &Arc<State>, store: Arc<dyn BlobStore>) -> Result<Box<dyn Session>, Failure>;

    /// Hands out all blobs in a store that a session has written.
    async fn read(&self, store: Arc<dyn BlobStore>, take: TakeBlob<'_>) -> Result<(), Failure>;
}

/// Gets each key and blob that is read back.
pub(crate) type TakeBlob<'a> = &'a mut (dyn FnMut(String, Bytes) + Send);

/// One checkpoint on its way into a store.
#[async_trait]
pub(crate) trait Session: Send {
    /// Adds all blobs of the state, from this thread.
    fn add_all(&mut self) -> Result<(), Failure>;

    /// Ends when all of them are durable.
    async fn flush(&mut self) -> Result<(), Failure>;

    /// Both, at the same time where the stack can.
    async fn write(&mut self) -> Result<(), Failure> {
        self.add_all()?;
        self.flush().await
    }

    /// Whether the session can write the next epoch, too, as an engine has it do for as long as it lives.
    fn goes_on(&self) -> bool {
        false
    }
}

/// All stacks that are compared, ours first; the codecs decide which.
pub(crate) fn stacks(
    codecs: &[CodecName],
    threads: usize,
    block_len: usize,
) -> Result<Vec<Box<dyn Stack>>, Failure> {
    let mut stacks: Vec<Box<dyn Stack>> = Vec::new();
    for codec in codecs {
        stacks.push(Box::new(Own::new(*codec, threads)?.with_block_len(block_len)));
    }
    stacks.push(Box::new(StartingPoint));
    stacks.push(Box::new(BlobPerObject));
    if codecs.contains(&CodecName::Lz4) {
        stacks.push(Box::new(TarLz4));
    }
    if codecs.contains(&CodecName::Zstd) {
        stacks.push(Box::new(TarZstd { threads }));
        stacks.push(Box::new(ZipZstd));
    }
    Ok(stacks)
}

/// The only object in a store, whole.
async fn read_only_object(store: &dyn BlobStore) -> Result<Bytes, Failure> {
    let names: Vec<String> = store.list("").map_ok(|info| info.name).try_collect().await?;
    let [name] = names.as_slice() else {
        return Err(format!("{} objects where there should be one", names.len()).into());
    };
    // Bounded, because some stores cannot read suffixes.
    Ok(store.read(name, ReadRange::Bounded(0..u64::MAX)).await?.bytes)
}

/// One plain put, as those do who know of nothing else.
async fn put(store: &dyn BlobStore, name: &str, object: Vec<u8>) -> Result<(), StoreError> {
    store.put(name, Payload::from(Bytes::from(object)), PutMode::Replace).await
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use batcher_testkit::corpus::BlobKind;

    use super::super::store::Places;
    use super::*;

    fn stacks() -> Vec<Box<dyn Stack>> {
        vec![
            Box::new(Own::new(CodecName::Lz4, 2).unwrap()),
            Box::new(Own::new(CodecName::Zstd, 2).unwrap().with_block_len(4096)),
            Box::new(StartingPoint),
            Box::new(BlobPerObject),
            Box::new(TarLz4),
            Box::new(TarZstd { threads: 2 }),
            Box::new(ZipZstd),
        ]
    }

    #[test]
    fn every_stack_gives_all_blobs_back() {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        for (blob_len, count) in [(64, 500), (70_000, 9), (0, 3)] {
            let state = Arc::new(State::corpus(BlobKind::Rows, blob_len, count));
            let expected: BTreeMap<String, Bytes> = state.blobs.iter().cloned().collect();
            for stack in stacks() {
                let place = Places::in_memory();
                let mut read = BTreeMap::new();
                runtime
                    .block_on(async {
                        let mut session = stack.session(&state, Arc::clone(&place.store))?;
                        session.add_all()?;
                        session.flush().await?;
                        let mut take = |key, blob| {
                            read.insert(key, blob);
                        };
                        stack.read(Arc::clone(&place.store), &mut take).await
                    })
                    .unwrap();
                assert!(read == expected, "{}, {count} blobs of {blob_len} bytes", stack.name());
            }
        }
    }
}
