//! What replies and lists hold that a fault has spoilt.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use batcher_core::{BlobSink, BlobSource, Operation, PutMode, ReadRange};
use batcher_testkit::{Fault, FaultPlan, MemoryStore, World};
use bytes::Bytes;
use futures_util::TryStreamExt;

/// What a read of an object finds, beside another object of the same length and one of another.
fn read(fault: Fault, others: &[&'static str]) -> (Bytes, usize) {
    let world = World::new(FaultPlan::new().at(Operation::Read, 0, fault));
    let store = world.store(MemoryStore::new());
    let read = world.run(async {
        for (place, bytes) in others.iter().enumerate() {
            let other = Bytes::from_static(bytes.as_bytes()).into();
            store.put(&format!("other-{place}"), other, PutMode::Create).await.unwrap();
        }
        store.put("o", Bytes::from_static(b"state").into(), PutMode::Create).await.unwrap();
        store.read("o", ReadRange::Suffix(5)).await.unwrap().bytes
    });
    (read.unwrap(), world.fired().len())
}

#[test]
fn a_bit_is_flipped_in_its_byte_and_past_the_last_one_from_the_start_again() {
    for (bit, expected) in
        [(0, "rtate"), (2, "wtate"), (8, "suate"), (9, "svate"), (33, "statg"), (40, "rtate"), (42, "wtate")]
    {
        assert_eq!(read(Fault::FlipBit(bit), &[]), (Bytes::from(expected), 1), "{bit}");
    }
}

#[test]
fn bytes_are_missing_at_the_end_and_no_more_than_there_are() {
    for (missing, expected, fired) in [(0, "state", 0), (1, "stat", 1), (5, "", 1), (u64::MAX, "", 1)] {
        assert_eq!(read(Fault::ShortRead(missing), &[]), (Bytes::from(expected), fired), "{missing}");
    }
}

#[test]
fn a_misdirected_read_finds_as_many_bytes_of_another_object_or_of_another_place() {
    assert_eq!(read(Fault::Misdirected, &["OTHER", "short"]), (Bytes::from("OTHER"), 1));
    assert_eq!(read(Fault::Misdirected, &["longer"]), (Bytes::from("onger"), 1));
    assert_eq!(read(Fault::Misdirected, &["not"]), (Bytes::from("atest"), 1));
    assert_eq!(read(Fault::Misdirected, &[]), (Bytes::from("atest"), 1));
    // What is the same elsewhere makes no difference.
    assert_eq!(read(Fault::Misdirected, &["state"]), (Bytes::from("state"), 0));
}

#[test]
fn a_list_goes_wrong_only_where_there_is_something_to_go_wrong() {
    let cases: [(Fault, usize, &[&str], usize); 10] = [
        (Fault::ListMisses(0), 0, &[], 0),
        (Fault::ListMisses(0), 1, &[], 1),
        (Fault::ListMisses(1), 2, &["a"], 1),
        (Fault::ListMisses(2), 2, &["a", "b"], 0),
        (Fault::ListMisses(3), 2, &["a", "b"], 0),
        (Fault::ListRepeats, 0, &[], 0),
        (Fault::ListRepeats, 1, &["a", "a"], 1),
        (Fault::ListReversed, 0, &[], 0),
        (Fault::ListReversed, 1, &["a"], 0),
        (Fault::ListReversed, 2, &["b", "a"], 1),
    ];
    for (fault, objects, expected, fired) in cases {
        let world = World::new(FaultPlan::new().at(Operation::List, 0, fault));
        let store = world.store(MemoryStore::new());
        ["a", "b"].iter().take(objects).for_each(|name| store.inner().insert(*name, ""));
        let listed = world.run(store.list("").map_ok(|info| info.name).try_collect::<Vec<_>>());
        assert_eq!((listed.unwrap().unwrap(), world.fired().len()), (names(expected), fired), "{fault}");
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
