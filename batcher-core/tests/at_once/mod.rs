//! A future that goes on in the midst of whatever wakes it, before that has done the rest of its work.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::future::BoxFuture;

/// Polls a future as soon as it is woken, and again where it is woken while it is polled.
pub(crate) struct AtOnce<T> {
    state: Mutex<State<T>>,
    woken: AtomicBool,
}

enum State<T> {
    Pending(BoxFuture<'static, T>),
    Ready(Option<T>),
}

impl<T: Send + 'static> AtOnce<T> {
    pub(crate) fn new(future: BoxFuture<'static, T>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::Pending(future)), woken: AtomicBool::new(false) })
    }

    pub(crate) fn poll(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        while self.woken.load(Ordering::SeqCst) {
            // Where it is being polled already, that loop goes on.
            let Ok(mut state) = self.state.try_lock() else { return };
            self.woken.store(false, Ordering::SeqCst);
            let State::Pending(future) = &mut *state else { return };
            let waker = Waker::from(Arc::clone(self));
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                *state = State::Ready(Some(output));
            }
        }
    }

    /// What came of it, once.
    pub(crate) fn output(&self) -> Option<T> {
        match &mut *self.state.lock().unwrap() {
            State::Ready(output) => output.take(),
            State::Pending(_) => None,
        }
    }
}

impl<T: Send + 'static> Wake for AtOnce<T> {
    fn wake(self: Arc<Self>) {
        self.poll();
    }
}
