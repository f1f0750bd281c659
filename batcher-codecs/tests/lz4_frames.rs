//! LZ4 frames of [`Lz4`] and [`Raw`]: standard tools read them, and foreign ones are refused.

#![cfg(feature = "lz4")]
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

mod blocks;
mod tools;

use batcher_codecs::{Lz4, Raw};
use batcher_core::{Codec, CodecError};
use blocks::{encode, kinds, lengths, noise, rows};
use twox_hash::XxHash32;

const VERSION: u8 = 1 << 6;
const INDEPENDENT: u8 = 1 << 5;
const BLOCK_CHECKSUM: u8 = 1 << 4;
const CONTENT_SIZE: u8 = 1 << 3;
const CONTENT_CHECKSUM: u8 = 1 << 2;
const RESERVED: u8 = 1 << 1;
const DICTIONARY: u8 = 1;
const OURS: u8 = VERSION | INDEPENDENT | CONTENT_SIZE;
const KIB_64: u8 = 4 << 4;
const KIB_256: u8 = 5 << 4;

/// A frame of stored blocks with whichever options.
fn foreign(flags: u8, block_size: u8, blocks: &[&[u8]]) -> Vec<u8> {
    let content = blocks.concat();
    let mut descriptor = vec![flags, block_size];
    if flags & CONTENT_SIZE != 0 {
        descriptor.extend((content.len() as u64).to_le_bytes());
    }
    if flags & DICTIONARY != 0 {
        descriptor.extend(7_u32.to_le_bytes());
    }
    let mut frame = 0x184D_2204_u32.to_le_bytes().to_vec();
    frame.extend(&descriptor);
    frame.push(XxHash32::oneshot(0, &descriptor).to_le_bytes()[1]);
    for block in blocks {
        frame.extend((u32::try_from(block.len()).unwrap() | 1 << 31).to_le_bytes());
        frame.extend(*block);
        if flags & BLOCK_CHECKSUM != 0 {
            frame.extend(XxHash32::oneshot(0, block).to_le_bytes());
        }
    }
    frame.extend([0; 4]);
    if flags & CONTENT_CHECKSUM != 0 {
        frame.extend(XxHash32::oneshot(0, &content).to_le_bytes());
    }
    frame
}

fn decode(codec: &dyn Codec, frame: &[u8], len: usize) -> Result<Vec<u8>, CodecError> {
    let mut block = vec![0; len];
    codec.decode(frame, &mut block).map(|()| block)
}

/// Codecs that pack.
fn packing() -> Vec<Box<dyn Codec>> {
    vec![
        Box::new(Lz4::default()),
        #[cfg(feature = "lz4-c")]
        Box::new(batcher_codecs::Lz4C::default()),
    ]
}

/// All codecs of these frames.
fn all() -> Vec<Box<dyn Codec>> {
    packing().into_iter().chain([Box::new(Raw) as _]).collect()
}

/// Where a decoder stopped because it was not given a frame of its own.
fn refused_at(codec: &dyn Codec, frame: &[u8], len: usize) -> usize {
    match decode(codec, frame, len) {
        Err(CodecError::Malformed { offset, .. }) => offset,
        other => panic!("{codec:?}: {:?}", other.map(|block| block.len())),
    }
}

#[test]
fn the_lz4_tool_reads_frames_one_after_the_other() {
    for codec in all() {
        let (mut frames, mut content) = (Vec::new(), Vec::new());
        for block in lengths().into_iter().flat_map(kinds) {
            frames.extend(encode(&*codec, block));
            content.extend(block);
        }
        assert!(tools::decode("lz4", &frames, Some(&content)).unwrap() == content, "{codec:?}");
    }
}

/// Byte for byte as the format's description has it, built here from its parts.
#[test]
fn stored_frames_are_as_described() {
    for (len, block_size) in
        [(1, 4), (1 << 16, 4), ((1 << 16) + 1, 5), ((1 << 18) + 1, 6), ((1 << 20) + 1, 7)]
    {
        for codec in all() {
            let expected = foreign(OURS, block_size << 4, &[noise(len)]);
            assert!(encode(&*codec, noise(len)) == expected, "{codec:?}, {len}");
        }
    }
    let (first, second) = noise((4 << 20) + 1).split_at(4 << 20);
    let expected = foreign(OURS, 7 << 4, &[first, second]);
    assert!(encode(&Raw, noise((4 << 20) + 1)) == expected);
    assert_eq!(encode(&Lz4::default(), b""), foreign(OURS, KIB_64, &[]));
    assert_eq!(encode(&Raw, b""), foreign(OURS, KIB_64, &[]));
}

