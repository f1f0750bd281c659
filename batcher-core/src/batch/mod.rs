//! From added blobs to the bytes of an object: no I/O.

mod backlog;
mod block;
mod buffers;
mod cut;
mod dictionary;
mod entries;
mod intake;
mod key_index;
mod keys;
mod lane;
mod page;
mod run;
mod sample;
mod seal;
mod segments;

pub(crate) use backlog::Backlog;
pub(crate) use block::{Block, EncodedBlock, Encoding};
pub(crate) use buffers::Buffers;
pub(crate) use cut::Cut;
pub(crate) use dictionary::{Choice, Dictionary, poll_all};
pub(crate) use intake::Intake;
pub use intake::{AddError, AddErrorKind, BatchHandle};
pub(crate) use key_index::{KeyIndex, KeyJob};
pub(crate) use run::SpareRuns;
pub(crate) use sample::SampleLimits;
pub(crate) use seal::{Sealed, binding, header, seal};
pub(crate) use segments::Segments;
