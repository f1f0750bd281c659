//! A writer whose name somebody else has taken.

use batcher_core::PutMode;
use batcher_testkit::{FaultKind, MemoryStore, World};
use bytes::Bytes;

use crate::bug::Bug;
use crate::hunt::{Hunt, hunt};
use crate::job::TRIES;
use crate::tiny_batcher::{Committed, TinyBatcher};
use crate::tools::{Failure, Tools};

/// Whatever can happen to a write.
pub(crate) fn writes(bug: Option<Bug>) -> Hunt {
    let kinds = [FaultKind::AckLost, FaultKind::RequestLost, FaultKind::Late, FaultKind::Cancel];
    // No write succeeds whose acknowledgement could be lost.
    hunt(bug, run).faults(kinds).without([FaultKind::AckLost])
}

async fn run(world: World, bug: Option<Bug>) -> Result<(), String> {
    let store = world.store(MemoryStore::new());
    world.plant(&store, "batch/node/0-0", "theirs").await.map_err(|error| error.to_string())?;
    let tools = Tools::new(&world, store, bug);
    let mut batcher = TinyBatcher::new(tools, PutMode::Create, "node", &Committed::default());
    world.wrote("key", "blob");
    batcher.add("key", Bytes::from_static(b"blob"));
    for _ in 0..TRIES {
        match world.attempt("flush", batcher.flush(0)).await {
            Some(Err(Failure::Conflict)) => break,
            Some(Ok(())) => return Err("the name was taken".into()),
            _ => {}
        }
    }
    world.judge_held(batcher.held());
    Ok(())
}
