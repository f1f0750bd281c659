//! Suites for whoever implements a store or a codec: a rule for everything that the traits promise, but for [what cannot
//! be checked](#what-is-not-checked).
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
//! Each rule works in a place of its own, `prefix/rule/`, touches no object outside, and deletes what it has put where the
//! store can delete. What is left by a store that cannot, by writes that landed late, and by uploads whose start was
//! dropped, is for the bucket's expiry; a run under a prefix of its own does not meet it. On a network, wrap the
//! store in a [`Retry`](batcher_core::Retry) where it may be unwell: an error of the network is a breach otherwise.
//!
//! One rule also asks for what is no name and would not lie in its place: `bad_names_are_invalid`, for the empty name, `/`,
//! `.`, `..`, and its place with a slash in front, with nothing behind it, and with as many `..` as lead out. A store that
//! takes one may have somebody's object there. So these come after bad names that do not lead out, and the first that is
//! taken ends the rule; each is read before it is written; where the store declares that it can create, it is asked to
//! create and never to replace, and where it can also delete, what was created is deleted again. Harm can still come of a
//! store that refuses to read under such a name and yet writes or deletes: it may replace what is there where it does not
//! declare creating, or declares it and does not do it, and delete what is there. What it has created stays where it does
//! not delete. [Leave the rule out](SinkOptions::without) where that is too much.
//!
//! # What is not checked
//!
//! - Durability: that an acknowledged object outlives a power cut.
//! - Time. There is no clock here: a future that nobody wakes hangs, as does a store whose dropped future keeps a lock,
//!   and a dropped write is looked at only for a few polls.
//! - Races within a store that is never pending, unless it is used [on threads](SinkOptions::on_threads), as in the short form.
//! - That futures are `Send`: the traits do not let any others be.
//! - Listing everything, by the empty prefix: that would be other people's objects.
//! - In the short form of [`codec_conformance!`](crate::codec_conformance): how much decoding allocates
//!   ([`with_allocation_budget`](CodecOptions::with_allocation_budget)), whether frames are as they were
//!   ([`with_digests`](CodecOptions::with_digests)) and whether a registry finds the codec
//!   ([`with_registry`](CodecOptions::with_registry)). These rules pass as not applicable until the options say what to hold the codec to.
//! - Dictionaries of a codec that trains none from the rows of the suite and takes no rows for one either; and of any, that
//!   it is digested once. With a dictionary, the rules on dictionaries are checked and no others: to have those checked,
//!   too, give the suite a codec that [has one](batcher_core::Codec::with_dictionary).

mod codec;
pub(crate) mod corpus;
mod macros;
mod report;
mod sink;
pub(crate) mod unmet;

pub use codec::{AllocationProbe, CodecOptions, CodecRule, codec, codec_rules, frame_digests};
pub use report::{Finding, Report, Verdict};
pub use sink::{SinkOptions, SinkRule, sink, sink_rules};
