//! Objects as the tests write and see them.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::collections::BTreeMap;

use batcher_core::{BlobStore, Payload, ReadRange, StoreError};
use bytes::Bytes;
use futures_util::TryStreamExt;

pub(crate) fn payload(bytes: impl Into<Bytes>) -> Payload {
    Payload::from(bytes.into())
}

pub(crate) async fn whole(store: &dyn BlobStore, name: &str) -> Result<Bytes, StoreError> {
    Ok(store.read(name, ReadRange::Bounded(0..u64::MAX)).await?.bytes)
}

pub(crate) async fn listed(store: &dyn BlobStore, prefix: &str) -> BTreeMap<String, u64> {
    let objects: Vec<_> = store.list(prefix).try_collect().await.expect("list");
    let count = objects.len();
    let objects: BTreeMap<_, _> = objects.into_iter().map(|object| (object.name, object.len)).collect();
    assert_eq!(objects.len(), count, "a name is listed twice");
    objects
}
