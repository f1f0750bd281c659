//! Zstandard frames: standard tools read them, and foreign ones are refused.

#![cfg(feature = "zstd")]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

mod blocks;
mod tools;

use ::zstd::zstd_safe::{CCtx, CParameter};
use batcher_codecs::Zstd;
use batcher_core::{Codec, CodecError};
use blocks::{encode, kinds, lengths, noise, rows};

fn decode(frame: &[u8], len: usize) -> Result<Vec<u8>, CodecError> {
    let mut block = vec![0; len];
    Zstd::default().decode(frame, &mut block).map(|()| block)
}

fn foreign(parameters: &[CParameter], block: &[u8]) -> Vec<u8> {
    let mut context = CCtx::create();
    for parameter in parameters {
        context.set_parameter(*parameter).unwrap();
    }
    let mut frame = Vec::with_capacity(block.len() + 1000);
    context.compress2(&mut frame, block).unwrap();
    frame
}

fn assert_malformed(frame: &[u8], len: usize) {
    assert!(matches!(decode(frame, len), Err(CodecError::Malformed { .. })), "{frame:x?}");
}

#[test]
fn the_zstd_tool_reads_frames_one_after_the_other() {
    for level in [-7, 1, 3, 9] {
        let codec = Zstd::new(level).unwrap();
        let (mut frames, mut content) = (Vec::new(), Vec::new());
        for block in lengths().into_iter().flat_map(kinds) {
            frames.extend(encode(&codec, block));
            content.extend(block);
        }
        assert!(tools::decode("zstd", &frames, Some(&content)).unwrap() == content, "level {level}");
    }
}

#[test]
fn the_levels_are_those_of_the_library() {
    for level in [-131_072, -1, 0, 1, 22] {
        let codec = Zstd::new(level).unwrap();
        assert_eq!(codec.level(), level);
        assert_eq!(decode(&encode(&codec, rows(5000)), 5000).unwrap(), rows(5000));
    }
    for level in [i32::MIN, -131_073, 23, i32::MAX] {
        assert!(matches!(Zstd::new(level), Err(CodecError::Params { .. })), "level {level}");
    }
}

/// Encoded thrice over in different orders, by a codec that is used again and by new ones.
#[test]
fn no_level_remembers() {
    let blocks = [30_000, 300_000, 140_000, 1000, 100_000].map(rows);
    for level in (-3..=13).chain([16, 19]) {
        let codec = Zstd::new(level).unwrap();
        for turn in 0..3 {
            for at in (0..blocks.len()).map(|at| (at * (turn + 1)) % blocks.len()) {
                let new = encode(&Zstd::new(level).unwrap(), blocks[at]);
                assert!(encode(&codec, blocks[at]) == new, "level {level}, {} bytes", blocks[at].len());
            }
        }
    }
}

#[test]
fn what_does_not_shrink_is_stored() {
    for len in [1000, 100_000, 1 << 20] {
        let frame = encode(&Zstd::default(), noise(len));
        // A header, and three bytes for every 128 KiB.
        assert!(frame.len() <= len + 18 + 3 * len.div_ceil(128 << 10), "{len}: {}", frame.len());
    }
}

#[test]
fn exactly_one_frame_is_taken() {
    let ours = encode(&Zstd::default(), rows(1000));
    let empty = encode(&Zstd::default(), b"");
    let skippable = [0x184D_2A5F_u32.to_le_bytes(), 0_u32.to_le_bytes()].concat();
    assert!(decode(&ours, 1000).is_ok());
    assert!(decode(&empty, 0).is_ok());
    assert_malformed(&skippable, 0);
    assert_malformed(&[], 0);
    for pair in [[&skippable, &ours], [&ours, &skippable], [&empty, &ours], [&ours, &empty]] {
        let two = pair.map(Vec::as_slice).concat();
        assert!(tools::decode("zstd", &two, Some(rows(1000))).as_deref() == Some(rows(1000)));
        assert!(decode(&two, 1000).is_err());
    }
    let two = encode(&Zstd::default(), rows(500)).repeat(2);
    assert!(decode(&two, 1000).is_err());
    assert_malformed(&two, 500);
}

#[test]
fn a_frame_must_state_the_length_of_its_content() {
    let frame = foreign(&[CParameter::ContentSizeFlag(false)], rows(1000));
    assert_eq!(tools::decode("zstd", &frame, Some(rows(1000))).as_deref(), Some(rows(1000)));
    assert_malformed(&frame, 1000);

    let frame = encode(&Zstd::default(), rows(1000));
    for expected in [0, 999, 1001] {
        match decode(&frame, expected) {
            Err(CodecError::WrongLength { expected: named, actual: 1000 }) => assert_eq!(named, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_dictionary_is_refused() {
    let mut context = CCtx::create();
    context.load_dictionary(rows(500)).unwrap();
    let mut frame = Vec::with_capacity(2000);
    context.compress2(&mut frame, rows(1000)).unwrap();
    // A dictionary without an id does not show before it is missed.
    assert_malformed(&frame, 1000);
}

#[test]
fn a_foreign_checksum_is_checked() {
    let frame = foreign(&[CParameter::ChecksumFlag(true)], rows(1000));
    assert_eq!(decode(&frame, 1000).unwrap(), rows(1000));
    for bit in 0..32 {
        let mut damaged = frame.clone();
        damaged[frame.len() - 4 + bit / 8] ^= 1 << (bit % 8);
        assert_malformed(&damaged, 1000);
    }
    assert_eq!(encode(&Zstd::new(3).unwrap(), rows(1000)), foreign(&[], rows(1000)));
}

/// What a standard tool refuses to allocate is refused here, although no window is ever allocated.
#[test]
fn large_windows_are_refused() {
    let empty = |window: u8| {
        let mut frame = 0xFD2F_B528_u32.to_le_bytes().to_vec();
        // The length in eight bytes, and the window stated; then one last block, stored and empty.
        frame.extend([0b1100_0000, window]);
        frame.extend([0; 8]);
        frame.extend([1, 0, 0]);
        frame
    };
    for log in 10..=41 {
        for eighths in [0, 1, 7] {
            let frame = empty((log - 10) << 3 | eighths);
            let taken = log < 27 || (log == 27 && eighths == 0);
            assert_eq!(decode(&frame, 0).is_ok(), taken, "2^{log} and {eighths} eighths");
            if taken {
                assert!(tools::decode("zstd", &frame, Some(&[])).is_some(), "2^{log} and {eighths} eighths");
            }
        }
    }
}

/// Where a flip is not noticed, the tool does not notice either: what is taken here is a standard frame.
#[test]
fn the_zstd_tool_takes_what_is_taken_here() {
    let block = rows(110);
    let frame = encode(&Zstd::default(), block);
    assert!(frame.len() < block.len());
    let mut taken = 0;
    for bit in 0..frame.len() * 8 {
        let mut flipped = frame.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Ok(block) = decode(&flipped, block.len()) {
            taken += 1;
            assert!(tools::decode("zstd", &flipped, Some(&block)) == Some(block), "bit {bit}");
        }
    }
    assert!(taken > 0);
}
