//! What the codec trait promises, for every codec.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

mod blocks;

use std::thread;

use batcher_core::{Codec, CodecError, CodecId};
use blocks::{codecs, encode, kinds, lengths, rows};
use proptest::prelude::*;

/// Decodes, and fails the test where the error is not one that bytes from outside may cause.
fn decode(codec: &dyn Codec, frame: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut block = vec![0xA5; len];
    match codec.decode(frame, &mut block) {
        Ok(()) => Some(block),
        Err(CodecError::Malformed { offset, .. }) => {
            assert!(offset <= frame.len());
            None
        }
        Err(CodecError::WrongLength { expected, actual }) => {
            assert_eq!(expected, len);
            assert_ne!(actual, len);
            None
        }
        Err(other) => panic!("{codec:?}: {other:?}"),
    }
}

#[test]
fn blocks_come_back_from_frames_within_the_bound() {
    for codec in codecs() {
        for len in lengths() {
            for block in kinds(len) {
                let frame = encode(&*codec, block);
                assert!(frame.len() <= codec.max_frame_len(len), "{codec:?}, {len}");
                assert!(decode(&*codec, &frame, len).unwrap() == block, "{codec:?}, {len}");
            }
        }
    }
}

#[test]
fn too_small_a_buffer_is_an_error() {
    for codec in codecs() {
        for block in kinds(1000) {
            let len = encode(&*codec, block).len();
            assert!(codec.encode(block, &mut vec![0; len - 1]).is_err(), "{codec:?}");
        }
    }
}

#[test]
fn a_frame_depends_on_its_block_alone() {
    let blocks: Vec<_> = [70_000, 10, 300_000, 65_535, 1000, 16_000, 0, 131_072].map(rows).into();
    for (codec, fresh) in codecs().into_iter().zip(0..) {
        // Of a codec that has not encoded anything before.
        let expected: Vec<_> = blocks.iter().map(|block| encode(&*codecs()[fresh], block)).collect();
        let encode_all = |turn: usize| {
            for at in (0..3 * blocks.len()).map(|at| (at * 5 + turn) % blocks.len()) {
                assert!(encode(&*codec, blocks[at]) == expected[at], "{codec:?}, {} bytes", blocks[at].len());
            }
        };
        encode_all(0);
        thread::scope(|scope| {
            for turn in 0..4 {
                scope.spawn(move || encode_all(turn));
            }
        });
    }
}

#[test]
fn a_frame_does_not_fill_another_length() {
    for codec in codecs() {
        for block in kinds(1000) {
            let frame = encode(&*codec, block);
            for len in [0, 1, 999, 1001, 100_000] {
                assert!(decode(&*codec, &frame, len).is_none(), "{codec:?}, {len}");
            }
            let error = codec.decode(&frame, &mut [0; 999]).unwrap_err();
            assert!(matches!(error, CodecError::WrongLength { expected: 999, .. }), "{codec:?}: {error:?}");
        }
    }
}

#[test]
fn no_truncation_decodes() {
    for codec in codecs() {
        for block in [0, 1, 50, 1000].into_iter().flat_map(kinds) {
            let frame = encode(&*codec, block);
            for len in 0..frame.len() {
                assert!(decode(&*codec, &frame[..len], block.len()).is_none(), "{codec:?}, {len}");
            }
        }
    }
}

#[test]
fn nothing_may_follow() {
    for codec in codecs() {
        for block in [0, 1, 50, 1000].into_iter().flat_map(kinds) {
            for more in [vec![0], vec![0; 4], encode(&*codec, b""), encode(&*codec, block)] {
                let frame = [encode(&*codec, block), more].concat();
                assert!(decode(&*codec, &frame, block.len()).is_none(), "{codec:?}");
            }
        }
    }
}

/// There is no checksum over the content, so that a flipped bit may well give other content, of the same length.
#[test]
fn every_flipped_bit_is_survived() {
    for codec in codecs() {
        for block in [0, 1, 50, 1000].into_iter().flat_map(kinds) {
            let frame = encode(&*codec, block);
            for bit in 0..frame.len() * 8 {
                let mut flipped = frame.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                decode(&*codec, &flipped, block.len());
            }
        }
    }
}

#[test]
fn no_bound_overflows() {
    for codec in codecs() {
        assert!(codec.max_frame_len(usize::MAX) >= codec.max_frame_len(1 << 40));
    }
}

#[test]
fn the_registry_has_every_codec() {
    let registry = batcher_codecs::registry();
    for codec in codecs() {
        let found = registry.decoder(codec.id(), codec.params()).unwrap().unwrap();
        assert_eq!(found.id(), codec.id());
        let refused = registry.decoder(codec.id(), b"?").unwrap_err();
        assert!(matches!(refused, CodecError::Params { .. }));
    }
    assert!(registry.decoder(CodecId::new(CodecId::FIRST_PRIVATE), &[]).unwrap().is_none());
}

proptest! {
    #[test]
    fn any_block_comes_back(
        block in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..2000),
            proptest::collection::vec(0_u8..3, 0..2000),
        ],
    ) {
        for codec in codecs() {
            let frame = encode(&*codec, &block);
            prop_assert!(frame.len() <= codec.max_frame_len(block.len()));
            prop_assert_eq!(decode(&*codec, &frame, block.len()), Some(block.clone()));
        }
    }

    #[test]
    fn any_bytes_are_survived(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        whole in any::<bool>(),
        len in 0_usize..2000,
        at in any::<prop::sample::Index>(),
    ) {
        for codec in codecs() {
            decode(&*codec, &bytes, len);
            // Behind a beginning that is right, too.
            let mut frame = encode(&*codec, rows(len));
            let start = at.index(frame.len());
            let end = if whole { frame.len() } else { (start + bytes.len()).min(frame.len()) };
            frame.splice(start..end, bytes.iter().copied());
            decode(&*codec, &frame, len);
        }
    }
}
