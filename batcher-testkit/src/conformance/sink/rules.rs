//! The list of rules, from which the table and the tests of users are made.

use futures_util::future::FutureExt;

use super::{SinkRule, create, delete, list, multipart, name, object, range, refusal, replace};

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
            create::create_refuses_a_taken_name: "Creating under a taken name is AlreadyExists and changes nothing.";
            create::one_creator_wins: "Of several who create one object at once, one at most succeeds, and it is that one's.";
            replace::replace_replaces: "Replacing takes the place of longer, shorter and empty objects.";
            range::ranges_are_cut_at_the_end: "A range gives the bytes that there are in it, up to the largest numbers.";
            range::suffixes_are_read_or_refused: "A suffix gives the last bytes, or is Unsupported as declared.";
            name::bad_names_are_invalid: "What is not a name is InvalidInput for every operation, and nothing is done.";
            name::odd_names_stand_for_themselves: "Spaces, percent signs, non-ASCII and the like mean nothing but themselves.";
            name::long_names_are_whole_or_refused: "Names of up to 512 bytes work; longer ones do, or are refused, and are never cut.";
            list::lists_go_by_prefix: "A list has all that begins with the prefix, to the character, and nothing else.";
            list::long_lists_are_complete: "A list of more than a thousand objects has each of them once.";
            delete::deleting_twice_succeeds: "Deleting what is not there is a success, and harms nothing beside it.";
            refusal::absent_objects_are_not_found: "Reading or measuring what is not there is NotFound, whatever stands beside it.";
            refusal::undeclared_capabilities_are_unsupported: "What is not declared is Unsupported, and nothing is done.";
            multipart::parts_finish_in_any_order: "Parts stand in the order in which they were asked for.";
            multipart::aborted_uploads_leave_nothing: "An upload that is aborted, or dropped, never becomes an object.";
            multipart::completion_honours_the_mode: "Completion replaces, or refuses a name that has been taken since.";
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