#[test]
fn only_rows_shrink() {
    let codec = Lz4::default();
    assert!(encode(&codec, rows(100_000)).len() < 70_000);
    assert_eq!(encode(&codec, noise(100_000)).len(), codec.max_frame_len(100_000));
    assert_eq!(encode(&Raw, rows(100_000)).len(), Raw.max_frame_len(100_000));
    // One part that shrinks and one that does not.
    let mixed = [rows(4 << 20), noise(1000)].concat();
    let frame = encode(&codec, &mixed);
    assert!(frame.len() < mixed.len());
    assert!(decode(&codec, &frame, mixed.len()).unwrap() == mixed);
}

#[test]
fn foreign_options_are_refused() {
    let block = rows(100);
    let frames = [
        (4, foreign(OURS | BLOCK_CHECKSUM, KIB_64, &[block])),
        (4, foreign(OURS | CONTENT_CHECKSUM, KIB_64, &[block])),
        (4, foreign(OURS & !INDEPENDENT, KIB_64, &[block])),
        (4, foreign(OURS & !CONTENT_SIZE, KIB_64, &[block])),
        (5, foreign(OURS, KIB_256, &[block])),
        (15, foreign(OURS, KIB_64, &[&block[..50], &block[50..]])),
    ];
    for codec in all() {
        let ours = foreign(OURS, KIB_64, &[block]);
        assert_eq!(decode(&*codec, &ours, 100).unwrap(), block);
        for (offset, frame) in &frames {
            // A good frame all the same.
            assert_eq!(tools::decode("lz4", frame, Some(block)).as_deref(), Some(block));
            assert_eq!(refused_at(&*codec, frame, 100), *offset, "{codec:?}");
        }
    }
}

#[test]
fn what_no_tool_takes_is_refused() {
    let block = rows(100);
    let ours = foreign(OURS, KIB_64, &[block]);
    let with = |offset: usize, byte: u8| {
        let mut frame = ours.clone();
        frame[offset] = byte;
        frame
    };
    let frames = [
        (4, foreign(OURS | RESERVED, KIB_64, &[block])),
        (4, foreign(OURS | DICTIONARY, KIB_64, &[block])),
        (4, foreign(OURS ^ 0b1100_0000, KIB_64, &[block])),
        (5, foreign(OURS, KIB_64 | 1, &[block])),
        (5, foreign(OURS, 3 << 4, &[block])),
        (6, with(6, 99)),
        (14, with(14, !ours[14])),
        // More, fewer and no bytes in the block.
        (15, with(15, 101)),
        (15, with(15, 99)),
        (15, with(15, 0)),
        // Packed, but no shorter; and all of it an end mark.
        (15, with(18, 0)),
        (15, [&ours[..15], &[0; 4]].concat()),
        // No end mark.
        (119, with(119, 1)),
        (119, ours[..119].to_vec()),
        (123, [ours.as_slice(), &[0]].concat()),
    ];
    for codec in all() {
        for (offset, frame) in &frames {
            assert_eq!(refused_at(&*codec, frame, 100), *offset, "{codec:?}: {frame:x?}");
        }
    }
}

#[test]
fn other_frames_beside_ours_are_refused() {
    let ours = foreign(OURS, KIB_64, &[rows(100)]);
    let skippable = [0x184D_2A50_u32.to_le_bytes(), 0_u32.to_le_bytes()].concat();
    let legacy = [0x184C_2102_u32.to_le_bytes(), 0_u32.to_le_bytes()].concat();
    for codec in all() {
        assert_eq!(refused_at(&*codec, &skippable, 0), 0);
        // Its magic begins like a frame's own.
        assert!(refused_at(&*codec, &[skippable.as_slice(), &ours].concat(), 100) < 4);
        assert!(refused_at(&*codec, &[legacy.as_slice(), &ours].concat(), 100) < 4);
        assert_eq!(refused_at(&*codec, &[ours.as_slice(), &skippable].concat(), 100), ours.len());
        assert_eq!(refused_at(&*codec, &[ours.as_slice(), &ours].concat(), 100), ours.len());
    }
}

