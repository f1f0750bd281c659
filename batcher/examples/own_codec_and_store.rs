//! A codec and a store of one's own, run through the batcher and the reader.
//!
//! `cargo run -p batcher --example own_codec_and_store`

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use batcher::{
    BatchReader, Batcher, BlobSink, BlobSource, Codec, CodecError, CodecId, Operation, Payload, PutMode,
    ReadRange, ReadReply, StoreError, StoreErrorKind, registry,
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
        (2 * block_len).max(1) // An empty block is a single zero.
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        let runs = block.chunk_by(|a, b| a == b).flat_map(|run| run.chunks(255));
        let mut bytes: Vec<u8> =
            runs.flat_map(|run| [u8::try_from(run.len()).unwrap_or(255), run[0]]).collect();
        bytes.resize(bytes.len().max(1), 0);
        frame[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        let bytes = frame.chunks_exact(2).flat_map(|run| std::iter::repeat_n(run[1], run[0].into()));
        let decoded = block.iter_mut().zip(bytes.clone()).map(|(to, byte)| *to = byte).count();
        if decoded == block.len() && bytes.count() == decoded {
            return Ok(());
        }
        Err(CodecError::WrongLength { expected: block.len(), actual: decoded })
    }
}

/// Keeps objects in a map.
#[derive(Clone, Debug, Default)]
struct Map(Arc<Mutex<BTreeMap<String, Bytes>>>);

#[batcher::async_trait]
impl BlobSink for Map {
    async fn put(&self, name: &str, payload: Payload, _replace: PutMode) -> Result<(), StoreError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), payload.to_bytes());
        Ok(())
    }
}

#[batcher::async_trait]
impl BlobSource for Map {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let object = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        let missing = || StoreError::new(StoreErrorKind::NotFound, Operation::Read, name);
        let object = object.ok_or_else(missing)?;
        let range = range.resolve(object.len() as u64);
        let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        Ok(ReadReply { bytes: object.slice(start..end), object_len: object.len() as u64, version: None })
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        Ok(self.read(name, ReadRange::Suffix(0)).await?.object_len)
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
