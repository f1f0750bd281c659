//! A codec and a store of one's own, run through the batcher and the reader.
//!
//! `cargo run -p batcher --example own_codec_and_store`; `cargo test` holds both to all that their traits promise.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use batcher::{
    BatchReader, Batcher, BlobSink, BlobSource, Codec, CodecError, CodecId, Operation, Payload, PutMode,
    ReadRange, ReadReply, StoreError, StoreErrorKind, check_name, registry,
};
use bytes::Bytes;

/// Stores runs of equal bytes as a count and the byte.
#[derive(Debug)]
struct RunLength;

impl Codec for RunLength {
    fn id(&self) -> CodecId {
        CodecId::new(CodecId::FIRST_PRIVATE + 1)
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        block_len.saturating_mul(2).max(1) // An empty block is a single zero.
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        let runs = block.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(255));
        let mut bytes: Vec<u8> =
            runs.flat_map(|run| [u8::try_from(run.len()).unwrap_or(255), run[0]]).collect();
        bytes.resize(bytes.len().max(1), 0);
        let (expected, actual) = (bytes.len(), frame.len());
        let place = frame.get_mut(..expected).ok_or(CodecError::WrongLength { expected, actual })?;
        place.copy_from_slice(&bytes);
        Ok(expected)
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        let runs = if frame == [0] { &[] } else { frame };
        let whole = runs.len() % 2 == 0 && runs.chunks(2).all(|run| run[0] > 0);
        if frame.is_empty() || !whole {
            return Err(CodecError::Malformed { offset: 0, reason: "not a sequence of runs" });
        }
        let actual = runs.chunks(2).map(|run| usize::from(run[0])).sum();
        if actual != block.len() {
            return Err(CodecError::WrongLength { expected: block.len(), actual });
        }
        let bytes = runs.chunks(2).flat_map(|run| std::iter::repeat_n(run[1], run[0].into()));
        block.iter_mut().zip(bytes).for_each(|(to, byte)| *to = byte);
        Ok(())
    }
}

/// Keeps objects in a map, and can do no more than it must.
#[derive(Clone, Default)]
struct Map(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl Map {
    fn find(&self, name: &str, operation: Operation) -> Result<Bytes, StoreError> {
        check_name(name, operation)?;
        let object = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        object.ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, operation, name))
    }
}

/// Without the state, which is nobody's to read in a log.
impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").finish_non_exhaustive()
    }
}

#[batcher::async_trait]
impl BlobSink for Map {
    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        check_name(name, Operation::Put)?;
        if mode == PutMode::Create {
            return Err(StoreError::new(StoreErrorKind::Unsupported, Operation::Put, name));
        }
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), payload.to_bytes());
        Ok(())
    }
}

#[batcher::async_trait]
impl BlobSource for Map {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let object = self.find(name, Operation::Read)?;
        let range = range.resolve(object.len() as u64);
        let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        Ok(ReadReply { bytes: object.slice(start..end), object_len: object.len() as u64, version: None })
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        Ok(self.find(name, Operation::Size)?.len() as u64)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = Map::default();
    let mut batcher = Batcher::builder(RunLength, store.clone()).put_mode(PutMode::Replace).build()?;
    for partition in 0..100u8 {
        batcher.add(&format!("partition-{partition}"), vec![partition; 5000])?;
    }
    let report = batcher.flush(1).await?;
    let receipt = &report.receipts[0];
    println!("{} blobs of {} bytes in {} bytes", receipt.blobs, receipt.blob_bytes, receipt.object_len);

    let reader = BatchReader::open(store, &receipt.object, &registry().with(RunLength)).await?;
    assert_eq!(reader.get("partition-42").await?.as_deref(), Some(&[42; 5000][..]));
    reader.verify().await?;
    Ok(())
}

#[test]
fn runs() {
    assert!(main().is_ok());
}

#[cfg(test)]
batcher_testkit::codec_conformance!(run_length, RunLength);

#[cfg(test)]
batcher_testkit::sink_conformance!(map, Map::default());
