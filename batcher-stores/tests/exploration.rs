//! The engine of the core's exploration over this crate's stores, with everything going wrong below them or in them.
#![cfg(all(feature = "local", feature = "object-store"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod bridge;
#[path = "../../batcher-core/tests/exploration/codec.rs"]
mod codec;
#[expect(dead_code, reason = "adaptors are explored with core")]
#[path = "../../batcher-core/tests/exploration/engine.rs"]
mod engine;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use batcher_core::{Operation, PutMode};
use batcher_stores::{LocalStore, ObjectStoreSink};
use batcher_testkit::{Call, Exploration, FaultKind, MemoryStore, Report, World};
use bridge::Bridge;
use engine::{Engine, MAX_PUT_LEN, Opened};
use object_store::ObjectStore;
use tempfile::TempDir;

/// What an engine without adaptors and with one put an object does not get to see.
const OUT_OF_REACH: [FaultKind; 2] = [FaultKind::Oversleeps, FaultKind::ClockJumps];

/// What only comes of creating.
const OF_NAMES: [FaultKind; 2] = [FaultKind::OwnExists, FaultKind::PhantomExists];

/// How objects are put, and whether in parts.
const WAYS: [(PutMode, bool); 4] =
    [(PutMode::Create, false), (PutMode::Create, true), (PutMode::Replace, false), (PutMode::Replace, true)];

fn explore(engine: &Engine) -> Exploration<impl Fn(World) -> engine::Run + Sync> {
    explore_in(engine, None)
}

/// Each case is run on one of the exploration's own threads, which know of no runtime unless one is entered there.
fn explore_in(
    engine: &Engine,
    runtime: Option<&tokio::runtime::Handle>,
) -> Exploration<impl Fn(World) -> engine::Run + Sync> {
    let (engine, replaces, runtime) = (engine.clone(), engine.mode == PutMode::Replace, runtime.cloned());
    Exploration::new(move |world| -> engine::Run { Box::pin(engine.clone().run(world)) })
        .within(move |run| {
            let _entered = runtime.as_ref().map(tokio::runtime::Handle::enter);
            run();
            DIRECTORY.take();
        })
        .limits(2_000, Duration::from_secs(7 * 24 * 3600))
        .without(OUT_OF_REACH)
        // Where all puts replace, no name is ever taken.
        .without(OF_NAMES.into_iter().filter(|_| replaces))
}

/// Says so, too, where no upload was tried that was to be.
fn clean(report: &Report, in_parts: bool, since: Instant) {
    println!("{report}  in {:?}", since.elapsed());
    report.assert_clean();
    let start = Call::Store(Operation::StartMultipart);
    assert_eq!(report.counts_by_call().iter().any(|(call, ..)| *call == start), in_parts);
}

/// With parts of any length, since the engine's objects are small. What is to be created goes up in parts only where it is too long
/// for one put, because the sink has no conditional uploads: the batcher then looks first.
fn sink(store: Arc<dyn ObjectStore>, in_parts: bool) -> ObjectStoreSink {
    let sink = ObjectStoreSink::new(store).with_part_limits(1, 10_000);
    if in_parts { sink.with_max_put_len(MAX_PUT_LEN) } else { sink }
}

/// What cannot go wrong in the sink, which creates nothing in parts.
fn names(in_parts: bool) -> impl Iterator<Item = FaultKind> {
    OF_NAMES.into_iter().filter(move |_| in_parts)
}

/// The sink over an `object_store` in which everything goes wrong.
fn sink_over_faults<const IN_PARTS: bool>(world: World) -> Opened {
    Box::pin(async move {
        let store = world.store(MemoryStore::new());
        world.plant(&store, "somebody/else", "theirs").await.map_err(|error| error.to_string())?;
        Ok(Arc::new(sink(Arc::new(Bridge::new(store)), IN_PARTS)) as engine::Store)
    })
}

/// `object_store`'s own stores below the sink, with faults before it: they are ready at the first poll, or work on threads.
fn faults_over_sink<const IN_PARTS: bool>(world: World) -> Opened {
    Box::pin(async move {
        let store = world.store(sink(Arc::new(object_store::memory::InMemory::new()), IN_PARTS));
        world.plant(&store, "somebody/else", "theirs").await.map_err(|error| error.to_string())?;
        Ok(Arc::new(store) as engine::Store)
    })
}

