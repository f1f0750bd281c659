//! One run of the scenario with certain requests going wrong, and what must hold in it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use batcher_codecs::{Raw, registry};
use batcher_core::{
    BatchReader, Batcher, BlobSource, FlushError, FlushErrorKind, Outcome, PutMode, ReadErrorKind,
    ReadOptions, StoreErrorKind,
};
use batcher_stores::ObjectStoreSink;
use bytes::Bytes;
use futures_util::TryStreamExt;

use super::{Connections, Mode, NAME, Way, World};
use crate::fault_proxy::{Fault, Kind, Planned, Proxy};

/// What no step takes longer than: each fault may cost a timeout, and the machine may be busy.
const BOUND: Duration = Duration::from_secs(120);

/// Timeouts beyond those that were planned, which a busy machine may cause.
const SPARE: usize = 5;

/// Which part of the scenario is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Write,
    Read,
    Both,
}

pub(crate) struct Case<'a> {
    mode: Mode,
    plan: &'a [Planned],
    world: World,
    proxy: Proxy,
    store: ObjectStoreSink,
    /// The object that a clean run writes, where there has been one.
    expected: Option<&'a Bytes>,
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Mode { way, retries, .. } = self.mode;
        write!(f, "{way:?}, {retries} retries, planned {:?}, fired {:?}", self.plan, self.proxy.fired())
    }
}

/// Failures so far of one step.
#[derive(Debug, Default)]
struct Failures {
    counted: usize,
    timeouts: usize,
}

impl<'a> Case<'a> {
    pub(crate) async fn new(
        mode: Mode,
        plan: &'a [Planned],
        world: World,
        expected: Option<&'a Bytes>,
        connections: &Connections,
    ) -> Self {
        let proxy = Proxy::start(world.upstream(), plan).await;
        let (bucket, prefix) = world.bucket_and_prefix();
        let store = connections.client(&proxy.endpoint(), bucket, prefix, mode.retries);
        Self { mode, plan, world, proxy, store, expected }
    }

    /// Runs it; the object, and the number of requests of each kind.
    pub(crate) async fn run(&self, part: Part) -> (Bytes, BTreeMap<Kind, usize>) {
        let written = match self.expected {
            Some(object) if part == Part::Read => {
                self.world.insert(NAME, object.clone()).await;
                None
            }
            _ => Some(self.write().await),
        };
        if part != Part::Write {
            self.read().await;
            self.list().await;
        }
        let object = self.world.object(NAME).await.expect("it was there");
        let seen = self.proxy.seen();
        if let Some(batcher) = written {
            self.clears_away(batcher).await;
        }
        (object, seen)
    }

    fn batcher(&self) -> Batcher<ObjectStoreSink> {
        let Mode { way, scale, .. } = self.mode;
        let store = self.store.clone();
        // What is longer goes up in parts, whatever the mode.
        let store = if way == Way::PartsCreate { store.with_max_put_len(scale.part_len / 15) } else { store };
        let builder = Batcher::builder(Raw, store).writer("w").block_len(scale.block_len);
        let builder = builder.part_len(scale.part_len).parts_in_flight(2);
        let builder = match way {
            Way::Create | Way::PartsCreate => builder,
            Way::Replace => builder.put_mode(PutMode::Replace),
            Way::Parts => builder.put_mode(PutMode::Replace).multipart_threshold(1),
        };
        let mut batcher = builder.build().expect("configured");
        for (key, blob) in scale.state() {
            batcher.add(&key, blob).expect("fits");
        }
        batcher
    }

    async fn bounded<T>(&self, step: &str, future: impl Future<Output = T>) -> T {
        let ended = tokio::time::timeout(BOUND, future).await;
        ended.unwrap_or_else(|_| panic!("{self}: {step} does not end"))
    }

