//! Suites for whoever implements a store or a codec: a rule for everything that the traits promise.
//!
//! One line in a crate's tests makes a module with one `#[test]` for each rule, under the rule's name:
//!
//! ```
//! use batcher_testkit::{MemoryStore, sink_conformance};
//!
//! sink_conformance!(memory, MemoryStore::new());
//! # fn main() {}
//! ```
//!
//! ```
//! # use batcher_core::{Codec, CodecError, CodecId};
//! # #[derive(Debug)] struct Mine;
//! # impl Codec for Mine {
//! #     fn id(&self) -> CodecId { CodecId::new(0x8000) }
//! #     fn max_frame_len(&self, block_len: usize) -> usize { block_len }
//! #     fn encode(&self, _: &[u8], _: &mut [u8]) -> Result<usize, CodecError> { Ok(0) }
//! #     fn decode(&self, _: &[u8], _: &mut [u8]) -> Result<(), CodecError> { Ok(()) }
//! # }
//! use batcher_testkit::codec_conformance;
//!
//! codec_conformance!(mine, Mine);
//! # fn main() {}
//! ```
//!
//! A closure in place of the expression says more: what must live as long as the store, what it is run on, and what it
//! is held to. It gets a rule and gives back what the rule found:
//!
//! ```
//! use batcher_testkit::conformance::SinkOptions;
//! use batcher_testkit::{MemoryStore, block_on, sink_conformance};
//!
//! sink_conformance!(gentle, |rule| {
//!     let store = MemoryStore::new(); // Or over a temporary directory, which is dropped at the end of this block.
//!     let options = SinkOptions::default().with_contenders(4);
//!     block_on(rule.check(&store, &options)) // Or on a runtime.
//! });
//! # fn main() {}
//! ```
//!
//! ```
//! # use batcher_core::{Codec, CodecError, CodecId, CodecRegistry};
//! # #[derive(Debug)] struct Mine;
//! # impl Codec for Mine {
//! #     fn id(&self) -> CodecId { CodecId::new(0x8000) }
//! #     fn max_frame_len(&self, block_len: usize) -> usize { block_len }
//! #     fn encode(&self, _: &[u8], _: &mut [u8]) -> Result<usize, CodecError> { Ok(0) }
//! #     fn decode(&self, _: &[u8], _: &mut [u8]) -> Result<(), CodecError> { Ok(()) }
//! # }
//! use batcher_testkit::codec_conformance;
//! use batcher_testkit::conformance::CodecOptions;
//!
//! codec_conformance!(registered, |rule| {
//!     let options = CodecOptions::default().with_registry(CodecRegistry::new().with(Mine));
//!     rule.check(|| Mine, &options)
//! });
//! # fn main() {}
//! ```
//!
//! [`sink`] and [`codec`](codec()) check all rules and give a [`Report`] instead of panicking; [`SinkRule::find`] and
//! [`CodecRule::find`] give one rule. [`sink_rules`] and [`codec_rules`] list them with a sentence on each, in the order in
//! which they are best mended: one mistake often breaks several.
//!
//! # Capabilities
//!
//! What a store declares in its [`SinkCapabilities`](batcher_core::SinkCapabilities) must work; what it does not declare
//! must be refused as [`Unsupported`](batcher_core::StoreErrorKind::Unsupported). A rule about something undeclared is
//! not applicable. So are the rules of lists where the store answers a list with `Unsupported`, and those of versions
//! where it tells none.
//!
//! # A bucket that others use
//!
//! Each rule works in a place of its own, `prefix/rule/`, touches nothing outside, and deletes what it has put where the
//! store can delete. What is left by a store that cannot, by writes that landed late, and by uploads whose start was
//! dropped, is for the bucket's expiry; a run under a prefix of its own does not meet it. On a network, wrap the
//! store in a [`Retry`](batcher_core::Retry) where it may be unwell: an error of the network is a breach otherwise.
//!
//! # What is not checked
//!
//! - Durability: that an acknowledged object outlives a power cut.
//! - Time. There is no clock here: a future that nobody wakes hangs, as does a store whose dropped future keeps a lock,
//!   and a dropped write is looked at only for a few polls.
//! - That futures are `Send`: the traits do not let any others be.
//! - Listing everything, by the empty prefix: that would be other people's objects.

mod codec;
pub(crate) mod corpus;
mod macros;
mod report;
mod sink;
pub(crate) mod unmet;

pub use codec::{AllocationProbe, CodecOptions, CodecRule, codec, codec_rules, frame_digests};
pub use report::{Finding, Report, Verdict};
pub use sink::{SinkOptions, SinkRule, sink, sink_rules};
