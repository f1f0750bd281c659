//! Writing and reading state over HTTP while requests go wrong: an S3 client, a proxy that spoils chosen requests, and a
//! bucket in memory; and in front of real servers where `cargo xtask stores` says where they are.
//!
//! A clean run counts the requests. Then each of them goes wrong in each way that it can, and each pair of them in each
//! pair of ways, with the client's own retries and without.
#![cfg(feature = "aws")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod fault_proxy;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use batcher_codecs::{Raw, registry};
use batcher_core::{
    BatchReader, Batcher, BlobSource, FlushError, FlushErrorKind, Outcome, PutMode, ReadError, ReadErrorKind,
    ReadOptions, StoreErrorKind,
};
use batcher_stores::ObjectStoreSink;
use bytes::Bytes;
use fault_proxy::{Bucket, Fault, Kind, Planned, Proxy, Upstream};
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use object_store::aws::AmazonS3Builder;
use object_store::client::{HttpClient, HttpConnector, ReqwestConnector};
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

/// How long the client waits for one answer.
const TIMEOUT: Duration = Duration::from_millis(300);

/// What nothing takes longer than: each fault may cost a timeout, and the machine may be busy.
const BOUND: Duration = Duration::from_secs(10);

/// Cases under way at the same time; most of them wait.
const AT_ONCE: usize = 24;

/// How many failed cases are shown.
const SHOWN: usize = 20;

const NAME: &str = "00000000000000000007/w-000000.lz4";

/// How a flush writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// In one put that creates.
    Create,
    /// In one put that replaces.
    Replace,
    /// In parts that replace.
    Parts,
    /// In parts after a look whether the name is taken.
    PartsCreate,
}

impl Way {
    const ALL: [Self; 4] = [Self::Create, Self::Replace, Self::Parts, Self::PartsCreate];

    fn creates(self) -> bool {
        matches!(self, Self::Create | Self::PartsCreate)
    }
}

/// How requests are made.
#[derive(Clone, Copy, Debug)]
struct Mode {
    way: Way,
    /// How often the client tries again by itself.
    retries: usize,
}

fn modes() -> impl Iterator<Item = Mode> {
    Way::ALL.into_iter().flat_map(|way| [0, 2].map(|retries| Mode { way, retries }))
}

fn state() -> BTreeMap<String, Bytes> {
    let blob = |index: u16| {
        let bytes: Vec<u8> =
            (0..index * 130).map(|byte| (byte.wrapping_mul(31) ^ index).to_le_bytes()[0]).collect();
        (format!("partition-{index}"), Bytes::from(bytes))
    };
    (0..7).map(blob).collect()
}

/// The client's connections are all alike; what a client costs is to set them up.
#[derive(Clone, Debug)]
struct Shared(HttpClient);

impl HttpConnector for Shared {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

impl Shared {
    fn new() -> Self {
        let options =
            ClientOptions::new().with_allow_http(true).with_timeout(TIMEOUT).with_pool_max_idle_per_host(0);
        Self(ReqwestConnector::default().connect(&options).unwrap())
    }
}

fn sink(endpoint: String, retries: usize, connections: &Shared) -> ObjectStoreSink {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(2),
        base: 2.0,
    };
    let store = AmazonS3Builder::new()
        .with_endpoint(endpoint)
        .with_bucket_name("bucket")
        .with_region("region")
        .with_access_key_id("id")
        .with_secret_access_key("secret")
        .with_http_connector(connections.clone())
        .with_allow_http(true)
        .with_retry(RetryConfig { max_retries: retries, backoff, ..RetryConfig::default() });
    ObjectStoreSink::new(Arc::new(store.build().unwrap())).with_part_limits(1, 10_000)
}

fn batcher(way: Way, store: ObjectStoreSink) -> Batcher<ObjectStoreSink> {
    let store = if way == Way::PartsCreate { store.with_max_put_len(100) } else { store };
    let builder = Batcher::builder(Raw, store).writer("w").block_len(500).part_len(1500).parts_in_flight(2);
    let builder = match way {
        Way::Create | Way::PartsCreate => builder,
        Way::Replace => builder.put_mode(PutMode::Replace),
        Way::Parts => builder.put_mode(PutMode::Replace).multipart_threshold(100),
    };
    let mut batcher = builder.build().unwrap();
    for (key, blob) in state() {
        batcher.add(&key, blob).unwrap();
    }
    batcher
}

