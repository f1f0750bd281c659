//! What an engine that keeps its own names, epochs and objects never meets.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use async_trait::async_trait;
use batcher_codecs::{Lz4, registry};
use batcher_core::{
    BatchReader, BatchReceipt, Batcher, BlobSource, BlobStore, FlushErrorKind, Inline, Outcome, PutMode,
    ReadError, ReadErrorKind, ReadOptions, ReadRange, ReadReply, StoreError,
};
use batcher_testkit::{FaultStore, MemoryStore, World};
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::join;

use crate::engine::{Adaptor, MAX_PUT_LEN, Store, spoilt};

/// After how many tries the faults are to have ceased, and after how many more it must have worked.
const HEALED_AFTER: u32 = 2;
const TRIES: u32 = 8;

type Blobs = BTreeMap<String, Bytes>;

/// How often something was tried.
#[derive(Default)]
struct Tries(u32);

impl Tries {
    fn again(&mut self, world: &World, what: &str) -> Result<(), String> {
        self.0 += 1;
        if self.0 >= HEALED_AFTER {
            world.heal();
        }
        if self.0 > TRIES {
            Err(format!("no {what} succeeds although the faults have ceased"))
        } else {
            Ok(())
        }
    }
}

fn text<E: Display>(error: E) -> String {
    format!("{error}")
}

/// Blobs that do not compress, so that as many make objects of the same length.
fn blobs(seed: u64, count: u64) -> Blobs {
    let blob = |key: u64| {
        let mut state = seed * 100 + key + 1;
        let noise = (0..150).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state.to_le_bytes()[7]
        });
        noise.collect::<Vec<u8>>().into()
    };
    (0..count).map(|key| (format!("key-{key}"), blob(key))).collect()
}

/// A batcher that holds these.
fn batcher<S: BlobStore + 'static>(
    world: &World,
    store: S,
    mode: PutMode,
    in_parts: bool,
    blobs: &Blobs,
) -> Result<Batcher<S>, String> {
    let builder = Batcher::builder(world.codec(Lz4::default()), store).writer("node").put_mode(mode);
    let builder = builder.block_len(200).multipart_threshold(if in_parts { 1 } else { u64::MAX });
    let mut batcher = builder.part_len(200).executor(world.executor(Inline)).build().map_err(text)?;
    for (key, blob) in blobs {
        batcher.add(key, blob.clone()).map_err(text)?;
    }
    Ok(batcher)
}

fn memory(world: &World) -> FaultStore<MemoryStore> {
    world.store(MemoryStore::new())
}

/// Flushes an epoch until it is written.
async fn flushed<S: BlobStore + 'static>(
    world: &World,
    batcher: &mut Batcher<S>,
    epoch: u64,
) -> Result<BatchReceipt, String> {
    let mut tries = Tries::default();
    loop {
        if let Some(Ok(mut report)) = world.attempt("flush", batcher.flush(epoch)).await {
            return report.receipts.pop().ok_or_else(|| "nothing was written".into());
        }
        tries.again(world, "flush")?;
    }
}

/// Reads an object back until it is read.
async fn read_back(
    world: &World,
    store: &FaultStore<MemoryStore>,
    receipt: &BatchReceipt,
) -> Result<(), String> {
    let mut tries = Tries::default();
    loop {
        let read = async {
            let reader = BatchReader::open(store.clone(), &receipt.object, &registry()).await?;
            Ok::<_, ReadError>((reader.summary().id, reader.blobs().try_collect::<Vec<_>>().await?))
        };
        // A store may answer with another object, which then is whole.
        if let Some(Ok((id, read))) = world.attempt("restore", read).await
            && id.as_ref() == Some(&receipt.id)
        {
            world.judge_read(read);
            return Ok(());
        }
        tries.again(world, "restore")?;
    }
}

