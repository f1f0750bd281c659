//! The drop-in over an `object_store` in which everything goes wrong that can go wrong for it, alone and in pairs.
//!
//! Left out: what takes time, hangs or is dropped, because the drop-in blocks its caller until the store has answered
//! and has no timeouts of its own; requests that come about after an answer that denied them, and processes that die
//! and leave such requests behind, because its puts replace, so that one of an earlier life would undo what a later one
//! has written under the same name, as it would have in its model; and stores that do not find an object that is there, or show an older one, because
//! the drop-in has nothing but names to tell which objects an epoch has.
#![cfg(all(feature = "lz4", feature = "object-store"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

#[path = "../../batcher-stores/tests/bridge/mod.rs"]
mod bridge;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use batcher::{CheckpointBatcher, CheckpointReader, CheckpointStoreError, StoreErrorKind};
use batcher_testkit::{Exploration, FaultKind, MemoryStore, World};
use bridge::Bridge;
use bytes::Bytes;
use object_store::ObjectStore;

const PREFIX: &str = "nodes/7/";
const HEALED_AFTER: u32 = 2;
const TRIES: u32 = 8;

const KINDS: [FaultKind; 14] = [
    FaultKind::Reject(StoreErrorKind::Throttled),
    FaultKind::Reject(StoreErrorKind::Unavailable),
    FaultKind::Reject(StoreErrorKind::Denied),
    FaultKind::Reject(StoreErrorKind::NoSpace),
    FaultKind::Reject(StoreErrorKind::TooLarge),
    FaultKind::RequestLost,
    FaultKind::AckLost,
    FaultKind::PanicBefore,
    FaultKind::PanicAfter,
    FaultKind::SpuriousWakes,
    FaultKind::ShortRead,
    FaultKind::FlipBit,
    FaultKind::ZeroedRead,
    FaultKind::Misdirected,
];

type Result = std::result::Result<(), Box<dyn std::error::Error>>;

/// Tries until it works, which it must once the faults have ceased.
async fn insist<T>(
    world: &World,
    what: &str,
    mut attempt: impl FnMut() -> std::result::Result<T, CheckpointStoreError>,
) -> std::result::Result<Option<T>, Box<dyn std::error::Error>> {
    for tries in 0.. {
        match world.attempt(what, async { attempt() }).await {
            Some(Ok(done)) => return Ok(Some(done)),
            Some(Err(_)) | None if world.is_damaged() && tries > HEALED_AFTER => return Ok(None),
            Some(Err(error)) if tries > TRIES => return Err(error.into()),
            _ => {}
        }
        if tries >= HEALED_AFTER {
            world.heal();
        }
    }
    unreachable!("tries are counted")
}

/// One life of the engine: two epochs, each flushed twice.
async fn live(
    world: &World,
    store: &Arc<dyn ObjectStore>,
    epochs: std::ops::Range<u64>,
    life: u64,
) -> Result {
    let mut batcher = CheckpointBatcher::new(Arc::clone(store), PREFIX.into(), None)?;
    for epoch in epochs {
        for half in 0..2 {
            let blobs: Vec<_> =
                (0..3 - half).map(|key| (format!("epoch-{epoch}/{key}"), half * 7 + life)).collect();
            for (key, value) in &blobs {
                let blob = value.to_string().repeat(40);
                batcher.add(key.clone(), blob.clone().into());
                world.wrote(key, blob);
            }
            insist(world, "flush", || {
                let flushed = batcher.flush(epoch);
                if flushed.is_err() {
                    world.judge_held(batcher.len() as u64);
                }
                flushed
            })
            .await?;
            world.acknowledged();
            world.judge_held(batcher.len() as u64);
        }
    }
    Ok(())
}

async fn restore(world: &World, store: &Arc<dyn ObjectStore>, epochs: std::ops::Range<u64>) -> Result {
    let mut all: BTreeMap<String, Bytes> = BTreeMap::new();
    for epoch in epochs {
        let read = || CheckpointReader::open(Arc::clone(store), PREFIX, epoch)?.restore();
        let Some(read) = insist(world, "restore", read).await? else { return Ok(()) };
        all.extend(read);
    }
    world.judge_read(all);
    Ok(())
}

async fn scenario(world: World) -> Result {
    let faults = world.store(MemoryStore::new());
    world.plant(&faults, "nodes/8/checkpoints/batch-000001.lz4", "theirs").await?;
    // The second life takes the last epoch again, with other blobs.
    world.allow_rewrites(PREFIX);
    let store: Arc<dyn ObjectStore> = Arc::new(Bridge::new(faults));
    live(&world, &store, 0..2, 0).await?;
    restore(&world, &store, 0..2).await?;
    live(&world, &store, 1..3, 1).await?;
    world.settle().await;
    world.restart().await;
    restore(&world, &store, 0..3).await
}

#[test]
fn every_pair_of_faults() {
    let start = Instant::now();
    let report = Exploration::new(scenario).faults(KINDS).depth(2).run();
    println!("{report}  in {:?}", start.elapsed());
    report.assert_clean();
}

#[test]
#[ignore = "takes a quarter of an hour"]
fn every_pair_of_faults_that_last() {
    let start = Instant::now();
    let exploration = Exploration::new(scenario).faults(KINDS).lasting(true).depth(2);
    let report = exploration.progress(|progress| println!("{} of {}", progress.done, progress.of)).run();
    println!("{report}  in {:?}", start.elapsed());
    report.assert_clean();
}

#[test]
fn every_fault_that_lasts_and_damage() {
    let report = Exploration::new(scenario).faults(KINDS).lasting(true).run();
    report.assert_clean();
    // That an epoch's last object is gone altogether goes unnoticed: only a record of what is complete could tell.
    let damage = [FaultKind::Blanked, FaultKind::ShortRead, FaultKind::AckLost];
    Exploration::new(scenario).faults(damage).depth(2).run().assert_clean();
}