/// One run of the scenario.
struct Case<'a> {
    mode: Mode,
    plan: &'a [Planned],
    proxy: Proxy,
    bucket: Arc<Mutex<Bucket>>,
    store: ObjectStoreSink,
    expected: Option<&'a Bytes>,
}

impl fmt::Display for Case<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {:?}, fired {:?}", self.mode, self.plan, self.proxy.fired())
    }
}

async fn bounded<T>(case: &Case<'_>, step: &str, future: impl Future<Output = T>) -> T {
    let ended = tokio::time::timeout(BOUND, future).await;
    ended.unwrap_or_else(|_| panic!("{case}: {step} does not end"))
}

impl<'a> Case<'a> {
    async fn new(mode: Mode, plan: &'a [Planned], expected: Option<&'a Bytes>, connections: &Shared) -> Self {
        let bucket = Arc::new(Mutex::new(Bucket::default()));
        let proxy = Proxy::start(Upstream::Memory(Arc::clone(&bucket)), plan).await;
        let store = sink(proxy.endpoint(), mode.retries, connections);
        Self { mode, plan, proxy, bucket, store, expected }
    }

    fn object(&self) -> Option<Bytes> {
        self.bucket.lock().unwrap().object(NAME)
    }

    /// Writes, and writes again until it has worked; the object.
    async fn write(&self) -> Bytes {
        let mut batcher = batcher(self.mode.way, self.store.clone());
        let blobs = batcher.len();
        let mut failures = 0;
        loop {
            match bounded(self, "flush", batcher.flush(7)).await {
                Ok(report) => {
                    assert_eq!((report.receipts.len(), report.blobs()), (1, blobs), "{self}");
                    break;
                }
                Err(error) => {
                    failures += 1;
                    assert_eq!(batcher.len(), blobs, "{self}: a failed flush holds everything");
                    self.is_honest(&error);
                    assert!(failures <= self.plan.len(), "{self}: ends once the faults cease: {error:?}");
                }
            }
        }
        assert!(batcher.is_empty(), "{self}");
        let object = self.object().unwrap_or_else(|| panic!("{self}: acknowledged and not there"));
        assert!(self.expected.is_none_or(|expected| object == *expected), "{self}: other bytes");
        assert_eq!(self.bucket.lock().unwrap().keys(), [NAME], "{self}");
        object
    }

    fn fired(&self, kind: Kind, fault: Fault) -> bool {
        self.proxy.fired().iter().any(|fired| (fired.0, fired.2) == (kind, fault))
    }

    /// Whether an error may say that trying again is of no use: where credentials have expired, and where the server
    /// answers as S3 never does, with an error in the body of a success, or of a condition that was not made.
    fn may_be_final(&self, kind: StoreErrorKind) -> bool {
        let fired = |fault| self.proxy.fired().iter().any(|fired| fired.2 == fault);
        (kind == StoreErrorKind::Denied && fired(Fault::Expired))
            || (kind == StoreErrorKind::Other && (fired(Fault::ErrorInBody) || fired(Fault::Precondition)))
    }

    fn is_honest(&self, error: &FlushError) {
        let landed = self.object();
        let FlushErrorKind::Store(store) = error.kind() else { panic!("{self}: {error:?}") };
        if let (Some(object), Some(expected)) = (&landed, self.expected) {
            assert!(object == expected, "{self}: other bytes");
        }
        assert!(
            error.outcome() == Outcome::Unknown || landed.is_none(),
            "{self}: it has landed, and {error:?}"
        );
        assert!(self.may_be_final(store.kind()) || error.is_retryable(), "{self}: {error:?}");
    }

