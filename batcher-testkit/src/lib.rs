//! Tests for whoever writes and restores checkpoints: everything that can go wrong with a store, tried out.
//!
//! | to test | take |
//! | --- | --- |
//! | code that writes and restores, with all faults in all places | [`Exploration`] |
//! | one particular fault | [`World`] with a [`FaultPlan`] |
//! | a store or a codec of one's own | [`conformance`] |
//! | with state and workloads that are like real ones | [`corpus`] |
//! | without faults | [`MemoryStore`] and [`block_on`] |
//!
//! An exploration runs a scenario once with nothing going wrong and counts its calls; then with every fault of every
//! [kind that code must get over](FaultKind::survivable) in every call, then with every two of them, as deep as
//! [asked for](Exploration::depth). An effect can come about although its caller was told
//! otherwise, was dropped, or has moved on. [Judges](Judge) look at what came of it. A case that fails is shrunk to the fewest
//! faults and printed as one line, which [`Exploration::replay`] runs again:
//!
//! ```
//! use batcher_core::{BlobSink, PutMode, StoreErrorKind};
//! use batcher_testkit::{Exploration, FaultKind, Judge, MemoryStore, World};
//! use bytes::Bytes;
//!
//! let careless = Exploration::new(|world: World| async move {
//!     let store = world.store(MemoryStore::new());
//!     world.wrote("counts", "1");
//!     match store.put("state", Bytes::from_static(b"1").into(), PutMode::Create).await {
//!         // Wrong: some stores say so although nothing is there.
//!         Err(error) if error.kind() == StoreErrorKind::AlreadyExists => {}
//!         put => put?,
//!     }
//!     world.acknowledged();
//!     world.judge_read(store.inner().object("state").map(|bytes| ("counts", bytes)));
//!     Ok::<(), batcher_core::StoreError>(())
//! })
//! .faults([FaultKind::PhantomExists, FaultKind::OwnExists]);
//!
//! let report = careless.run();
//! let failure = &report.failures()[0];
//! assert_eq!(failure.case.violations[0].judge, Judge::LostAcknowledged);
//! assert_eq!(failure.plan.to_string(), "put:state#0=phantom-exists");
//! assert_eq!(careless.replay("put:state#0=phantom-exists")?.violations.len(), 1);
//! # Ok::<(), batcher_testkit::ParseError>(())
//! ```
//!
//! What stands here under `batcher_core` is in the crate `batcher` under the same name. `examples/outside` in the
//! repository is a crate with a codec and a store of its own that is held to all of this, in 40 lines of tests.
//!
//! # What is not tried
//!
//! An object is torn at three lengths and not at each, a reply cut at three and flipped in three bits; an effect is late by [up to three
//! calls](Exploration::late_window) and no more, or until all is over; a store is full for a whole write and not from a byte on; a list misses
//! its first object and no other. A [`Timer`](batcher_core::Timer) of one's own cannot be wrapped: [`World::timer`] takes its place, and as
//! the trait has it, its time never goes back. What runs on the wall clock, tokio's timer for instance, goes by that even here.
//!
//! # What it needs
//!
//! Nothing here needs a runtime or keeps global state, and no decision depends on a clock: the same case takes the same course
//! every time, hours of pauses take none, and any number of explorations run at once, from `#[test]` and from `#[tokio::test]`
//! (for stores that need a runtime themselves see [`Exploration::within`]).
//! Where stores or jobs work on threads of their own, real time counts in one way: a run in which they bring nothing about
//! for 30 seconds is stuck. And where threads call stores at the same time, which of two calls of
//! the same kind on the same object comes first may differ from run to run, so that a line may not replay there.

mod block_on;
mod call_counts;
mod cancellation_point;
mod codec;
pub mod conformance;
pub mod corpus;
mod digest;
mod executor;
mod exploration;
mod fault;
mod judge;
mod memory;
mod one_sided;
mod store;
mod woken;
mod world;

pub use block_on::block_on;
pub use codec::FaultCodec;
pub use executor::FaultExecutor;
pub use exploration::{AllocationProbe, CaseReport, Exploration, Failure, FaultCount, Progress, Report};
pub use fault::{Call, Fate, Fault, FaultKind, FaultPlan, LATEST, ParseError, Site, Span};
pub use judge::{Judge, Violation};
pub use memory::{MemoryStore, MemoryStoreBuilder};
pub use one_sided::{ReadOnly, WriteOnly};
pub use store::FaultStore;
pub use world::{CallRecord, EventKind, FiredFault, History, HistoryEvent, Stuck, VirtualTime, World};
