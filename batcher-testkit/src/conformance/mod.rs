//! Suites for whoever implements a store or a codec: one rule for everything that the traits promise.
//!
//! One line gives a crate one `#[test]` for each rule, under the rule's name:
//!
//! ```
//! use batcher_testkit::{MemoryStore, sink_conformance};
//!
//! sink_conformance!(memory, MemoryStore::new());
//! # fn main() {}
//! ```
//!
//! A closure says more: how the store is made and what must live as long, what it is run on, and what is left out.
//!
//! ```
//! use batcher_testkit::conformance::SinkOptions;
//! use batcher_testkit::{MemoryStore, block_on, sink_conformance};
//!
//! sink_conformance!(gentle, |rule| {
//!     let store = MemoryStore::new(); // or over a temporary directory that is dropped at the end of this block
//!     let options = SinkOptions::new("conformance").with_contenders(4);
//!     block_on(rule.check(&store, &options)) // or on a runtime
//! });
//! # fn main() {}
//! ```
//!
//! [`sink`] gives a [`Report`] instead.

pub(crate) mod corpus;
mod macros;
mod report;
mod sink;
pub(crate) mod unmet;

pub use report::{Finding, Report, Verdict};
pub use sink::{SinkOptions, SinkRule, sink, sink_rules};
