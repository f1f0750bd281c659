//! What a job does that takes checkpoints.

use batcher_testkit::World;
use bytes::Bytes;

use crate::tiny_batcher::{Committed, TinyBatcher, restore};
use crate::tools::{Failure, Tools};

/// After how many tries without success the faults are to have ceased, and after how many it must have worked.
const HEALED_AFTER: u32 = 2;
pub(crate) const TRIES: u32 = 6;

/// Whether the faults are to have ceased.
pub(crate) fn heal(world: &World, tries: u32) {
    if tries >= HEALED_AFTER {
        world.heal();
    }
}

/// The blobs of an epoch. The third one needs an upload in parts.
fn state(epoch: u64) -> [(String, Bytes); 4] {
    let blob = |key: &str, len| (format!("{epoch}/{key}"), Bytes::from(format!("{key}{epoch}").repeat(len)));
    [blob("a", 2), blob("b", 2), blob("c", 30), blob("d", 2)]
}

fn hand_over(world: &World, batcher: &mut TinyBatcher, (key, blob): (String, Bytes)) {
    world.wrote(&key, blob.clone());
    batcher.add(&key, blob);
}

/// Hands over an epoch's blobs in two flushes; false where a damaged store makes it impossible.
pub(crate) async fn checkpoint(world: &World, batcher: &mut TinyBatcher, epoch: u64) -> Result<bool, String> {
    let [first, second, third, last] = state(epoch);
    [first, second, third].into_iter().for_each(|blob| hand_over(world, batcher, blob));
    let mut last = Some(last);
    let first = flush(world, batcher, epoch, &mut last).await?;
    let Some(blob) = last.take() else { return Ok(first) };
    hand_over(world, batcher, blob);
    Ok(first && flush(world, batcher, epoch, &mut last).await?)
}

/// Flushes until it has worked. After the first failure one more blob is handed over.
async fn flush(
    world: &World,
    batcher: &mut TinyBatcher,
    epoch: u64,
    more: &mut Option<(String, Bytes)>,
) -> Result<bool, String> {
    for tries in 1..=TRIES {
        let flushed = world.attempt("flush", batcher.flush(epoch)).await;
        if let Some(Ok(())) = flushed {
            world.acknowledged();
            world.judge_held(batcher.held());
            return Ok(true);
        }
        world.judge_held(batcher.held());
        if matches!(flushed, Some(Err(Failure::Conflict))) && world.is_damaged() {
            return Ok(false);
        }
        if let Some(blob) = more.take() {
            hand_over(world, batcher, blob);
        }
        // That it fails is left for the next time.
        let _ = world.attempt("clear", batcher.clear_away()).await;
        heal(world, tries);
    }
    Err("no flush succeeds although the faults have ceased".into())
}

/// Reads back what was committed, as often as it takes. Where that never works, nothing is left.
pub(crate) async fn read_back(world: &World, tools: &Tools, committed: &Committed) {
    for tries in 1..=TRIES {
        if let Some(Ok(blobs)) = world.attempt("restore", restore(tools, committed)).await {
            return world.judge_read(blobs);
        }
        heal(world, tries);
    }
    if !world.is_damaged() {
        world.judge_read([("", ""); 0]);
    }
}
