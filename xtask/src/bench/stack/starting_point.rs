//! The starting point's algorithm, written anew from its description: everything in one buffer, compressed in one go.

use std::sync::Arc;

use batcher::{BlobStore, async_trait};
use bytes::Bytes;

use super::super::state::State;
use super::{Session, Stack, TakeBlob, put, read_only_object};
use crate::failure::Failure;

const MAGIC: &[u8; 4] = b"LCB1";
const VERSION: u32 = 2;
/// Magic, version, number of entries, uncompressed length, checksum.
const HEAD_LEN: usize = 20;

/// One LZ4 block over all entries, and one put.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StartingPoint;

impl StartingPoint {
    /// A session over blobs that are the caller's until they are added.
    pub(crate) fn buffer(callers: Vec<(String, Vec<u8>)>, store: Arc<dyn BlobStore>) -> Box<dyn Session> {
        Box::new(Buffer { callers, entries: Vec::new(), buffered: 0, store })
    }
}

#[async_trait]
impl Stack for StartingPoint {
    fn name(&self) -> &str {
        "starting point"
    }

    fn session(&self, state: &Arc<State>, store: Arc<dyn BlobStore>) -> Result<Box<dyn Session>, Failure> {
        // It takes vectors, which its callers have at hand: to make them is not its time.
        let callers = state.blobs.iter().map(|(key, blob)| (key.clone(), blob.to_vec())).collect();
        Ok(Self::buffer(callers, store))
    }

    async fn read(&self, store: Arc<dyn BlobStore>, take: TakeBlob<'_>) -> Result<(), Failure> {
        let object = read_only_object(&*store).await?;
        let body = object.get(HEAD_LEN..).ok_or("shorter than a head")?;
        let mut rest = Bytes::from(lz4_flex::decompress_size_prepended(body)?);
        while !rest.is_empty() {
            let key = take_field(&mut rest)?;
            let blob = take_field(&mut rest)?;
            take(String::from_utf8(key.to_vec())?, blob);
        }
        Ok(())
    }
}

/// The next field, which has its length in front.
fn take_field(rest: &mut Bytes) -> Result<Bytes, Failure> {
    let cut = "cut in the middle of a field";
    let (len, _) = rest.split_first_chunk().ok_or(cut)?;
    let len = usize::try_from(u32::from_le_bytes(*len))?;
    let _ = rest.split_to(size_of::<u32>());
    if len > rest.len() {
        return Err(cut.into());
    }
    Ok(rest.split_to(len))
}

struct Buffer {
    callers: Vec<(String, Vec<u8>)>,
    entries: Vec<(String, Vec<u8>)>,
    buffered: usize,
    store: Arc<dyn BlobStore>,
}

impl Buffer {
    fn object(&self) -> Result<Vec<u8>, Failure> {
        let mut buffer = Vec::with_capacity(self.buffered);
        for (key, data) in &self.entries {
            buffer.extend_from_slice(&u32::try_from(key.len())?.to_le_bytes());
            buffer.extend_from_slice(key.as_bytes());
            buffer.extend_from_slice(&u32::try_from(data.len())?.to_le_bytes());
            buffer.extend_from_slice(data);
        }
        let body = lz4_flex::compress_prepend_size(&buffer);
        let mut object = Vec::with_capacity(HEAD_LEN + body.len());
        object.extend_from_slice(MAGIC);
        let (entries, len) = (u32::try_from(self.entries.len())?, u32::try_from(buffer.len())?);
        for field in [VERSION, entries, len, crc32c::crc32c(&body)] {
            object.extend_from_slice(&field.to_le_bytes());
        }
        object.extend_from_slice(&body);
        Ok(object)
    }
}

#[async_trait]
impl Session for Buffer {
    fn add_all(&mut self) -> Result<(), Failure> {
        for (key, data) in self.callers.drain(..) {
            self.buffered += 2 * size_of::<u32>() + key.len() + data.len();
            self.entries.push((key, data));
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        let object = self.object()?;
        put(&*self.store, "checkpoints/batch-000001.lz4", object).await?;
        self.entries.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use batcher::{BatchReader, ObjectFormat, registry};
    use batcher_testkit::corpus::BlobKind;
    use futures_util::TryStreamExt;

    use super::super::super::store::Places;
    use super::*;

    #[test]
    fn our_reader_reads_its_objects() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let state = Arc::new(State::corpus(BlobKind::Json, 300, 100));
            let place = Places::in_memory();
            let mut session = StartingPoint.session(&state, Arc::clone(&place.store)).unwrap();
            session.add_all().unwrap();
            session.flush().await.unwrap();
            let name = "checkpoints/batch-000001.lz4";
            let reader = BatchReader::open(Arc::clone(&place.store), name, &registry()).await.unwrap();
            assert_eq!(reader.summary().format, ObjectFormat::Lcb1(2));
            let mut blobs: Vec<(String, Bytes)> = reader.blobs().try_collect().await.unwrap();
            blobs.sort();
            let mut expected = state.blobs.clone();
            expected.sort();
            assert_eq!(blobs, expected);
        });
    }
}
