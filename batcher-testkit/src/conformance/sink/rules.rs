//! The list of rules, from which the table and the tests of users are made.

use futures_util::future::FutureExt;

use super::{
    SinkRule, cancel, concurrent, create, debug, delete, list, multipart, name, object, part, range, refusal,
    replace,
};

/// Hands the list to [`__sink_rule_list`], with what is to be made of it.
#[doc(hidden)]
#[macro_export]
macro_rules! __sink_rules {
    ($make:ident) => {
        $crate::__sink_rule_list! { $make
            object::what_was_put_is_read_back: "An acknowledged object is read, measured and listed at once, whatever its length.";
            object::chunks_come_back_in_order: "A payload of many chunks is their concatenation.";
            object::empty_objects_exist: "An object of no bytes is there, and every range of it is empty.";
            object::large_objects_come_back: "An object of some MiB comes back whole, and in pieces.";
            object::the_longest_put_is_honoured: "A put of the longest declared length works; one byte more is TooLarge, and nothing is done.";
            create::create_refuses_a_taken_name: "Creating under a taken name is AlreadyExists and changes nothing.";
            create::one_creator_wins: "Of several who create one object at once, one at most succeeds, and it is that one's.";
            replace::replace_replaces: "Replacing takes the place of longer, shorter and empty objects.";
            replace::readers_see_whole_versions: "Whoever reads while an object is replaced sees one whole version, and never an older one later.";
            replace::versions_tell_contents_apart: "Where versions are told, all reads of one object tell the same, and other content has another.";
            range::ranges_are_cut_at_the_end: "A range gives the bytes that there are in it, up to the largest numbers.";
            range::suffixes_are_read_or_refused: "A suffix gives the last bytes, or is Unsupported as declared.";
            name::bad_names_are_invalid: "What is not a name is InvalidInput for every operation, and nothing is done.";
            name::odd_names_stand_for_themselves: "Spaces, percent signs, non-ASCII and the like mean nothing but themselves.";
            name::long_names_are_whole_or_refused: "Names of up to 512 bytes work; longer ones do, or are refused, and are never cut.";
            list::lists_go_by_prefix: "A list has all that begins with the prefix, to the character, and nothing else.";
            list::long_lists_are_complete: "A list of more than a thousand objects has each of them once.";
            list::lists_can_be_dropped: "A list that is dropped halfway, or read beside another, spoils none.";
            list::prefixes_are_apart: "Users of different prefixes do not see or touch each other's objects.";
            delete::deleting_twice_succeeds: "Deleting what is not there is a success, and harms nothing beside it; the name is free again.";
            refusal::absent_objects_are_not_found: "Reading or measuring what is not there is NotFound, whatever stands beside it.";
            refusal::undeclared_capabilities_are_unsupported: "What is not declared is Unsupported, and nothing is done.";
            refusal::errors_name_object_and_operation: "An error names the object as the caller did, and what was asked.";
            debug::debug_output_shows_no_payload: "No debug form of a store, an upload or an error shows what was put.";
            concurrent::many_at_once_do_not_mix: "Several users at once each find their own objects as they left them.";
            cancel::dropped_puts_are_whole_or_absent: "A put dropped at any poll leaves the old or the new object whole, and the name usable.";
            cancel::dropped_reads_and_deletes_do_no_harm: "A read or a delete dropped at any poll can be done again.";
            multipart::uploads_are_invisible_until_completed: "Before an upload is completed, what was there before stands.";
            multipart::aborted_uploads_leave_nothing: "An upload that is aborted, or dropped, never becomes an object.";
            multipart::completion_honours_the_mode: "Completion replaces, or refuses a name that has been taken.";
            multipart::uploads_at_once_are_apart: "Two uploads of one name at once keep their parts apart.";
            multipart::one_completion_wins: "Of several who complete one object at once, one at most creates it, and it is whole and that one's.";
            part::parts_finish_in_any_order: "Parts stand in the order in which they were asked for.";
            part::parts_run_at_once: "Parts that are sent at once all arrive.";
            part::one_part_suffices: "An upload of one part, of any length, is an object.";
            part::no_part_is_nothing_or_empty: "An upload without parts fails, or is an empty object.";
            part::a_missing_part_is_noticed: "An upload of which a part was given up fails, or has the part all the same.";
            part::declared_part_limits_work: "As many parts as declared, as short as declared, make an object; one too many is not left out.";
            cancel::dropped_uploads_are_whole_or_absent: "A start or a completion dropped at any poll leaves a whole object or none.";
        }
    };
}

/// Makes the table of this crate, or one test for each rule.
#[doc(hidden)]
#[macro_export]
macro_rules! __sink_rule_list {
    (table $($module:ident::$id:ident: $summary:literal;)*) => {
        &[$(SinkRule {
            id: stringify!($id),
            summary: $summary,
            check: |trial| $module::$id(trial).boxed(),
        }),*]
    };
    (tests $($module:ident::$id:ident: $summary:literal;)*) => {
        $(
            #[test]
            fn $id() {
                let rule = $crate::conformance::SinkRule::find(stringify!($id));
                finding(rule.expect("a rule of the suite")).assert_clean();
            }
        )*
    };
}

/// Every rule, in the order in which they are best mended.
#[must_use]
pub fn sink_rules() -> &'static [SinkRule] {
    __sink_rules!(table)
}
