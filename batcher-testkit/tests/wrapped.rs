//! What a wrapped store says of itself, and what a world says of its calls.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use batcher_core::{BlobSink, BlobSource, Operation};
use batcher_testkit::{Call, Fault, FaultPlan, FaultStore, MemoryStore, World};
use futures_util::future::join;

#[test]
fn a_wrapped_store_can_do_what_the_store_can() {
    let builders = [
        MemoryStore::builder(),
        MemoryStore::builder().without_multipart().with_max_put_len(7),
        MemoryStore::builder().without_suffix_reads().without_delete(),
    ];
    for builder in builders {
        let plain = builder.build();
        let wrapped = World::default().store(plain.clone());
        assert_eq!(wrapped.capabilities(), plain.capabilities());
        assert_eq!(wrapped.reads_suffixes(), plain.reads_suffixes());
    }
}

#[test]
fn the_world_of_a_store_is_the_one_that_has_it_go_wrong() {
    let store =
        FaultStore::new(MemoryStore::new(), FaultPlan::new().at(Operation::Size, 0, Fault::RequestLost));
    store.world().run(store.size("o")).unwrap().unwrap_err();
    assert_eq!((store.world().fired().len(), store.world().calls(Operation::Size)), (1, 1));
}

#[test]
fn a_call_is_answered_once_its_caller_was_told() {
    let plan =
        FaultPlan::new().at(Operation::Size, 0, Fault::Hang).at(Operation::Size, 1, Fault::RequestLost);
    let world = World::new(plan);
    let store = world.store(MemoryStore::new());
    store.inner().insert("there", "");
    let sizes = async { drop(join(store.size("lost"), store.size("there")).await) };
    world.run(join(world.attempt("hangs", store.size("hangs")), sizes)).unwrap();
    let history = world.history();
    let calls = history.calls().iter().zip(0..);
    let sizes = calls.filter(|(record, _)| record.site.call == Call::from(Operation::Size));
    let answered: Vec<_> =
        sizes.map(|(record, call)| (&*record.site.key, history.is_answered(call))).collect();
    assert_eq!(answered, [("hangs", false), ("lost", true), ("there", true)]);
}
