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
    /// Moves on to the next moment for which somebody waits; whom to wake then.
    #[must_use]
    pub(crate) fn advance(&mut self) -> Vec<Waker> {
        let next = self.sleepers.iter().map(|(deadline, ..)| *deadline).min();
        self.move_to(next.unwrap_or_default())
    }

    #[must_use]
    fn jump(&mut self) -> Vec<Waker> {
        self.move_to(self.now.saturating_add(JUMP))
    }

    fn move_to(&mut self, moment: Duration) -> Vec<Waker> {
        self.now = self.now.max(moment);
        let now = self.now;
        self.sleepers.extract_if(.., |(deadline, ..)| *deadline <= now).map(|(.., waker)| waker).collect()
    }

    /// Who waits by this number, waits no longer.
    fn take(&mut self, sleeper: Option<u64>) -> Option<Waker> {
        let place = self.sleepers.iter().position(|(_, number, _)| Some(*number) == sleeper)?;
        Some(self.sleepers.remove(place).2)
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
            let waker = context.waker().clone();
            sleeper.rise();
            let mut state = sleeper.world.state();
            let clock = &mut state.clock;
            if clock.now >= deadline {
                return Poll::Ready(());
            }
            clock.next += 1;
            sleeper.number = Some(clock.next);
            let asleep = (deadline, clock.next, waker);
            clock.sleepers.push(asleep);
            Poll::Pending
        })
    }
}

/// Takes a dropped sleeper off the clock, which would otherwise move on for nobody.
struct Sleeper {
    world: World,
    number: Option<u64>,
}

impl Sleeper {
    fn rise(&self) {
        let waker = self.world.state().clock.take(self.number);
        drop(waker);
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.rise();
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
            let (submitted, woken) = {
                let mut state = time.world.state();
                let submitted = state.submit(Call::Sleep, "", CallInfo::default());
                if matches!(submitted.fault, Some(Fault::ClockJumps | Fault::Oversleeps)) {
                    state.fire(submitted.id);
                }
                let jumps = submitted.fault == Some(Fault::ClockJumps);
                let woken = if jumps { state.clock.jump() } else { Vec::new() };
                (submitted, woken)
            };
            woken.into_iter().for_each(Waker::wake);
            time.wait_until(deadline).await;
            if submitted.fault == Some(Fault::Oversleeps) {
                time.wait_until(deadline.saturating_add(OVERSLEPT)).await;
            }
        }
        .boxed()
    }
}
