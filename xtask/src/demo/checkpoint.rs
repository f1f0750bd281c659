//! Checkpoints: the job's blobs in batch objects, and a commit record that makes them count.
//!
//! The record is written after the batches have been acknowledged, and is never overwritten. A checkpoint without
//! one does not exist, whatever a killed worker has left of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use batcher::{
    AddError, BatchHandle, BatchReader, BatchReceipt, Batcher, BlobSink, BlobSource, BlobStore, Codec, Lz4,
    Meter, Payload, Prefix, PutMode, Raw, ReadOptions, ReadRange, Readings, StoreError, ThreadPool,
    TokioTimer, Zstd, default_name, open_url, registry,
};
use bytes::Bytes;
use futures_util::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::job::Job;
use super::message::{Restored, Saved};
use super::options::{CodecName, Plan};
use crate::failure::Failure;

/// What makes a checkpoint complete.
#[derive(Debug, Serialize, Deserialize)]
struct Commit {
    epoch: u64,
    events: u64,
    receipts: Vec<BatchReceipt>,
}

/// The checkpoints of one run, as one worker sees them.
#[derive(Debug)]
pub(super) struct Checkpoints {
    store: Arc<dyn BlobStore>,
    readings: Readings,
    batcher: Batcher<Arc<dyn BlobStore>>,
    pool: ThreadPool,
    threads: usize,
    keep: u64,
}

impl Checkpoints {
    /// `life` counts the starts of the worker: no two lives ever write the same name.
    pub(super) fn open(plan: &Plan, life: u32) -> Result<Self, Failure> {
        let store = open_url(&plan.store, plan.store_options.iter().cloned())?;
        let meter = Meter::new(Prefix::new(store, plan.prefix.as_str())?, TokioTimer::new());
        let readings = meter.readings();
        let store: Arc<dyn BlobStore> = Arc::new(meter);
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let pool = ThreadPool::new(threads)?;
        let batcher = Batcher::builder(codec(plan.codec)?, Arc::clone(&store))
            .writer(format!("worker-{life}"))
            .naming(|id, codec| format!("batches/{}", default_name(id, codec)))
            .executor(pool.clone())
            .build()?;
        Ok(Self { store, readings, batcher, pool, threads, keep: plan.keep })
    }

    /// Writes a checkpoint and makes it count.
    pub(super) async fn save(&mut self, job: &Job, epoch: u64) -> Result<Saved, Failure> {
        let started = Instant::now();
        let requests_before = self.readings.snapshot().write_requests();
        self.add_all(job)?;
        let receipts = self.batcher.flush(epoch).await?.receipts;
        let commit = Commit { epoch, events: job.processed(), receipts };
        let record = Payload::from(Bytes::from(serde_json::to_vec_pretty(&commit)?));
        self.store.put(&commit_name(epoch), record, PutMode::Create).await?;
        let sum = |of: fn(&BatchReceipt) -> u64| commit.receipts.iter().map(of).sum();
        Ok(Saved {
            blobs: sum(|receipt| receipt.blobs),
            bytes: sum(|receipt| receipt.blob_bytes),
            objects: commit.receipts.len() as u64,
            stored: sum(|receipt| receipt.object_len),
            requests: self.readings.snapshot().write_requests() - requests_before,
            seconds: started.elapsed().as_secs_f64(),
        })
    }

