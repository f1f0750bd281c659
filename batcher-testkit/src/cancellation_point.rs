//! A place at which a future can be dropped.

use std::future::poll_fn;
use std::task::Poll;

/// Is pending once, having asked to be polled again.
pub(crate) async fn cancellation_point() {
    let mut pending = true;
    poll_fn(|context| {
        if std::mem::take(&mut pending) {
            context.waker().wake_by_ref();
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
}
