//! The proof that explorations find what they are for: small components, each with one mistake in it, and the same without.
//!
//! Every bug must be found by the judge that is there for it, shrink to two faults or fewer, and fail again when its line is
//! replayed. Without the bug the same exploration must be clean, so that it is the bug that is found.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod bug;
mod delivery;
mod file_store;
mod foreign;
mod hunt;
mod job;
mod latest;
mod lives;
mod object;
mod one_life;
mod slot;
mod tiny_batcher;
mod tools;
mod write_behind;

use std::collections::BTreeSet;

use batcher_testkit::Judge;
use bug::Bug;
use hunt::Hunt;

/// A bug, who finds it, and where.
struct Planted {
    bug: Bug,
    judge: Judge,
    hunt: fn(Option<Bug>) -> Hunt,
}

/// How a bug was found.
struct Found {
    judges: BTreeSet<Judge>,
    line: String,
    cases: u64,
}

impl Planted {
    /// Finds the bug, and only the bug.
    fn find(&self) -> Found {
        let report = (self.hunt)(Some(self.bug)).run();
        let [failure] = report.failures() else { panic!("{:?} was not found:\n{report}", self.bug) };
        let judges: BTreeSet<_> = failure.case.violations.iter().map(|violation| violation.judge).collect();
        assert!(judges.contains(&self.judge), "{:?}:\n{report}", self.bug);
        assert!(failure.plan.len() <= 2, "{:?}:\n{report}", self.bug);
        let line = failure.plan.to_string();
        let again = (self.hunt)(Some(self.bug)).replay(&line).unwrap();
        assert_eq!(again.violations, failure.case.violations, "{:?}", self.bug);
        assert_eq!(again.history.to_string(), failure.case.history.to_string(), "{:?}", self.bug);
        Found { judges, line, cases: report.cases() }
    }
}

macro_rules! planted {
    ($($name:ident: $bug:ident, $judge:ident, $($hunt:ident)::+;)*) => {
        const PLANTED: &[Planted] =
            &[$(Planted { bug: Bug::$bug, judge: Judge::$judge, hunt: $($hunt)::+ }),*];

        $(
            #[test]
            fn $name() {
                Planted { bug: Bug::$bug, judge: Judge::$judge, hunt: $($hunt)::+ }.find();
                $($hunt)::+(None).run().assert_clean();
            }
        )*
    };
}

planted! {
    exists_is_success: ExistsIsSuccess, LostAcknowledged, one_life::everything;
    exists_is_failure: ExistsIsFailure, WrongData, one_life::kept;
    timeout_is_success: TimeoutIsSuccess, LostAcknowledged, one_life::everything;
    cleared_before_acknowledgement: ClearedBeforeAcknowledgement, LostBuffered, one_life::everything;
    cleared_on_drop: ClearedOnDrop, LostBuffered, one_life::everything;
    retry_with_other_bytes: RetryWithOtherBytes, DoubleEffect, one_life::replacing;
    cleans_up_after_unknown: CleansUpAfterUnknown, LostAcknowledged, one_life::unanswered;
    clears_away_pending: ClearsAwayPending, LostAcknowledged, one_life::everything;
    header_unchecked: HeaderUnchecked, LostAcknowledged, one_life::everything;
    no_checksum: NoChecksum, LostAcknowledged, one_life::everything;
    checksum_unbound: ChecksumUnbound, LostAcknowledged, one_life::everything;
    believes_length: BelievesLength, Memory, one_life::bounded;
    short_read_is_whole: ShortReadIsWhole, LostAcknowledged, one_life::everything;
    torn_is_whole: TornIsWhole, HalfVisible, one_life::torn;
    forgotten_sync: ForgottenSync, LostAcknowledged, lives::everything;
    swallowed_completion: SwallowedCompletion, LostAcknowledged, one_life::refused;
    upload_left: UploadLeft, LeakedUpload, one_life::everything;
    abort_after_unknown: AbortAfterUnknown, AbortedInDoubt, one_life::late;
    doubt_left: DoubtLeft, LeakedUpload, one_life::replacing;
    completes_anyway: CompletesAnyway, CompletedTooSoon, one_life::everything;
    second_flush_overwrites: SecondFlushOverwrites, DoubleEffect, one_life::replacing;
    retry_replaces: RetryReplaces, ForeignOverwritten, foreign::writes;
    lost_wakeup: LostWakeup, Stuck, one_life::everything;
    dropped_job_skipped: DroppedJobSkipped, LostAcknowledged, one_life::everything;
    codec_error_swallowed: CodecErrorSwallowed, LostAcknowledged, one_life::everything;
    believes_codec: BelievesCodec, Panicked, one_life::everything;
    retries_for_ever: RetriesForEver, Time, one_life::lasting;
    panics_on_denied: PanicsOnDenied, Panicked, one_life::everything;
    trusts_list: TrustsList, LostAcknowledged, one_life::everything;
    commits_each_object: CommitsEachObject, HalfVisible, lives::everything;
    forgets_late_write: ForgetsLateWrite, LostAcknowledged, latest::one_writer;
    zombie_wins: ZombieWins, LostAcknowledged, latest::two_writers;
    create_truncates: CreateTruncates, Store, one_life::everything;
}

#[test]
fn no_pause_is_a_bug() {
    one_life::pauses(None).run().assert_clean();
}

#[test]
fn every_judge_was_red() {
    let mut seen = BTreeSet::new();
    println!("{:30} {:28} {:>6}  replay", "bug", "judge", "cases");
    for planted in PLANTED {
        let Found { judges, line, cases } = planted.find();
        println!("{:30} {:28} {cases:6}  {line:?}", format!("{:?}", planted.bug), planted.judge.to_string());
        seen.extend(judges);
    }
    assert_eq!(seen, Judge::ALL.iter().copied().collect());
}
