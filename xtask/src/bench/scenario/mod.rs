//! What is measured: each scenario answers one question that somebody who chooses a stack has.

mod flush_throughput;

use super::context::Bench;
use crate::failure::Failure;

/// A scenario: what `--only` calls it, what it measures, and how.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&mut Bench) -> Result<(), Failure>,
}

/// All scenarios, in the order in which they run.
pub(crate) const SCENARIOS: &[Scenario] = &[Scenario {
    name: flush_throughput::NAME,
    about: "adding a whole state and flushing it, for all stacks",
    run: flush_throughput::run,
}];
