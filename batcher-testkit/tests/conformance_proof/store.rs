//! A memory store with one defect.

mod reads;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, Operation, Outcome, Payload, PutMode, SinkCapabilities,
    StoreError, StoreErrorKind, check_name,
};
use batcher_testkit::{MemoryStore, MemoryStoreBuilder};
use bytes::Bytes;

use crate::defect::Defect;
use crate::pause;
use crate::upload::{SharedParts, wrap};

#[derive(Clone)]
pub(crate) struct Broken {
    pub(crate) inner: MemoryStore,
    pub(crate) defect: Defect,
    state: Arc<Mutex<State>>,
    pub(crate) parts: SharedParts,
}

#[derive(Default)]
struct State {
    /// The last name and payload that were put.
    last: (String, Bytes),
    poisoned: bool,
    locked: BTreeSet<String>,
    /// How far the list that was dropped had come.
    position: usize,
}

impl Broken {
    pub(crate) fn new(defect: Defect, builder: MemoryStoreBuilder) -> Self {
        let builder = match defect {
            Defect::RefusesTheLongestPut => builder.with_max_put_len(5000),
            Defect::StatesMorePartsThanItTakes | Defect::LeavesOutPartsTooMany => builder.with_max_parts(5),
            Defect::UnsupportedIsUnknown => builder.without_create(),
            _ => builder,
        };
        Self { inner: builder.build(), defect, state: Arc::default(), parts: SharedParts::default() }
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    /// The name under which this store keeps an object.
    fn kept_as(&self, name: &str) -> String {
        match self.defect {
            Defect::DecodesPercents => name.replace("%20", " "),
            Defect::JoinsPrefixes => name.replace("node-1/", "node-1"),
            Defect::CutsLongNames if name.len() <= 1024 => name[..name.len().min(900)].to_owned(),
            Defect::TakesBadNames => name.replace("/../", "/up/").replace("//", "/"),
            _ => name.to_owned(),
        }
    }

    fn reads(&self) -> Reading<'_> {
        Reading { store: self, ended: false }
    }

    fn spoil(&self, error: StoreError) -> StoreError {
        let (kind, operation, outcome) = (error.kind(), error.operation(), error.outcome());
        let name = error.object().to_owned();
        match self.defect {
            Defect::ErrorsNameNothing if kind == StoreErrorKind::NotFound => error.with_object(""),
            Defect::ErrorsNameAnotherOperation if kind == StoreErrorKind::AlreadyExists => {
                StoreError::new(kind, Operation::Open, name).with_outcome(outcome)
            }
            Defect::UnsupportedIsUnknown if kind == StoreErrorKind::Unsupported => {
                error.with_outcome(Outcome::Unknown)
            }
            Defect::BelowAnObjectIsAnotherError if kind == StoreErrorKind::NotFound => {
                let parents = name.match_indices('/').map(|(end, _)| &name[..end]);
                if parents.into_iter().any(|parent| self.inner.object(parent).is_some()) {
                    StoreError::new(StoreErrorKind::Other, operation, name)
                } else {
                    error
                }
            }
            Defect::ErrorsShowState => {
                let last = self.state.lock().unwrap().last.1.clone();
                error.with_source(format!("while storing {}", last.escape_ascii()))
            }
            _ => error,
        }
    }
}

struct Reading<'a> {
    store: &'a Broken,
    ended: bool,
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.store.state.lock().unwrap().poisoned = true;
        }
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Broken");
        if self.is(Defect::DebugShowsState) {
            shown.field("last", &self.state.lock().unwrap().last.1.to_vec());
        }
        shown.field("defect", &self.defect).finish_non_exhaustive()
    }
}

