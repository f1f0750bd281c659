//! Memory of a batcher: what counts as held, what serves again, and what is let go.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::sync::{Arc, Mutex};

use allocation_counter::measure;
use batcher_codecs::{Raw, Zstd};
use batcher_core::{AddErrorKind, Batcher, BlobStore, Executor, Inline, Job, Operation, StoreErrorKind};
use batcher_testkit::{Fault, FaultPlan, FaultStore, MemoryStore, block_on};
use bytes::Bytes;
use scenario::noise;

/// What the batcher says that it holds, in bytes.
fn held<S: BlobStore>(batcher: &mut Batcher<S>) -> usize {
    let error = batcher.add("too long", Bytes::from_static(&[0; 1 << 20])).unwrap_err();
    let AddErrorKind::Full { held, limit: 1_000_000 } = error.kind() else { panic!("{error:?}") };
    held
}

/// Blobs of all kinds: none, short, and of several blocks.
fn add_some<S: BlobStore>(batcher: &mut Batcher<S>, seed: u64) {
    for (number, len) in (seed..).zip([0, 1, 400, 700, 999, 1000, 5500, 300, 300, 300, 300]) {
        batcher.add(&format!("key-{number}"), noise(len, number)).unwrap();
    }
}

/// Drops so many jobs before it runs any.
#[derive(Debug)]
struct Drops(Mutex<u32>);

impl Executor for Drops {
    fn execute(&self, job: Job) {
        let mut left = self.0.lock().unwrap();
        if *left > 0 {
            *left -= 1;
            return;
        }
        drop(left);
        job();
    }
}

#[test]
fn nothing_is_held_any_longer_once_all_is_acknowledged_or_discarded() {
    for dropped in [0, 3, 12] {
        let refuses = Fault::Reject(StoreErrorKind::Throttled);
        let script = FaultPlan::new().at(Operation::Put, 0, refuses).at(Operation::Put, 2, refuses);
        let mut batcher = Batcher::builder(Raw, FaultStore::new(MemoryStore::new(), script))
            .block_len(1000)
            .memory_limit(1_000_000)
            .executor(Drops(Mutex::new(dropped)))
            .build()
            .unwrap();
        assert_eq!(held(&mut batcher), 0);
        add_some(&mut batcher, 0);
        assert!(held(&mut batcher) > 9000);
        while block_on(batcher.flush(1)).is_err() && batcher.metrics().snapshot().put_count == 0 {}
        // Refused; goes along with what is added since.
        add_some(&mut batcher, 20);
        assert!(held(&mut batcher) > 18_000);
        let report = block_on(batcher.flush(2)).unwrap();
        assert_eq!((report.blobs(), held(&mut batcher)), (22, 0));
        add_some(&mut batcher, 0);
        let _refused = block_on(batcher.flush(3)).unwrap_err();
        add_some(&mut batcher, 20);
        assert_eq!((batcher.discard(), held(&mut batcher)), (22, 0));
    }
}

#[test]
fn the_memory_limit_is_exact() {
    let set_up = |limit| Batcher::builder(Raw, MemoryStore::new()).memory_limit(limit).build().unwrap();
    let mut roomy = set_up(1_000_000);
    roomy.add("key", vec![0; 100]).unwrap();
    let needed = held(&mut roomy);
    assert!(needed > 103 && needed < 160, "{needed}");
    set_up(needed).add("key", vec![0; 100]).unwrap();
    let error = set_up(needed - 1).add("key", vec![0; 100]).unwrap_err();
    assert!(matches!(error.kind(), AddErrorKind::Full { held: 0, .. }), "{error:?}");
}

const MANY: u32 = 70_000;

/// Short ones in no order, and long ones in order.
fn keys() -> [Vec<String>; 2] {
    let short = (0..MANY).map(|number| format!("{:08x}", number.wrapping_mul(2_654_435_761)));
    [short.collect(), (0..MANY).map(|number| format!("{number:0100}")).collect()]
}

/// Adds seven megabytes of small blobs, and the keys.
fn fill<S: BlobStore>(batcher: &mut Batcher<S>, keys: &[String], blob: &Bytes) {
    for key in keys {
        batcher.add(key, blob.clone()).unwrap();
    }
}

fn flush(batcher: &mut Batcher<MemoryStore>, epoch: u64) {
    let report = block_on(batcher.flush(epoch)).unwrap();
    batcher.store().remove(&report.receipts[0].object).unwrap();
}

fn batcher(idle_memory: usize) -> Batcher<MemoryStore> {
    Batcher::builder(Raw, MemoryStore::new()).block_len(20_000).idle_memory(idle_memory).build().unwrap()
}

#[test]
fn adding_to_a_later_batch_takes_little_fresh_memory() {
    let blob = noise(100, 1);
    for (keys, fresh) in keys().into_iter().zip([5 << 20, 7 << 20]) {
        let mut batcher = batcher(16 << 20);
        let totals: Vec<u64> = (0..7)
            .map(|epoch| {
                let total = measure(|| fill(&mut batcher, &keys, &blob)).bytes_total;
                if epoch % 3 == 2 {
                    assert_eq!(batcher.discard(), u64::from(MANY));
                } else {
                    flush(&mut batcher, epoch);
                }
                total
            })
            .collect();
        assert!(totals[0] > 10 << 20, "{totals:?}");
        assert!(totals[2..].iter().all(|total| *total < fresh), "{totals:?}");
    }
}

#[test]
fn a_small_batch_takes_little_memory() {
    let measured = measure(|| {
        let mut batcher = Batcher::builder(Raw, MemoryStore::new()).block_len(1000).build().unwrap();
        batcher.add("key", vec![0; 100]).unwrap();
        flush(&mut batcher, 1);
    });
    assert!(measured.bytes_max < 100_000, "{measured:?}");
}

#[test]
fn no_more_memory_is_kept_from_flush_to_flush_than_was_asked_for() {
    let blob = noise(100, 1);
    for (keys, some) in keys().into_iter().zip([7 << 20, 9 << 20]) {
        let kept = [0, 2 << 20, 64 << 20].map(|idle_memory| {
            let mut kept = None;
            let measured = measure(|| {
                let mut batcher = batcher(idle_memory);
                for epoch in 0..2 {
                    fill(&mut batcher, &keys, &blob);
                    flush(&mut batcher, epoch);
                }
                kept = Some(batcher);
            });
            measured.bytes_current
        });
        // The megabyte that is being filled, besides.
        assert!(kept[0] < 1_200_000, "{kept:?}");
        // As much of frames as of keys with their entries, and less of blocks.
        assert!(kept[1] > 3 << 20 && kept[1] < some && kept[2] > 12 << 20, "{kept:?}");
    }
}

#[test]
fn flushes_of_nothing_leave_nothing_behind() {
    let mut batcher = Batcher::builder(Zstd::default(), MemoryStore::new())
        .dictionary(4096)
        .executor(Arc::new(Inline))
        .build()
        .unwrap();
    let mut flushes = |count| {
        for epoch in 0..count {
            assert!(block_on(batcher.flush(epoch)).unwrap().receipts.is_empty());
        }
    };
    flushes(10);
    assert_eq!(measure(|| flushes(100)).bytes_current, 0);
}
