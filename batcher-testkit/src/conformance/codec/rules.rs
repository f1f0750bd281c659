//! The list of rules, from which the table and the tests of users are made.

use super::{CodecRule, allocation, damage, dictionary, digest, frame, identity, length, same};

/// Hands the list to [`__codec_rule_list`], with what is to be made of it.
#[doc(hidden)]
#[macro_export]
macro_rules! __codec_rules {
    ($make:ident) => {
        $crate::__codec_rule_list! { $make
            frame::blocks_come_back: "A block of any kind and length comes back from its frame, to the last byte.";
            frame::frames_keep_to_the_bound: "No frame is longer than max_frame_len, and none of a block with bytes is empty.";
            frame::the_buffer_makes_no_difference: "What is in the buffer before, and how long it is, changes no frame.";
            frame::too_small_a_buffer_is_an_error: "Encoding into a buffer that is shorter than the frame is an error.";
            frame::errors_leave_nothing_behind: "After errors, frames and blocks are as before.";
            same::a_frame_depends_on_its_block_alone: "The same block gives the same frame, whatever was encoded before, by whichever codec of the kind.";
            same::threads_make_no_difference: "Several threads at once get the same frames and blocks.";
            length::a_frame_fills_no_other_length: "A frame does not decode into more or fewer bytes than its block has.";
            length::no_truncation_decodes: "No beginning of a frame decodes.";
            length::nothing_may_follow: "A frame with something behind it does not decode.";
            length::bombs_fill_no_more_than_the_block: "A frame of much content does not decode into a short block.";
            length::the_bound_does_not_overflow: "max_frame_len neither panics nor wraps around, and never falls.";
            damage::flipped_bits_are_survived: "A frame with any bit flipped is an error or gives some block, and never a panic.";
            damage::claimed_lengths_are_survived: "A frame that claims the largest lengths is an error or gives some block, and never a panic.";
            damage::arbitrary_bytes_are_survived: "Bytes of chance are an error or give some block, and never a panic.";
            identity::identity_is_stable: "Id and parameters never change, and the parameters fit into an object's header.";
            identity::another_of_its_kind_decodes: "A codec that has seen nothing decodes what another has encoded.";
            identity::the_registry_finds_a_decoder: "The registry makes a decoder from id and parameters, and takes any parameters without a panic.";
            allocation::decoding_keeps_to_the_budget: "Decoding allocates no more than stated besides the block, whatever the frame claims.";
            digest::frames_are_as_they_were: "Frames have the digests that they had.";
            dictionary::dictionaries_are_known_or_not: "A codec that answers NoDictionaries does so whatever it is given, and trains none.";
            dictionary::the_same_samples_train_the_same: "The same samples train the same dictionary, whatever was trained before, by whichever codec of the kind.";
            dictionary::dictionaries_keep_to_their_length: "No dictionary is longer than it may be, however short that is.";
            dictionary::odd_samples_are_survived: "No samples, one, empty and odd ones train a dictionary or none, and never panic.";
            dictionary::blocks_come_back_with_a_dictionary: "A block comes back from a frame made with a dictionary, by whichever codec of the kind has the same.";
            dictionary::a_dictionary_keeps_to_the_bound: "No frame made with a dictionary is longer than max_frame_len without.";
            dictionary::a_dictionary_changes_no_identity: "A codec with a dictionary has the id and the parameters of the one without.";
            dictionary::a_frame_depends_on_block_and_dictionary_alone: "The same block and dictionary give the same frame, whatever was encoded before.";
            dictionary::any_bytes_are_survived_as_a_dictionary: "Bytes of chance and damaged dictionaries are Malformed or NoDictionaries, or make a codec that does not panic.";
            dictionary::damage_is_survived_with_a_dictionary: "With a dictionary, too, damaged frames are an error or give some block, cut ones an error, and none is a panic.";
        }
    };
}

/// Makes the table of this crate, or one test for each rule.
#[doc(hidden)]
#[macro_export]
macro_rules! __codec_rule_list {
    (table $($module:ident::$id:ident: $summary:literal;)*) => {
        &[$(CodecRule { id: stringify!($id), summary: $summary, check: $module::$id }),*]
    };
    (tests $($module:ident::$id:ident: $summary:literal;)*) => {
        $(
            #[test]
            fn $id() {
                let rule = $crate::conformance::CodecRule::find(stringify!($id));
                finding(rule.expect("a rule of the suite")).assert_clean();
            }
        )*
    };
}

/// Every rule, in the order in which they are best mended.
#[must_use]
pub fn codec_rules() -> &'static [CodecRule] {
    __codec_rules!(table)
}
