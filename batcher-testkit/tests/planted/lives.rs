//! A process that dies and is started again, and goes on behind what was committed.

use std::cell::Cell;

use batcher_core::PutMode;
use batcher_testkit::{FaultKind, FaultStore, MemoryStore, World};

use crate::bug::Bug;
use crate::hunt::{Hunt, hunt};
use crate::job::{TRIES, checkpoint, heal, read_back};
use crate::tiny_batcher::{Committed, TinyBatcher};
use crate::tools::Tools;
use crate::write_behind::WriteBehind;

/// Everything that can happen to it, alone.
pub(crate) fn everything(bug: Option<Bug>) -> Hunt {
    // Nothing waits before something else has gone wrong.
    hunt(bug, run).without([FaultKind::Oversleeps, FaultKind::ClockJumps])
}

async fn run(world: World, bug: Option<Bug>) -> Result<(), String> {
    let store = world.store(MemoryStore::new());
    let (committed, done) = (Committed::default(), Cell::new(0));
    for life in 0..=TRIES {
        heal(&world, life);
        let live = live(&world, bug, life, &store, &committed, &done);
        match world.process("node", live).await {
            None => world.forgotten(),
            Some(ended) => {
                ended?;
                world.settle().await;
                world.restart().await;
                read_back(&world, &Tools::new(&world, store, bug), &committed).await;
                return Ok(());
            }
        }
    }
    Err("every process dies".into())
}

async fn live(
    world: &World,
    bug: Option<Bug>,
    life: u32,
    store: &FaultStore<MemoryStore>,
    committed: &Committed,
    done: &Cell<u64>,
) -> Result<(), String> {
    let tools = Tools::new(world, WriteBehind::new(store.clone(), bug), bug);
    read_back(world, &tools, committed).await;
    let mut batcher = TinyBatcher::new(tools.clone(), PutMode::Create, &format!("node-{life}"), committed);
    while done.get() < 2 {
        checkpoint(world, &mut batcher, done.get()).await?;
        done.set(done.get() + 1);
        let _ = world.attempt("clear", batcher.clear_away()).await;
    }
    read_back(world, &tools, committed).await;
    Ok(())
}