thread_local! {
    /// That of the case that runs on this thread; it goes with the case.
    static DIRECTORY: RefCell<Option<TempDir>> = const { RefCell::new(None) };
}

/// A durable directory of its own for each case.
fn faults_over_directory(world: World) -> Opened {
    Box::pin(async move {
        let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
        let local = LocalStore::create(directory.path().join("store")).map_err(|error| error.to_string())?;
        assert!(DIRECTORY.replace(Some(directory)).is_none(), "one store for each case");
        let store = world.store(local);
        world.plant(&store, "somebody/else", "theirs").await.map_err(|error| error.to_string())?;
        Ok(Arc::new(store) as engine::Store)
    })
}

#[test]
fn every_pair_of_faults_below_the_object_store_sink() {
    for mode in [PutMode::Create, PutMode::Replace] {
        for in_parts in [false, true] {
            let open = if in_parts { sink_over_faults::<true> } else { sink_over_faults::<false> };
            let engine = Engine { mode, in_parts, epochs: 1, open, ..Engine::default() };
            let start = Instant::now();
            clean(&explore(&engine).without(names(in_parts)).depth(2).run(), in_parts, start);
        }
    }
}

#[test]
fn every_fault_over_the_memory_store_of_object_store() {
    for (mode, in_parts) in WAYS {
        let open = if in_parts { faults_over_sink::<true> } else { faults_over_sink::<false> };
        let engine = Engine { mode, in_parts, open, ..Engine::default() };
        let start = Instant::now();
        clean(&explore(&engine).without(names(in_parts)).lasting(true).run(), in_parts, start);
    }
}

#[test]
fn every_pair_of_faults_over_the_memory_store_of_object_store() {
    for (mode, in_parts) in WAYS {
        let open = if in_parts { faults_over_sink::<true> } else { faults_over_sink::<false> };
        let engine = Engine { mode, in_parts, epochs: 1, open, ..Engine::default() };
        let start = Instant::now();
        clean(&explore(&engine).without(names(in_parts)).depth(2).run(), in_parts, start);
    }
}

/// Within a runtime the directory works on the runtime's other threads.
#[test]
fn every_fault_over_a_durable_directory_within_a_runtime() {
    let threads = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&threads);
    let started = move || {
        count.fetch_add(1, Ordering::Relaxed);
    };
    // All of its threads are those that may block.
    let runtime = tokio::runtime::Builder::new_current_thread().on_thread_start(started).build().unwrap();
    for (mode, in_parts) in WAYS {
        let engine = Engine { mode, in_parts, open: faults_over_directory, ..Engine::default() };
        let start = Instant::now();
        clean(&explore_in(&engine, Some(runtime.handle())).lasting(true).run(), in_parts, start);
    }
    assert!(threads.load(Ordering::Relaxed) > 0);
}

#[test]
fn every_fault_over_a_durable_directory() {
    for (mode, in_parts) in WAYS {
        let engine = Engine { mode, in_parts, open: faults_over_directory, ..Engine::default() };
        let start = Instant::now();
        clean(&explore(&engine).lasting(true).run(), in_parts, start);
    }
}

/// Of those kinds by which what has been written differs from what was answered: a directory takes its time.
const OF_DURABILITY: [FaultKind; 6] = [
    FaultKind::RequestLost,
    FaultKind::AckLost,
    FaultKind::PanicAfter,
    FaultKind::CrashBefore,
    FaultKind::CrashAfter,
    FaultKind::Cancel,
];

#[test]
fn every_pair_of_faults_over_a_durable_directory() {
    for (mode, in_parts) in WAYS {
        let engine = Engine { mode, in_parts, epochs: 1, open: faults_over_directory, ..Engine::default() };
        let start = Instant::now();
        clean(&explore(&engine).faults(OF_DURABILITY).depth(2).run(), in_parts, start);
    }
}

/// All kinds, and not only those of durability: more cases than the gate has time for.
#[test]
#[ignore = "takes minutes, and writes to the disk all the while"]
fn every_pair_of_all_kinds_over_a_durable_directory() {
    for (mode, in_parts) in WAYS {
        let engine = Engine { mode, in_parts, epochs: 1, open: faults_over_directory, ..Engine::default() };
        let start = Instant::now();
        clean(&explore(&engine).depth(2).run(), in_parts, start);
    }
}
