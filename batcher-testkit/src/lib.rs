//! Stores for the tests of whoever writes and restores checkpoints.
//!
//! [`MemoryStore`] is a store that does everything by the book and lets a test look inside; [`FaultStore`] wraps any
//! store and makes chosen calls fail in the ways in which real ones do; [`block_on`] runs it all without a runtime.
//! Nothing here spawns, sleeps, reads a clock or keeps global state: the same test takes the same course every time,
//! and any number of them run at once.
//!
//! ```
//! use batcher_core::{BlobSink, Operation, Outcome, PutMode};
//! use batcher_testkit::{Fault, FaultScript, FaultStore, MemoryStore, block_on};
//! use bytes::Bytes;
//!
//! let memory = MemoryStore::new();
//! // The first put lands, and its answer is lost.
//! let store = FaultStore::new(memory.clone(), FaultScript::new().at(Operation::Put, 0, Fault::AckLost));
//!
//! let put = || store.put("epoch-7", Bytes::from_static(b"state").into(), PutMode::Replace);
//! let error = block_on(put()).expect_err("the script says so");
//! assert_eq!(error.outcome(), Outcome::Unknown);
//! assert!(memory.object("epoch-7").is_some());
//!
//! block_on(put())?;
//! assert_eq!(store.fired().len(), 1);
//! # Ok::<(), batcher_core::StoreError>(())
//! ```

mod block_on;
mod call_counts;
mod cancellation_point;
pub mod corpus;
mod fault_script;
mod faults;
mod memory;

pub use block_on::block_on;
pub use fault_script::{Fault, FaultScript, FiredFault};
pub use faults::FaultStore;
pub use memory::{MemoryStore, MemoryStoreBuilder};
