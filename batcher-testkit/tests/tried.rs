//! Which faults an exploration tries in which call, and with which parameters.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use batcher_codecs::Lz4;
use batcher_core::{
    BlobSink, BlobSource, Codec, Executor, Inline, Outcome, Payload, PutMode, ReadRange, StoreError,
    StoreErrorKind, Timer,
};
use batcher_testkit::{Exploration, FaultKind, FaultStore, MemoryStore, Span, World};
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::{BoxFuture, FutureExt, ready, select};

type Store = FaultStore<MemoryStore>;
type Run = fn(Store) -> BoxFuture<'static, Result<(), StoreError>>;

/// In every call to a store.
const ALWAYS: &str = "reject:throttled reject:unavailable reject:denied request-lost slow-effect slow-answer \
                      overtaken spurious-wakes";
/// In every write, besides.
const WRITES: &str = "ack-lost late:1 late:2 late:end";
/// In a write that takes room.
const ROOM: &str = "reject:no-space reject:too-large";
/// In one that makes an object.
const KEPT: &str = "vanishes blanked";
/// In one that must not replace.
const NAMES: &str = "own-exists phantom-exists";
/// In a read that finds eight bytes.
const BYTES: &str = "short:1 short:4 short:8 flip:32 flip:0 flip:63 zeroed-read misdirected absent";

fn payload(text: &'static str) -> Payload {
    Bytes::from_static(text.as_bytes()).into()
}

/// What is chosen in the runs of an exploration, a line a run.
fn lines<F: Future>(kinds: &[FaultKind], depth: usize, run: impl Fn(World) -> F + Sync) -> BTreeSet<String> {
    let seen = Mutex::new(BTreeSet::new());
    let (run, note) = (&run, &seen);
    let report = Exploration::new(move |world: World| async move {
        run(world.clone()).await;
        let history = world.history();
        let chosen = history.calls().iter().filter_map(|call| Some((&call.site, call.fault()?)));
        let line: Vec<_> = chosen.map(|(site, fault)| format!("{site}={fault}")).collect();
        note.lock().unwrap().insert(line.join(" "));
        Ok::<(), String>(())
    })
    .faults(kinds.iter().copied())
    .late_window(2)
    .depth(depth)
    .run();
    // One that fails would be tried in other ways, too.
    assert!(report.failures().is_empty(), "{report}");
    seen.into_inner().unwrap()
}

/// The faults that are tried in one call.
fn tried<F: Future>(site: &str, run: impl Fn(World) -> F + Sync) -> BTreeSet<String> {
    let lines = lines(FaultKind::ALL, 1, run);
    let there = lines.iter().filter_map(|line| line.strip_prefix(site)?.strip_prefix('='));
    there.map(str::to_owned).collect()
}

fn words(lists: &[&str]) -> BTreeSet<String> {
    lists.iter().flat_map(|list| list.split_whitespace()).map(str::to_owned).collect()
}

fn check(site: &str, run: Run, expected: &[&str]) {
    let tried = tried(site, |world| run(world.store(MemoryStore::new())));
    assert_eq!(tried, words(expected), "{site}");
}

fn put(store: &Store, mode: PutMode) -> impl Future<Output = Result<(), StoreError>> {
    store.put("o", payload("12345678"), mode)
}

/// Uploads one part, and leaves nothing behind.
async fn upload(store: Store, mode: PutMode) -> Result<(), StoreError> {
    let mut upload = store.start_multipart("o", mode).await?;
    if upload.put_part(payload("12345678")).await.is_err() {
        return upload.abort().await;
    }
    match upload.complete().await {
        Err(error) if error.outcome() == Outcome::NotApplied => upload.abort().await,
        other => other,
    }
}

#[test]
fn in_writes() {
    let create: Run = |store| async move { put(&store, PutMode::Create).await }.boxed();
    check("put:o#0", create, &[ALWAYS, WRITES, ROOM, KEPT, NAMES, "torn:0 torn:4 torn:7"]);
    let empty: Run = |store| async move { store.put("o", Payload::new(), PutMode::Replace).await }.boxed();
    check("put:o#0", empty, &[ALWAYS, WRITES, ROOM, KEPT]);
    let create: Run = |store| upload(store, PutMode::Create).boxed();
    check("start:o#0", create, &[ALWAYS, WRITES, ROOM]);
    check("part:o#0", create, &[ALWAYS, WRITES, ROOM]);
    check("complete:o#0", create, &[ALWAYS, WRITES, ROOM, KEPT, NAMES]);
    let replace: Run = |store| upload(store, PutMode::Replace).boxed();
    check("complete:o#0", replace, &[ALWAYS, WRITES, ROOM, KEPT]);
    let abort: Run =
        |store| async move { store.start_multipart("o", PutMode::Create).await?.abort().await }.boxed();
    check("abort:o#0", abort, &[ALWAYS, WRITES]);
    check("delete:o#0", |store| async move { store.delete("o").await }.boxed(), &[ALWAYS, WRITES]);
}

