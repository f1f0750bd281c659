//! A tar archive, compressed as a stream while blobs are added.

use std::io::{self, Read, Write};
use std::sync::Arc;

use batcher::{BlobStore, async_trait};
use bytes::Bytes;
use lz4_flex::frame::{FrameDecoder, FrameEncoder};

use super::super::state::State;
use super::{Session, Stack, TakeBlob, put, read_only_object};
use crate::failure::Failure;

/// `tar | lz4`, with the frame defaults of `lz4_flex`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TarLz4;

/// `tar | zstd -1 -T`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TarZstd {
    pub(crate) threads: usize,
}

#[async_trait]
impl Stack for TarLz4 {
    fn name(&self) -> &str {
        "tar, lz4 frame"
    }

    fn session(&self, state: &Arc<State>, store: Arc<dyn BlobStore>) -> Result<Box<dyn Session>, Failure> {
        Ok(Tarball::boxed(FrameEncoder::new(Vec::new()), state, store))
    }

    async fn read(&self, store: Arc<dyn BlobStore>, take: TakeBlob<'_>) -> Result<(), Failure> {
        let object = read_only_object(&*store).await?;
        unpack(FrameDecoder::new(&object[..]), take)
    }
}

#[async_trait]
impl Stack for TarZstd {
    fn name(&self) -> &str {
        "tar, zstd threads"
    }

    fn session(&self, state: &Arc<State>, store: Arc<dyn BlobStore>) -> Result<Box<dyn Session>, Failure> {
        let mut encoder = zstd::Encoder::new(Vec::new(), batcher::Zstd::DEFAULT_LEVEL)?;
        encoder.multithread(u32::try_from(self.threads)?)?;
        Ok(Tarball::boxed(encoder, state, store))
    }

    async fn read(&self, store: Arc<dyn BlobStore>, take: TakeBlob<'_>) -> Result<(), Failure> {
        let object = read_only_object(&*store).await?;
        unpack(zstd::Decoder::new(&object[..])?, take)
    }
}

fn unpack(archive: impl Read, take: TakeBlob<'_>) -> Result<(), Failure> {
    for entry in tar::Archive::new(archive).entries()? {
        let mut entry = entry?;
        let key = entry.path()?.to_str().ok_or("a name is not UTF-8")?.to_owned();
        let mut blob = Vec::with_capacity(usize::try_from(entry.size())?);
        entry.read_to_end(&mut blob)?;
        take(key, Bytes::from(blob));
    }
    Ok(())
}

/// An encoder that can be told that this was all.
trait Compress: Write + Send {
    fn finish(self) -> io::Result<Vec<u8>>;
}

impl Compress for FrameEncoder<Vec<u8>> {
    fn finish(self) -> io::Result<Vec<u8>> {
        Ok(FrameEncoder::finish(self)?)
    }
}

impl Compress for zstd::Encoder<'static, Vec<u8>> {
    fn finish(self) -> io::Result<Vec<u8>> {
        zstd::Encoder::finish(self)
    }
}

struct Tarball<C: Write> {
    /// Gone once it is finished.
    archive: Option<tar::Builder<C>>,
    state: Arc<State>,
    store: Arc<dyn BlobStore>,
}

impl<C: Compress + 'static> Tarball<C> {
    fn boxed(encoder: C, state: &Arc<State>, store: Arc<dyn BlobStore>) -> Box<dyn Session> {
        Box::new(Self { archive: Some(tar::Builder::new(encoder)), state: Arc::clone(state), store })
    }
}

#[async_trait]
impl<C: Compress> Session for Tarball<C> {
    fn add_all(&mut self) -> Result<(), Failure> {
        let archive = self.archive.as_mut().ok_or("finished already")?;
        for (key, blob) in &self.state.blobs {
            let mut header = tar::Header::new_gnu();
            header.set_size(blob.len() as u64);
            header.set_mode(0o644);
            archive.append_data(&mut header, key, &blob[..])?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        let archive = self.archive.take().ok_or("finished already")?;
        let object = archive.into_inner()?.finish()?;
        put(&*self.store, "checkpoint-1.tar", object).await?;
        Ok(())
    }
}
