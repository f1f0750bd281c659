//! The measure of the whole, in a binary of its own so that it has all cores and its time is printed: all pairs over at least 40 operations
//! and 20 kinds of faults.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

#[path = "exploration/codec.rs"]
mod codec;
#[expect(dead_code, reason = "most of what an engine can do is explored beside it")]
#[path = "exploration/engine.rs"]
mod engine;
#[path = "exploration/explore.rs"]
mod explore;

use std::time::Instant;

use explore::{ENDS, clean, explore, in_many_parts, out_of_reach};

/// All lateness is tried among the singles.
#[test]
fn every_pair_of_faults() {
    let (engine, start) = (in_many_parts(), Instant::now());
    let pairs = explore(&engine).without(out_of_reach(&engine)).without(ENDS).late_window(1).depth(2);
    let report = pairs.run();
    clean(&report, start);
    assert!(report.operations() >= 40 && report.counts().len() >= 20 && report.cases_of(2) > 100_000);
}
