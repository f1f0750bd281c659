//! Time that passes only when nothing else can happen.

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use batcher_core::Timer;
use futures_util::future::{BoxFuture, FutureExt, poll_fn};

#[derive(Clone, Debug, Default)]
pub(crate) struct VirtualTime {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    now: Duration,
    sleepers: Vec<(Duration, Waker)>,
    slept: Vec<Duration>,
}

impl VirtualTime {
    /// Drives `future` to its end, moving on to the next deadline whenever nothing wakes it.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut context = Context::from_waker(&waker);
        loop {
            if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
                return value;
            }
            if !woken.0.swap(false, Ordering::Relaxed) {
                self.advance();
            }
        }
    }

    /// Moves on to the next deadline and wakes whoever waits for it.
    pub(crate) fn advance(&self) {
        let mut state = self.state.lock().unwrap();
        let next = state.sleepers.iter().map(|(deadline, _)| *deadline).min();
        let now = next.expect("waits for something that will never happen");
        state.now = now;
        let (due, asleep) = state.sleepers.drain(..).partition(|(deadline, _)| *deadline <= now);
        state.sleepers = asleep;
        drop(state);
        let due: Vec<(Duration, Waker)> = due;
        due.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Every pause that was asked for, in order.
    pub(crate) fn slept(&self) -> Vec<Duration> {
        self.state.lock().unwrap().slept.clone()
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Timer for VirtualTime {
    fn now(&self) -> Duration {
        self.state.lock().unwrap().now
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        let mut state = self.state.lock().unwrap();
        let deadline = state.now.saturating_add(pause);
        state.slept.push(pause);
        let time = self.clone();
        poll_fn(move |context| {
            let mut state = time.state.lock().unwrap();
            if state.now >= deadline {
                return Poll::Ready(());
            }
            state.sleepers.push((deadline, context.waker().clone()));
            Poll::Pending
        })
        .boxed()
    }
}
