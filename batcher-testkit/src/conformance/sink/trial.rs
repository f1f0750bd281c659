//! One rule being checked on one store.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Display;
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError, RwLock};
use std::thread;

use batcher_core::{
    BlobStore, MultipartUpload, ObjectInfo, Outcome, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError, StoreErrorKind,
};
use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use super::SinkOptions;
use crate::block_on;
use crate::conformance::unmet::{Checked, Unmet, broken, ensure, ensure_eq, show};

/// How many requests are sent at once where nothing hangs on it.
const AT_ONCE: usize = 16;

/// The store, what is allowed, and a place in the store for one rule alone.
pub(super) struct Trial<'a> {
    pub(super) store: &'a dyn BlobStore,
    pub(super) options: &'a SinkOptions,
    area: String,
    /// Every name that the rule has made, to be deleted in the end.
    names: Mutex<BTreeSet<String>>,
    notes: Mutex<Vec<String>>,
}

impl<'a> Trial<'a> {
    pub(super) fn new(store: &'a dyn BlobStore, options: &'a SinkOptions, rule: &str) -> Self {
        let area = format!("{}/{rule}/", options.prefix);
        Self { store, options, area, names: Mutex::default(), notes: Mutex::default() }
    }

    /// What every name of this rule begins with; ends in `/`.
    pub(super) fn area(&self) -> &str {
        &self.area
    }

    /// The full name of one of the rule's objects.
    pub(super) fn name(&self, name: impl Display) -> String {
        let name = format!("{}{name}", self.area);
        self.names.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
        name
    }

