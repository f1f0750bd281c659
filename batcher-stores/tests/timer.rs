//! Time on tokio.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests fail by panicking")]

use std::time::Duration;

use batcher_core::Timer;
use batcher_stores::TokioTimer;

#[test]
fn sleeps_end_after_their_time() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_time().build().unwrap();
    let pause = Duration::from_millis(20);
    // Made outside the runtime, awaited inside.
    let timer = TokioTimer::new();
    let before = timer.now();
    runtime.block_on(timer.sleep(pause));
    assert!(timer.now() - before >= pause);
    // Made and awaited outside.
    let timer = TokioTimer::on(runtime.handle().clone());
    let before = timer.now();
    pollster::block_on(timer.sleep(pause));
    assert!(timer.now() - before >= pause);
    pollster::block_on(timer.sleep(Duration::ZERO));
}
