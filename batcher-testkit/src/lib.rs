//! Stores for the tests of whoever writes and restores checkpoints.

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
mod store;
mod world;

pub use block_on::block_on;
pub use codec::FaultCodec;
pub use executor::FaultExecutor;
pub use exploration::{AllocationProbe, CaseReport, Exploration, Failure, FaultCount, Progress, Report};
pub use fault::{Call, Fate, Fault, FaultKind, FaultPlan, LATEST, ParseError, Site, Span};
pub use judge::{Judge, Violation};
pub use memory::{MemoryStore, MemoryStoreBuilder};
pub use store::FaultStore;
pub use world::{CallRecord, EventKind, FiredFault, History, HistoryEvent, Stuck, VirtualTime, World};
