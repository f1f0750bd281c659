//! Time that passes only when nothing else can happen.

use std::task::{Poll, Waker};
use std::time::Duration;

use batcher_core::Timer;
use futures_util::future::{BoxFuture, FutureExt, poll_fn};

use super::World;
use crate::fault::{Call, CallInfo, Fault};

/// By how much a pause is longer than asked for where a fault says so.
const OVERSLEPT: Duration = Duration::from_secs(3600);

/// By how much a jump moves time on.
const JUMP: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Default)]
pub(crate) struct Clock {
    pub(crate) now: Duration,
    sleepers: Vec<(Duration, u64, Waker)>,
    next: u64,
}

impl Clock {
    /// Moves on to the next moment for which somebody waits, and wakes whoever does.
    pub(crate) fn advance(&mut self) -> bool {
        let Some(next) = self.sleepers.iter().map(|(deadline, ..)| *deadline).min() else { return false };
        self.now = self.now.max(next);
        self.wake_due();
        true
    }

    fn wake_due(&mut self) {
        let now = self.now;
        for (_, _, waker) in self.sleepers.extract_if(.., |(deadline, ..)| *deadline <= now) {
            waker.wake();
        }
    }

    fn jump(&mut self) {
        self.now = self.now.saturating_add(JUMP);
        self.wake_due();
    }
}

/// The time of a [`World`], made by [`World::timer`]: hours of pauses take no time at all.
///
/// ```
/// use std::time::Duration;
/// use batcher_core::Timer;
/// use batcher_testkit::World;
///
/// let world = World::default();
/// let timer = world.timer();
/// world.run(timer.sleep(Duration::from_secs(3600)))?;
/// assert_eq!(timer.now(), Duration::from_secs(3600));
/// # Ok::<(), batcher_testkit::Stuck>(())
/// ```
#[derive(Clone, Debug)]
pub struct VirtualTime {
    world: World,
}

impl VirtualTime {
    pub(crate) fn in_world(world: World) -> Self {
        Self { world }
    }

    /// Waits without being a call at which something can go wrong.
    pub(crate) fn wait_until(&self, deadline: Duration) -> impl Future<Output = ()> + Send + 'static {
        let mut sleeper = Sleeper { world: self.world.clone(), number: None };
        poll_fn(move |context| {
            let mut state = sleeper.world.state();
            let clock = &mut state.clock;
            clock.sleepers.retain(|(_, number, _)| Some(*number) != sleeper.number);
            if clock.now >= deadline {
                return Poll::Ready(());
            }
            clock.next += 1;
            let number = clock.next;
            clock.sleepers.push((deadline, number, context.waker().clone()));
            drop(state);
            sleeper.number = Some(number);
            Poll::Pending
        })
    }
}

/// Takes a dropped sleeper off the clock, which would otherwise move on for nobody.
struct Sleeper {
    world: World,
    number: Option<u64>,
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let mut state = self.world.state();
        state.clock.sleepers.retain(|(_, number, _)| Some(*number) != self.number);
    }
}

impl Timer for VirtualTime {
    fn now(&self) -> Duration {
        self.world.state().clock.now
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        let time = self.clone();
        let deadline = self.now().saturating_add(pause);
        async move {
            let submitted = {
                let mut state = time.world.state();
                let submitted = state.submit(Call::Sleep, "", CallInfo::default());
                match submitted.fault {
                    Some(Fault::ClockJumps) => {
                        state.fire(submitted.id);
                        state.clock.jump();
                    }
                    Some(Fault::Oversleeps) => state.fire(submitted.id),
                    _ => {}
                }
                submitted
            };
            time.wait_until(deadline).await;
            if submitted.fault == Some(Fault::Oversleeps) {
                time.wait_until(deadline.saturating_add(OVERSLEPT)).await;
            }
        }
        .boxed()
    }
}
