//! State, keys and whole workloads to test and measure with, made from a seed.
//!
//! However many faults are tried, a test finds only what its workload can bring about. These generators stand for what
//! stream processors checkpoint and for what is awkward to pack:
//!
//! - [`BlobKind`] makes the bytes of one blob: rows, counters, JSON, log lines, pages of a store, messages, noise, and
//!   what is all the same; [`edge_lengths`] and [`Lengths`] say how long blobs are.
//! - [`KeyKind`] makes any number of different keys of one kind; [`edge_keys`] are those that often break something.
//! - [`Workload`] makes the steps of a job over many epochs, one at a time.
//! - [`ExpectedState`] says what readers must find after these steps.
//!
//! The same seed gives the same bytes on every platform, in every process and in every version of this crate with the
//! same major number. Only integers are used, and no source of chance but [`SplitMix64`].
//!
//! ```
//! use batcher_core::{BatchReader, Batcher};
//! use batcher_testkit::corpus::{ExpectedState, Shape, Step, Workload};
//! use batcher_testkit::{MemoryStore, block_on};
//! # use batcher_codecs::{Lz4, registry};
//!
//! # block_on(async {
//! let store = MemoryStore::new();
//! let mut batcher = Batcher::builder(Lz4::default(), store.clone()).build()?;
//! let mut expected = ExpectedState::new();
//! for step in Workload::new(Shape::Duplicates, 1).steps() {
//!     match &step {
//!         Step::Add { key, blob } => batcher.add(key, blob.clone())?,
//!         Step::Flush { epoch } => {
//!             let report = batcher.flush(*epoch).await?;
//!             let reader = BatchReader::open(store.clone(), &report.receipts[0].object, &registry()).await?;
//!             assert_eq!(reader.len() as usize, expected.unflushed().len());
//!         }
//!     }
//!     expected.apply(&step);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! And with everything going wrong, as what an [`Exploration`](crate::Exploration) writes:
//!
//! ```
//! use batcher_core::{BatchReader, Batcher};
//! use batcher_testkit::corpus::{KeyKind, Shape, Step, Workload};
//! use batcher_testkit::{Exploration, FaultKind::*, MemoryStore, World};
//! use futures_util::TryStreamExt;
//! use std::collections::BTreeMap;
//! # use batcher_codecs::{Lz4, registry};
//!
//! async fn job(world: World) -> Result<(), Box<dyn std::error::Error>> {
//!     let store = world.store(MemoryStore::new());
//!     let mut batcher = Batcher::builder(Lz4::default(), store.clone()).build()?;
//!     let mut receipts = Vec::new();
//!     let workload = Workload::new(Shape::Skewed, 1).with_keys(KeyKind::Sequential, 3).with_epochs(0..3);
//!     for step in workload.steps() {
//!         match step {
//!             Step::Add { key, blob } => {
//!                 batcher.add(&key, blob.clone())?;
//!                 world.wrote(&key, blob);
//!             }
//!             Step::Flush { epoch } => {
//!                 receipts.extend(loop {
//!                     if let Some(Ok(report)) = world.attempt("flush", batcher.flush(epoch)).await {
//!                         break report.receipts;
//!                     }
//!                     world.heal();
//!                 });
//!                 world.acknowledged();
//!             }
//!         }
//!     }
//!     // Later epochs last: a key of theirs has its blob there.
//!     let mut state = BTreeMap::new();
//!     for receipt in receipts {
//!         let reader = BatchReader::open(store.inner().clone(), &receipt.object, &registry()).await?;
//!         state.extend(reader.blobs().try_collect::<Vec<_>>().await?);
//!     }
//!     world.judge_read(state);
//!     Ok(())
//! }
//!
//! Exploration::new(job).faults([RequestLost, AckLost, Late, OwnExists, Cancel]).run().assert_clean();
//! ```

mod blob_kind;
mod decimal;
mod expected_state;
mod key_kind;
mod lengths;
mod shape;
mod split_mix;
mod varint;
mod workload;

pub use blob_kind::BlobKind;
pub use expected_state::ExpectedState;
pub use key_kind::{KeyKind, edge_keys};
pub use lengths::{Lengths, edge_lengths};
pub use shape::Shape;
pub use split_mix::SplitMix64;
pub use workload::{Step, Steps, Workload};