    /// Reads everything in every way, each until it has worked.
    async fn read(&self) {
        let expected = state();
        let mut failures = 0;
        let mut failed = |step: &str, error: ReadError| {
            failures += 1;
            let typed = matches!(
                error.kind(),
                ReadErrorKind::Store(_) | ReadErrorKind::ShortRead { .. } | ReadErrorKind::Replaced
            );
            assert!(typed, "{self}: {step}: {error:?}");
            let last = matches!(error.kind(), ReadErrorKind::Store(error) if self.may_be_final(error.kind()));
            assert!(error.is_retryable() || last, "{self}: {step}: {error:?}");
            assert!(failures <= self.plan.len() * 2, "{self}: {step} ends once the faults cease: {error:?}");
        };
        let codecs = registry();
        'open: loop {
            // Less than the object's index, so that each way of reading has requests of its own.
            let options = ReadOptions::default().with_first_read_len(64).with_max_gap(0);
            let opened = BatchReader::open_with(self.store.clone(), NAME, &codecs, options);
            let reader = match bounded(self, "open", opened).await {
                Ok(reader) => reader,
                Err(error) => {
                    failed("open", error);
                    continue;
                }
            };
            loop {
                match bounded(self, "get", reader.get("partition-5")).await {
                    Ok(blob) => {
                        assert!(blob.as_ref() == expected.get("partition-5"), "{self}: another blob");
                        break;
                    }
                    Err(error) => failed("get", error),
                }
            }
            let all: Result<BTreeMap<_, _>, _> = bounded(self, "blobs", reader.blobs().try_collect()).await;
            match all {
                Ok(all) => {
                    assert!(all == expected, "{self}: other blobs");
                    break 'open;
                }
                Err(error) => failed("blobs", error),
            }
        }
    }

    async fn list(&self) {
        let mut failures = 0;
        loop {
            let listed: Result<Vec<_>, _> = bounded(self, "list", self.store.list("").try_collect()).await;
            match listed {
                // An error in the body of a success is an empty list to object_store 0.14.2. S3 does not answer so.
                Ok(listed) if listed.is_empty() && self.fired(Kind::List, Fault::ErrorInBody) => return,
                Ok(listed) => {
                    assert!(
                        listed.iter().map(|object| object.name.as_str()).eq([NAME]),
                        "{self}: {listed:?}"
                    );
                    return;
                }
                Err(error) => {
                    failures += 1;
                    let last = self.may_be_final(error.kind());
                    assert!(error.kind().is_retryable() || last, "{self}: list: {error:?}");
                    assert!(failures <= self.plan.len(), "{self}: list ends once the faults cease");
                }
            }
        }
    }
}

fn on_tokio<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

async fn run(
    mode: Mode,
    plan: &[Planned],
    expected: Option<&Bytes>,
    connections: &Shared,
) -> (Bytes, BTreeMap<Kind, usize>) {
    let case = Case::new(mode, plan, expected, connections).await;
    let object = case.write().await;
    case.read().await;
    case.list().await;
    (object, case.proxy.seen())
}

/// Every request of a clean run in every way in which it can go wrong.
fn singles(seen: &BTreeMap<Kind, usize>) -> Vec<Planned> {
    let requests = seen.iter().flat_map(|(kind, count)| (0..*count).map(|number| (*kind, number)));
    let faults = |(kind, number)| {
        let faults = Fault::ALL.into_iter().filter(move |fault: &Fault| fault.applies_to(kind));
        faults.map(move |fault| (kind, number, fault))
    };
    requests.flat_map(faults).collect()
}

/// Runs cases, many at a time, and fails with the first few that failed.
async fn all(mode: Mode, plans: &[Vec<Planned>], object: &Bytes, connections: &Shared) {
    let failed: Vec<String> = stream::iter(plans)
        .map(|plan| async move {
            let case = AssertUnwindSafe(run(mode, plan, Some(object), connections));
            case.catch_unwind().await.err().map(|panic| match panic.downcast::<String>() {
                Ok(message) => *message,
                Err(_) => format!("{mode:?} {plan:?}"),
            })
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await;
    let shown: Vec<_> = failed.iter().take(SHOWN).map(String::as_str).collect();
    assert!(failed.is_empty(), "{} of {} cases fail:\n{}", failed.len(), plans.len(), shown.join("\n\n"));
}

#[test]
fn every_single_fault_is_survived_and_told_honestly() {
    on_tokio(async {
        let connections = Shared::new();
        let mut cases = 0;
        for mode in modes() {
            let (object, seen) = run(mode, &[], None, &connections).await;
            println!("{mode:?}: {} bytes, {seen:?}", object.len());
            let plans: Vec<_> = singles(&seen).into_iter().map(|planned| vec![planned]).collect();
            cases += plans.len();
            all(mode, &plans, &object, &connections).await;
        }
        println!("{cases} cases");
    });
}
