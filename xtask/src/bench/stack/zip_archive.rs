//! A zip archive whose members are compressed one by one with Zstandard.

use std::io::{Cursor, Read, Write};
use std::sync::Arc;

use batcher::{BlobStore, async_trait};
use bytes::Bytes;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::super::state::State;
use super::{Session, Stack, TakeBlob, put, read_only_object};
use crate::failure::Failure;

/// One member a blob, Zstandard at our default level.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ZipZstd;

#[async_trait]
impl Stack for ZipZstd {
    fn name(&self) -> &str {
        "zip, zstd"
    }

    fn session(&self, state: &Arc<State>, store: Arc<dyn BlobStore>) -> Result<Box<dyn Session>, Failure> {
        let archive = ZipWriter::new(Cursor::new(Vec::new()));
        Ok(Box::new(Zip { archive: Some(archive), state: Arc::clone(state), store }))
    }

    async fn read(&self, store: Arc<dyn BlobStore>, take: TakeBlob<'_>) -> Result<(), Failure> {
        let object = read_only_object(&*store).await?;
        let mut archive = ZipArchive::new(Cursor::new(object))?;
        for index in 0..archive.len() {
            let mut member = archive.by_index(index)?;
            let mut blob = Vec::with_capacity(usize::try_from(member.size())?);
            member.read_to_end(&mut blob)?;
            take(member.name()?.into_owned(), Bytes::from(blob));
        }
        Ok(())
    }
}

struct Zip {
    /// Gone once it is finished.
    archive: Option<ZipWriter<Cursor<Vec<u8>>>>,
    state: Arc<State>,
    store: Arc<dyn BlobStore>,
}

#[async_trait]
impl Session for Zip {
    fn add_all(&mut self) -> Result<(), Failure> {
        let archive = self.archive.as_mut().ok_or("finished already")?;
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Zstd)
            .compression_level(Some(batcher::Zstd::DEFAULT_LEVEL.into()));
        for (key, blob) in &self.state.blobs {
            archive.start_file(key.as_str(), options)?;
            archive.write_all(blob)?;
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), Failure> {
        let archive = self.archive.take().ok_or("finished already")?;
        put(&*self.store, "checkpoint-1.zip", archive.finish()?.into_inner()).await?;
        Ok(())
    }
}
