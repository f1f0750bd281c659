//! A store that answers as it is told and remembers what it was asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Operation, Outcome, Payload, PutMode, ReadRange,
    ReadReply, SinkCapabilities, StoreError, StoreErrorKind, Timer,
};
use bytes::Bytes;
use futures_util::future::{self, BoxFuture, FutureExt};
use futures_util::stream::{self, BoxStream, StreamExt};

use crate::virtual_time::VirtualTime;

/// What becomes of one call; calls without a reply succeed at once.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    Done,
    Fail(StoreErrorKind, Outcome),
    FailAndAsk(StoreErrorKind, Duration),
    DoneAfter(Duration),
    Hang,
}

/// An item of a scripted list.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Object(&'static str),
    Fail(StoreErrorKind),
    Pause(Duration),
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Script {
    state: Arc<Mutex<State>>,
    time: VirtualTime,
}

#[derive(Debug, Default)]
struct State {
    replies: VecDeque<Reply>,
    lists: VecDeque<Vec<Item>>,
    calls: Vec<(Operation, String)>,
    running: usize,
    most_running: usize,
}

impl Script {
    pub(crate) fn new(time: &VirtualTime, replies: impl IntoIterator<Item = Reply>) -> Self {
        let script = Self { time: time.clone(), ..Self::default() };
        script.state.lock().unwrap().replies.extend(replies);
        script
    }

    pub(crate) fn with_lists(self, lists: impl IntoIterator<Item = Vec<Item>>) -> Self {
        self.state.lock().unwrap().lists.extend(lists);
        self
    }

    pub(crate) fn calls(&self) -> Vec<(Operation, String)> {
        self.state.lock().unwrap().calls.clone()
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        self.calls().into_iter().map(|(operation, _)| operation).collect()
    }

    pub(crate) fn running(&self) -> usize {
        self.state.lock().unwrap().running
    }

    pub(crate) fn most_running(&self) -> usize {
        self.state.lock().unwrap().most_running
    }

    async fn call(&self, operation: Operation, object: &str) -> Result<(), StoreError> {
        let (_running, reply) = {
            let mut state = self.state.lock().unwrap();
            state.calls.push((operation, object.to_owned()));
            state.running += 1;
            state.most_running = state.most_running.max(state.running);
            (Running(self.clone()), state.replies.pop_front().unwrap_or(Reply::Done))
        };
        match reply {
            Reply::Done => Ok(()),
            Reply::Fail(kind, outcome) => Err(StoreError::new(kind, operation, object).with_outcome(outcome)),
            Reply::FailAndAsk(kind, pause) => {
                Err(StoreError::new(kind, operation, object).with_retry_after(pause))
            }
            Reply::DoneAfter(pause) => {
                self.time.sleep(pause).await;
                Ok(())
            }
            Reply::Hang => future::pending().await,
        }
    }
}

struct Running(Script);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.state.lock().unwrap().running -= 1;
    }
}

#[async_trait]
impl BlobSink for Script {
    fn capabilities(&self) -> SinkCapabilities {
        SinkCapabilities::default().with_create(true).with_multipart(true).with_part_limits(5, 7)
    }
    async fn put(&self, name: &str, _: Payload, _: PutMode) -> Result<(), StoreError> {
        self.call(Operation::Put, name).await
    }
    async fn start_multipart(&self, name: &str, _: PutMode) -> Result<Box<dyn MultipartUpload>, StoreError> {
        self.call(Operation::StartMultipart, name).await?;
        Ok(Box::new(ScriptUpload { script: self.clone(), name: name.to_owned() }))
    }
    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.call(Operation::Delete, name).await
    }
}

#[async_trait]
impl BlobSource for Script {
    fn reads_suffixes(&self) -> bool {
        false
    }
    async fn read(&self, name: &str, _: ReadRange) -> Result<ReadReply, StoreError> {
        self.call(Operation::Read, name).await?;
        Ok(ReadReply { bytes: Bytes::from_static(b"state"), object_len: 5, version: None })
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.call(Operation::Size, name).await?;
        Ok(5)
    }
    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        let mut state = self.state.lock().unwrap();
        state.calls.push((Operation::List, prefix.to_owned()));
        let items = state.lists.pop_front().unwrap_or_default();
        let prefix = prefix.to_owned();
        stream::iter(items)
            .filter_map(move |item| {
                let prefix = prefix.clone();
                async move {
                    match item {
                        Item::Object(name) => Some(Ok(ObjectInfo { name: name.to_owned(), len: 5 })),
                        Item::Fail(kind) => Some(Err(StoreError::new(kind, Operation::List, prefix))),
                        Item::Pause(pause) => {
                            self.time.sleep(pause).await;
                            None
                        }
                    }
                }
            })
            .boxed()
    }
}

#[derive(Debug)]
struct ScriptUpload {
    script: Script,
    name: String,
}

#[async_trait]
impl MultipartUpload for ScriptUpload {
    fn put_part(&mut self, _: Payload) -> BoxFuture<'static, Result<(), StoreError>> {
        let (script, name) = (self.script.clone(), self.name.clone());
        async move { script.call(Operation::PutPart, &name).await }.boxed()
    }
    async fn complete(&mut self) -> Result<(), StoreError> {
        self.script.call(Operation::CompleteMultipart, &self.name).await
    }
    async fn abort(&mut self) -> Result<(), StoreError> {
        self.script.call(Operation::AbortMultipart, &self.name).await
    }
}

pub(crate) fn payload() -> Payload {
    Bytes::from_static(b"state").into()
}

/// Runs one operation, with whatever must come before it.
pub(crate) async fn run_operation<S: BlobSink + BlobSource>(
    store: &S,
    operation: Operation,
) -> Result<(), StoreError> {
    match operation {
        Operation::Put => store.put("name", payload(), PutMode::Create).await,
        Operation::StartMultipart => store.start_multipart("name", PutMode::Replace).await.map(|_| ()),
        Operation::PutPart => {
            let mut upload = store.start_multipart("name", PutMode::Replace).await?;
            upload.put_part(payload()).await
        }
        Operation::CompleteMultipart => {
            let mut upload = store.start_multipart("name", PutMode::Replace).await?;
            upload.complete().await
        }
        Operation::AbortMultipart => {
            let mut upload = store.start_multipart("name", PutMode::Replace).await?;
            upload.abort().await
        }
        Operation::Delete => store.delete("name").await,
        Operation::Read => store.read("name", ReadRange::Suffix(9)).await.map(|_| ()),
        Operation::Size => store.size("name").await.map(|_| ()),
        Operation::List => match store.list("name").next().await {
            Some(item) => item.map(|_| ()),
            None => Ok(()),
        },
        _ => panic!("not an operation of a store"),
    }
}

/// The operations that [`run_operation`] knows, lists excepted.
pub(crate) const OPERATIONS: [Operation; 8] = [
    Operation::Put,
    Operation::StartMultipart,
    Operation::PutPart,
    Operation::CompleteMultipart,
    Operation::AbortMultipart,
    Operation::Delete,
    Operation::Read,
    Operation::Size,
];

/// Whether the operation needs an upload to be started first, which takes the first reply of the script.
pub(crate) fn needs_upload(operation: Operation) -> bool {
    matches!(operation, Operation::PutPart | Operation::CompleteMultipart | Operation::AbortMultipart)
}

/// A script whose first replies meet `operation` itself.
pub(crate) fn script_for(time: &VirtualTime, operation: Operation, replies: &[Reply]) -> Script {
    let start = needs_upload(operation).then_some(Reply::Done);
    Script::new(time, start.into_iter().chain(replies.iter().cloned()))
}
