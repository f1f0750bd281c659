//! Adaptors around stores. Each wraps any [`BlobSink`](crate::BlobSink) or [`BlobSource`](crate::BlobSource) and is one
//! again, so they compose; the outermost is asked first.
//!
//! None of them spawns, blocks or reads a clock; whatever waits does so through a [`Timer`](crate::Timer).
//!
//! # Order
//!
//! An adaptor acts on what happens inside it. Where two of them meet, both orders are of use and mean different
//! things:
//!
//! | outside | inside | meaning |
//! | --- | --- | --- |
//! | `Retry` | `Timeout` | each attempt has its own limit; an attempt that hangs is given up and tried again |
//! | `Timeout` | `Retry` | one limit for all attempts and the pauses between them; the usual choice for a deadline |
//! | `Retry` | `Limit` | a pause holds no permit, and each attempt queues anew: fair, and kind to a throttling store |
//! | `Limit` | `Retry` | a permit is held from the first attempt to the last, pauses included: fewer operations are begun while the store is unwell |
//! | `Timeout` | `Limit` | waiting for a permit counts against the limit |
//! | `Limit` | `Timeout` | only the operation itself is timed; the wait for a permit is as long as it takes |
//! | `Meter` | `Retry` | counts what the caller asked for and how long it waited in all |
//! | `Retry` | `Meter` | counts every attempt: what the store saw and what it charges for |
//!
//! `Prefix` may stand anywhere; only the names in the errors that adaptors inside it see differ.
//!
//! ```
//! use std::num::NonZeroUsize;
//! use std::sync::Arc;
//! use std::time::Duration;
//! use batcher_core::{BlobStore, Limit, Retry, RetryPolicy, Timeout, Timer};
//!
//! /// At most eight requests at once, each given up after five seconds, tried again, each time queueing anew.
//! fn each_attempt_timed(store: impl BlobStore, timer: Arc<dyn Timer>) -> impl BlobStore {
//!     let store = Timeout::new(store, Duration::from_secs(5), Arc::clone(&timer));
//!     let store = Limit::new(store, NonZeroUsize::new(8).unwrap());
//!     Retry::new(store, RetryPolicy::default(), timer)
//! }
//!
//! /// Tried again as often as the policy says, but all that within thirty seconds.
//! fn whole_operation_timed(store: impl BlobStore, timer: Arc<dyn Timer>) -> impl BlobStore {
//!     let store = Retry::new(store, RetryPolicy::default(), Arc::clone(&timer));
//!     Timeout::new(store, Duration::from_secs(30), timer)
//! }
//! ```

mod limit;
mod meter;
mod permits;
mod prefix;
mod retry;
mod retry_policy;
mod snapshot;
mod timeout;

pub use limit::Limit;
pub use meter::{Meter, Readings};
pub use prefix::Prefix;
pub use retry::Retry;
pub use retry_policy::RetryPolicy;
pub use snapshot::{MeterSnapshot, OperationStats};
pub use timeout::Timeout;