/// Somebody else's object of the same length stands under the name that the batcher is about to use.
pub(crate) async fn a_name_is_taken(world: World, in_parts: bool) -> Result<(), String> {
    let (store, twin) = (memory(&world), MemoryStore::new());
    let mut other = batcher(&World::default(), twin.clone(), PutMode::Create, false, &blobs(1, 3))?;
    let theirs = flushed(&World::default(), &mut other, 0).await?.object;
    world.plant(&store, &theirs, twin.object(&theirs).unwrap_or_default()).await.map_err(text)?;

    let ours = blobs(2, 3);
    let mut batcher = batcher(&world, store.clone(), PutMode::Create, in_parts, &ours)?;
    ours.iter().for_each(|(key, blob)| world.wrote(key, blob.clone()));
    let (mut epoch, mut tries) = (0, Tries::default());
    let receipt = loop {
        match world.attempt("flush", batcher.flush(epoch)).await {
            Some(Ok(mut report)) => break report.receipts.remove(0),
            Some(Err(error)) if matches!(error.kind(), FlushErrorKind::Conflict) => epoch += 1,
            _ => {}
        }
        tries.again(&world, "flush")?;
    };
    world.acknowledged();
    read_back(&world, &store, &receipt).await
}

/// A caller comes back to an epoch that it has given up for the next one.
pub(crate) async fn an_epoch_is_returned_to(world: World, in_parts: bool) -> Result<(), String> {
    let store = memory(&world);
    let mut batcher = batcher(&world, store.clone(), PutMode::Create, in_parts, &blobs(1, 3))?;
    let given_up = matches!(world.attempt("flush", batcher.flush(0)).await, Some(Err(_)));
    batcher.add("later", "1").map_err(text)?;
    flushed(&world, &mut batcher, 1).await?;
    batcher.add("later", "2").map_err(text)?;
    let returned = world.attempt("return", batcher.flush(0)).await;
    if given_up && matches!(returned, Some(Ok(_))) {
        return Err("an epoch that was given up was flushed".into());
    }
    // Whatever upload is left over is cleared away.
    batcher.add("last", "3").map_err(text)?;
    flushed(&world, &mut batcher, 2).await.map(drop)
}

/// A caller flushes once and is gone.
pub(crate) async fn there_is_one_attempt(world: World) -> Result<(), String> {
    let mut batcher = batcher(&world, memory(&world), PutMode::Create, true, &blobs(1, 3))?;
    let _ = world.attempt("flush", batcher.flush(0)).await;
    Ok(())
}

/// How an object goes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Whole,
    InParts,
    /// Behind a look whether it is there already.
    InPartsThatReplace,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Whole, Self::InParts, Self::InPartsThatReplace];

    /// Whether the store itself sees to it that nothing is replaced.
    pub(crate) fn creates(self) -> bool {
        self != Self::InPartsThatReplace
    }
}

/// A caller flushes once, and is told whether the object may be there.
pub(crate) async fn a_flush_says_what_it_knows(
    world: World,
    kind: Kind,
    adaptors: &[Adaptor],
) -> Result<(), String> {
    let builder = MemoryStore::builder();
    let inner = match kind {
        Kind::InPartsThatReplace => builder.without_multipart_create().with_max_put_len(MAX_PUT_LEN),
        _ => builder,
    };
    let inner = world.store(inner.build());
    let around = |store, adaptor: &Adaptor| adaptor.around(store, &world);
    let store = adaptors.iter().try_fold(Arc::new(inner.clone()) as Store, around)?;
    let in_parts = kind != Kind::Whole;
    let mut batcher = batcher(&world, store, PutMode::Create, in_parts, &blobs(1, 3))?;
    let Some(Err(error)) = world.attempt("flush", batcher.flush(0)).await else {
        return ended(&world, &mut batcher).await;
    };
    let may_be_there = match error.kind() {
        FlushErrorKind::Store(error) => error.outcome() == Outcome::Unknown,
        FlushErrorKind::Encode(_) => false,
        // Of what was read back wrongly.
        FlushErrorKind::Conflict => true,
        _ => return Err(error.to_string()),
    };
    // Whatever is late has come about then.
    world.settle().await;
    if !may_be_there && !inner.inner().names().is_empty() {
        return Err(format!("it is there although nothing was to be: {error}"));
    }
    ended(&world, &mut batcher).await
}

