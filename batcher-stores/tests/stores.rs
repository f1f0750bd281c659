//! Every store keeps the rules of the conformance suite, on both flavours of tokio and, where it needs no runtime,
//! without one.
#![cfg(any(feature = "local", feature = "object-store", feature = "opendal"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

use batcher_core::BlobStore;
use batcher_testkit::conformance::{Finding, SinkOptions, SinkRule};
use batcher_testkit::sink_conformance;

fn on_tokio(rule: SinkRule, store: &dyn BlobStore) -> Finding {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(rule.check(store, &SinkOptions::default()))
}

#[cfg(feature = "local")]
fn on_one_thread(rule: SinkRule, store: &dyn BlobStore) -> Finding {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(rule.check(store, &SinkOptions::default()))
}

fn without_runtime(rule: SinkRule, store: &dyn BlobStore) -> Finding {
    // One thread would sync a thousand files one after the other.
    let options = SinkOptions::default().without("long_lists_are_complete").on_threads();
    batcher_testkit::block_on(rule.check(store, &options))
}

#[cfg(feature = "local")]
mod local {
    use super::*;
    use batcher_stores::LocalStore;

    fn in_a_directory(rule: SinkRule, by: fn(SinkRule, &dyn BlobStore) -> Finding) -> Finding {
        let directory = tempfile::tempdir().unwrap();
        by(rule, &LocalStore::new(directory.path()).unwrap())
    }

    sink_conformance!(on_many_threads, |rule| in_a_directory(rule, on_tokio));
    sink_conformance!(on_one_thread, |rule| in_a_directory(rule, super::on_one_thread));
    sink_conformance!(without_runtime, |rule| in_a_directory(rule, super::without_runtime));
}

#[cfg(feature = "object-store")]
mod object_store {
    use super::*;
    use ::object_store::local::LocalFileSystem;
    use ::object_store::memory::InMemory;
    use ::object_store::prefix::PrefixStore;
    use batcher_stores::ObjectStoreSink;
    use std::sync::Arc;

    fn memory() -> ObjectStoreSink {
        ObjectStoreSink::new(Arc::new(InMemory::new()))
    }

    sink_conformance!(in_memory, |rule| on_tokio(rule, &memory()));
    sink_conformance!(in_memory_without_runtime, |rule| without_runtime(rule, &memory()));
    sink_conformance!(under_a_prefix, |rule| {
        on_tokio(rule, &ObjectStoreSink::new(Arc::new(PrefixStore::new(InMemory::new(), "a b/50%"))))
    });
    sink_conformance!(local_files, |rule| {
        let directory = tempfile::tempdir().unwrap();
        let files = LocalFileSystem::new_with_prefix(directory.path()).unwrap();
        on_tokio(rule, &ObjectStoreSink::new(Arc::new(files)))
    });
    sink_conformance!(with_capabilities_switched_off, |rule| {
        on_tokio(rule, &memory().without_create().without_multipart().without_suffix_reads())
    });
    sink_conformance!(with_limits, |rule| {
        on_tokio(rule, &memory().with_max_put_len(100_000).with_part_limits(1000, 5))
    });
}

#[cfg(feature = "opendal")]
mod opendal {
    use super::*;
    use ::opendal::{Operator, services};
    use batcher_core::BlobSink;
    use batcher_stores::OpendalSink;

    sink_conformance!(in_memory, |rule| {
        on_tokio(rule, &OpendalSink::new(Operator::new(services::Memory::default()).unwrap()))
    });
    sink_conformance!(in_memory_without_runtime, |rule| {
        without_runtime(rule, &OpendalSink::new(Operator::new(services::Memory::default()).unwrap()))
    });
    sink_conformance!(with_a_longest_put, |rule| {
        let store = OpendalSink::new(Operator::new(services::Memory::default()).unwrap());
        let capabilities = store.capabilities().with_max_put_len(100_000);
        on_tokio(rule, &store.with_capabilities(capabilities))
    });
    sink_conformance!(files, |rule| {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let files = services::Fs::default().root(&path("objects")).atomic_write_dir(&path("temporary"));
        on_tokio(rule, &OpendalSink::new(Operator::new(files).unwrap()))
    });
}
