//! The testkit's example of a crate outside of this workspace, so that it does not rot: the same text, under the same name.
#![allow(missing_docs, clippy::enum_glob_use, unused_crate_dependencies, reason = "as a user may write it")]

extern crate self as outside;

#[path = "../../batcher-testkit/examples/outside/src/lib.rs"]
mod library;
#[path = "../../batcher-testkit/examples/outside/tests/proof.rs"]
mod proof;

pub use library::{Masked, Shelf};
