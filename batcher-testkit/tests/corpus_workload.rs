//! Workloads keep their bounds and have the shape that their documentation gives them.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::collections::BTreeMap;

use batcher_testkit::corpus::{BlobKind, ExpectedState, KeyKind, Lengths, Shape, Step, Workload};
use bytes::Bytes;
use proptest::prelude::*;

const SHAPES: [Shape; 8] = [
    Shape::Steady,
    Shape::Bursts,
    Shape::Skewed,
    Shape::Duplicates,
    Shape::Incremental(50),
    Shape::Growing,
    Shape::OneHuge(50_000),
    Shape::Gaps,
];

const DIGESTS: [u32; 8] = [
    47_764_102,
    2_611_838_579,
    1_170_673_315,
    1_532_067_976,
    2_653_381_388,
    246_448_443,
    1_550_067_977,
    796_891_518,
];

type Epochs = Vec<(u64, Vec<(String, Bytes)>)>;

/// The additions of each epoch; panics where steps do not end with a flush.
fn epochs(workload: &Workload) -> Epochs {
    let (mut epochs, mut open) = (Vec::new(), Vec::new());
    for step in workload.steps() {
        match step {
            Step::Add { key, blob } => open.push((key, blob)),
            Step::Flush { epoch } => epochs.push((epoch, std::mem::take(&mut open))),
        }
    }
    assert!(open.is_empty());
    epochs
}

fn counts(workload: &Workload) -> Vec<usize> {
    epochs(workload).iter().map(|(_, adds)| adds.len()).collect()
}

fn digest(workload: &Workload) -> u32 {
    epochs(workload).iter().fold(0, |crc, (epoch, adds)| {
        let crc = crc32c::crc32c_append(crc, &epoch.to_le_bytes());
        adds.iter().fold(crc, |crc, (key, blob)| {
            crc32c::crc32c_append(crc32c::crc32c_append(crc, key.as_bytes()), blob)
        })
    })
}

#[test]
fn workloads_are_the_same_for_ever_and_different_for_each_seed() {
    assert_eq!(SHAPES.map(|shape| digest(&Workload::new(shape, 42))), DIGESTS);
    for shape in SHAPES {
        assert_ne!(digest(&Workload::new(shape, 1)), digest(&Workload::new(shape, 2)));
    }
}

#[test]
fn epochs_have_as_many_blobs_as_their_shape_says() {
    let counts = |shape| counts(&Workload::new(shape, 7));
    assert_eq!(counts(Shape::Steady), [64; 8]);
    assert_eq!(counts(Shape::Bursts), [8, 8, 8, 64, 8, 8, 8, 64]);
    assert_eq!(counts(Shape::Skewed), [64; 8]);
    assert_eq!(counts(Shape::Duplicates), [256; 8]);
    assert_eq!(counts(Shape::Gaps), [64, 0, 0, 64, 0, 0, 64, 0]);
    let incremental = counts(Shape::Incremental(250));
    assert_eq!(incremental[0], 64);
    assert!(incremental[1..].iter().all(|count| (4..32).contains(count)), "{incremental:?}");
    assert_eq!(counts(Shape::Incremental(0))[1..], [0; 7]);
    assert_eq!(counts(Shape::Incremental(1000)), [64; 8]);
}

#[test]
fn the_hottest_key_gets_most() {
    let workload = Workload::new(Shape::Skewed, 3).with_keys(KeyKind::Sequential, 1000).with_epochs(0..10);
    let mut counts = BTreeMap::<_, u32>::new();
    for (key, _) in epochs(&workload).into_iter().flat_map(|(_, adds)| adds) {
        *counts.entry(key).or_default() += 1;
    }
    let hottest = counts[&KeyKind::Sequential.key(3, 0)];
    assert_eq!(counts.values().max(), Some(&hottest));
    // One in log2(1000) of 10,000.
    assert!((800..1200).contains(&hottest), "{hottest}");
    assert!(counts.len() > 600, "and the others are not left out: {}", counts.len());
}

#[test]
fn duplicates_come_close_together_and_far_apart() {
    let [(_, adds), ..] = &epochs(&Workload::new(Shape::Duplicates, 3))[..] else { panic!("no epoch") };
    for (number, pair) in adds.chunks(2).enumerate() {
        assert_eq!(pair[0].0, pair[1].0);
        assert_eq!(pair[0].0, KeyKind::Sequential.key(3, number as u64 % 64));
    }
    let blobs: std::collections::BTreeSet<_> = adds.iter().map(|(_, blob)| blob.len()).collect();
    assert!(blobs.len() > 50, "the lengths of duplicates differ");
}

#[test]
fn growing_blobs_grow_and_one_is_huge() {
    let growing = epochs(&Workload::new(Shape::Growing, 3));
    for (number, (_, adds)) in growing.iter().enumerate() {
        for ((key, blob), (first_key, first)) in adds.iter().zip(&growing[0].1) {
            assert_eq!((key, blob.len()), (first_key, first.len() * (number + 1)));
        }
    }
    for (_, adds) in epochs(&Workload::new(Shape::OneHuge(50_000), 3)) {
        let huge = adds.iter().filter(|(_, blob)| blob.len() > 4096).map(|(_, blob)| blob.len());
        assert_eq!(huge.collect::<Vec<_>>(), [50_000]);
        assert_eq!(adds[32].1.len(), 50_000);
    }
}

