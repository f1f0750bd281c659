//! Writing state as one object and reading it back, by an S3 client through a proxy in which requests go wrong.

#![allow(dead_code, reason = "each test file uses some of it")]

mod case;
mod client;
pub(crate) mod explore;
mod world;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;

pub(crate) use case::{Case, Part};
pub(crate) use client::Connections;
pub(crate) use world::World;

/// The object's name.
pub(crate) const NAME: &str = "00000000000000000007/w-000000.lz4";

/// How a flush writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// In one put that creates.
    Create,
    /// In one put that replaces.
    Replace,
    /// In parts that replace.
    Parts,
    /// In parts after a look whether the name is taken.
    PartsCreate,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Create, Self::Replace, Self::Parts, Self::PartsCreate];

    pub(crate) fn creates(self) -> bool {
        matches!(self, Self::Create | Self::PartsCreate)
    }

    pub(crate) fn in_parts(self) -> bool {
        matches!(self, Self::Parts | Self::PartsCreate)
    }
}

/// How much is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// The length of the largest blob in bytes.
    pub(crate) blob: usize,
    pub(crate) block_len: usize,
    pub(crate) part_len: u64,
    /// How long the client waits for one answer.
    pub(crate) timeout: Duration,
}

impl Scale {
    /// Two parts and seven blocks in 3 kB.
    pub(crate) const SMALL: Self =
        Self { blob: 780, block_len: 500, part_len: 2000, timeout: Duration::from_millis(500) };

    /// Two parts of the length that servers insist on.
    pub(crate) const LARGE: Self =
        Self { blob: 2 << 20, block_len: 1 << 20, part_len: 5 << 20, timeout: Duration::from_secs(3) };

    /// Seven blobs, from none to the longest.
    pub(crate) fn state(self) -> BTreeMap<String, Bytes> {
        let blob = |index: usize| {
            let byte = |at: usize| (at.wrapping_mul(31) ^ (at >> 8) ^ index).to_le_bytes()[0];
            (format!("partition-{index}"), (0..self.blob / 6 * index).map(byte).collect())
        };
        (0..7).map(blob).collect()
    }
}

/// How requests are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mode {
    pub(crate) way: Way,
    /// How often the client tries again by itself.
    pub(crate) retries: usize,
    pub(crate) scale: Scale,
}

impl Mode {
    /// Each of these ways, with the client's own retries and without.
    pub(crate) fn each(ways: &[Way], scale: Scale) -> impl Iterator<Item = Self> {
        ways.iter().flat_map(move |way| [0, 2].map(|retries| Self { way: *way, retries, scale }))
    }
}

pub(crate) fn on_tokio<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(future)
}
