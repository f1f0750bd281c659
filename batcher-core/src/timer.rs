//! The seam for time: core never reads a clock and never sleeps on its own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

/// Tells and awaits time, in a runtime or in a simulation.
pub trait Timer: fmt::Debug + Send + Sync {
    /// Time since some fixed origin of this timer; never goes backwards.
    fn now(&self) -> Duration;

    /// Ends after `pause` has passed.
    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()>;
}

#[deny(clippy::missing_trait_methods)]
impl<T: Timer + ?Sized> Timer for Arc<T> {
    fn now(&self) -> Duration {
        (**self).now()
    }
    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        (**self).sleep(pause)
    }
}
