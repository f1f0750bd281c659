//! A thread with a runtime of its own, on which synchronous callers have asynchronous work done.
//!
//! The starting point owned a runtime and blocked on it from whatever thread called, which panics where that thread is
//! running asynchronous code already. Here the runtime lives, works and ends on its own thread; callers only wait for
//! an answer, which is possible anywhere.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;

use tokio::runtime::{Builder, Runtime};

type Work = Box<dyn FnOnce(&Runtime) + Send>;

/// Runs work one piece after the other. Dropping it ends the thread without waiting for it.
#[derive(Debug)]
pub(crate) struct Background {
    work: mpsc::Sender<Work>,
}

impl Background {
    /// Starts the thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (work, jobs) = mpsc::channel::<Work>();
        let (begin, begun) = mpsc::sync_channel(1);
        thread::Builder::new().name("checkpoint-batcher".into()).spawn(move || {
            // Made here: dropped by whoever calls, because no thread could be had, it would panic in asynchronous code.
            let runtime = match Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = begin.send(Err(error));
                    return;
                }
            };
            let _ = begin.send(Ok(()));
            for job in jobs {
                job(&runtime);
            }
        })?;
        begun.recv().map_err(|_| io::Error::other("the checkpoint batcher's thread is gone"))??;
        Ok(Self { work })
    }

    /// Has work done on the thread and waits for the answer.
    ///
    /// # Errors
    ///
    /// That the work panicked.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Runtime) -> T + Send + 'static,
    ) -> io::Result<T> {
        let (answer, answered) = mpsc::sync_channel(1);
        let job = move |runtime: &Runtime| {
            // The receiver waits below, so that it is always there.
            let _ = answer.send(catch_unwind(AssertUnwindSafe(|| work(runtime))));
        };
        let gone = || io::Error::other("the checkpoint batcher's thread is gone");
        self.work.send(Box::new(job)).map_err(|_| gone())?;
        let done = answered.recv().map_err(|_| gone())?;
        done.map_err(|_| io::Error::other("the store or the codec panicked"))
    }
}