/// Has whatever upload is left over cleared away.
async fn ended<S: BlobStore + 'static>(world: &World, batcher: &mut Batcher<S>) -> Result<(), String> {
    batcher.discard();
    let mut tries = Tries::default();
    while world.attempt("last flush", batcher.flush(9)).await.is_none() {
        tries.again(world, "last flush")?;
    }
    Ok(())
}

/// Of two batchers with one name that flush one epoch at once, one writes it, and the other is told so.
pub(crate) async fn two_writers_have_one_name(world: World, in_parts: bool) -> Result<(), String> {
    let store = memory(&world);
    let write = async |seed: u64| {
        let mut batcher = batcher(&world, store.clone(), PutMode::Create, in_parts, &blobs(seed, 3))?;
        let mut tries = Tries::default();
        let receipt = loop {
            match world.attempt("flush", batcher.flush(0)).await {
                Some(Ok(mut report)) => break report.receipts.pop(),
                Some(Err(error)) if matches!(error.kind(), FlushErrorKind::Conflict) => break None,
                _ => tries.again(&world, "flush")?,
            }
        };
        ended(&world, &mut batcher).await?;
        Ok::<_, String>(receipt)
    };
    let (one, other) = join(world.process("one", write(1)), world.process("other", write(2))).await;
    // What one has written that was killed, the other has met.
    let killed = u32::from(one.is_none()) + u32::from(other.is_none());
    let (receipt, seed) = match (one.transpose()?.flatten(), other.transpose()?.flatten()) {
        (Some(receipt), None) => (receipt, 1),
        (None, Some(receipt)) => (receipt, 2),
        (None, None) if killed == 2 => return Ok(()),
        (None, None) if killed == 1 && !store.inner().names().is_empty() => return Ok(()),
        (None, None) => return Err("neither has written".into()),
        (Some(_), Some(_)) => return Err("both have written one object".into()),
    };
    for (key, blob) in blobs(seed, 3) {
        world.wrote(&key, blob);
    }
    world.acknowledged();
    world.settle().await;
    read_back(&world, &store, &receipt).await
}

/// A store that knows no versions.
#[derive(Clone, Debug)]
struct Unversioned<S>(S);

#[async_trait]
impl<S: BlobSource> BlobSource for Unversioned<S> {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        Ok(ReadReply { version: None, ..self.0.read(name, range).await? })
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.0.size(name).await
    }
}

/// Another object takes the place of one that is being read: of the same length where the store knows versions, and
/// of another one where it does not.
pub(crate) async fn an_object_is_replaced(world: World, versions: bool) -> Result<(), String> {
    let store = memory(&world);
    world.allow_rewrites("");
    let object =
        flushed(&world, &mut batcher(&world, store.clone(), PutMode::Replace, false, &blobs(1, 3))?, 0)
            .await?
            .object;
    let options = ReadOptions::default().with_first_read_len(56);
    let mut tries = Tries::default();
    let reader = loop {
        let (codecs, options) = (registry(), options.clone());
        let open = async {
            if versions {
                BatchReader::open_with(store.clone(), &object, &codecs, options).await
            } else {
                BatchReader::open_with(Unversioned(store.clone()), &object, &codecs, options).await
            }
        };
        if let Some(Ok(reader)) = world.attempt("open", open).await {
            break reader;
        }
        tries.again(&world, "restore")?;
    };
    let others = blobs(2, if versions { 3 } else { 4 });
    flushed(&world, &mut batcher(&world, store.clone(), PutMode::Replace, false, &others)?, 0).await?;
    let read = world.attempt("read", reader.get("key-0")).await;
    let is_spoilt = spoilt(&world.fired()) > 0;
    match read {
        Some(Ok(_)) if !is_spoilt => Err("what was read is of an object that is no more".into()),
        Some(Err(error)) if matches!(error.kind(), ReadErrorKind::Corrupt(_)) && !is_spoilt => {
            Err(format!("an object that was replaced counts as damaged: {error}"))
        }
        _ => Ok(()),
    }
}
