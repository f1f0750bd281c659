//! Runs a future in a world, without a runtime.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::World;
use super::detached::Due;
use crate::judge::Judge;
use crate::woken::Woken;

/// How long threads that are not the world's own may take for what they have been asked.
const PATIENCE: Duration = Duration::from_secs(30);

/// How much a run may take until it counts as one that does not end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) polls: u32,
    pub(crate) calls: u32,
    pub(crate) time: Duration,
}

impl Limits {
    pub(crate) const DEFAULT: Self =
        Self { polls: 1_000_000, calls: 100_000, time: Duration::from_secs(30 * 24 * 3600) };
}

/// How a run ended that has no result.
pub(crate) enum Ended {
    /// Nobody will ever wake it.
    Stuck,
    /// It took more than it may.
    Limit(&'static str),
    Panicked(Box<dyn Any + Send>),
}

/// A future that waits for something that will never happen, or does not stop to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stuck;

impl std::fmt::Display for Stuck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the future does not end")
    }
}

impl std::error::Error for Stuck {}

impl World {
    /// Runs a future to its end on this thread, and moves time on whenever nothing else can happen.
    ///
    /// No runtime is needed and none is in the way. Where wrapped stores or executors work on threads of their own, this waits
    /// for them.
    ///
    /// # Errors
    ///
    /// [`Stuck`] where the future waits for something that will never happen, such as the answer of a call that
    /// [hangs](crate::Fault::Hang), or does not end within 30 days of this world's time, 100,000 calls or a million polls.
    ///
    /// # Panics
    ///
    /// As the future does.
    pub fn run<F: Future>(&self, future: F) -> Result<F::Output, Stuck> {
        match self.drive(pin!(future), Limits::DEFAULT) {
            Ok(output) => Ok(output),
            Err(Ended::Stuck | Ended::Limit(_)) => Err(Stuck),
            Err(Ended::Panicked(payload)) => std::panic::resume_unwind(payload),
        }
    }

    pub(crate) fn drive<F: Future>(
        &self,
        mut future: Pin<&mut F>,
        limits: Limits,
    ) -> Result<F::Output, Ended> {
        let woken = Woken::here();
        self.state().driver = Some(thread::current());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        let mut polls = 0;
        let mut progress = (0, Instant::now());
        loop {
            if woken.take() {
                polls += 1;
                progress.1 = Instant::now();
                match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(&mut context))) {
                    Ok(Poll::Ready(output)) => return Ok(output),
                    Ok(Poll::Pending) => {}
                    Err(payload) => return Err(Ended::Panicked(payload)),
                }
                // Nobody's call is polled here, and whatever panics all the same must not end more than this run.
                catch_unwind(AssertUnwindSafe(|| self.poll_detached(Due::Now, &mut context)))
                    .map_err(Ended::Panicked)?;
                if polls > limits.polls {
                    return Err(Ended::Limit("polls"));
                }
                let state = self.state();
                if state.calls.len() > limits.calls as usize {
                    return Err(Ended::Limit("calls"));
                }
                if state.clock.now > limits.time {
                    return Err(Ended::Limit("time"));
                }
                continue;
            }
            if let Some(made) = self.waits_for_threads() {
                if made != progress.0 {
                    progress = (made, Instant::now());
                }
                if progress.1.elapsed() > PATIENCE {
                    return Err(Ended::Stuck);
                }
                // Wakes come with an unpark, so that one that came since the flag was looked at ends this at once. So do
                // others that are of no use any longer.
                thread::park_timeout(PATIENCE);
                continue;
            }
            // What has ended since the flag was looked at may have woken somebody before.
            if woken.peek() {
                continue;
            }
            let moved = catch_unwind(AssertUnwindSafe(|| self.move_on(&woken)));
            if !moved.map_err(Ended::Panicked)? {
                return Err(Ended::Stuck);
            }
        }
    }

    /// How much threads have brought about so far, where one of them is at something.
    fn waits_for_threads(&self) -> Option<u64> {
        let state = self.state();
        state.waits_for_threads().then_some(state.progress)
    }

    /// Lets the next thing happen that happens only when nothing else can; whether there was one. Whoever waits for it
    /// must have asked to be woken: polling for nothing would hide that a wake-up was lost.
    fn move_on(&self, woken: &Arc<Woken>) -> bool {
        let mut state = self.state();
        state.idle_rounds += 1;
        let waiters = std::mem::take(&mut state.overtaken);
        if !waiters.is_empty() {
            drop(state);
            waiters.into_iter().for_each(Waker::wake);
            return true;
        }
        let late = std::mem::take(&mut state.late_jobs);
        if !late.is_empty() {
            drop(state);
            // The last one first: jobs may run in any order.
            late.into_iter().rev().for_each(|late| (late.0)());
            return true;
        }
        let sleepers = state.clock.advance();
        if !sleepers.is_empty() {
            drop(state);
            sleepers.into_iter().for_each(Waker::wake);
            return true;
        }
        // What was asked to give up and did not never will.
        if !state.regions.is_empty() && !state.give_up {
            state.give_up = true;
            // Whatever polls them need not do so because the root is polled.
            let regions: Vec<Waker> = state.regions.iter().filter_map(|(_, waker)| waker.clone()).collect();
            let hanging = state.hanging > 0;
            drop(state);
            if !hanging {
                self.report(
                    Judge::Stuck,
                    "an attempt waits for something that never comes, and no call hangs",
                );
            }
            regions.into_iter().for_each(Waker::wake);
            woken.wake_by_ref();
            return true;
        }
        false
    }
}