    /// Writes, and writes again until it has worked; the batcher, with nothing in it.
    async fn write(&self) -> Batcher<ObjectStoreSink> {
        let mut batcher = self.batcher();
        let blobs = batcher.len();
        let mut failures = Failures::default();
        while let Err(error) = self.flush(&mut batcher, blobs).await {
            assert_eq!(batcher.len(), blobs, "{self}: a failed flush holds everything");
            self.is_honest(&error).await;
            let FlushErrorKind::Store(store) = error.kind() else { panic!("{self}: {error:?}") };
            assert!(self.may_be_final(store.kind()) || error.is_retryable(), "{self}: {error:?}");
            self.ceases(&mut failures, "flush", store.kind());
        }
        assert!(batcher.is_empty(), "{self}");
        let object = self.world.object(NAME).await;
        let object = object.unwrap_or_else(|| panic!("{self}: acknowledged and not there"));
        assert!(self.expected.is_none_or(|expected| object == *expected), "{self}: other bytes");
        assert_eq!(self.world.names().await, [NAME], "{self}");
        batcher
    }

    async fn flush(&self, batcher: &mut Batcher<ObjectStoreSink>, blobs: u64) -> Result<(), FlushError> {
        let report = self.bounded("flush", batcher.flush(7)).await?;
        assert_eq!((report.receipts.len(), report.blobs()), (1, blobs), "{self}");
        Ok(())
    }

    /// What the error says of the outcome is so, and what has landed is what was to land.
    async fn is_honest(&self, error: &FlushError) {
        let landed = self.world.object(NAME).await;
        let told = error.outcome() == Outcome::Unknown || landed.is_none();
        assert!(told, "{self}: it has landed, and {error:?}");
        if let (Some(object), Some(expected)) = (&landed, self.expected) {
            assert!(object == expected, "{self}: other bytes");
        }
    }

    /// No upload stays open once another epoch was flushed, but for one that nobody knows of or can abort. Of pairs, each
    /// of which a busy machine may make three by an answer that comes too late, nothing is said.
    async fn clears_away(&self, mut batcher: Batcher<ObjectStoreSink>) {
        let known = |(kind, _, _): &Planned| !matches!(kind, Kind::StartUpload | Kind::AbortUpload);
        let plan_is_over = self.proxy.fired().len() == self.plan.len();
        if self.plan.len() > 1 || !plan_is_over || !self.plan.iter().all(known) {
            return;
        }
        batcher.add("later", Bytes::from(vec![0; 5])).expect("fits");
        // One more where a busy machine takes too long for the first.
        if self.bounded("flush", batcher.flush(8)).await.is_err() {
            let _report =
                self.bounded("flush", batcher.flush(8)).await.expect("nothing goes wrong any longer");
        }
        assert_eq!(self.world.open_uploads().unwrap_or(0), 0, "{self}: uploads are left open");
    }

    /// Fails where there have been more failures than faults.
    fn ceases(&self, failures: &mut Failures, step: &str, kind: StoreErrorKind) {
        if kind == StoreErrorKind::Timeout {
            failures.timeouts += 1;
        } else {
            failures.counted += 1;
        }
        let within = failures.counted <= self.plan.len() && failures.timeouts <= self.plan.len() + SPARE;
        assert!(within, "{self}: {step} does not work once the faults cease, {failures:?}");
    }

    fn has_fired(&self, kind: Option<Kind>, fault: Fault) -> bool {
        let fired = self.proxy.fired();
        fired.iter().any(|fired| fired.2 == fault && kind.is_none_or(|kind| kind == fired.0))
    }

    /// Whether an error may say that trying again is of no use: where credentials have expired, and where the server
    /// answers as S3 never does, with an error in the body of a success, or of a condition that was not made.
    fn may_be_final(&self, kind: StoreErrorKind) -> bool {
        let odd = || self.has_fired(None, Fault::ErrorInBody) || self.has_fired(None, Fault::Precondition);
        (kind == StoreErrorKind::Denied && self.has_fired(None, Fault::Expired))
            || (kind == StoreErrorKind::Other && odd())
    }

