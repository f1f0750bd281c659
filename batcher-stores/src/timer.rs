//! Time on a tokio runtime.

use std::time::Duration;

use batcher_core::Timer;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use tokio::time::Instant;

/// A [`Timer`] that keeps tokio's time, paused time in tests included.
///
/// ```
/// use std::time::Duration;
/// use batcher_core::Timer;
/// use batcher_stores::TokioTimer;
///
/// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
/// # runtime.block_on(async {
/// let timer = TokioTimer::new();
/// timer.sleep(Duration::from_millis(5)).await;
/// assert!(timer.now() >= Duration::from_millis(5));
/// # });
/// ```
#[derive(Clone, Debug)]
pub struct TokioTimer {
    origin: Instant,
    runtime: Option<Handle>,
}

impl TokioTimer {
    /// A timer for use on a runtime: its sleeps panic, as tokio's do, when they are first polled anywhere else or
    /// on a runtime without time.
    #[must_use]
    pub fn new() -> Self {
        Self { origin: Instant::now(), runtime: None }
    }

    /// A timer whose sleeps are kept by `runtime` and may be polled anywhere. They end only while that runtime runs,
    /// and panic where it was built without time.
    #[must_use]
    pub fn on(runtime: Handle) -> Self {
        Self { origin: Instant::now(), runtime: Some(runtime) }
    }
}

impl Default for TokioTimer {
    fn default() -> Self {
        Self::new()
    }
}

impl Timer for TokioTimer {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn sleep(&self, pause: Duration) -> BoxFuture<'static, ()> {
        match &self.runtime {
            Some(runtime) => {
                let _context = runtime.enter();
                tokio::time::sleep(pause).boxed()
            }
            // Inside the block, so that tokio looks for its runtime where the future is polled, not where it is made.
            None => async move { tokio::time::sleep(pause).await }.boxed(),
        }
    }
}
