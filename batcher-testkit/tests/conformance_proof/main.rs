//! That every rule can be broken: stores and codecs with one defect each, and the rules that it turns red.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod codec;
mod codec_defects;
mod conformant;
mod defect;
mod learned;
mod shared;
mod sink_defects;
mod store;
mod threads;
mod upload;

use std::future::poll_fn;
use std::task::Poll;

/// Is pending once, having asked to be polled again.
async fn pause() {
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