/// Puts so often, and reads.
async fn puts(store: Store, puts: usize, bytes: &'static str) -> Result<(), StoreError> {
    for _ in 0..puts {
        store.put("o", payload(bytes), PutMode::Replace).await.ok();
    }
    store.read("o", ReadRange::Suffix(99)).await.ok();
    store.size("o").await.ok();
    store.list("o").try_collect::<Vec<_>>().await.map(drop)
}

#[test]
fn in_reads() {
    check("read:o#0", |store| puts(store, 0, "").boxed(), &[ALWAYS]);
    check("read:o#0", |store| puts(store, 1, "").boxed(), &[ALWAYS, "absent stale:1"]);
    check("read:o#0", |store| puts(store, 1, "12345678").boxed(), &[ALWAYS, BYTES, "stale:1"]);
    check("read:o#0", |store| puts(store, 3, "12345678").boxed(), &[ALWAYS, BYTES, "stale:1 stale:2"]);
    check("size:o#0", |store| puts(store, 0, "").boxed(), &[ALWAYS]);
    check("size:o#0", |store| puts(store, 3, "12345678").boxed(), &[ALWAYS, "absent stale:1 stale:2"]);
    let none = "list-breaks-off:0";
    let one = "list-breaks-off:0 list-breaks-off:1 list-misses:0 list-repeats stale:1";
    check("list:o#0", |store| puts(store, 0, "").boxed(), &[ALWAYS, none]);
    check("list:o#0", |store| puts(store, 1, "").boxed(), &[ALWAYS, one]);
    check("list:o#0", |store| puts(store, 2, "").boxed(), &[ALWAYS, one, "list-reversed stale:2"]);
}

#[test]
fn in_what_is_no_store() {
    let seams = async |world: World| {
        let codec = world.codec(Lz4::default());
        let mut frame = [0; 100];
        let encode = async { codec.encode(b"state", &mut frame) };
        let len = world.attempt("encode", encode).await.and_then(Result::ok).unwrap_or(0);
        let frame = frame.get(..len).unwrap_or_default();
        world.attempt("decode", async { codec.decode(frame, &mut [0; 5]) }).await;
        let executor = world.executor(Inline);
        world.attempt("job", async { executor.execute(Box::new(|| ())) }).await;
        world.timer().sleep(Duration::from_secs(1)).await;
    };
    let kinds = ["encode:", "decode:", "job:", "sleep:"];
    let all = lines(FaultKind::ALL, 1, seams);
    let of_kind = |kind: &str| -> BTreeSet<String> {
        let faults = all.iter().filter(|line| line.starts_with(kind)).filter_map(|line| line.split_once('='));
        faults.map(|(_, fault)| fault.to_owned()).collect()
    };
    let expected = [
        "codec-fails codec-panics codec-lies",
        "codec-fails codec-panics",
        "job-dropped job-late executor-panics",
        "oversleeps clock-jumps",
    ];
    assert_eq!(kinds.map(of_kind), expected.map(|expected| words(&[expected])));
}

#[test]
fn what_ends_an_attempt_or_a_process_within_one() {
    let calls = async |store: &Store| {
        let _ = put(store, PutMode::Replace).await;
        let _ = store.size("o").await;
    };
    let write = [ALWAYS, WRITES, ROOM, KEPT, "torn:0 torn:4 torn:7"].join(" ");
    let size = [ALWAYS, "absent stale:1"].join(" ");
    for region in ["none", "attempt", "process"] {
        let run = async |world: World| {
            let store = world.store(MemoryStore::new());
            match region {
                "attempt" => drop(world.attempt("in", calls(&store)).await),
                "process" => drop(world.process("in", calls(&store)).await),
                _ => calls(&store).await,
            }
        };
        let (before, after) = match region {
            "attempt" => ("hang panic-before", "hang-after panic-after"),
            "process" => ("hang panic-before crash-before", "hang-after panic-after crash-after"),
            _ => ("", ""),
        };
        assert_eq!(tried("put:o#0", run), words(&[&write, before, after]), "{region}");
        assert_eq!(tried("size:o#0", run), words(&[&size, before]), "{region}");
        // Before the put has begun, in the midst of it, and behind it.
        let open = "cancel:0:done cancel:0:late-1 cancel:0:late-2 cancel:0:late-end cancel:0:never";
        let begun = "cancel:1:done cancel:3:done";
        let dropped = if region == "none" { words(&[]) } else { words(&[open, begun]) };
        assert_eq!(tried(&format!("{region}:in#0"), run), dropped, "{region}");
    }
}

