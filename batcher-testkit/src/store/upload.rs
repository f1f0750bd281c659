//! Uploads in parts, of which chosen calls go wrong.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use batcher_core::{
    BlobStore, MultipartUpload, Operation, Outcome, Payload, PutMode, StoreError, StoreErrorKind,
};
use futures_util::future::{BoxFuture, FutureExt, TryFutureExt};
use futures_util::lock::Mutex as AsyncMutex;

use super::FaultStore;
use super::call::{StoreCall, nothing_to_tear};
use crate::fault::CallInfo;
use crate::judge::Judge;
use crate::world::{Doubt, Upload};

type Shared = Arc<AsyncMutex<Box<dyn MultipartUpload>>>;

pub(super) struct FaultUpload<S> {
    store: FaultStore<S>,
    /// The call that started it.
    id: u32,
    /// Shared with effects that outlive their callers.
    inner: Shared,
    name: String,
    mode: PutMode,
    /// What has arrived, by place.
    parts: Arc<Mutex<Vec<Option<Payload>>>>,
    /// Whether the wrapped store was never told of a part.
    lost_part: bool,
    /// Parts whose callers were not told that they are there.
    unanswered: Arc<AtomicU32>,
}

impl<S> fmt::Debug for FaultUpload<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultUpload")
            .field("name", &self.name)
            .field("mode", &self.mode)
            .finish_non_exhaustive()
    }
}

impl<S: BlobStore + 'static> FaultUpload<S> {
    pub(super) fn new(
        store: FaultStore<S>,
        id: u32,
        inner: Box<dyn MultipartUpload>,
        name: &str,
        mode: PutMode,
    ) -> Self {
        let inner = Arc::new(AsyncMutex::new(inner));
        Self {
            store,
            id,
            inner,
            name: name.to_owned(),
            mode,
            parts: Arc::default(),
            lost_part: false,
            unanswered: Arc::default(),
        }
    }

    fn call(&self, operation: Operation) -> StoreCall {
        let info = CallInfo { creates: self.mode == PutMode::Create, ..CallInfo::default() };
        self.store.call(operation, &self.name, info)
    }

    fn change(&self, change: impl FnOnce(&mut Upload)) {
        change_upload(&self.store, self.id, change);
    }
}

fn change_upload<S: BlobStore + 'static>(store: &FaultStore<S>, id: u32, change: impl FnOnce(&mut Upload)) {
    if let Some(upload) = store.world.state().ledger(store.index).uploads.get_mut(&id) {
        change(upload);
    }
}

/// That somebody waits for an upload to be completed, until they are answered or go away.
struct Waits<'a, S: BlobStore + 'static>(&'a FaultUpload<S>);

impl<S: BlobStore + 'static> Drop for Waits<'_, S> {
    fn drop(&mut self) {
        self.0.change(|upload| {
            if let Some(doubt) = &mut upload.doubt {
                doubt.waits = false;
            }
        });
    }
}

#[async_trait]
impl<S: BlobStore + 'static> MultipartUpload for FaultUpload<S> {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        let call = self.call(Operation::PutPart);
        // Its place is decided here and now, even if it comes about later.
        let asked = if call.is_prevented() {
            None
        } else {
            self.inner.try_lock().map(|mut inner| inner.put_part(part.clone()))
        };
        self.lost_part |= asked.is_none();
        let place = {
            let mut parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
            parts.push(None);
            parts.len() - 1
        };
        let (parts, taking) = (Arc::clone(&self.parts), call.clone());
        let effect = async move {
            let asked = match asked {
                Some(asked) => asked,
                // Its end is under way: nothing can be added any longer.
                None => return Err(taking.error(StoreErrorKind::InvalidInput)),
            };
            asked.await?;
            let mut arrived = parts.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(place) = arrived.get_mut(place) {
                *place = Some(part);
            }
            drop(arrived);
            taking.took_effect();
            Ok(())
        };
        let unanswered = Arc::clone(&self.unanswered);
        unanswered.fetch_add(1, Ordering::Relaxed);
        let answered = call.run(effect.boxed(), nothing_to_tear);
        answered.inspect_ok(move |()| _ = unanswered.fetch_sub(1, Ordering::Relaxed)).boxed()
    }

    async fn complete(&mut self) -> Result<(), StoreError> {
        if self.unanswered.load(Ordering::Relaxed) > 0 {
            self.store.world.report(Judge::CompletedTooSoon, format!("of {:?}", self.name));
        }
        let call = self.call(Operation::CompleteMultipart);
        let (inner, parts, taking) = (Arc::clone(&self.inner), Arc::clone(&self.parts), call.clone());
        let (store, id, lost_part) = (self.store.clone(), self.id, self.lost_part);
        let effect = async move {
            if lost_part {
                return Err(taking.error(StoreErrorKind::InvalidInput));
            }
            inner.lock().await.complete().await?;
            let parts = parts.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let whole: Payload = parts.iter().flatten().flat_map(|part| part.chunks().to_vec()).collect();
            taking.wrote(Some(whole));
            change_upload(&store, id, |upload| upload.ended = true);
            Ok(())
        };
        // What was asked to become an object must be let be until it is known not to.
        let asked = call.id();
        self.change(|upload| upload.doubt = Some(Doubt { call: asked, waits: true }));
        let waits = Waits(&*self);
        let completed = call.clone().run(effect.boxed(), nothing_to_tear).await;
        drop(waits);
        match &completed {
            Ok(()) => call.told(),
            Err(error) if error.outcome() == Outcome::Unknown => {}
            Err(_) => self.change(|upload| upload.doubt = None),
        }
        completed
    }

    async fn abort(&mut self) -> Result<(), StoreError> {
        let needed = {
            let mut state = self.store.world.state();
            let ledger = state.ledger(self.store.index);
            ledger.uploads.get(&self.id).is_some_and(|upload| upload.doubt.is_some())
                && ledger.current(&self.name).is_none()
        };
        if needed {
            self.store.world.report(Judge::AbortedInDoubt, format!("of {:?}", self.name));
        }
        let call = self.call(Operation::AbortMultipart);
        let (inner, taking) = (Arc::clone(&self.inner), call.clone());
        let (store, id) = (self.store.clone(), self.id);
        let effect = async move {
            inner.lock().await.abort().await?;
            change_upload(&store, id, |upload| upload.ended = true);
            taking.took_effect();
            Ok(())
        };
        // Whoever has asked has done what can be done.
        self.change(|upload| upload.excused = true);
        call.run(effect.boxed(), nothing_to_tear).await
    }
}
