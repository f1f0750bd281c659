//! What is behind the proxy, and a look at it past the proxy.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use batcher_core::{BlobSink, BlobSource, Payload, PutMode, ReadRange, StoreErrorKind};
use batcher_stores::ObjectStoreSink;
use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::fault_proxy::{Bucket, Upstream};

/// The prefix of all names in memory.
const PREFIX: &str = "prefix";

#[derive(Clone, Debug)]
pub(crate) enum World {
    Memory(Arc<Mutex<Bucket>>),
    Server {
        address: SocketAddr,
        bucket: String,
        prefix: String,
        /// The same place, asked directly.
        direct: ObjectStoreSink,
    },
}

impl World {
    pub(crate) fn in_memory() -> Self {
        Self::Memory(Arc::default())
    }

    pub(crate) fn upstream(&self) -> Upstream {
        match self {
            Self::Memory(bucket) => Upstream::Memory(Arc::clone(bucket)),
            Self::Server { address, .. } => Upstream::Server(*address),
        }
    }

    pub(crate) fn bucket_and_prefix(&self) -> (&str, &str) {
        match self {
            Self::Memory(_) => ("bucket", PREFIX),
            Self::Server { bucket, prefix, .. } => (bucket, prefix),
        }
    }

    pub(crate) async fn object(&self, name: &str) -> Option<Bytes> {
        match self {
            Self::Memory(bucket) => bucket.lock().expect("no panic").object(&format!("{PREFIX}/{name}")),
            Self::Server { direct, .. } => match direct.read(name, ReadRange::Bounded(0..u64::MAX)).await {
                Ok(reply) => Some(reply.bytes),
                Err(error) if error.kind() == StoreErrorKind::NotFound => None,
                Err(error) => panic!("without a proxy: {error}"),
            },
        }
    }

    pub(crate) async fn names(&self) -> Vec<String> {
        match self {
            Self::Memory(bucket) => {
                let keys = bucket.lock().expect("no panic").keys();
                let relative = |key: &String| key.strip_prefix(PREFIX)?.strip_prefix('/').map(str::to_owned);
                keys.iter().filter_map(relative).collect()
            }
            Self::Server { direct, .. } => {
                let list: Vec<_> = direct.list("").try_collect().await.expect("without a proxy");
                list.into_iter().map(|object| object.name).collect()
            }
        }
    }

    /// Puts an object there as somebody else would.
    pub(crate) async fn insert(&self, name: &str, bytes: Bytes) {
        match self {
            Self::Memory(bucket) => {
                bucket.lock().expect("no panic").insert(&format!("{PREFIX}/{name}"), bytes);
            }
            Self::Server { direct, .. } => {
                direct.put(name, Payload::from(bytes), PutMode::Replace).await.expect("without a proxy");
            }
        }
    }

    /// Uploads in parts that are neither completed nor aborted; `None` where that cannot be known.
    pub(crate) fn open_uploads(&self) -> Option<usize> {
        match self {
            Self::Memory(bucket) => Some(bucket.lock().expect("no panic").open_uploads()),
            Self::Server { .. } => None,
        }
    }
}
