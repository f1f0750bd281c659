//! Faults of calls that they cannot happen to: nothing goes wrong, and nothing is said to have.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use batcher_codecs::Lz4;
use batcher_core::{BlobSink, BlobSource, Codec, Executor, Inline, Operation, PutMode, ReadRange, Timer};
use batcher_testkit::{Call, Fault, FaultPlan, LATEST, MemoryStore, World};
use bytes::Bytes;
use futures_util::TryStreamExt;

/// One call of each of these, all of which must succeed.
async fn calls(world: &World) -> bool {
    let store = world.store(MemoryStore::new());
    let put = store.put("o", Bytes::from_static(b"state").into(), PutMode::Replace).await;
    let read = store.read("o", ReadRange::Suffix(9)).await.is_ok_and(|reply| reply.bytes == "state");
    let size = store.size("o").await.is_ok_and(|size| size == 5);
    let list = store.list("").try_collect::<Vec<_>>().await.is_ok_and(|list| list.len() == 1);
    let delete = store.delete("o").await;
    let (codec, mut frame) = (world.codec(Lz4::default()), [0; 99]);
    let encoded = codec.encode(b"state", &mut frame);
    let decoded = encoded.and_then(|len| codec.decode(&frame[..len], &mut [0; 5]));
    let ran = std::sync::Arc::new(());
    let running = std::sync::Arc::clone(&ran);
    world.executor(Inline).execute(Box::new(move || drop(running)));
    world.timer().sleep(std::time::Duration::from_secs(1)).await;
    world.restart().await;
    let ran = std::sync::Arc::strong_count(&ran) == 1;
    put.is_ok() && read && size && list && delete.is_ok() && decoded.is_ok() && ran
}

fn check(call: impl Into<Call>, faults: &[Fault]) {
    let call = call.into();
    for fault in faults {
        let world = World::new(FaultPlan::new().at(call, 0, *fault));
        let live = async { world.attempt("try", calls(&world)).await };
        let done = world.run(world.process("node", live)).unwrap().flatten();
        assert_eq!((done, world.now().as_secs()), (Some(true), 1), "{call}: {fault}");
        assert_eq!((world.fired(), world.is_damaged()), (vec![], false), "{call}: {fault}");
        assert_eq!(world.history().calls().iter().filter(|call| call.fault().is_some()).count(), 1);
    }
}

#[test]
fn what_happens_to_writes_does_not_happen_to_reads() {
    let writes = [
        Fault::AckLost,
        Fault::Late(1),
        Fault::Late(LATEST),
        Fault::HangAfter,
        Fault::CrashAfter,
        Fault::PanicAfter,
        Fault::Vanishes,
        Fault::Blanked,
    ];
    for read in [Operation::Read, Operation::Size, Operation::List] {
        check(read, &writes);
    }
}

#[test]
fn what_happens_to_reads_does_not_happen_to_writes() {
    let reads = [
        Fault::ShortRead(1),
        Fault::FlipBit(0),
        Fault::ZeroedRead,
        Fault::Misdirected,
        Fault::Stale(1),
        Fault::Absent,
        Fault::ListMisses(0),
        Fault::ListRepeats,
        Fault::ListReversed,
        Fault::ListBreaksOff(0),
    ];
    check(Operation::Put, &reads);
    check(Operation::Delete, &reads);
    check(Operation::Size, &reads[..4]);
    check(Operation::Size, &reads[6..]);
    check(Operation::Read, &reads[6..]);
    check(Operation::List, &reads[..4]);
}

#[test]
fn what_happens_to_stores_happens_to_nothing_else_and_the_other_way_round() {
    let of_stores = [Fault::RequestLost, Fault::AckLost, Fault::Hang, Fault::PanicBefore, Fault::SlowEffect];
    let of_codecs = [Fault::CodecFails, Fault::CodecPanics, Fault::CodecLies];
    let of_executors = [Fault::JobDropped, Fault::JobLate, Fault::ExecutorPanics];
    let of_time = [Fault::Oversleeps, Fault::ClockJumps];
    let of_regions = [Fault::Cancel { pending: 0, effects: batcher_testkit::Fate::Done }];
    let all = [&of_stores[..], &of_codecs, &of_executors, &of_time, &of_regions];
    let calls = [
        (Call::from(Operation::Put), 0),
        (Call::from(Operation::Read), 0),
        (Call::Encode, 1),
        (Call::Decode, 1),
        (Call::Execute, 2),
        (Call::Sleep, 3),
        (Call::Attempt, 4),
        (Call::Process, 4),
    ];
    for (call, own) in calls {
        for (_, faults) in all.iter().enumerate().filter(|(place, _)| *place != own) {
            check(call, faults);
        }
    }
}

#[test]
fn nothing_goes_wrong_with_a_reply_without_bytes() {
    for fault in [Fault::ShortRead(1), Fault::FlipBit(3), Fault::ZeroedRead, Fault::Misdirected] {
        let world = World::new(FaultPlan::new().from_call(Operation::Read, 0, fault));
        let store = world.store(MemoryStore::new());
        store.inner().insert("o", "");
        let read = world.run(store.read("o", ReadRange::Suffix(9))).unwrap().unwrap();
        assert_eq!((read.bytes.len(), world.fired().len()), (0, 0), "{fault}");
    }
}
