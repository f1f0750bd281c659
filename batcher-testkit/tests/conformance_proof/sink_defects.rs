//! The rules that each defect of a store turns red.

use std::collections::BTreeSet;

use batcher_testkit::conformance::{self, SinkOptions, Verdict, sink_rules};
use batcher_testkit::{MemoryStore, block_on};

use crate::defect::Defect::{self, *};
use crate::store::Broken;

const DEFECTS: &[(Defect, &[&str])] = &[
    (
        SizesOfSixteenBits,
        &["what_was_put_is_read_back", "large_objects_come_back", "dropped_puts_are_whole_or_absent"],
    ),
    (
        ChunksInReverse,
        &["chunks_come_back_in_order", "large_objects_come_back", "dropped_puts_are_whole_or_absent"],
    ),
    (EmptyIsNotStored, &["empty_objects_exist", "replace_replaces"]),
    (CutsLargeObjects, &["large_objects_come_back"]),
    (StatesALongestPutThatItDoesNotHold, &["the_longest_put_is_honoured"]),
    (
        RefusesTheLongestPut,
        &[
            "large_objects_come_back",
            "the_longest_put_is_honoured",
            "one_creator_wins",
            "dropped_reads_and_deletes_do_no_harm",
        ],
    ),
    (
        CreateOverwrites,
        &["create_refuses_a_taken_name", "one_creator_wins", "errors_name_object_and_operation"],
    ),
    (CreateLooksFirst, &["one_creator_wins"]),
    (CreateRefusesEveryone, &["one_creator_wins"]),
    (ReplaceKeepsTheTail, &["replace_replaces"]),
    (ReplaceDeletesFirst, &["readers_see_whole_versions", "dropped_puts_are_whole_or_absent"]),
    (ReadsInTwoHalves, &["readers_see_whole_versions"]),
    (VersionIsTheLength, &["readers_see_whole_versions", "versions_tell_contents_apart"]),
    (VersionChangesWithTheRange, &["versions_tell_contents_apart"]),
    (
        StartPastTheEndIsAnError,
        &[
            "empty_objects_exist",
            "versions_tell_contents_apart",
            "ranges_are_cut_at_the_end",
            "absent_objects_are_not_found",
        ],
    ),
    (EndPastSignedNumbersIsAnError, &["ranges_are_cut_at_the_end"]),
    (
        LongSuffixIsAnError,
        &[
            "empty_objects_exist",
            "versions_tell_contents_apart",
            "suffixes_are_read_or_refused",
            "absent_objects_are_not_found",
        ],
    ),
    (SuffixIsAPrefix, &["suffixes_are_read_or_refused"]),
    (TakesBadNames, &["bad_names_are_invalid", "errors_name_object_and_operation"]),
    (DecodesPercents, &["odd_names_stand_for_themselves"]),
    (RefusesLeadingMarks, &["odd_names_stand_for_themselves", "lists_go_by_prefix"]),
    (CutsLongNames, &["long_names_are_whole_or_refused"]),
    (ListsByDirectory, &["long_names_are_whole_or_refused", "lists_go_by_prefix"]),
    (
        ListsOtherLengths,
        &[
            "what_was_put_is_read_back",
            "empty_objects_exist",
            "lists_go_by_prefix",
            "long_lists_are_complete",
            "lists_can_be_dropped",
            "prefixes_are_apart",
            "many_at_once_do_not_mix",
            "uploads_are_invisible_until_completed",
        ],
    ),
    (ListsOnePage, &["long_lists_are_complete"]),
    (ListsTwice, &["long_lists_are_complete"]),
    (ListsGoOnWhereOneWasDropped, &["lists_can_be_dropped"]),
    (JoinsPrefixes, &["prefixes_are_apart"]),
    (DeleteOfNothingFails, &["deleting_twice_succeeds", "dropped_reads_and_deletes_do_no_harm"]),
    (DeleteTakesWhatIsBelow, &["deleting_twice_succeeds"]),
    (BelowAnObjectIsAnotherError, &["absent_objects_are_not_found"]),
    (NotFoundIsEmpty, &["absent_objects_are_not_found"]),
    (
        DeletesWithoutSayingSo,
        &["undeclared_capabilities_are_unsupported", "errors_name_object_and_operation"],
    ),
    (UnsupportedIsUnknown, &["undeclared_capabilities_are_unsupported"]),
    (ErrorsNameNothing, &["errors_name_object_and_operation"]),
    (ErrorsNameAnotherOperation, &["errors_name_object_and_operation"]),
    (DebugShowsState, &["debug_output_shows_no_payload"]),
    (UploadsShowParts, &["debug_output_shows_no_payload"]),
    (ErrorsShowState, &["debug_output_shows_no_payload"]),
    (
        MixesWritersUp,
        &["lists_go_by_prefix", "long_lists_are_complete", "lists_can_be_dropped", "many_at_once_do_not_mix"],
    ),
    (PutsInTwoSteps, &["readers_see_whole_versions", "dropped_puts_are_whole_or_absent"]),
    (DroppedReadsPoison, &["dropped_reads_and_deletes_do_no_harm"]),
    (DroppedPutsLockTheName, &["one_creator_wins", "dropped_puts_are_whole_or_absent"]),
    (
        PartsAreVisible,
        &[
            "uploads_are_invisible_until_completed",
            "aborted_uploads_leave_nothing",
            "a_missing_part_is_noticed",
            "dropped_uploads_are_whole_or_absent",
        ],
    ),
    (AbortCompletes, &["aborted_uploads_leave_nothing"]),
    (
        CompletionReplaces,
        &[
            "errors_name_object_and_operation",
            "completion_honours_the_mode",
            "uploads_at_once_are_apart",
            "one_completion_wins",
        ],
    ),
    (
        CompletionNeverReplaces,
        &[
            "uploads_are_invisible_until_completed",
            "completion_honours_the_mode",
            "uploads_at_once_are_apart",
            "one_completion_wins",
        ],
    ),
    (CompletionLooksFirst, &["one_completion_wins"]),
    (UploadsShareParts, &["uploads_at_once_are_apart", "one_completion_wins"]),
    (PartsStandAsTheyCome, &["parts_finish_in_any_order", "parts_run_at_once"]),
    (OnePartAtATime, &["parts_run_at_once"]),
    (OneByteIsNoPart, &["one_part_suffices"]),
    (NoPartsVanish, &["no_part_is_nothing_or_empty"]),
    (MissingPartsAreSkipped, &["a_missing_part_is_noticed"]),
    (StatesMorePartsThanItTakes, &["declared_part_limits_work"]),
    (LeavesOutPartsTooMany, &["declared_part_limits_work"]),
    (CompletesInTwoSteps, &["dropped_uploads_are_whole_or_absent"]),
    (
        AbortDeletesTheObject,
        &[
            "aborted_uploads_leave_nothing",
            "completion_honours_the_mode",
            "dropped_uploads_are_whole_or_absent",
        ],
    ),
    (
        SuffixReadPanics,
        &[
            "empty_objects_exist",
            "readers_see_whole_versions",
            "versions_tell_contents_apart",
            "suffixes_are_read_or_refused",
            "bad_names_are_invalid",
            "absent_objects_are_not_found",
        ],
    ),
];

