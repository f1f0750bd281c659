//! Where the result of a job arrives.

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

#[derive(Debug)]
enum State<T> {
    Empty(Option<Waker>),
    Filled(T),
    /// Nothing will arrive any longer.
    Dropped,
}

/// The end that waits: `None` where the other end is dropped.
pub(crate) struct Slot<T>(Arc<Mutex<State<T>>>);

/// The end that fills.
pub(crate) struct Filler<T> {
    state: Arc<Mutex<State<T>>>,
    wakes: bool,
}

/// A slot, and whether whoever waits for it is woken.
pub(crate) fn slot<T>(wakes: bool) -> (Filler<T>, Slot<T>) {
    let state = Arc::new(Mutex::new(State::Empty(None)));
    (Filler { state: Arc::clone(&state), wakes }, Slot(state))
}

impl<T> Filler<T> {
    pub(crate) fn fill(self, value: T) {
        self.change(State::Filled(value));
    }

    fn change(&self, to: State<T>) {
        let mut state = self.state.lock().unwrap();
        if let State::Empty(waker) = &mut *state {
            let waker = waker.take();
            *state = to;
            drop(state);
            if let (Some(waker), true) = (waker, self.wakes) {
                waker.wake();
            }
        }
    }
}

impl<T> Drop for Filler<T> {
    fn drop(&mut self) {
        self.change(State::Dropped);
    }
}

impl<T> Future for Slot<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        let mut state = self.0.lock().unwrap();
        match std::mem::replace(&mut *state, State::Dropped) {
            State::Empty(_) => {
                *state = State::Empty(Some(context.waker().clone()));
                Poll::Pending
            }
            State::Filled(value) => Poll::Ready(Some(value)),
            State::Dropped => Poll::Ready(None),
        }
    }
}
