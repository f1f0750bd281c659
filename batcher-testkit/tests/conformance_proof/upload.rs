//! Uploads with one defect.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use batcher_core::{BlobSink, MultipartUpload, Operation, Payload, PutMode, StoreError, StoreErrorKind};
use batcher_testkit::MemoryStore;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::defect::Defect;
use crate::pause;
use crate::store::Broken;

/// Parts that have come, by upload or, where they are shared, by name.
pub(crate) type SharedParts = Arc<Mutex<BTreeMap<String, Vec<Payload>>>>;

struct BrokenUpload {
    inner: Box<dyn MultipartUpload>,
    store: MemoryStore,
    defect: Defect,
    name: String,
    mode: PutMode,
    came: Arc<Mutex<Vec<Payload>>>,
    all: Vec<Payload>,
    shared: SharedParts,
    busy: Arc<AtomicBool>,
}

impl fmt::Debug for BrokenUpload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("BrokenUpload");
        if self.defect == Defect::UploadsShowParts {
            shown.field("parts", &self.all);
        }
        shown.field("inner", &self.inner).field("defect", &self.defect).finish_non_exhaustive()
    }
}

pub(crate) fn wrap(
    store: &Broken,
    inner: Box<dyn MultipartUpload>,
    name: &str,
    mode: PutMode,
) -> Box<dyn MultipartUpload> {
    Box::new(BrokenUpload {
        inner,
        store: store.inner.clone(),
        defect: store.defect,
        name: name.to_owned(),
        mode,
        came: Arc::default(),
        all: Vec::new(),
        shared: Arc::clone(&store.parts),
        busy: Arc::default(),
    })
}

fn join(parts: &[Payload]) -> Bytes {
    parts.iter().flat_map(|part| part.chunks().to_vec()).collect::<Payload>().to_bytes()
}

struct Busy(Arc<AtomicBool>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[async_trait]
impl MultipartUpload for BrokenUpload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        self.all.push(part.clone());
        if self.defect == Defect::UploadsShareParts {
            self.shared.lock().unwrap().entry(self.name.clone()).or_default().push(part.clone());
        }
        let inner = if self.defect == Defect::LeavesOutPartsTooMany && self.all.len() > 5 {
            async { Ok(()) }.boxed()
        } else {
            self.inner.put_part(part.clone())
        };
        let (store, name, mode, defect) = (self.store.clone(), self.name.clone(), self.mode, self.defect);
        let (came, busy) = (Arc::clone(&self.came), Arc::clone(&self.busy));
        async move {
            let _busy = match defect {
                Defect::OnePartAtATime if busy.swap(true, Ordering::Relaxed) => {
                    return Err(StoreError::new(StoreErrorKind::Other, Operation::PutPart, name));
                }
                Defect::OnePartAtATime => Some(Busy(busy)),
                _ => None,
            };
            inner.await?;
            came.lock().unwrap().push(part.clone());
            if defect == Defect::PartsAreVisible && mode == PutMode::Replace {
                store.put(&name, part, PutMode::Replace).await?;
            }
            Ok(())
        }
        .boxed()
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        let invalid = StoreErrorKind::InvalidInput;
        let came = self.came.lock().unwrap().clone();
        match self.defect {
            Defect::PartsStandAsTheyCome if came.len() == self.all.len() && self.mode == PutMode::Replace => {
                self.store.put(&self.name, join(&came).into(), self.mode).await
            }
            Defect::CompletionLooksFirst
                if self.mode == PutMode::Create && came.len() == self.all.len() && !came.is_empty() =>
            {
                if self.store.object(&self.name).is_some() {
                    let operation = Operation::CompleteMultipart;
                    return Err(StoreError::new(StoreErrorKind::AlreadyExists, operation, &self.name));
                }
                pause().await;
                self.inner.abort().await?;
                self.store.put(&self.name, join(&self.all).into(), PutMode::Replace).await
            }
            Defect::MissingPartsAreSkipped if came.len() < self.all.len() => {
                self.store.put(&self.name, join(&came).into(), self.mode).await
            }
            Defect::UploadsShareParts if !came.is_empty() && self.mode == PutMode::Replace => {
                let shared = self.shared.lock().unwrap().remove(&self.name).unwrap_or_default();
                self.inner.complete().await?;
                self.store.put(&self.name, join(&shared).into(), self.mode).await
            }
            Defect::OneByteIsNoPart if join(&self.all).len() == 1 => {
                Err(StoreError::new(invalid, Operation::CompleteMultipart, &self.name))
            }
            Defect::NoPartsVanish if self.all.is_empty() => Ok(()),
            Defect::CompletesInTwoSteps if !self.all.is_empty() => {
                let whole = join(&self.all);
                let half = whole.slice(..whole.len() / 2);
                if came.len() == self.all.len() && self.mode == PutMode::Replace {
                    self.store.put(&self.name, half.into(), self.mode).await?;
                }
                pause().await;
                self.inner.complete().await
            }
            _ => self.inner.complete().await,
        }
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        match self.defect {
            Defect::AbortCompletes => {
                let _ = self.inner.complete().await;
                Ok(())
            }
            Defect::AbortDeletesTheObject => {
                self.inner.abort().await?;
                self.store.delete(&self.name).await
            }
            _ => self.inner.abort().await,
        }
    }
}