    /// Notes an error of a read; whether the object must be opened again.
    fn failed(&self, failures: &mut Failures, step: &str, error: &batcher_core::ReadError) -> bool {
        let kind = match error.kind() {
            ReadErrorKind::Store(error) => error.kind(),
            // Not one of those that say that the object is broken, for which somebody would go back to an older one.
            ReadErrorKind::ShortRead { .. } | ReadErrorKind::Replaced => StoreErrorKind::Unavailable,
            _ => panic!("{self}: {step}: {error:?}"),
        };
        assert!(self.may_be_final(kind) || error.is_retryable(), "{self}: {step}: {error:?}");
        self.ceases(failures, step, kind);
        matches!(error.kind(), ReadErrorKind::Replaced)
    }

    /// Reads everything in several ways, each until it has worked.
    async fn read(&self) {
        let (expected, codecs) = (self.mode.scale.state(), registry());
        let mut failures = Failures::default();
        'open: loop {
            // Little at first, so that each way of reading has requests of its own.
            let options = ReadOptions::default().with_first_read_len(64).with_max_gap(0);
            let opened = BatchReader::open_with(self.store.clone(), NAME, &codecs, options);
            let reader = match self.bounded("open", opened).await {
                Ok(reader) => reader,
                Err(error) => {
                    self.failed(&mut failures, "open", &error);
                    continue;
                }
            };
            loop {
                match self.bounded("get", reader.get("partition-5")).await {
                    Ok(blob) => {
                        assert!(blob.as_ref() == expected.get("partition-5"), "{self}: another blob");
                        break;
                    }
                    Err(error) if self.failed(&mut failures, "get", &error) => continue 'open,
                    Err(_) => {}
                }
            }
            loop {
                let all: Result<BTreeMap<_, _>, _> =
                    self.bounded("blobs", reader.blobs().try_collect()).await;
                match all {
                    Ok(all) => {
                        assert!(all == expected, "{self}: other blobs");
                        break 'open;
                    }
                    Err(error) if self.failed(&mut failures, "blobs", &error) => continue 'open,
                    Err(_) => {}
                }
            }
        }
    }

    async fn list(&self) {
        let mut failures = Failures::default();
        loop {
            let listed: Result<Vec<_>, _> = self.bounded("list", self.store.list("").try_collect()).await;
            match listed {
                // An error in the body of a success is an empty list to object_store 0.14.2. S3 does not answer so.
                Ok(listed) if listed.is_empty() && self.has_fired(Some(Kind::List), Fault::ErrorInBody) => {
                    return;
                }
                Ok(listed) => {
                    let names: Vec<_> = listed.into_iter().map(|object| object.name).collect();
                    assert_eq!(names, self.world.names().await, "{self}");
                    return;
                }
                Err(error) => {
                    let retryable = error.kind().is_retryable() || self.may_be_final(error.kind());
                    assert!(retryable, "{self}: list: {error:?}");
                    self.ceases(&mut failures, "list", error.kind());
                }
            }
        }
    }

    /// Writes where another object is: never over it, never with success, and it is told once the faults cease.
    pub(crate) async fn keeps_what_is_there(&self) -> BTreeMap<Kind, usize> {
        let foreign = Bytes::from_static(b"somebody else's");
        self.world.insert(NAME, foreign.clone()).await;
        let mut batcher = self.batcher();
        let blobs = batcher.len();
        let mut failures = Failures::default();
        loop {
            let error = self.flush(&mut batcher, blobs).await.expect_err("it is another object");
            assert_eq!(self.world.object(NAME).await, Some(foreign.clone()), "{self}: overwritten");
            assert_eq!(batcher.len(), blobs, "{self}: a failed flush holds everything");
            match error.kind() {
                FlushErrorKind::Conflict => break,
                FlushErrorKind::Store(store) => self.ceases(&mut failures, "flush", store.kind()),
                _ => panic!("{self}: {error:?}"),
            }
        }
        self.proxy.seen()
    }
}
