//! The seam for CPU work: core compresses and indexes in jobs, but for what is over sooner than a job begins, and never spawns a
//! thread or a task itself.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A piece of CPU work that owns all that it needs.
pub type Job = Box<dyn FnOnce() + Send + 'static>;

/// Runs jobs: inline, on a pool, or wherever its user likes.
///
/// A job may be run at once, later, on any thread, or be dropped without being run, as by an [`execute`](Self::execute) that
/// panics; whoever handed it over notices, and the batcher keeps its data. Jobs do not wait for jobs that have not begun, so any pool with at least one thread makes
/// progress.
///
/// A job holds what it works with, this executor included. So an executor is not dropped while it keeps jobs, and the last to
/// let go of it may be one of its own threads, for which its `Drop` must not wait.
pub trait Executor: fmt::Debug + Send + Sync {
    /// Takes a job to be run.
    fn execute(&self, job: Job);

    /// How many jobs run at the same time; 1 where unknown.
    fn parallelism(&self) -> usize {
        1
    }
}

/// Runs each job at once on the calling thread: the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inline;

impl Executor for Inline {
    fn execute(&self, job: Job) {
        job();
    }
}

/// Hands a job over. An executor that cannot take it, even by panicking, drops it, and a dropped job says so.
pub(crate) fn hand_over(executor: &dyn Executor, job: impl FnOnce() + Send + 'static) {
    let _ = catch_unwind(AssertUnwindSafe(|| executor.execute(Box::new(job))));
}

#[deny(clippy::missing_trait_methods)]
impl<E: Executor + ?Sized> Executor for Arc<E> {
    fn execute(&self, job: Job) {
        (**self).execute(job);
    }
    fn parallelism(&self) -> usize {
        (**self).parallelism()
    }
}
