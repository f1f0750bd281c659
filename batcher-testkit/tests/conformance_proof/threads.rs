//! Stores that are never pending: what they get wrong between two steps shows only where others run meanwhile.

use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError,
};
use batcher_testkit::conformance::{SinkOptions, SinkRule};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::BoxStream;

/// Does each thing before it is first pending, and some in two steps.
#[derive(Clone, Debug)]
struct Hasty {
    inner: MemoryStore,
    defect: Option<Steps>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Steps {
    LooksThenCreates,
    LooksThenCompletes,
    WritesHalves,
    NotesWhoseThenWrites,
}

/// Long enough for all others to have a turn.
fn meanwhile() {
    thread::sleep(Duration::from_millis(2));
}

/// All of it, here and now.
fn now<T: Send + 'static>(ready: impl Future<Output = T>) -> T {
    block_on(ready)
}

impl Hasty {
    fn puts(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        let whole = payload.to_bytes();
        match self.defect {
            Some(Steps::LooksThenCreates) if mode == PutMode::Create && self.inner.object(name).is_none() => {
                meanwhile();
                now(self.inner.put(name, payload, PutMode::Replace))
            }
            Some(Steps::WritesHalves) if whole.len() > 1 && mode == PutMode::Replace => {
                now(self.inner.put(name, whole.slice(..whole.len() / 2).into(), mode))?;
                meanwhile();
                now(self.inner.put(name, payload, mode))
            }
            Some(Steps::NotesWhoseThenWrites) if name.contains("/user-") => {
                now(self.inner.put("whose", Bytes::from(name.to_owned()).into(), PutMode::Replace))?;
                meanwhile();
                let whose = self.inner.object("whose").unwrap_or_default();
                now(self.inner.put(&String::from_utf8_lossy(&whose), payload, mode))
            }
            _ => now(self.inner.put(name, payload, mode)),
        }
    }
}

#[async_trait]
impl BlobSink for Hasty {
    fn capabilities(&self) -> SinkCapabilities {
        self.inner.capabilities()
    }
    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        self.puts(name, payload, mode)
    }
    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        let inner = now(self.inner.start_multipart(name, mode))?;
        Ok(Box::new(HastyUpload { inner, store: self.clone(), name: name.to_owned(), mode, all: Vec::new() }))
    }
    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        now(self.inner.delete(name))
    }
}

#[async_trait]
impl BlobSource for Hasty {
    fn reads_suffixes(&self) -> bool {
        self.inner.reads_suffixes()
    }
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        now(self.inner.read(name, range))
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        now(self.inner.size(name))
    }
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        self.inner.list(prefix)
    }
}

#[derive(Debug)]
struct HastyUpload {
    inner: Box<dyn MultipartUpload>,
    store: Hasty,
    name: String,
    mode: PutMode,
    all: Vec<Bytes>,
}

#[async_trait]
impl MultipartUpload for HastyUpload {
    fn put_part(&mut self, part: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        self.all.push(part.to_bytes());
        let part = self.inner.put_part(part);
        async { now(part) }.boxed()
    }
    async fn complete(&mut self) -> Result<(), StoreError> {
        let looks = self.store.defect == Some(Steps::LooksThenCompletes) && self.mode == PutMode::Create;
        if looks && self.store.inner.object(&self.name).is_none() {
            meanwhile();
            let whole = self.all.drain(..).collect();
            return now(self.store.inner.put(&self.name, whole, PutMode::Replace));
        }
        now(self.inner.complete())
    }
    async fn abort(&mut self) -> Result<(), StoreError> {
        now(self.inner.abort())
    }
}

const DEFECTS: [(Steps, &str); 4] = [
    (Steps::LooksThenCreates, "one_creator_wins"),
    (Steps::LooksThenCompletes, "one_completion_wins"),
    (Steps::WritesHalves, "readers_see_whole_versions"),
    (Steps::NotesWhoseThenWrites, "many_at_once_do_not_mix"),
];

fn is_broken(rule: &str, defect: Option<Steps>, options: &SinkOptions) -> bool {
    let store = Hasty { inner: MemoryStore::new(), defect };
    block_on(SinkRule::find(rule).unwrap().check(&store, options)).is_broken()
}

#[test]
fn what_others_may_see_between_two_steps_is_seen_on_threads() {
    for (defect, rule) in DEFECTS {
        assert!(is_broken(rule, Some(defect), &SinkOptions::default().on_threads()), "{defect:?}");
        assert!(!is_broken(rule, None, &SinkOptions::default().on_threads()), "{rule}");
        // As the documentation says.
        assert!(!is_broken(rule, Some(defect), &SinkOptions::default()), "{defect:?}");
    }
}

/// A store that panics while others wait for it is broken, and the check comes to an end.
#[derive(Clone, Debug)]
struct Panics(MemoryStore);

#[async_trait]
impl BlobSink for Panics {
    fn capabilities(&self) -> SinkCapabilities {
        self.0.capabilities()
    }
    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        assert!(self.0.object(name).is_none(), "taken");
        self.0.put(name, payload, mode).await
    }
}

#[async_trait]
impl BlobSource for Panics {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        self.0.read(name, range).await
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.0.size(name).await
    }
}

#[test]
fn a_panic_on_a_thread_is_a_breach_that_is_reported() {
    for options in [SinkOptions::default(), SinkOptions::default().on_threads()] {
        for rule in ["readers_see_whole_versions", "many_at_once_do_not_mix"] {
            let finding =
                block_on(SinkRule::find(rule).unwrap().check(&Panics(MemoryStore::new()), &options));
            assert!(finding.is_broken() && finding.to_string().contains("taken"), "{finding}");
        }
    }
}
