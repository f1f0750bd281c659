//! Where blocking file work is done.

use tokio::runtime::Handle;
use tokio::task::JoinError;

/// Does `work` on the blocking pool of the tokio runtime that polls this, or, where there is none, at once on the
/// calling thread. On the pool the work goes on when the future is dropped.
///
/// # Errors
///
/// The work panicked on the pool, or the runtime shut down before it started.
pub(crate) async fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    match Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await,
        Err(_) => Ok(work()),
    }
}

/// Does `work` in the same place without waiting for it, for use in `Drop`.
pub(crate) fn detach(work: impl FnOnce() + Send + 'static) {
    match Handle::try_current() {
        Ok(runtime) => drop(runtime.spawn_blocking(work)),
        Err(_) => work(),
    }
}
