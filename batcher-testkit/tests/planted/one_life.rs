//! A process that takes two checkpoints, and at the end reads back what was committed and then whatever is there.

use batcher_core::{PutMode, StoreErrorKind};
use batcher_testkit::{FaultKind, MemoryStore, World};

use crate::bug::Bug;
use crate::file_store::FileStore;
use crate::hunt::{Hunt, hunt};
use crate::job::{checkpoint, read_back};
use crate::object;
use crate::tiny_batcher::{Committed, TinyBatcher};
use crate::tools::Tools;

/// Everything that can happen to it, alone.
pub(crate) fn everything(bug: Option<Bug>) -> Hunt {
    // No process dies here, and nothing waits before something else has gone wrong.
    let never = [FaultKind::CrashBefore, FaultKind::CrashAfter, FaultKind::Oversleeps, FaultKind::ClockJumps];
    hunt(bug, creating).without(never)
}

/// Whatever can happen to a write, with nothing cleared away.
pub(crate) fn kept(bug: Option<Bug>) -> Hunt {
    hunt(bug, |world, bug| run(world, bug, PutMode::Create, true)).faults([
        FaultKind::AckLost,
        FaultKind::RequestLost,
        FaultKind::OwnExists,
        FaultKind::PhantomExists,
        FaultKind::Late,
        FaultKind::Cancel,
    ])
}

/// Everything that can happen to it and that can last.
pub(crate) fn lasting(bug: Option<Bug>) -> Hunt {
    everything(bug).lasting(true)
}

/// Pairs of writes that are never answered.
pub(crate) fn unanswered(bug: Option<Bug>) -> Hunt {
    hunt(bug, creating).faults([FaultKind::AckLost, FaultKind::Late]).depth(2)
}

/// Writes that come late.
pub(crate) fn late(bug: Option<Bug>) -> Hunt {
    hunt(bug, creating).faults([FaultKind::Late])
}

/// Pairs of writes that are never answered and calls that are refused.
pub(crate) fn refused(bug: Option<Bug>) -> Hunt {
    let denied = FaultKind::Reject(StoreErrorKind::Denied);
    hunt(bug, creating).faults([FaultKind::AckLost, denied]).depth(2)
}

/// Pauses after a first fault, in which time does not pass as it should.
pub(crate) fn pauses(bug: Option<Bug>) -> Hunt {
    let throttled = FaultKind::Reject(StoreErrorKind::Throttled);
    hunt(bug, creating).faults([throttled, FaultKind::Oversleeps, FaultKind::ClockJumps]).depth(2)
}

/// A store that is not atomic.
pub(crate) fn torn(bug: Option<Bug>) -> Hunt {
    hunt(bug, creating).faults([FaultKind::Torn])
}

/// With objects that may be replaced.
pub(crate) fn replacing(bug: Option<Bug>) -> Hunt {
    let kinds = [FaultKind::AckLost, FaultKind::RequestLost, FaultKind::Late, FaultKind::Cancel];
    hunt(bug, |world, bug| run(world, bug, PutMode::Replace, false)).faults(kinds)
}

/// With a limit to its memory.
pub(crate) fn bounded(bug: Option<Bug>) -> Hunt {
    let kinds = [FaultKind::FlipBit, FaultKind::ShortRead, FaultKind::ZeroedRead, FaultKind::Misdirected];
    let probe = |run: &mut dyn FnMut()| allocation_counter::measure(run).bytes_max;
    hunt(bug, creating).faults(kinds).memory_limit(probe, 1 << 20)
}

async fn creating(world: World, bug: Option<Bug>) -> Result<(), String> {
    run(world, bug, PutMode::Create, false).await
}

async fn run(world: World, bug: Option<Bug>, mode: PutMode, keeps: bool) -> Result<(), String> {
    let memory = MemoryStore::new();
    let store = world.store(FileStore::new(memory.clone(), bug));
    let (tools, committed) = (Tools::new(&world, store, bug), Committed::default());
    let mut batcher = TinyBatcher::new(tools.clone(), mode, "node", &committed);
    batcher.keeps = keeps;
    for epoch in 0..2 {
        if !checkpoint(&world, &mut batcher, epoch).await? {
            break;
        }
        let _ = world.attempt("clear", batcher.clear_away()).await;
    }
    world.settle().await;
    read_back(&world, &tools, &committed).await;
    let clean = Tools::new(&World::default(), memory.clone(), bug);
    let mut there = Vec::new();
    for name in memory.names() {
        match object::read(&name, &clean).await {
            Ok(blobs) => there.extend(blobs),
            Err(_) if world.is_damaged() => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    // Nothing is there twice.
    world.judge_read(there);
    Ok(())
}
