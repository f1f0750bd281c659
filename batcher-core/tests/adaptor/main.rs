//! The store adaptors, around a scripted store and on virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod compose;
mod conformance;
mod limit;
mod meter;
mod prefix;
mod retry;
mod script;
mod timeout;
mod virtual_time;