#[test]
fn each_defect_turns_its_rules_red_and_no_other() {
    let mut wrong = Vec::new();
    for (defect, expected) in DEFECTS {
        let mut red = Vec::new();
        for rule in sink_rules() {
            // Each on a new store: what one rule does to it is not to show in the next.
            let store = Broken::new(*defect, MemoryStore::builder());
            if block_on(rule.check(&store, &SinkOptions::default())).is_broken() {
                red.push(rule.id());
            }
        }
        if red != *expected {
            wrong.push(format!("    ({defect:?}, &{red:?}),\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.concat());
}

#[test]
fn every_rule_is_turned_red_by_some_defect() {
    let red: BTreeSet<_> = DEFECTS.iter().flat_map(|(_, rules)| rules.iter().copied()).collect();
    let all: BTreeSet<_> = sink_rules().iter().map(conformance::SinkRule::id).collect();
    assert_eq!(red, all);
}

#[test]
fn a_store_that_may_refuse_odd_names_takes_plain_ones() {
    let store = Broken::new(RefusesLeadingMarks, MemoryStore::builder());
    let options = SinkOptions::default().with_odd_names_refused();
    let report = block_on(conformance::sink(&store, &options));
    let finding = report.finding("odd_names_stand_for_themselves").unwrap();
    let Verdict::Broken(message) = finding.verdict() else { panic!("{finding}") };
    assert!(message.contains("/odd/...\""), "{message}");
}

#[test]
fn a_panic_is_a_breach_that_is_reported() {
    let store = Broken::new(SuffixReadPanics, MemoryStore::builder());
    let report = block_on(conformance::sink(&store, &SinkOptions::default()));
    let finding = report.finding("suffixes_are_read_or_refused").unwrap();
    let Verdict::Broken(message) = finding.verdict() else { panic!("{finding}") };
    assert!(message.contains("no suffixes today"), "{message}");
}