    pub(super) fn note(&self, note: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    pub(super) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn capabilities(&self) -> SinkCapabilities {
        self.store.capabilities()
    }

    /// The length that is wanted, or the longest that one put takes.
    pub(super) fn fitting(&self, wanted: usize) -> usize {
        let longest = self.capabilities().max_put_len.and_then(|max| usize::try_from(max).ok());
        wanted.min(longest.unwrap_or(wanted))
    }

    /// The modes in which this store can put.
    pub(super) fn put_modes(&self) -> Vec<PutMode> {
        let create = self.capabilities().create.then_some(PutMode::Create);
        std::iter::once(PutMode::Replace).chain(create).collect()
    }

    /// That nothing is left of an earlier run.
    pub(super) async fn begin(&self) -> Checked {
        let left = self.store.list(&self.area).next().await;
        match left {
            Some(Ok(object)) if object.name.starts_with(&self.area) => {
                broken!("{:?} is left of an earlier run: choose another prefix", object.name)
            }
            // A store that cannot list, or not rightly, shows that elsewhere.
            _ => Ok(()),
        }
    }

    /// Deletes what the rule has put, as far as the store can.
    pub(super) async fn end(&self) {
        if self.capabilities().delete {
            let names = std::mem::take(&mut *self.names.lock().unwrap_or_else(PoisonError::into_inner));
            // Collected, or the compiler cannot see that this is `Send` for every lifetime.
            let deletions: Vec<_> = names.iter().map(|name| self.store.delete(name)).collect();
            stream::iter(deletions).buffer_unordered(AT_ONCE).for_each(|_| std::future::ready(())).await;
        }
    }

    /// Puts an object, which must work.
    pub(super) async fn put(&self, name: &str, bytes: impl Into<Bytes>, mode: PutMode) -> Checked {
        self.put_payload(name, Payload::from(bytes.into()), mode).await
    }

    pub(super) async fn put_payload(&self, name: &str, payload: Payload, mode: PutMode) -> Checked {
        let len = payload.len();
        worked(&format!("{mode:?} of {name:?}, {len} bytes"), self.store.put(name, payload, mode).await)
    }

    /// Puts many small objects, whose content is their name.
    pub(super) async fn put_all(&self, names: &[String]) -> Checked {
        let puts = names.iter().map(|name| self.put(name, name.clone(), PutMode::Replace));
        // Boxed, or the compiler cannot see that this is `Send` for every lifetime.
        let puts: Vec<_> = puts.map(futures_util::FutureExt::boxed).collect();
        stream::iter(puts).buffer_unordered(AT_ONCE).try_collect().await
    }

    /// Reads a range, which must work.
    pub(super) async fn read(&self, name: &str, range: ReadRange) -> Checked<ReadReply> {
        worked(&format!("read {range:?} of {name:?}"), self.store.read(name, range).await)
    }

    /// All bytes of an object, which must be there.
    pub(super) async fn whole(&self, name: &str) -> Checked<Bytes> {
        let reply = self.read(name, ReadRange::Bounded(0..u64::MAX)).await?;
        ensure_eq!(reply.object_len, reply.bytes.len() as u64, "object_len of all of {name:?}");
        Ok(reply.bytes)
    }

    /// That an object is there and has this content.
    pub(super) async fn holds(&self, name: &str, expected: &[u8]) -> Checked {
        let actual = self.whole(name).await?;
        same_bytes(&format!("content of {name:?}"), &actual, expected)?;
        let size = worked(&format!("size of {name:?}"), self.store.size(name).await)?;
        ensure_eq!(size, expected.len() as u64, "size of {name:?}");
        Ok(())
    }

    /// That there is no such object, by every way of asking.
    pub(super) async fn is_absent(&self, name: &str) -> Checked {
        let read = self.store.read(name, ReadRange::Bounded(0..1)).await;
        failed(&format!("read of {name:?}, which is not there"), read, StoreErrorKind::NotFound)?;
        let size = self.store.size(name).await;
        failed(&format!("size of {name:?}, which is not there"), size, StoreErrorKind::NotFound)?;
        if let Some(listed) = self.listed(name).await? {
            ensure!(!listed.contains_key(name), "list of {name:?}: expected it not to be there, got it");
        }
        Ok(())
    }

    /// Lengths by name of all that begins so; nothing where the store cannot list.
    pub(super) async fn listed(&self, prefix: &str) -> Checked<Option<BTreeMap<String, u64>>> {
        let objects: Vec<ObjectInfo> = match self.store.list(prefix).try_collect().await {
            Err(error) if error.kind() == StoreErrorKind::Unsupported => return Ok(None),
            listed => worked(&format!("list of {prefix:?}"), listed)?,
        };
        let mut listed = BTreeMap::new();
        for object in objects {
            let again = listed.insert(object.name.clone(), object.len);
            ensure!(
                again.is_none(),
                "list of {prefix:?}: expected each name once, got {:?} twice",
                object.name
            );
        }
        Ok(Some(listed))
    }

    /// As [`listed`](Self::listed), in a rule that is about lists.
    pub(super) async fn must_list(&self, prefix: &str) -> Checked<BTreeMap<String, u64>> {
        self.listed(prefix).await?.ok_or_else(|| Unmet::NotApplicable("the store does not list".to_owned()))
    }

    /// What comes of futures that run at once; on a thread each, where the store may be used so.
    pub(super) async fn at_once<T: Send>(&self, futures: Vec<BoxFuture<'_, T>>) -> Vec<T> {
        if !self.options.threads {
            return join_all(futures).await;
        }
        // Also where a thread cannot be had, the others come to an end.
        let gate = &RwLock::new(());
        // A panic is the store's, and reported as one on this thread would be.
        thread::scope(|scope| {
            let closed = gate.write();
            let run = |future| {
                scope.spawn(move || {
                    drop(gate.read());
                    block_on(future)
                })
            };
            let threads: Vec<_> = futures.into_iter().map(run).collect();
            drop(closed);
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        })
    }

    /// Starts an upload, which must work.
    pub(super) async fn start(&self, name: &str, mode: PutMode) -> Checked<Box<dyn MultipartUpload>> {
        worked(
            &format!("start of an upload of {name:?}, {mode:?}"),
            self.store.start_multipart(name, mode).await,
        )
    }
}

/// What a step that must work gave.
pub(super) fn worked<T>(step: &str, result: Result<T, StoreError>) -> Checked<T> {
    result.map_err(|error| Unmet::Broken(format!("{step}: expected success, got {}", told(&error))))
}

/// The error of a step that must fail in this way.
pub(super) fn failed<T>(
    step: &str,
    result: Result<T, StoreError>,
    kind: StoreErrorKind,
) -> Checked<StoreError> {
    match result {
        Ok(_) => broken!("{step}: expected {kind:?}, got success"),
        Err(error) if error.kind() == kind => Ok(error),
        Err(error) => broken!("{step}: expected {kind:?}, got {}", told(&error)),
    }
}

/// That a step fails in this way and says that nothing was changed.
pub(super) fn refused<T>(step: &str, result: Result<T, StoreError>, kind: StoreErrorKind) -> Checked {
    let error = failed(step, result, kind)?;
    ensure_eq!(error.outcome(), Outcome::NotApplied, "{step}: outcome of {error}");
    Ok(())
}

/// An error with all that caused it.
fn told(error: &StoreError) -> String {
    let mut told = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        told.push_str(&format!(": {error}"));
        cause = error.source();
    }
    told
}

pub(super) fn same_bytes(step: &str, actual: &[u8], expected: &[u8]) -> Checked {
    if actual == expected {
        return Ok(());
    }
    let place = actual.iter().zip(expected).take_while(|(actual, expected)| actual == expected).count();
    broken!("{step}: expected {}, got {}, different from byte {place} on", show(expected), show(actual))
}