impl Broken {
    async fn put_badly(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        let (whole, len) = (payload.to_bytes(), payload.len());
        match self.defect {
            Defect::ChunksInReverse => {
                let payload = payload.chunks().iter().rev().cloned().collect();
                return self.inner.put(name, payload, mode).await;
            }
            Defect::EmptyIsNotStored if payload.is_empty() && mode == PutMode::Replace => return Ok(()),
            Defect::CutsLargeObjects if len > 1 << 20 => {
                return self.inner.put(name, whole.slice(..1 << 20).into(), mode).await;
            }
            Defect::RefusesTheLongestPut if len == 5000 => {
                return Err(StoreError::new(StoreErrorKind::TooLarge, Operation::Put, name)
                    .with_outcome(Outcome::NotApplied));
            }
            Defect::RefusesLeadingMarks if name.contains("/.") || name.contains("/-") => {
                return Err(StoreError::new(StoreErrorKind::InvalidInput, Operation::Put, name)
                    .with_outcome(Outcome::NotApplied));
            }
            Defect::CreateOverwrites => return self.inner.put(name, payload, PutMode::Replace).await,
            Defect::CreateLooksFirst if mode == PutMode::Create => {
                if self.inner.size(name).await.is_ok() {
                    return Err(StoreError::new(StoreErrorKind::AlreadyExists, Operation::Put, name));
                }
                return self.inner.put(name, payload, PutMode::Replace).await;
            }
            Defect::CreateRefusesEveryone if mode == PutMode::Create && name.contains("creator_wins") => {
                return Err(StoreError::new(StoreErrorKind::AlreadyExists, Operation::Put, name));
            }
            Defect::ReplaceKeepsTheTail if mode == PutMode::Replace => {
                let old = self.inner.object(name).unwrap_or_default();
                let tail = old.slice(whole.len().min(old.len())..);
                return self.inner.put(name, [whole, tail].into_iter().collect(), mode).await;
            }
            Defect::ReplaceDeletesFirst if mode == PutMode::Replace => {
                self.inner.remove(name);
                pause().await;
            }
            Defect::MixesWritersUp => {
                self.state.lock().unwrap().last.0 = name.to_owned();
                pause().await;
                let last = self.state.lock().unwrap().last.0.clone();
                return self.inner.put(&last, payload, mode).await;
            }
            Defect::PutsInTwoSteps => {
                self.inner.put(name, whole.slice(..whole.len() / 2).into(), mode).await?;
                return self.inner.put(name, payload, PutMode::Replace).await;
            }
            Defect::DroppedPutsLockTheName => {
                if !self.state.lock().unwrap().locked.insert(name.to_owned()) {
                    return Err(StoreError::new(StoreErrorKind::Other, Operation::Put, name));
                }
                let put = self.inner.put(name, payload, mode).await;
                self.state.lock().unwrap().locked.remove(name);
                return put;
            }
            _ => {}
        }
        self.state.lock().unwrap().last.1 = whole;
        self.inner.put(name, payload, mode).await
    }
}

#[async_trait]
impl BlobSink for Broken {
    fn capabilities(&self) -> SinkCapabilities {
        let mut capabilities = self.inner.capabilities();
        match self.defect {
            Defect::StatesALongestPutThatItDoesNotHold => capabilities.max_put_len = Some(5000),
            Defect::StatesMorePartsThanItTakes => capabilities.max_parts = Some(10),
            Defect::DeletesWithoutSayingSo => capabilities.delete = false,
            _ => {}
        }
        capabilities
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        let name = self.kept_as(name);
        self.put_badly(&name, payload, mode).await.map_err(|error| self.spoil(error))
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let inner_mode = match self.defect {
            Defect::CompletionReplaces => PutMode::Replace,
            Defect::CompletionNeverReplaces => PutMode::Create,
            _ => mode,
        };
        let started = self.inner.start_multipart(name, inner_mode).await;
        let inner = started.map_err(|error| self.spoil(error))?;
        Ok(wrap(self, inner, name, mode))
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let kept = self.kept_as(name);
        match self.defect {
            Defect::DeleteOfNothingFails
                if self.inner.object(&kept).is_none() && check_name(name, Operation::Delete).is_ok() =>
            {
                Err(StoreError::new(StoreErrorKind::NotFound, Operation::Delete, name))
            }
            Defect::DeleteTakesWhatIsBelow => {
                let below = format!("{name}/");
                for name in self.inner.names() {
                    if name.starts_with(&below) {
                        self.inner.remove(&name);
                    }
                }
                self.inner.delete(name).await
            }
            _ => self.inner.delete(&kept).await.map_err(|error| self.spoil(error)),
        }
    }
}
