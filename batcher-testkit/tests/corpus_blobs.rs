//! Blobs and keys are what their documentation says.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use std::collections::BTreeSet;

use batcher_codecs::Lz4;
use batcher_core::{Codec, MAX_KEY_LEN};
use batcher_testkit::corpus::{BlobKind, KeyKind, SplitMix64, edge_keys, edge_lengths};
use proptest::prelude::*;

/// Changes of these are changes of every measurement that was made with the corpus.
const BLOB_DIGESTS: [(BlobKind, u32); 9] = [
    (BlobKind::Rows, 3_424_254_557),
    (BlobKind::Counters, 3_828_000_195),
    (BlobKind::Json, 214_239_095),
    (BlobKind::LogLines, 2_537_753_401),
    (BlobKind::SortedPages, 2_864_847_017),
    (BlobKind::Messages, 1_573_745_905),
    (BlobKind::Noise, 629_843_920),
    (BlobKind::Repeats, 88_904_375),
    (BlobKind::Zeros, 3_858_272_061),
];

const KEY_DIGESTS: [(KeyKind, u32); 10] = [
    (KeyKind::Sequential, 628_675_987),
    (KeyKind::Descending, 3_816_806_516),
    (KeyKind::SharedPrefix, 2_582_477_064),
    (KeyKind::Uuid, 1_350_681_011),
    (KeyKind::Unicode, 3_783_698_951),
    (KeyKind::Separators, 860_480_634),
    (KeyKind::Prefixes, 1_960_557_097),
    (KeyKind::LastByte, 1_119_470_711),
    (KeyKind::LongRandom, 1_369_947_000),
    (KeyKind::LongSeparators, 2_339_576_069),
];

/// The ratios of the documentation.
const RATIOS: [(BlobKind, f64); 9] = [
    (BlobKind::Rows, 1.65),
    (BlobKind::Counters, 1.0),
    (BlobKind::Json, 3.88),
    (BlobKind::LogLines, 3.92),
    (BlobKind::SortedPages, 1.66),
    (BlobKind::Messages, 1.82),
    (BlobKind::Noise, 1.0),
    (BlobKind::Repeats, 241.0),
    (BlobKind::Zeros, 247.0),
];

#[test]
fn blobs_are_the_same_for_ever() {
    let digests = BlobKind::ALL.map(|kind| (kind, crc32c::crc32c(&kind.blob(42, 100_000))));
    assert_eq!(digests, BLOB_DIGESTS);
}

#[test]
fn keys_are_the_same_for_ever() {
    let digest =
        |kind: KeyKind| (0..200).fold(0, |crc, n| crc32c::crc32c_append(crc, kind.key(42, n).as_bytes()));
    assert_eq!(KeyKind::ALL.map(|kind| (kind, digest(kind))), KEY_DIGESTS);
    let edges = edge_keys().iter().fold(0, |crc, key| crc32c::crc32c_append(crc, key.as_bytes()));
    assert_eq!(edges, 296_502_151);
}

#[test]
fn seeds_make_a_difference() {
    for kind in BlobKind::ALL {
        let blobs: BTreeSet<_> = (0..100).map(|seed| kind.blob(seed, 64)).collect();
        assert_eq!(blobs.len(), if kind == BlobKind::Zeros { 1 } else { 100 }, "{kind:?}");
    }
    for kind in [KeyKind::Uuid, KeyKind::LongRandom, KeyKind::LongSeparators, KeyKind::SharedPrefix] {
        assert_ne!(kind.key(1, 5), kind.key(2, 5), "{kind:?}");
    }
    let heads: BTreeSet<_> = (0..1000).map(|place| SplitMix64::at(1, place).next_u64()).collect();
    assert_eq!(heads.len(), 1000);
}

#[test]
fn ratios_are_those_of_the_documentation() {
    for (kind, expected) in RATIOS {
        let (codec, blob) = (Lz4::default(), kind.blob(1, 1 << 20));
        let mut frame = vec![0; codec.max_frame_len(256 << 10)];
        let compressed: usize =
            blob.chunks(256 << 10).map(|block| codec.encode(block, &mut frame).unwrap()).sum();
        let per_mille = 1000 * blob.len() / compressed;
        let ratio = f64::from(u32::try_from(per_mille).unwrap()) / 1000.0;
        println!("{kind:?}: {ratio}");
        assert!((ratio / expected - 1.0).abs() < 0.05, "{kind:?}: {ratio}, not {expected}");
    }
}

#[test]
fn no_two_keys_of_a_kind_are_the_same() {
    for kind in KeyKind::ALL {
        let keys: Vec<_> = (0..20_000).map(|number| kind.key(9, number)).collect();
        assert!(keys.iter().all(|key| key.len() <= 1100), "{kind:?}");
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len(), "{kind:?}");
        let far: BTreeSet<_> = (0..1000).map(|number| kind.key(9, u64::MAX - number)).collect();
        assert_eq!(far.len(), 1000, "{kind:?}");
    }
}

