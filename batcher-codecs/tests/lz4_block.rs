//! Bare LZ4 blocks: what the starting point wrote is read.

#![cfg(feature = "lz4")]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

mod blocks;

use batcher_codecs::Lz4Block;
use batcher_core::{Codec, CodecError};
use blocks::{encode, kinds, lengths, noise};

#[test]
fn blocks_of_the_starting_point_are_read_and_written() {
    for len in lengths() {
        for block in kinds(len) {
            // As the starting point had it, with its length in front.
            let theirs = lz4_flex::block::compress_prepend_size(block);
            let mut decoded = vec![0; len];
            Lz4Block::default().decode(&theirs[4..], &mut decoded).unwrap();
            assert!(decoded == block, "{len}");
            assert!(encode(&Lz4Block::default(), block) == theirs[4..], "{len}");
        }
    }
}

#[test]
fn the_length_is_named_where_it_is_another() {
    let frame = encode(&Lz4Block::default(), noise(100));
    for expected in [0, 99, 101, 1000] {
        let error = Lz4Block::default().decode(&frame, &mut vec![0; expected]).unwrap_err();
        match error {
            CodecError::WrongLength { expected: named, actual: 100 } => assert_eq!(named, expected),
            other => panic!("{expected}: {other:?}"),
        }
    }
}

#[test]
fn damage_is_malformed() {
    let damaged: [&[u8]; 5] = [
        b"",
        // Literals that are not there, an offset of nothing, one to before the block, half of one.
        b"\x50stat",
        b"\x10a\0\0",
        b"\x10a\x02\0\x10b",
        b"\x10a\x01",
    ];
    for frame in damaged {
        let error = Lz4Block::default().decode(frame, &mut [0; 100]).unwrap_err();
        assert!(matches!(error, CodecError::Malformed { .. }), "{frame:?}: {error:?}");
    }
}

/// Lengths are sums of bytes, and these would be too much for 32 bits.
#[test]
fn a_length_without_end_is_survived() {
    for token in [0xF0, 0x0F, 0x1F] {
        let mut frame = vec![0xFF; 17 << 20];
        frame[..4].copy_from_slice(&[token, b'a', 1, 0]);
        for end in [0xFF, 0, 1] {
            frame[(17 << 20) - 1] = end;
            assert!(Lz4Block::default().decode(&frame, &mut [0; 100]).is_err());
        }
    }
}