#[test]
fn behind_another_fault_with_fewer_parameters() {
    let run = async |world: World| {
        let store = world.store(MemoryStore::new());
        for name in ["a", "b"] {
            let _ = store.put(name, payload("12345678"), PutMode::Replace).await;
        }
        let _ = store.read("b", ReadRange::Suffix(8)).await;
    };
    let behind = |kind| -> BTreeSet<String> {
        let lines = lines(&[FaultKind::AckLost, kind], 2, run);
        let pairs = lines.iter().filter_map(|line| line.strip_prefix("put:a#0=ack-lost "));
        pairs.filter(|line| !line.ends_with("ack-lost")).map(str::to_owned).collect()
    };
    assert_eq!(behind(FaultKind::Torn), words(&["put:b#0=torn:4"]));
    assert_eq!(behind(FaultKind::Late), words(&["put:b#0=late:1 put:b#0=late:end"]));
    assert_eq!(behind(FaultKind::ShortRead), words(&["read:b#0=short:1"]));
    assert_eq!(behind(FaultKind::FlipBit), words(&["read:b#0=flip:32"]));
}

#[test]
fn nothing_may_still_come_about_behind_a_write_that_will_not_or_that_nobody_waits_for() {
    let cancelled = |lost: FaultKind, line: &str| -> BTreeSet<String> {
        let run = async |world: World| {
            let store = world.store(MemoryStore::new());
            let calls = async {
                let _ = put(&store, PutMode::Replace).await;
                let _ = store.size("none").await;
            };
            let _ = world.attempt("in", calls).await;
        };
        let lines = lines(&[lost, FaultKind::Cancel], 2, run);
        let lines = lines.iter().filter_map(|pair| pair.strip_suffix(line)?.strip_prefix("attempt:in#0="));
        lines.map(|cancelled| cancelled.trim().to_owned()).collect()
    };
    // Where the size has been asked for.
    let only_done = words(&["cancel:1:done"]);
    assert_eq!(cancelled(FaultKind::RequestLost, "put:o#0=request-lost"), only_done);
    assert_eq!(cancelled(FaultKind::Late, "put:o#0=late:end"), only_done);
    // A put that was dropped before it had begun.
    let run = async |world: World| {
        let store = world.store(MemoryStore::new());
        let calls = async {
            drop(select(put(&store, PutMode::Replace), ready(())).await);
            let _ = store.size("none").await;
        };
        let _ = world.attempt("in", calls).await;
    };
    assert_eq!(tried("attempt:in#0", run), words(&["cancel:0:done cancel:1:done"]));
}

#[test]
fn kinds_that_can_last_are_tried_so_and_no_others() {
    let lasted = Mutex::new(Vec::new());
    let note = &lasted;
    let run = move |world: World| async move {
        let store = world.store(MemoryStore::new());
        let calls = async {
            let _ = put(&store, PutMode::Create).await;
            let _ = store.read("o", ReadRange::Suffix(8)).await;
            let _ = store.list("").try_collect::<Vec<_>>().await;
            let _ = world.codec(Lz4::default()).encode(b"state", &mut [0; 100]);
            world.executor(Inline).execute(Box::new(|| ()));
            world.timer().sleep(Duration::from_secs(1)).await;
        };
        let _ = world.process("node", world.attempt("in", calls)).await;
        let fired = world.fired().into_iter().map(|fired| (fired.span, fired.fault.kind()));
        note.lock().unwrap().extend(fired);
        Ok::<(), String>(())
    };
    let report = Exploration::new(run).faults(FaultKind::ALL.iter().copied()).lasting(true).run();
    assert!(report.failures().is_empty(), "{report}");
    let lasted = lasted.into_inner().unwrap();
    let can_last = |kind: &FaultKind| {
        use FaultKind::*;
        let of_stores = matches!(kind, RequestLost | AckLost | OwnExists | PhantomExists | Hang | SlowAnswer);
        let of_reads = matches!(kind, ShortRead | FlipBit | Absent);
        matches!(kind, Reject(_) | CodecFails | JobDropped | JobLate) || of_stores || of_reads
    };
    let can_be_outage = |kind: &FaultKind| {
        use StoreErrorKind::{Denied, Throttled, Unavailable};
        matches!(kind, FaultKind::Reject(Throttled | Unavailable | Denied) | FaultKind::RequestLost)
    };
    for kind in FaultKind::ALL {
        assert_eq!(lasted.contains(&(Span::Persistent, *kind)), can_last(kind), "{kind:?}");
        assert_eq!(lasted.contains(&(Span::Outage, *kind)), can_be_outage(kind), "{kind:?}");
    }
}

#[test]
fn what_damages_a_store_is_not_tried_unless_it_is_asked_for() {
    let damaging: Vec<_> = FaultKind::ALL.iter().filter(|kind| kind.damages()).collect();
    assert_eq!(damaging, [&FaultKind::Torn, &FaultKind::Vanishes, &FaultKind::Blanked]);
    let survivable: Vec<_> =
        FaultKind::ALL.iter().copied().filter(|kind| !damaging.contains(&kind)).collect();
    assert_eq!(FaultKind::survivable(), survivable);
    let report = Exploration::new(|_: World| async { Ok::<(), String>(()) }).run();
    assert_eq!(report.counts().iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), survivable);
}
