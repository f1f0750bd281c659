//! The smallest batcher that loses nothing, with a switch at each place at which it could.

use std::sync::{Arc, Mutex};

use batcher_core::{CodecError, MultipartUpload, PutMode};
use bytes::Bytes;
use futures_util::TryStreamExt;

use crate::bug::Bug;
use crate::object::{self, Blobs, Block};
use crate::slot::slot;
use crate::tools::{Failure, Tools};

/// The names of the objects that count: what a coordinator knows, which dies with no process.
pub(crate) type Committed = Arc<Mutex<Vec<String>>>;

/// How many blobs go into one object.
const BLOBS: usize = 2;

pub(crate) struct TinyBatcher {
    pub(crate) tools: Tools,
    pub(crate) mode: PutMode,
    /// Whether what nobody refers to is let be.
    pub(crate) keeps: bool,
    writer: String,
    committed: Committed,
    /// All that was added and not acknowledged.
    blobs: Blobs,
    /// Objects of the first of these blobs.
    pub(crate) sealed: Vec<Sealed>,
    /// How many objects were committed.
    objects: usize,
    pub(crate) open: Option<Open>,
    /// Of which nobody knows whether they have become an object.
    pub(crate) in_doubt: Vec<Box<dyn MultipartUpload>>,
}

/// An object that is to be stored.
pub(crate) struct Sealed {
    pub(crate) name: String,
    pub(crate) bytes: Bytes,
    blobs: usize,
    pub(crate) stored: bool,
    /// Whether it may be there already, or come to be there yet.
    pub(crate) maybe_there: bool,
}

/// An upload that is neither completed nor aborted.
pub(crate) struct Open {
    pub(crate) upload: Box<dyn MultipartUpload>,
    pub(crate) completing: bool,
}

impl TinyBatcher {
    pub(crate) fn new(tools: Tools, mode: PutMode, writer: &str, committed: &Committed) -> Self {
        let (writer, committed) = (writer.to_owned(), Arc::clone(committed));
        Self {
            tools,
            mode,
            keeps: false,
            writer,
            committed,
            blobs: Vec::new(),
            sealed: Vec::new(),
            objects: 0,
            open: None,
            in_doubt: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, key: &str, blob: Bytes) {
        self.blobs.push((key.to_owned(), blob));
    }

    /// How many blobs were added and not acknowledged.
    pub(crate) fn held(&self) -> u64 {
        self.blobs.len() as u64
    }

    /// Stores and commits all that was added. After an error, or where the future was dropped, it is to be called again.
    pub(crate) async fn flush(&mut self, epoch: u64) -> Result<(), Failure> {
        self.seal(epoch).await?;
        if self.tools.has(Bug::ClearedBeforeAcknowledgement) {
            self.blobs.clear();
        }
        let moved = self.tools.has(Bug::ClearedOnDrop).then(|| std::mem::take(&mut self.blobs));
        let delivered = self.deliver_all().await;
        self.blobs.extend(moved.into_iter().flatten());
        delivered?;
        let names = self.sealed.drain(..).map(|sealed| sealed.name);
        if !self.tools.has(Bug::CommitsEachObject) {
            self.committed.lock().unwrap().extend(names);
        }
        self.blobs.clear();
        Ok(())
    }

    async fn deliver_all(&mut self) -> Result<(), Failure> {
        for index in 0..self.sealed.len() {
            if !self.sealed[index].stored {
                self.deliver(index).await?;
                self.sealed[index].stored = true;
                self.objects += 1;
                if self.tools.has(Bug::CommitsEachObject) {
                    self.committed.lock().unwrap().push(self.sealed[index].name.clone());
                }
            }
        }
        self.abort_in_doubt().await;
        Ok(())
    }

    /// Makes objects of all blobs that are in none. An object that cannot be there is made anew, with what was added since.
    async fn seal(&mut self, epoch: u64) -> Result<(), Failure> {
        let exact = !self.tools.has(Bug::RetryWithOtherBytes);
        while self.sealed.pop_if(|last| !(last.stored || last.maybe_there && exact)).is_some() {}
        let sealed: usize = self.sealed.iter().map(|sealed| sealed.blobs).sum();
        for chunk in self.blobs[sealed..].chunks(BLOBS) {
            let mut blocks = Vec::new();
            for (key, blob) in chunk {
                blocks.extend(encode(&self.tools, key, blob).await?);
            }
            let number = match self.tools.has(Bug::SecondFlushOverwrites) {
                true => self.sealed.len(),
                false => self.objects + self.sealed.iter().filter(|sealed| !sealed.stored).count(),
            };
            let name = format!("batch/{}/{epoch}-{number}", self.writer);
            let bytes = object::encode(&name, &blocks, &self.tools);
            let sealed = Sealed { name, bytes, blobs: chunk.len(), stored: false, maybe_there: false };
            self.sealed.push(sealed);
        }
        Ok(())
    }

    /// Has an object made anew under the next name.
    pub(crate) fn skip_name(&mut self, index: usize) {
        self.objects += 1;
        self.sealed[index].maybe_there = false;
    }

    /// Deletes what nobody will ever refer to. What a list does not show is left for the next time.
    pub(crate) async fn clear_away(&self) -> Result<(), Failure> {
        if self.keeps {
            return Ok(());
        }
        let listed: Vec<_> = self.tools.store.list("batch/").try_collect().await?;
        let mut keep = self.committed.lock().unwrap().clone();
        if !self.tools.has(Bug::ClearsAwayPending) {
            keep.extend(self.sealed.iter().map(|sealed| sealed.name.clone()));
        }
        for info in listed.iter().filter(|info| !keep.contains(&info.name)) {
            self.tools.store.delete(&info.name).await?;
        }
        Ok(())
    }
}

/// A blob as it stands in an object; `None` only where a mistake leaves it out.
async fn encode(tools: &Tools, key: &str, blob: &Bytes) -> Result<Option<Block>, Failure> {
    let (filler, slot) = slot(!tools.has(Bug::LostWakeup));
    let (codec, block) = (Arc::clone(&tools.codec), blob.clone());
    let believed = tools.has(Bug::BelievesCodec);
    tools.executor.execute(Box::new(move || {
        let mut frame = vec![0; codec.max_frame_len(block.len())];
        let (codec, longest) = (&codec, frame.len());
        filler.fill(codec.encode(&block, &mut frame).and_then(|len| {
            if len > longest && !believed {
                return Err(CodecError::WrongLength { expected: longest, actual: len });
            }
            Ok(frame[..len].to_vec())
        }));
    }));
    let frame = match slot.await {
        None if tools.has(Bug::DroppedJobSkipped) => return Ok(None),
        None => return Err(Failure::JobDropped),
        Some(Err(_)) if tools.has(Bug::CodecErrorSwallowed) => return Ok(None),
        Some(Err(error)) => return Err(error.into()),
        Some(Ok(frame)) => frame,
    };
    Ok(Some(Block { key: key.to_owned(), frame, blob_len: blob.len() }))
}

/// Reads all blobs that were committed.
pub(crate) async fn restore(tools: &Tools, committed: &Committed) -> Result<Blobs, Failure> {
    let mut names = committed.lock().unwrap().clone();
    if tools.has(Bug::TrustsList) {
        let listed: Vec<_> = tools.store.list("batch/").try_collect().await?;
        names = listed.into_iter().map(|info| info.name).collect();
    }
    let mut blobs = Vec::new();
    for name in names {
        let read = object::read(&name, tools).await?;
        blobs.retain(|(key, _)| read.iter().all(|(newer, _)| newer != key));
        blobs.extend(read);
    }
    Ok(blobs)
}
