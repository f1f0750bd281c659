//! Every store keeps the contract, on both flavours of tokio and, where it needs no runtime, without one.
#![cfg(any(feature = "local", feature = "object-store", feature = "opendal"))]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod contract;

use batcher_core::BlobStore;

fn on_tokio(store: &dyn BlobStore) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(contract::keep_all(store));
}

#[cfg(feature = "local")]
fn on_one_thread(store: &dyn BlobStore) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap().block_on(contract::keep_all(store));
}

fn without_runtime(store: &dyn BlobStore) {
    pollster::block_on(contract::keep_all(store));
}

#[cfg(feature = "local")]
mod local {
    use super::*;
    use batcher_stores::LocalStore;

    fn kept(by: fn(&dyn BlobStore)) {
        let directory = tempfile::tempdir().unwrap();
        by(&LocalStore::new(directory.path()).unwrap());
    }

    #[test]
    fn keeps_the_contract() {
        kept(on_tokio);
    }

    #[test]
    fn keeps_the_contract_on_one_thread() {
        kept(on_one_thread);
    }

    #[test]
    fn keeps_the_contract_without_a_runtime() {
        kept(without_runtime);
    }
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

    #[test]
    fn in_memory_keeps_the_contract() {
        on_tokio(&memory());
    }

    #[test]
    fn in_memory_keeps_the_contract_without_a_runtime() {
        without_runtime(&memory());
    }

    #[test]
    fn under_a_prefix_it_keeps_the_contract() {
        on_tokio(&ObjectStoreSink::new(Arc::new(PrefixStore::new(InMemory::new(), "a b/50%"))));
    }

    #[test]
    fn local_files_keep_the_contract() {
        let directory = tempfile::tempdir().unwrap();
        on_tokio(&ObjectStoreSink::new(Arc::new(
            LocalFileSystem::new_with_prefix(directory.path()).unwrap(),
        )));
    }

    #[test]
    fn with_capabilities_switched_off_it_keeps_the_contract() {
        on_tokio(&memory().without_create().without_multipart().without_suffix_reads());
    }
}

#[cfg(feature = "opendal")]
mod opendal {
    use super::*;
    use ::opendal::{Operator, services};
    use batcher_stores::OpendalSink;

    #[test]
    fn memory_keeps_the_contract() {
        on_tokio(&OpendalSink::new(Operator::new(services::Memory::default()).unwrap()));
    }

    #[test]
    fn memory_keeps_the_contract_without_a_runtime() {
        without_runtime(&OpendalSink::new(Operator::new(services::Memory::default()).unwrap()));
    }

    #[test]
    fn files_keep_the_contract() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
        let files = services::Fs::default().root(&path("objects")).atomic_write_dir(&path("temporary"));
        on_tokio(&OpendalSink::new(Operator::new(files).unwrap()));
    }
}
