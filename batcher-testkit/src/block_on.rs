//! Running a future without a runtime.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use crate::woken::Woken;

/// Runs a future to its end on this thread, which sleeps while there is nothing to do.
///
/// There is no reactor and no timer: what the future waits for must be woken by itself or by another thread. A future
/// that nobody wakes, such as one that met [`Fault::Hang`](crate::Fault::Hang), blocks forever.
///
/// ```
/// assert_eq!(batcher_testkit::block_on(async { 6 * 7 }), 42);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let woken = Woken::here();
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    loop {
        if !woken.take() {
            thread::park();
            continue;
        }
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}
