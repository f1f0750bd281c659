//! The newest state of a job, which replaces all that were before it.

use batcher_core::{PutMode, ReadRange, StoreErrorKind};
use batcher_testkit::{FaultKind, MemoryStore, World};
use bytes::Bytes;
use futures_util::future::join;

use crate::bug::Bug;
use crate::hunt::{Hunt, hunt};
use crate::tools::{Failure, Tools};

/// One writer, which goes on with newer state where a write fails.
pub(crate) fn one_writer(bug: Option<Bug>) -> Hunt {
    hunt(bug, go_on).faults([
        FaultKind::RequestLost,
        FaultKind::AckLost,
        FaultKind::Late,
        FaultKind::Cancel,
        FaultKind::Hang,
    ])
}

/// Two writers, of which the second takes over from the first.
pub(crate) fn two_writers(bug: Option<Bug>) -> Hunt {
    hunt(bug, take_over).faults([
        FaultKind::RequestLost,
        FaultKind::Late,
        FaultKind::SlowEffect,
        FaultKind::Overtaken,
    ])
}

struct Latest(Tools);

impl Latest {
    /// Where the state of an epoch stands: no write can get in the way of a newer one.
    fn name(&self, epoch: u8) -> String {
        match self.0.has(Bug::ForgetsLateWrite) || self.0.has(Bug::ZombieWins) {
            true => "latest/state".to_owned(),
            false => format!("latest/{epoch}"),
        }
    }

    async fn save(&self, epoch: u8) -> Result<(), Failure> {
        if self.0.has(Bug::ZombieWins) && self.load(epoch).await?.is_some_and(|newest| newest[0] > epoch) {
            return Err(Failure::Conflict);
        }
        let state = Bytes::from(vec![epoch]);
        Ok(self.0.store.put(&self.name(epoch), state.into(), PutMode::Replace).await?)
    }

    async fn load(&self, epoch: u8) -> Result<Option<Bytes>, Failure> {
        match self.0.store.read(&self.name(epoch), ReadRange::Bounded(0..9)).await {
            Ok(reply) => Ok(Some(reply.bytes)),
            Err(error) if error.kind() == StoreErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

async fn go_on(world: World, bug: Option<Bug>) -> Result<(), String> {
    let memory = MemoryStore::new();
    let latest = Latest(Tools::new(&world, world.store(memory.clone()), bug));
    world.allow_rewrites("latest/");
    let mut saved = None;
    for epoch in 0..3 {
        world.wrote("state", vec![epoch]);
        if let Some(Ok(())) = world.attempt("save", latest.save(epoch)).await {
            world.acknowledged();
            saved = Some(epoch);
        }
    }
    judge(&world, memory, bug, saved).await
}

async fn take_over(world: World, bug: Option<Bug>) -> Result<(), String> {
    let memory = MemoryStore::new();
    let store = world.store(memory.clone());
    let writer = || Latest(Tools::new(&world, store.clone(), bug));
    world.allow_rewrites("latest/");
    world.wrote("state", vec![2]);
    let (first, second) = (writer(), writer());
    let taking_over = async {
        second.load(1).await?;
        second.save(2).await
    };
    // What becomes of the first one's write is nobody's business any longer.
    let (_, saved) = join(first.save(1), taking_over).await;
    if saved.is_ok() {
        world.acknowledged();
    }
    judge(&world, memory, bug, saved.is_ok().then_some(2)).await
}

/// Reads what was saved last, once nothing is late any longer.
async fn judge(
    world: &World,
    memory: MemoryStore,
    bug: Option<Bug>,
    saved: Option<u8>,
) -> Result<(), String> {
    world.settle().await;
    let Some(saved) = saved else { return Ok(()) };
    let clean = Latest(Tools::new(&World::default(), memory, bug));
    let state = clean.load(saved).await.map_err(|error| error.to_string())?;
    world.judge_read(state.map(|state| ("state", state)));
    Ok(())
}