#[test]
fn keys_are_of_their_kind() {
    let keys = |kind: KeyKind| -> Vec<_> { (0..999).map(|number| kind.key(3, number)).collect() };
    assert!(keys(KeyKind::Sequential).is_sorted());
    assert!(keys(KeyKind::Descending).iter().rev().is_sorted());
    assert!(!keys(KeyKind::Uuid).is_sorted());
    let shared = |one: &str, two: &str| one.bytes().zip(two.bytes()).take_while(|(a, b)| a == b).count();
    for (number, pair) in keys(KeyKind::SharedPrefix).windows(2).enumerate() {
        assert!(shared(&pair[0], &pair[1]) >= 400, "{number}");
    }
    for run in keys(KeyKind::Prefixes).chunks(64) {
        assert!(
            run.windows(2).all(|pair| pair[1].starts_with(&pair[0]) && pair[1].len() == pair[0].len() + 1)
        );
    }
    for run in keys(KeyKind::LastByte).chunks(64) {
        assert!(run[0].ends_with('\0'));
        assert!(run.iter().all(|key| shared(key, &run[0]) >= run[0].len() - 1));
    }
    let mut long = keys(KeyKind::LongSeparators);
    long.sort();
    for run in long.chunks(3) {
        assert_eq!((run[0].len(), shared(&run[0], &run[1]), shared(&run[1], &run[2])), (1001, 1000, 1000));
    }
    let mut random = keys(KeyKind::LongRandom);
    random.sort();
    assert!(random.windows(2).all(|pair| shared(&pair[0], &pair[1]) < 6));
    assert!(keys(KeyKind::Unicode).concat().chars().any(|c| c.len_utf8() == 4));
    assert!(keys(KeyKind::Separators).concat().contains('\0'));
    for uuid in keys(KeyKind::Uuid) {
        let fields: Vec<_> = uuid.split('-').map(str::len).collect();
        assert_eq!(fields, [8, 4, 4, 4, 12]);
        assert!(uuid.as_bytes()[14] == b'4' && b"89ab".contains(&uuid.as_bytes()[19]), "{uuid}");
    }
}

#[test]
fn edge_keys_are_different_and_fit() {
    let keys = edge_keys();
    assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
    assert_eq!(keys.iter().filter(|key| key.len() == MAX_KEY_LEN).count(), 4);
    assert!(keys.iter().all(|key| key.len() <= MAX_KEY_LEN));
}

#[test]
fn edge_lengths_stand_on_either_side_of_blocks() {
    for block_len in [1, 7, 1000, 256 << 10] {
        let lengths = edge_lengths(block_len);
        assert!(lengths.is_sorted());
        for blocks in [1, 2, 3, 8] {
            for len in [blocks * block_len - 1, blocks * block_len, blocks * block_len + 1] {
                assert!(lengths.contains(&len), "{len} for {block_len}");
            }
        }
    }
    assert!(edge_lengths(1000).contains(&501) && edge_lengths(1000).contains(&1499));
    assert_eq!(edge_lengths(usize::MAX).last(), Some(&usize::MAX));
}

#[test]
fn small_ranks_come_up_more_often() {
    let mut random = SplitMix64::new(5);
    let mut counts = [0u32; 1000];
    for _ in 0..100_000 {
        counts[usize::try_from(random.skewed(999)).unwrap()] += 1;
    }
    // Ten octaves of a tenth each; the last of them is cut off a little.
    for octave in 0..9 {
        let sum: u32 = counts[(1 << octave) - 1..(2 << octave) - 1].iter().sum();
        assert!((9_500..10_500).contains(&sum), "{octave}: {sum}");
    }
    assert!(counts.iter().all(|count| *count > 0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_shorter_blob_is_how_a_longer_one_begins(
        kind in prop::sample::select(&BlobKind::ALL[..]),
        seed: u64,
        short in 0usize..9000,
        more in 0usize..9000,
    ) {
        let (blob, longer) = (kind.blob(seed, short), kind.blob(seed, short + more));
        prop_assert_eq!((blob.len(), longer.len()), (short, short + more));
        prop_assert!(longer.starts_with(&blob));
        prop_assert!(more > 0 || blob == longer);
    }

    #[test]
    fn numbers_keep_their_bounds(seed: u64, bound in prop_oneof![1u64..5, any::<u64>()]) {
        let mut random = SplitMix64::new(seed);
        for _ in 0..20 {
            prop_assert!(random.below(bound.max(1)) < bound.max(1));
            prop_assert!(random.skewed(bound) <= bound);
        }
        prop_assert_eq!(random.below(0), 0);
        prop_assert_eq!(random.skewed(0), 0);
    }
}
