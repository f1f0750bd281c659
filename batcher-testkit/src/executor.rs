//! An executor in which chosen jobs go wrong.

use std::sync::Arc;

use batcher_core::{Executor, Job};

use crate::fault::{Call, CallInfo, Fault};
use crate::world::{InjectedPanic, LateJob, World};

/// Wraps an executor and makes the jobs go wrong that its [`World`] chooses. Made by [`World::executor`].
///
/// The world waits for jobs that run on other threads; without this wrapper it does not know of them.
#[derive(Debug)]
pub struct FaultExecutor<E> {
    world: World,
    inner: Arc<E>,
}

impl<E> Clone for FaultExecutor<E> {
    fn clone(&self) -> Self {
        Self { world: self.world.clone(), inner: Arc::clone(&self.inner) }
    }
}

impl<E: Executor + 'static> FaultExecutor<E> {
    pub(crate) fn in_world(world: World, inner: E) -> Self {
        Self { world, inner: Arc::new(inner) }
    }

    /// A job that is counted until it has run or was dropped.
    fn counted(&self, job: Job) -> Job {
        self.world.state().jobs += 1;
        let counted = Counted(self.world.clone());
        Box::new(move || {
            let _counted = counted;
            job();
        })
    }
}

/// A job that the world waits for.
struct Counted(World);

impl Drop for Counted {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.jobs -= 1;
        state.progressed();
    }
}

#[deny(clippy::missing_trait_methods)]
impl<E: Executor + 'static> Executor for FaultExecutor<E> {
    fn execute(&self, job: Job) {
        let mut state = self.world.state();
        let submitted = state.submit(Call::Execute, "", CallInfo::default());
        match submitted.fault {
            Some(Fault::JobDropped) => {
                state.fire(submitted.id);
                drop(state);
                drop(job);
            }
            Some(Fault::JobLate) => {
                state.fire(submitted.id);
                let this = self.clone();
                let late = LateJob(Box::new(move || this.inner.execute(this.counted(job))));
                let refused = state.keep_job(late);
                drop(state);
                drop(refused);
            }
            Some(Fault::ExecutorPanics) => {
                state.fire(submitted.id);
                drop(state);
                drop(job);
                std::panic::resume_unwind(Box::new(InjectedPanic));
            }
            _ => {
                drop(state);
                self.inner.execute(self.counted(job));
            }
        }
    }

    fn parallelism(&self) -> usize {
        self.inner.parallelism()
    }
}
