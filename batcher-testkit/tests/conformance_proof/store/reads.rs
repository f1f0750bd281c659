//! Reads and lists with one defect.

use std::ops::Range;

use async_trait::async_trait;
use batcher_core::{BlobSource, ObjectInfo, Operation, ReadRange, ReadReply, StoreError, StoreErrorKind};
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};

use super::Broken;
use crate::defect::Defect;

impl Broken {
    async fn read_badly(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let invalid = || Err(StoreError::new(StoreErrorKind::InvalidInput, Operation::Read, name));
        let len = self.inner.object(name).map_or(0, |object| object.len() as u64);
        match (self.defect, &range) {
            (Defect::StartPastTheEndIsAnError, ReadRange::Bounded(Range { start, .. }))
                if *start > 0 && *start >= len =>
            {
                return invalid();
            }
            (Defect::EndPastSignedNumbersIsAnError, ReadRange::Bounded(Range { start, end }))
                if *start > 0 && *end > u64::MAX >> 1 =>
            {
                return invalid();
            }
            (Defect::LongSuffixIsAnError, ReadRange::Suffix(bytes)) if *bytes > len => return invalid(),
            (Defect::SuffixIsAPrefix, ReadRange::Suffix(bytes)) => {
                return self.inner.read(name, ReadRange::Bounded(0..*bytes)).await;
            }
            (Defect::SuffixReadPanics, ReadRange::Suffix(_)) => panic!("no suffixes today"),
            (Defect::NotFoundIsEmpty, ReadRange::Bounded(range))
                if range.is_empty() && self.inner.object(name).is_none() =>
            {
                return Ok(ReadReply { bytes: Bytes::new(), object_len: 0, version: None });
            }
            (Defect::ReadsInTwoHalves, ReadRange::Bounded(Range { start: 0, end: u64::MAX })) => {
                let half = self.inner.size(name).await? / 2;
                let first = self.inner.read(name, ReadRange::Bounded(0..half)).await?;
                let mut reply = self.inner.read(name, ReadRange::Bounded(half..u64::MAX)).await?;
                reply.bytes = [first.bytes, reply.bytes].concat().into();
                return Ok(reply);
            }
            _ => {}
        }
        let mut reply = self.inner.read(name, range).await?;
        match self.defect {
            Defect::VersionIsTheLength => reply.version = Some(reply.object_len.to_string()),
            Defect::VersionChangesWithTheRange => {
                reply.version = reply.version.map(|version| format!("{version}-{}", reply.bytes.len()));
            }
            _ => {}
        }
        Ok(reply)
    }
}

#[async_trait]
impl BlobSource for Broken {
    fn reads_suffixes(&self) -> bool {
        self.inner.reads_suffixes()
    }

    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        if self.is(Defect::DroppedReadsPoison) {
            if self.state.lock().unwrap().poisoned {
                return Err(StoreError::new(StoreErrorKind::Other, Operation::Read, name));
            }
            let mut reading = self.reads();
            let read = self.inner.read(name, range).await;
            reading.ended = true;
            return read;
        }
        let kept = self.kept_as(name);
        let read = self.read_badly(&kept, range).await;
        read.map_err(|error| self.spoil(if kept == name { error } else { error.with_object(name) }))
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        let kept = self.kept_as(name);
        let size = self.inner.size(&kept).await;
        let size =
            size.map_err(|error| self.spoil(if kept == name { error } else { error.with_object(name) }))?;
        Ok(if self.is(Defect::SizesOfSixteenBits) { size & 0xFFFF } else { size })
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let list = self.inner.list(prefix);
        let directory = prefix.strip_suffix('/').unwrap_or(prefix).to_owned();
        match self.defect {
            Defect::ListsByDirectory => list
                .filter(move |object| {
                    let name = object.as_ref().map(|object| object.name.clone()).unwrap();
                    let rest = name.strip_prefix(&directory).unwrap_or_default();
                    std::future::ready(rest.is_empty() || rest.starts_with('/'))
                })
                .boxed(),
            Defect::ListsOtherLengths => {
                list.map(|object| object.map(|object| ObjectInfo { len: object.len + 1, ..object })).boxed()
            }
            Defect::ListsOnePage => list.take(1000).boxed(),
            Defect::ListsTwice => {
                let again = self.inner.list(prefix).skip(1000);
                list.chain(again).boxed()
            }
            Defect::ListsGoOnWhereOneWasDropped => {
                let skipped = self.state.lock().unwrap().position;
                list.skip(skipped)
                    .inspect(|_| self.state.lock().unwrap().position += 1)
                    .chain(futures_util::stream::poll_fn(|_| {
                        self.state.lock().unwrap().position = 0;
                        std::task::Poll::Ready(None)
                    }))
                    .boxed()
            }
            _ => list,
        }
    }
}
