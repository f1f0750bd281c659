//! Giving way to others for so long and no longer.

use std::future::poll_fn;
use std::task::Poll;

/// The number of turns that others get.
pub(crate) async fn turns(turns: usize) {
    let mut turns = 0..turns;
    poll_fn(|context| {
        context.waker().wake_by_ref();
        if turns.next().is_some() { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
}
