//! A codec and a store as a user of the batcher would bring them along, the codec with a mistake in it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use batcher::{
    BlobSink, BlobSource, Codec, CodecError, CodecId, Operation, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError, StoreErrorKind, check_name,
};
use bytes::Bytes;

/// Hides bytes behind a mask. Wrong on purpose: it never asks whether a frame is as long as its block.
#[derive(Debug)]
pub struct Masked;

impl Codec for Masked {
    fn id(&self) -> CodecId {
        CodecId::new(CodecId::FIRST_PRIVATE)
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        block_len
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        let (expected, actual) = (block.len(), frame.len());
        let frame = frame.get_mut(..expected).ok_or(CodecError::WrongLength { expected, actual })?;
        frame.iter_mut().zip(block).for_each(|(to, from)| *to = from ^ 0x5A);
        Ok(expected)
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        block.iter_mut().zip(frame).for_each(|(to, from)| *to = from ^ 0x5A);
        Ok(())
    }
}

/// Keeps objects in a map.
#[derive(Clone, Default)]
pub struct Shelf(Arc<Mutex<BTreeMap<String, Bytes>>>);

impl Shelf {
    fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn find(&self, name: &str, operation: Operation) -> Result<Bytes, StoreError> {
        check_name(name, operation)?;
        let object = self.objects().get(name).cloned();
        object.ok_or_else(|| StoreError::new(StoreErrorKind::NotFound, operation, name))
    }
}

/// Without what it holds, which is nobody's to read in a log.
impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shelf")
    }
}

#[async_trait]
impl BlobSink for Shelf {
    fn capabilities(&self) -> SinkCapabilities {
        SinkCapabilities::default().with_create(true)
    }
    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        check_name(name, Operation::Put)?;
        let mut objects = self.objects();
        if mode == PutMode::Create && objects.contains_key(name) {
            return Err(StoreError::new(StoreErrorKind::AlreadyExists, Operation::Put, name));
        }
        objects.insert(name.to_owned(), payload.to_bytes());
        Ok(())
    }
}

#[async_trait]
impl BlobSource for Shelf {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let object = self.find(name, Operation::Read)?;
        let object_len = object.len() as u64;
        let range = range.resolve(object_len);
        let [start, end] = [range.start, range.end].map(|at| usize::try_from(at).unwrap_or(usize::MAX));
        Ok(ReadReply { bytes: object.slice(start..end), object_len, version: None })
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        Ok(self.find(name, Operation::Size)?.len() as u64)
    }
}
