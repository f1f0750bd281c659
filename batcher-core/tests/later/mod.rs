//! An executor that keeps jobs until it is told to run or to drop them.

use std::fmt;
use std::sync::{Arc, Mutex};

use batcher_core::{Executor, Job};

/// Keeps jobs until it is told to run or to drop them.
#[derive(Clone, Default)]
pub(crate) struct Later(pub(crate) Arc<Mutex<Vec<Job>>>);

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Later")
    }
}

impl Executor for Later {
    fn execute(&self, job: Job) {
        self.0.lock().unwrap().push(job);
    }
}

impl Later {
    /// What has been handed over since the last time.
    pub(crate) fn take(&self) -> Vec<Job> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// Runs them in order.
pub(crate) fn run(jobs: Vec<Job>) {
    for job in jobs {
        job();
    }
}
