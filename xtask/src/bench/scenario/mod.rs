//! What is measured: each scenario answers one question that somebody who chooses a stack has.

mod all_blobs;
mod blob_counts;
mod flush_latency;
mod flush_throughput;
mod memory;
mod million_blobs;
mod one_blob;
mod producers;
mod slow_store;
mod stored_bytes;
mod threads;
mod ticks;
mod tuning;

use super::context::Bench;
use crate::failure::Failure;

/// A scenario: what `--only` calls it, what it measures, and how.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&mut Bench) -> Result<(), Failure>,
}

/// All scenarios, in the order in which they run.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: flush_throughput::NAME,
        about: "adding a whole state and flushing it, for all stacks",
        run: flush_throughput::run,
    },
    Scenario {
        name: flush_latency::NAME,
        about: "from flush() to durable, where blobs were added at leisure before",
        run: flush_latency::run,
    },
    Scenario {
        name: memory::NAME,
        about: "peak memory above the caller's own blobs, each in a process of its own",
        run: memory::run,
    },
    Scenario {
        name: million_blobs::NAME,
        about: "a million blobs of 64 bytes: adds a second, and bytes on the store",
        run: million_blobs::run,
    },
    Scenario {
        name: one_blob::NAME,
        about: "one blob out of a large batch: reads and bytes",
        run: one_blob::run,
    },
    Scenario { name: all_blobs::NAME, about: "all blobs back", run: all_blobs::run },
    Scenario {
        name: slow_store::NAME,
        about: "compressing and uploading at the same time",
        run: slow_store::run,
    },
    Scenario {
        name: stored_bytes::NAME,
        about: "bytes on the store for small blobs",
        run: stored_bytes::run,
    },
    Scenario {
        name: producers::NAME,
        about: "1, 2, 4 and 16 threads that add at the same time",
        run: producers::run,
    },
    Scenario {
        name: blob_counts::NAME,
        about: "what a blob costs among a thousand and among millions",
        run: blob_counts::run,
    },
    Scenario {
        name: threads::NAME,
        about: "one and two threads, and a projection for more",
        run: threads::run,
    },
    Scenario {
        name: ticks::NAME,
        about: "how long a flush keeps other tasks of a runtime waiting",
        run: ticks::run,
    },
    Scenario {
        name: tuning::NAME,
        about: "what each setting trades; not with --quick, unless asked for",
        run: tuning::run,
    },
];
