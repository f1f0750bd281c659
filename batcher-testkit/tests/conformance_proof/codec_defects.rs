//! The rules that each defect of a codec turns red.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use batcher_core::{Codec, CodecId, CodecRegistry};
use batcher_testkit::conformance::{self, CodecOptions, CodecRule, Finding, codec_rules, frame_digests};

use crate::codec::BrokenCodec;
use crate::codec::CodecDefect::{self, *};

const DEFECTS: &[(CodecDefect, &[&str])] = &[
    (LeavesAByteUndecoded, &["blocks_come_back"]),
    (
        FillsTheBufferUp,
        &[
            "frames_keep_to_the_bound",
            "the_buffer_makes_no_difference",
            "too_small_a_buffer_is_an_error",
            "errors_leave_nothing_behind",
            "no_truncation_decodes",
            "nothing_may_follow",
            "the_registry_finds_a_decoder",
            "frames_are_as_they_were",
        ],
    ),
    (
        EmptyFrameOfOneByte,
        &[
            "frames_keep_to_the_bound",
            "another_of_its_kind_decodes",
            "the_registry_finds_a_decoder",
            "frames_are_as_they_were",
        ],
    ),
    (LeavesAByteUnwritten, &["the_buffer_makes_no_difference", "errors_leave_nothing_behind"]),
    (PanicsInASmallBuffer, &["too_small_a_buffer_is_an_error"]),
    (ClaimsToHaveWritten, &["too_small_a_buffer_is_an_error"]),
    (ErrorsAreRemembered, &["errors_leave_nothing_behind"]),
    (
        BlocksAreRemembered,
        &[
            "the_buffer_makes_no_difference",
            "errors_leave_nothing_behind",
            "a_frame_depends_on_its_block_alone",
            "threads_make_no_difference",
            "frames_are_as_they_were",
        ],
    ),
    (ThreadsDiffer, &["threads_make_no_difference"]),
    (DecodesABeginning, &["a_frame_fills_no_other_length", "bombs_fill_no_more_than_the_block"]),
    (FillsUpWithZeros, &["no_truncation_decodes"]),
    (IgnoresTheRest, &["nothing_may_follow"]),
    (
        RunsFitAnyBlock,
        &["a_frame_fills_no_other_length", "nothing_may_follow", "bombs_fill_no_more_than_the_block"],
    ),
    (
        PanicsAtAnUnknownShape,
        &[
            "flipped_bits_are_survived",
            "claimed_lengths_are_survived",
            "arbitrary_bytes_are_survived",
            "decoding_keeps_to_the_budget",
        ],
    ),
    (
        PanicsAtALongLength,
        &[
            "flipped_bits_are_survived",
            "claimed_lengths_are_survived",
            "arbitrary_bytes_are_survived",
            "decoding_keeps_to_the_budget",
        ],
    ),
    (
        PanicsWithoutAMark,
        &[
            "flipped_bits_are_survived",
            "claimed_lengths_are_survived",
            "arbitrary_bytes_are_survived",
            "decoding_keeps_to_the_budget",
        ],
    ),
    (
        FailsAsALibrary,
        &[
            "errors_leave_nothing_behind",
            "no_truncation_decodes",
            "nothing_may_follow",
            "flipped_bits_are_survived",
            "claimed_lengths_are_survived",
            "arbitrary_bytes_are_survived",
        ],
    ),
    (
        StopsBehindTheEnd,
        &[
            "errors_leave_nothing_behind",
            "no_truncation_decodes",
            "nothing_may_follow",
            "flipped_bits_are_survived",
            "claimed_lengths_are_survived",
            "arbitrary_bytes_are_survived",
        ],
    ),
    (BelievesTheLength, &["decoding_keeps_to_the_budget"]),
    (BoundWrapsAround, &["the_bound_does_not_overflow"]),
    (IdChanges, &["identity_is_stable"]),
    (ParamsAreLong, &["identity_is_stable"]),
    (ParamsChange, &["identity_is_stable"]),
    (
        KnowsOnlyItsOwn,
        &[
            "errors_leave_nothing_behind",
            "a_frame_depends_on_its_block_alone",
            "threads_make_no_difference",
            "another_of_its_kind_decodes",
        ],
    ),
    (FramesAreNew, &["frames_are_as_they_were"]),
    (KnowsSomeDictionaries, &["dictionaries_are_known_or_not"]),
    (
        TrainsAndKnowsNone,
        &[
            "dictionaries_are_known_or_not",
            "odd_samples_are_survived",
            "blocks_come_back_with_a_dictionary",
            "a_dictionary_keeps_to_the_bound",
            "a_dictionary_changes_no_identity",
            "a_frame_depends_on_block_and_dictionary_alone",
            "any_bytes_are_survived_as_a_dictionary",
            "damage_is_survived_with_a_dictionary",
        ],
    ),
    (TrainsByItsNumber, &["the_same_samples_train_the_same"]),
    (TrainsAByteTooMuch, &["dictionaries_keep_to_their_length", "odd_samples_are_survived"]),
    (PanicsWithoutSamples, &["odd_samples_are_survived"]),
    (
        LosesWhatIsInTheDictionary,
        &["blocks_come_back_with_a_dictionary", "any_bytes_are_survived_as_a_dictionary"],
    ),
    (DictionariesMakeLonger, &["a_dictionary_keeps_to_the_bound"]),
    (DictionariesAreParams, &["a_dictionary_changes_no_identity"]),
    (BlocksAreRememberedBesides, &["a_frame_depends_on_block_and_dictionary_alone"]),
    (BelievesDictionaries, &["any_bytes_are_survived_as_a_dictionary"]),
    (
        DictionariesFailAsALibrary,
        &["dictionaries_are_known_or_not", "any_bytes_are_survived_as_a_dictionary"],
    ),
    (BelievesThePrefix, &["damage_is_survived_with_a_dictionary"]),
];

