//! The batcher and the reader with everything going wrong that can go wrong, alone and in pairs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod engine;

use std::time::Duration;

use batcher_core::PutMode;
use batcher_testkit::{Exploration, Fault, FaultKind, World};
use engine::Engine;

fn explore(engine: Engine) -> Exploration<impl Fn(World) -> engine::Run + Sync> {
    Exploration::new(move |world| engine.clone().run(world)).limits(2_000, Duration::from_secs(7 * 24 * 3600))
}

#[test]
fn pairs() {
    let start = std::time::Instant::now();
    let report = explore(Engine::default()).without([FaultKind::Oversleeps, FaultKind::ClockJumps]).depth(std::env::var("DEPTH").map_or(1, |d| d.parse().unwrap())).run();
    println!("{report} {:?}", start.elapsed());
    report.assert_clean();
}
