//! Every codec keeps the rules of the conformance suite.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

mod blocks;
mod digests;

use batcher_codecs::Raw;
use batcher_core::{Codec, CodecError, CodecId};
use batcher_testkit::codec_conformance;
use batcher_testkit::conformance::{CodecOptions, CodecRule, Finding};
use blocks::{codecs, encode};
use proptest::prelude::*;

/// What decoding may allocate besides the block, in bytes: room for the list of contexts that wait to be used again. The
/// Zstandard library's own memory is not seen.
const BUDGET: u64 = 1024;

fn check<C: Codec + 'static>(rule: CodecRule, make: fn() -> C, digests: &[(&str, &str)]) -> Finding {
    let options = CodecOptions::default()
        .with_registry(batcher_codecs::registry())
        .with_allocation_budget(|work| allocation_counter::measure(work).bytes_max, BUDGET)
        .with_digests(digests);
    rule.check(make, &options)
}

codec_conformance!(raw, |rule| check(rule, || Raw, &digests::RAW));

#[cfg(feature = "lz4")]
mod lz4 {
    use super::*;
    use batcher_codecs::{Lz4, Lz4Block};
    use digests::{Digests, LZ4, LZ4_BLOCK};

    fn where_they_hold(digests: &Digests) -> &[(&'static str, &'static str)] {
        if cfg!(target_pointer_width = "64") { digests } else { &[] }
    }

    codec_conformance!(framed, |rule| check(rule, Lz4::default, where_they_hold(&LZ4)));
    #[cfg(feature = "lz4-c")]
    codec_conformance!(framed_decoded_in_c, |rule| {
        check(rule, batcher_codecs::Lz4C::default, where_they_hold(&LZ4))
    });
    codec_conformance!(bare, |rule| check(rule, Lz4Block::default, where_they_hold(&LZ4_BLOCK)));
}

#[cfg(feature = "zstd")]
mod zstd {
    use std::sync::{Arc, LazyLock};

    use super::*;
    use batcher_codecs::Zstd;
    use batcher_core::CodecRegistry;

    codec_conformance!(default_level, |rule| check(rule, Zstd::default, &digests::ZSTD));
    codec_conformance!(fast, |rule| check(rule, || Zstd::new(-7).unwrap(), &[]));
    codec_conformance!(level_3, |rule| check(rule, || Zstd::new(3).unwrap(), &[]));
    codec_conformance!(with_dictionary, |rule| {
        let options = CodecOptions::default()
            .with_registry(CodecRegistry::new().with(learned()))
            .with_allocation_budget(|work| allocation_counter::measure(work).bytes_max, BUDGET);
        rule.check(learned, &options)
    });

    /// With what rows have in common.
    fn learned() -> Arc<dyn Codec> {
        static DICTIONARY: LazyLock<Vec<u8>> = LazyLock::new(|| {
            let samples: Vec<&[u8]> = blocks::rows(200_000).chunks(400).collect();
            Zstd::default().train_dictionary(&samples, 4096).unwrap()
        });
        Zstd::default().with_dictionary(&DICTIONARY).unwrap()
    }

    #[test]
    fn a_dictionary_is_of_use_and_needed() {
        let block = &blocks::rows(300_000)[250_000..251_000];
        let (plain, with) = (encode(&Zstd::default(), block), encode(&learned(), block));
        assert!(with.len() * 10 < plain.len() * 9, "{} {}", with.len(), plain.len());
        let missing = Zstd::default().decode(&with, &mut [0; 1000]);
        assert!(matches!(missing, Err(CodecError::Malformed { .. })));
        // What needs none is decoded all the same.
        let mut decoded = [0; 1000];
        learned().decode(&plain, &mut decoded).unwrap();
        assert!(decoded == *block);
    }

    #[test]
    fn what_is_no_dictionary_is_refused() {
        for bytes in [&b""[..], b"rows", b"\x37\xa4\x30\xec", b"\x37\xa4\x30\xec\x01\0\0\0rows"] {
            let refused = Zstd::default().with_dictionary(bytes);
            assert!(matches!(refused, Err(CodecError::Malformed { .. })), "{bytes:x?}");
        }
        let unknown = Raw.with_dictionary(b"rows");
        assert!(matches!(unknown, Err(CodecError::NoDictionaries)));
        assert!(Raw.train_dictionary(&[b"rows"], 1000).is_none());
        for samples in [&[][..], &[&b"rows"[..]; 3]] {
            assert!(Zstd::default().train_dictionary(samples, 1000).is_none());
        }
        assert!(Zstd::default().train_dictionary(&[blocks::rows(400); 500], 255).is_none(), "too short");
    }

    codec_conformance!(level_9, |rule| check(rule, || Zstd::new(9).unwrap(), &[]));
}

#[test]
fn the_registry_has_every_codec_and_no_other() {
    let registry = batcher_codecs::registry();
    for codec in codecs() {
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
            let mut decoded = vec![0xA5; block.len()];
            codec.decode(&frame, &mut decoded).unwrap();
            prop_assert!(decoded == block);
        }
    }
}