    /// Adds all state, from as many threads as there are cores.
    fn add_all(&self, job: &Job) -> Result<(), AddError> {
        let next_share = AtomicUsize::new(0);
        let add = |handle: &BatchHandle| {
            let mut result = Ok(());
            loop {
                let share = next_share.fetch_add(1, Ordering::Relaxed);
                if share >= Job::SHARES || result.is_err() {
                    return result;
                }
                job.snapshot(share, &mut |key, blob| {
                    if result.is_ok() {
                        result = handle.add(&key, blob);
                    }
                });
            }
        };
        let handles: Vec<_> = (0..self.threads).map(|_| self.batcher.handle()).collect();
        thread::scope(|scope| {
            let adders: Vec<_> = handles.iter().map(|handle| scope.spawn(|| add(handle))).collect();
            adders
                .into_iter()
                .try_for_each(|adder| adder.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
        })
    }

    /// The job as of the newest complete checkpoint; `None` where there is none.
    pub(super) async fn restore(&self) -> Result<Option<(Job, Restored)>, Failure> {
        let started = Instant::now();
        let Some(commit) = self.newest().await? else { return Ok(None) };
        let mut job = Job::default();
        let (mut seen, mut bytes) = (HashSet::new(), 0);
        // Of the same key in two objects, the later one counts.
        for receipt in commit.receipts.iter().rev() {
            let options = ReadOptions::default().with_executor(self.pool.clone());
            let source = Arc::clone(&self.store);
            let reader = BatchReader::open_with(source, &receipt.object, &registry(), options).await?;
            let summary = reader.summary();
            if (summary.checksum, summary.object_len) != (Some(receipt.checksum), receipt.object_len) {
                return Err(format!("{} is not the object that was committed", receipt.object).into());
            }
            let mut blobs = reader.blobs();
            while let Some((key, blob)) = blobs.try_next().await? {
                if !seen.contains(&key) {
                    job.restore(&key, &blob).map_err(|error| format!("{key}: {error}"))?;
                    bytes += blob.len() as u64;
                    seen.insert(key);
                }
            }
        }
        if job.processed() != commit.events {
            return Err(
                format!("epoch {} holds the state after {} events", commit.epoch, job.processed()).into()
            );
        }
        let restored = Restored {
            epoch: commit.epoch,
            events: commit.events,
            blobs: seen.len() as u64,
            bytes,
            seconds: started.elapsed().as_secs_f64(),
        };
        Ok(Some((job, restored)))
    }

    async fn newest(&self) -> Result<Option<Commit>, Failure> {
        // The greatest number, not the last name: nothing says how a store sorts.
        let epochs = self.names("commits/").await?.into_iter().filter_map(|name| epoch_of(&name));
        let Some(epoch) = epochs.max() else { return Ok(None) };
        let record = self.store.read(&commit_name(epoch), ReadRange::Suffix(u64::MAX)).await?;
        let commit: Commit = serde_json::from_slice(&record.bytes)?;
        if commit.epoch != epoch {
            return Err(format!("{} is the record of epoch {}", commit_name(epoch), commit.epoch).into());
        }
        Ok(Some(commit))
    }

    /// Deletes the checkpoints that are no longer kept, and what killed workers have left of unfinished ones among them.
    pub(super) async fn retire(&self, newest: u64) -> Result<(), StoreError> {
        let Some(oldest) = newest.checked_sub(self.keep - 1) else { return Ok(()) };
        // Records first: a checkpoint whose objects are gone must not look complete.
        for folder in ["commits/", "batches/"] {
            for name in self.names(folder).await? {
                if epoch_of(&name).is_some_and(|epoch| epoch < oldest) {
                    self.store.delete(&name).await?;
                }
            }
        }
        Ok(())
    }

    async fn names(&self, prefix: &str) -> Result<Vec<String>, StoreError> {
        self.store.list(prefix).map_ok(|info| info.name).try_collect().await
    }
}

fn codec(name: CodecName) -> Result<Arc<dyn Codec>, Failure> {
    Ok(match name {
        CodecName::Lz4 => Arc::new(Lz4::default()),
        CodecName::Zstd => Arc::new(Zstd::new(1)?),
        CodecName::Raw => Arc::new(Raw),
    })
}

fn commit_name(epoch: u64) -> String {
    format!("commits/{epoch:020}.json")
}

/// The epoch in the second segment of a name.
fn epoch_of(name: &str) -> Option<u64> {
    let segment = name.split('/').nth(1)?;
    segment.strip_suffix(".json").unwrap_or(segment).parse().ok()
}