#[test]
fn blobs_are_of_the_kinds_and_lengths_asked_for() {
    let workload = Workload::new(Shape::Steady, 3).with_blobs([BlobKind::Zeros], Lengths::Fixed(10));
    assert!(epochs(&workload).iter().flat_map(|(_, adds)| adds).all(|(_, blob)| blob == &[0; 10][..]));
    let edges = batcher_testkit::corpus::edge_lengths(100);
    let workload = Workload::new(Shape::Steady, 3).with_blobs(BlobKind::ALL, Lengths::Edges(100));
    let (_, adds) = &epochs(&workload)[0];
    for (number, (_, blob)) in adds.iter().enumerate() {
        assert_eq!(blob.len(), edges[number % edges.len()]);
    }
    let workload = Workload::new(Shape::Steady, 3).with_blobs([], Lengths::UpTo(3));
    let (_, adds) = &epochs(&workload)[0];
    let lens: std::collections::BTreeSet<_> = adds.iter().map(|(_, blob)| blob.len()).collect();
    assert_eq!(lens.into_iter().collect::<Vec<_>>(), [0, 1, 2, 3]);
}

#[test]
fn a_workload_larger_than_any_memory_begins_at_once() {
    let workload = Workload::new(Shape::OneHuge(usize::MAX), 1)
        .with_keys(KeyKind::Uuid, u64::MAX)
        .with_epochs(0..u64::MAX)
        .with_bounds(u64::MAX, u64::MAX);
    assert_eq!(workload.steps().take(1000).count(), 1000);
    // The blob that does not fit is never made.
    let workload = Workload::new(Shape::OneHuge(usize::MAX), 1).with_epochs(u64::MAX - 1..u64::MAX);
    assert_eq!(counts(&workload), [32]);
}

#[test]
fn no_keys_no_epochs_and_no_bounds_are_no_problem() {
    for shape in SHAPES {
        assert_eq!(counts(&Workload::new(shape, 1).with_keys(KeyKind::Uuid, 0)), [0; 8]);
        assert_eq!(Workload::new(shape, 1).with_epochs(5..5).steps().next(), None);
        let nothing = Workload::new(shape, 1).with_bounds(0, 0);
        assert_eq!(counts(&nothing), [0], "{shape:?}");
        let mut steps = nothing.steps();
        assert_eq!(steps.next(), Some(Step::Flush { epoch: 1 }));
        assert!(steps.next().is_none() && steps.next().is_none());
    }
}

#[test]
fn the_expected_state_is_that_of_the_last_add_before_each_flush() {
    let add = |key: &str, blob: &str| Step::Add { key: key.to_owned(), blob: Bytes::from(blob.to_owned()) };
    let mut expected = ExpectedState::new();
    let steps = [
        add("a", "1"),
        Step::Flush { epoch: 2 },
        add("a", "2"),
        add("b", "3"),
        add("a", "4"),
        Step::Flush { epoch: 2 },
        Step::Flush { epoch: 5 },
        add("a", "5"),
        Step::Flush { epoch: 6 },
        add("c", "6"),
    ];
    for step in &steps {
        expected.apply(step);
    }
    let blobs = |pairs: &[(&str, &str)]| -> BTreeMap<String, Bytes> {
        pairs.iter().map(|(k, b)| ((*k).to_owned(), Bytes::from((*b).to_owned()))).collect()
    };
    assert_eq!(expected.epochs().collect::<Vec<_>>(), [2, 5, 6]);
    assert_eq!(*expected.epoch(2), blobs(&[("a", "4"), ("b", "3")]));
    assert_eq!(*expected.epoch(5), blobs(&[]));
    assert_eq!(*expected.epoch(9), blobs(&[]));
    assert_eq!(*expected.epoch(6), blobs(&[("a", "5")]));
    assert_eq!(*expected.unflushed(), blobs(&[("c", "6")]));
    assert_eq!(expected.state_at(1), blobs(&[]));
    assert_eq!(expected.state_at(5), blobs(&[("a", "4"), ("b", "3")]));
    assert_eq!(expected.state_at(u64::MAX), blobs(&[("a", "5"), ("b", "3")]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn bounds_are_kept(
        shape in prop::sample::select(&SHAPES[..]),
        keys in prop::sample::select(&KeyKind::ALL[..]),
        seed: u64,
        max_blobs in 0u64..600,
        max_bytes in 0u64..300_000,
    ) {
        let workload = Workload::new(shape, seed).with_keys(keys, 50).with_bounds(max_blobs, max_bytes);
        let epochs = epochs(&workload);
        let adds: Vec<_> = epochs.iter().flat_map(|(_, adds)| adds).collect();
        let bytes: usize = adds.iter().map(|(key, blob)| key.len() + blob.len()).sum();
        prop_assert!(adds.len() as u64 <= max_blobs && bytes as u64 <= max_bytes);
        // And what a bound leaves out is the end.
        let whole: Vec<_> = Workload::new(shape, seed).with_keys(keys, 50).steps().take(adds.len() + epochs.len() - 1).collect();
        let cut: Vec<_> = workload.steps().take(whole.len()).collect();
        prop_assert_eq!(cut, whole);
    }
}
