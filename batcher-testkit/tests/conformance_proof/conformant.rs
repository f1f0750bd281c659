//! Stores that are odd and keep every rule: what the suite must not take for a defect.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Operation, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError, StoreErrorKind,
};
use batcher_testkit::conformance::{self, SinkOptions, Verdict};
use batcher_testkit::{MemoryStore, block_on};
use futures_util::stream::{self, BoxStream};

use crate::pause;

/// Puts that are dropped take effect later, at the next operation, as on a store that had the request already.
/// Cannot list, tells no versions, takes no odd names, and hides whose an object is that is there.
#[derive(Clone, Debug, Default)]
struct Late {
    inner: MemoryStore,
    under_way: Arc<Mutex<Vec<(String, Payload, PutMode)>>>,
}

impl Late {
    fn land(&self) {
        for (name, payload, mode) in self.under_way.lock().unwrap().drain(..) {
            if mode == PutMode::Replace || self.inner.object(&name).is_none() {
                self.inner.insert(name, payload.to_bytes());
            }
        }
    }
}

fn plain(name: &str, operation: Operation) -> Result<(), StoreError> {
    batcher_core::check_name(name, operation)?;
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte)) {
        return Ok(());
    }
    Err(StoreError::new(StoreErrorKind::InvalidInput, operation, name))
}

#[async_trait]
impl BlobSink for Late {
    fn capabilities(&self) -> SinkCapabilities {
        self.inner.capabilities()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        self.land();
        plain(name, Operation::Put)?;
        pause().await;
        if mode == PutMode::Create && self.inner.object(name).is_some() {
            return Err(StoreError::new(StoreErrorKind::AlreadyExists, Operation::Put, name));
        }
        self.under_way.lock().unwrap().push((name.to_owned(), payload, mode));
        // The request is sent, and the answer awaited.
        pause().await;
        pause().await;
        self.land();
        Ok(())
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        self.land();
        plain(name, Operation::StartMultipart)?;
        self.inner.start_multipart(name, mode).await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.land();
        self.inner.delete(name).await
    }
}

#[async_trait]
impl BlobSource for Late {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let reply = self.inner.read(name, range).await;
        self.land();
        reply.map(|reply| ReadReply { version: None, ..reply })
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        let size = self.inner.size(name).await;
        self.land();
        size
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let error = StoreError::new(StoreErrorKind::Unsupported, Operation::List, prefix);
        Box::pin(stream::iter([Err(error)]))
    }
}

#[test]
fn a_store_whose_dropped_puts_land_late_keeps_every_rule() {
    let store = Late::default();
    let without_create = SinkOptions::default().with_odd_names_refused().without("one_creator_wins");
    let report = block_on(conformance::sink(&store, &without_create));
    assert!(report.is_clean(), "{report}");
}

/// Says at the start of an upload that the name is taken.
#[derive(Clone, Debug, Default)]
struct Early(MemoryStore);

#[async_trait]
impl BlobSink for Early {
    fn capabilities(&self) -> SinkCapabilities {
        self.0.capabilities()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        self.0.put(name, payload, mode).await
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        if mode == PutMode::Create && self.0.object(name).is_some() {
            return Err(StoreError::new(StoreErrorKind::AlreadyExists, Operation::StartMultipart, name));
        }
        self.0.start_multipart(name, mode).await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.0.delete(name).await
    }
}

#[async_trait]
impl BlobSource for Early {
    fn reads_suffixes(&self) -> bool {
        self.0.reads_suffixes()
    }

    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        self.0.read(name, range).await
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.0.size(name).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        self.0.list(prefix)
    }
}

#[test]
fn a_store_that_refuses_a_taken_name_at_the_start_keeps_every_rule() {
    let report = block_on(conformance::sink(&Early::default(), &SinkOptions::default()));
    assert!(report.is_clean(), "{report}");
    for rule in ["errors_name_object_and_operation", "completion_honours_the_mode"] {
        assert_eq!(*report.finding(rule).unwrap().verdict(), Verdict::Passed, "{report}");
    }
}
