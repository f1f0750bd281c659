//! Reads all of an object and believes nothing.

use std::sync::Arc;

use futures_util::stream::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::batch::Batch;
use super::read_ahead::ReadAhead;
use super::{BatchReader, Content, ReadError};
use crate::format::{KeyPage, Problem, Section};

/// What was found to be in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Bytes of the object, all of them checked.
    pub object_len: u64,
    /// Blocks decoded.
    pub blocks: u64,
    /// Keys read.
    pub blobs: u64,
    /// Sum of their blobs' lengths in bytes.
    pub blob_bytes: u64,
}

impl BatchReader {
    /// Reads every byte of the object, decodes every block and page, and checks that all agree. Needs no more memory than
    /// a few blocks and pages, and the object's dictionaries.
    ///
    /// # Errors
    ///
    /// [`ReadError`] for the first thing that is wrong.
    pub async fn verify(&self) -> Result<VerifyReport, ReadError> {
        match &self.content {
            Content::Batch(batch) => self.verify_batch(batch).await,
            // Everything was checked when it was opened.
            Content::Legacy(_) => {
                let summary = self.summary();
                Ok(VerifyReport {
                    object_len: summary.object_len,
                    blocks: summary.blocks,
                    blobs: summary.blobs,
                    blob_bytes: summary.blob_bytes,
                })
            }
        }
    }

    async fn verify_batch(&self, batch: &Batch) -> Result<VerifyReport, ReadError> {
        let mut report = VerifyReport { object_len: self.object.len, ..VerifyReport::default() };
        let expected = batch.root.descriptor.header();
        let header = self.object.read(0..expected.len() as u64).await?;
        if header != expected {
            let problem = Problem::Malformed("not the header that the root describes");
            return Err(self.object.corrupt(problem.at(Section::Header, 0)));
        }
        let mut blocks = ReadAhead::new(&self.object, batch, batch.all_blocks(&self.object, false));
        // Those that no block needs, too.
        let decoders = batch.decoders(&self.object, batch.all_dictionaries(), false);
        let decoders = blocks.during(decoders).await?;
        let mut blocks = self.assemble(batch, blocks, decoders, Arc::default());
        while blocks.try_next().await?.is_some() {
            report.blocks += 1;
        }
        drop(blocks);
        let numbers = (0..batch.root.key_pages.len()).collect();
        let mut pages = batch.pages::<KeyPage>(&self.object, numbers, false);
        while let Some((_, page)) = pages.try_next().await? {
            report.blobs += page.len() as u64;
            for index in 0..page.len() {
                report.blob_bytes = report.blob_bytes.saturating_add(page.entry(index).len);
            }
        }
        let root = &batch.root;
        if report.blob_bytes != root.blob_bytes {
            let problem = Problem::Length { expected: root.blob_bytes, actual: report.blob_bytes };
            return Err(self.object.corrupt(problem.at(Section::Root, batch.trailer.root_offset)));
        }
        Ok(report)
    }
}