fn good() -> BrokenCodec {
    BrokenCodec::new(CodecDefect::None, &Arc::default())
}

fn options() -> CodecOptions {
    let digests = frame_digests(&good()).unwrap();
    let digests: Vec<_> = digests.iter().map(|(name, digest)| (&**name, &**digest)).collect();
    CodecOptions::default()
        .with_registry(CodecRegistry::new().with(good()))
        .with_allocation_budget(|work| allocation_counter::measure(work).bytes_max, 100)
        .with_digests(&digests)
}

fn check(rule: &CodecRule, defect: CodecDefect, options: &CodecOptions) -> Finding {
    let numbers = Arc::new(AtomicU8::new(0));
    rule.check(|| BrokenCodec::new(defect, &numbers), options)
}

#[test]
fn each_defect_turns_its_rules_red_and_no_other() {
    let options = options();
    let mut wrong = Vec::new();
    for (defect, expected) in DEFECTS {
        let broken = codec_rules().iter().filter(|rule| check(rule, *defect, &options).is_broken());
        let red: Vec<_> = broken.map(CodecRule::id).collect();
        if red != *expected {
            wrong.push(format!("    ({defect:?}, &{red:?}),\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn every_rule_is_turned_red_by_some_defect() {
    let red: BTreeSet<_> = DEFECTS.iter().flat_map(|(_, rules)| rules.iter().copied()).collect();
    let by_options = ["the_registry_finds_a_decoder"];
    let all: BTreeSet<_> = codec_rules().iter().map(CodecRule::id).collect();
    assert_eq!(red.union(&by_options.into()).copied().collect::<BTreeSet<_>>(), all);
}

#[test]
fn a_registry_that_does_not_know_the_codec_is_noticed() {
    let rule = CodecRule::find("the_registry_finds_a_decoder").unwrap();
    let registries = [
        CodecRegistry::new(),
        CodecRegistry::new().with_factory(CodecId::new(CodecId::FIRST_PRIVATE), |params| {
            assert!(params.len() < 4000, "too many");
            Ok(Arc::new(good()) as Arc<dyn Codec>)
        }),
        CodecRegistry::new().with_factory(CodecId::new(CodecId::FIRST_PRIVATE), |_| {
            Err(batcher_core::CodecError::Params { reason: "none will do" })
        }),
        CodecRegistry::new().with(BrokenCodec::new(KnowsOnlyItsOwn, &Arc::new(AtomicU8::new(7)))),
    ];
    for registry in registries {
        let finding = rule.check(good, &CodecOptions::default().with_registry(registry));
        assert!(finding.is_broken(), "{finding}");
    }
}

#[test]
fn a_probe_that_counts_nothing_is_noticed() {
    let rule = CodecRule::find("decoding_keeps_to_the_budget").unwrap();
    let blind = |work: &mut dyn FnMut()| {
        work();
        0
    };
    assert!(rule.check(good, &CodecOptions::default().with_allocation_budget(blind, 100)).is_broken());
}

#[test]
fn a_digest_of_no_block_is_noticed() {
    let rule = CodecRule::find("frames_are_as_they_were").unwrap();
    assert!(rule.check(good, &CodecOptions::default().with_digests(&[("row-1000", "0")])).is_broken());
}

#[test]
fn a_good_codec_is_clean_and_what_nobody_asked_for_is_said() {
    let report = conformance::codec(good, &options());
    assert!(report.is_clean(), "{report}");
    let skipped = |report: &conformance::Report| report.to_string().matches("not applicable  ").count();
    assert_eq!(skipped(&report), 0);
    let report = conformance::codec(good, &CodecOptions::default().without("no_truncation_decodes"));
    assert_eq!(skipped(&report), 4);
    assert!(report.to_string().contains("4 not applicable, 0 broken"));
}

/// How many rules are not applicable to a codec that keeps all others.
fn skipped(kind: CodecDefect) -> usize {
    let numbers = Arc::default();
    let report = conformance::codec(|| BrokenCodec::new(kind, &numbers), &options());
    assert!(report.is_clean(), "{report}");
    report.to_string().matches("not applicable  ").count()
}

#[test]
fn no_more_is_asked_of_dictionaries_than_a_codec_knows_of_them() {
    assert_eq!(skipped(KnowsNoDictionaries), 9);
    // None is trained.
    assert_eq!(skipped(TakesAnyDictionary), 3);
}