/// A match of what lies no bytes back is none: the decoder in C takes it for zeros, the other refuses it.
#[cfg(feature = "lz4-c")]
#[test]
fn a_registry_with_the_decoder_in_c_decodes_by_it() {
    use batcher_codecs::{Lz4C, registry};
    use batcher_core::CodecId;

    let mut frame = encode(&Lz4::default(), &[7; 1000]);
    // A literal, then a match of what lies one byte back.
    let offset = 15 + 4 + 2;
    assert_eq!(frame[offset..offset + 2], [1, 0]);
    frame[offset] = 0;
    let decoder =
        |registry: batcher_core::CodecRegistry| registry.decoder(CodecId::LZ4, &[]).unwrap().unwrap();
    assert!(decode(&*decoder(registry()), &frame, 1000).is_err());
    let c = decoder(registry().with(Lz4C::default()));
    assert_eq!(decode(&*c, &frame, 1000).unwrap()[..2], [7, 0]);
}

#[test]
fn packed_blocks_are_not_raw() {
    for codec in packing() {
        let frame = encode(&*codec, rows(1000));
        assert_eq!(decode(&*codec, &frame, 1000).unwrap(), rows(1000));
        assert_eq!(refused_at(&Raw, &frame, 1000), 15);
    }
}

#[test]
fn a_block_of_another_length_than_its_place_is_refused() {
    let mut frame = encode(&Lz4::default(), rows(1000));
    for len in [900, 1100] {
        let other = encode(&Lz4::default(), rows(len));
        frame.truncate(15);
        frame.extend(&other[15..]);
        for codec in packing() {
            assert_eq!(refused_at(&*codec, &frame, 1000), 15, "{codec:?}, {len}");
        }
    }
}

#[test]
fn the_length_in_the_header_is_named() {
    for codec in all() {
        for actual in [0, 99, 101, 65_537, 5 << 20] {
            let frame = encode(&*codec, noise(actual));
            let error = decode(&*codec, &frame, 100).unwrap_err();
            match error {
                CodecError::WrongLength { expected: 100, actual: named } => assert_eq!(named, actual),
                other => panic!("{other:?}"),
            }
        }
        // The most that a header can claim costs nothing.
        let mut frame = foreign(OURS, 7 << 4, &[]);
        frame[6..14].fill(0xFF);
        frame[14] = XxHash32::oneshot(0, &frame[4..14]).to_le_bytes()[1];
        assert!(matches!(
            decode(&*codec, &frame, 100),
            Err(CodecError::WrongLength { expected: 100, actual: usize::MAX })
        ));
    }
}

/// The tool takes it, but then one block would have two frames.
#[test]
fn a_packed_block_that_did_not_shrink_is_refused() {
    let mut frame = foreign(OURS, KIB_64, &[b"state"]);
    // A length of literals in front, and no longer stored.
    frame.splice(15..20, *b"\x06\0\0\0\x50s");
    assert_eq!(tools::decode("lz4", &frame, Some(b"state")).as_deref(), Some(&b"state"[..]));
    for codec in packing() {
        assert_eq!(refused_at(&*codec, &frame, 5), 15);
    }
}

/// The one in C takes some damaged frames that the other refuses. Where both take one, they find the same in it.
#[cfg(feature = "lz4-c")]
#[test]
fn the_decoder_in_c_gives_what_the_other_gives() {
    let (rust, c) = (Lz4::default(), batcher_codecs::Lz4C::default());
    for block in [rows(110), rows(1000), &[7; 300], &b"key=value;".repeat(30)] {
        let frame = encode(&rust, block);
        assert_eq!(encode(&c, block), frame);
        let mut taken = 0;
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let found = [decode(&rust, &flipped, block.len()), decode(&c, &flipped, block.len())];
            if let [Ok(rust), Ok(c)] = &found {
                assert_eq!(rust, c, "bit {bit}");
                taken += 1;
            }
        }
        assert!(taken > 0);
    }
}

/// Where a flip is not noticed, the tool does not notice either: what is taken here is a standard frame.
#[test]
fn the_lz4_tool_takes_what_is_taken_here() {
    for codec in all() {
        let block = rows(110);
        let frame = encode(&*codec, block);
        let mut taken = 0;
        for bit in 0..frame.len() * 8 {
            let mut flipped = frame.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Ok(block) = decode(&*codec, &flipped, block.len()) {
                taken += 1;
                let by_tool = tools::decode("lz4", &flipped, Some(&block));
                assert!(by_tool == Some(block), "{codec:?}, bit {bit}");
            }
        }
        assert!(taken > 0);
    }
}
