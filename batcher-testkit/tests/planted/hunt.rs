//! An exploration in which a bug is to be found.

use std::num::NonZeroUsize;
use std::pin::Pin;
use std::time::Duration;

use batcher_testkit::{Exploration, World};

use crate::bug::Bug;

type Run = Pin<Box<dyn Future<Output = Result<(), String>>>>;

pub(crate) type Hunt = Exploration<Box<dyn Fn(World) -> Run + Sync>>;

/// An exploration that ends with the first defect, and finds it with the same number of cases each time.
pub(crate) fn hunt<F>(bug: Option<Bug>, scenario: fn(World, Option<Bug>) -> F) -> Hunt
where
    F: Future<Output = Result<(), String>> + 'static,
{
    let scenario: Box<dyn Fn(World) -> Run + Sync> = Box::new(move |world| Box::pin(scenario(world, bug)));
    Exploration::new(scenario)
        .threads(NonZeroUsize::MIN)
        .most_failures(NonZeroUsize::MIN)
        .limits(1_000, Duration::from_secs(7 * 24 * 3600))
}
