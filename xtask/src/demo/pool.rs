//! Threads that compress and decompress: one for each core.

use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use batcher::{Executor, Job};

#[derive(Clone, Debug)]
pub(crate) struct Pool {
    jobs: Sender<Job>,
    threads: usize,
}

impl Pool {
    /// The threads end when the pool and all its clones are dropped.
    pub(crate) fn new(threads: usize) -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = Arc::new(Mutex::new(queue));
        for _ in 0..threads {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                loop {
                    let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    match job {
                        Ok(job) => job(),
                        Err(_) => return,
                    }
                }
            });
        }
        Self { jobs, threads }
    }
}

impl Executor for Pool {
    fn execute(&self, job: Job) {
        // The threads live as long as the pool; were they gone, the job would be dropped, which the batcher notices.
        let _ = self.jobs.send(job);
    }

    fn parallelism(&self) -> usize {
        self.threads
    }
}
