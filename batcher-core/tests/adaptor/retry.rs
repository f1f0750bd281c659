use std::num::NonZeroU32;
use std::time::Duration;

use batcher_core::{
    BlobSink, BlobSource, Operation, Outcome, PutMode, Retry, RetryPolicy, StoreErrorKind, Timer,
};
use futures_util::stream::StreamExt;

use crate::script::{Item, OPERATIONS, Reply, Script, payload, run_operation, script_for};
use crate::virtual_time::VirtualTime;

const PASSING: Reply = Reply::Fail(StoreErrorKind::Unavailable, Outcome::NotApplied);

fn policy(attempts: u32) -> RetryPolicy {
    RetryPolicy::default()
        .with_attempts(NonZeroU32::new(attempts).unwrap())
        .with_pauses(Duration::from_millis(100), Duration::from_secs(1))
}

/// Parts have their place by the order of the calls, and a completion may have happened.
fn is_repeated(operation: Operation) -> bool {
    !matches!(operation, Operation::PutPart | Operation::CompleteMultipart)
}

#[test]
fn each_repeatable_operation_survives_all_but_the_last_failure() {
    for operation in OPERATIONS {
        for failures in 0..5 {
            let time = VirtualTime::default();
            let script = script_for(&time, operation, &vec![PASSING; failures]);
            let retry = Retry::new(script.clone(), policy(4), time.clone());
            let result = time.run(run_operation(&retry, operation));
            let calls = script.operations().iter().filter(|called| **called == operation).count();
            let attempts = if is_repeated(operation) { 4 } else { 1 };
            assert_eq!(result.is_ok(), failures < attempts, "{operation:?} after {failures} failures");
            assert_eq!(calls, attempts.min(failures + 1), "{operation:?} after {failures} failures");
        }
    }
}

#[test]
fn only_retryable_kinds_are_tried_again() {
    use StoreErrorKind::*;
    let kinds = [
        NotFound,
        AlreadyExists,
        Denied,
        NoSpace,
        TooLarge,
        Throttled,
        Unavailable,
        Timeout,
        Unsupported,
        InvalidInput,
        Other,
    ];
    for operation in OPERATIONS {
        for kind in kinds {
            let time = VirtualTime::default();
            let script = script_for(&time, operation, &[Reply::Fail(kind, Outcome::NotApplied)]);
            let result = time.run(run_operation(&Retry::new(script, policy(2), time.clone()), operation));
            match result {
                Ok(()) => assert!(kind.is_retryable() && is_repeated(operation), "{operation:?} {kind:?}"),
                Err(error) => {
                    assert!(!(kind.is_retryable() && is_repeated(operation)), "{operation:?} {kind:?}");
                    assert_eq!((error.kind(), error.operation()), (kind, operation));
                }
            }
        }
    }
}

#[test]
fn the_outcome_is_unknown_once_any_attempt_was() {
    // Every combination of outcomes over three attempts, the last of them final by its kind or by its number.
    for outcomes in 0..8_u32 {
        for last in [StoreErrorKind::Unavailable, StoreErrorKind::AlreadyExists] {
            let outcome = |attempt: u32| {
                if outcomes >> attempt & 1 == 1 { Outcome::Unknown } else { Outcome::NotApplied }
            };
            let time = VirtualTime::default();
            let replies = (0..3).map(|attempt| {
                let kind = if attempt == 2 { last } else { StoreErrorKind::Timeout };
                Reply::Fail(kind, outcome(attempt))
            });
            let retry = Retry::new(Script::new(&time, replies), policy(3), time.clone());
            let error = time.run(retry.put("name", payload(), PutMode::Create)).unwrap_err();
            assert_eq!(error.kind(), last);
            let expected = if outcomes == 0 { Outcome::NotApplied } else { Outcome::Unknown };
            assert_eq!(error.outcome(), expected, "outcomes {outcomes:03b}");
        }
    }
}

#[test]
fn pauses_double_up_to_the_longest_and_repeat_by_seed() {
    let pauses = |seed: u64, name: &str| {
        let time = VirtualTime::default();
        let script = Script::new(&time, vec![PASSING; 70]);
        let retry = Retry::new(script, policy(70).with_seed(seed), time.clone());
        time.run(retry.size(name)).unwrap_err();
        time.slept()
    };
    let first = pauses(1, "name");
    assert_eq!(first.len(), 69);
    for (failures, pause) in (0..).zip(&first) {
        let full = Duration::from_millis(100 << u64::min(failures, 4)).min(Duration::from_secs(1));
        assert!(full / 2 <= *pause && *pause <= full, "{pause:?} after failure {failures}");
    }
    assert_eq!(first, pauses(1, "name"));
    assert_ne!(first, pauses(2, "name"));
    assert_ne!(first, pauses(1, "other"));
    let spread: std::collections::BTreeSet<_> = first[8..].iter().collect();
    assert!(spread.len() > 55, "pauses hardly differ: {spread:?}");
}

#[test]
fn a_store_is_left_alone_as_long_as_it_asks_or_not_asked_again() {
    let ask = |wish: Duration| {
        let time = VirtualTime::default();
        let script = Script::new(&time, [Reply::FailAndAsk(StoreErrorKind::Throttled, wish)]);
        let policy = policy(2).with_patience(Duration::from_secs(30));
        let result = time.run(Retry::new(script, policy, time.clone()).size("name"));
        (result, time.now())
    };
    let (result, waited) = ask(Duration::from_secs(30));
    assert_eq!((result.unwrap(), waited), (5, Duration::from_secs(30)));
    let (result, waited) = ask(Duration::from_nanos(1));
    assert!(
        result.is_ok() && waited >= Duration::from_millis(50),
        "no shorter than the back-off: {waited:?}"
    );
    let (result, waited) = ask(Duration::from_secs(31));
    assert_eq!(result.unwrap_err().retry_after(), Some(Duration::from_secs(31)));
    assert_eq!(waited, Duration::ZERO);
}

#[test]
fn lists_begin_again_only_before_their_first_item() {
    let time = VirtualTime::default();
    let failing = vec![Item::Fail(StoreErrorKind::Unavailable)];
    let broken = vec![Item::Object("a"), Item::Fail(StoreErrorKind::Unavailable), Item::Object("b")];
    let script = Script::new(&time, []).with_lists([failing.clone(), failing.clone(), broken]);
    let retry = Retry::new(script.clone(), policy(9), time.clone());
    let items: Vec<_> = time.run(retry.list("p").collect());
    let names: Vec<_> = items.iter().map(|item| item.as_ref().map(|info| info.name.as_str()).ok()).collect();
    assert_eq!(names, [Some("a"), None, Some("b")]);
    assert_eq!(script.calls(), vec![(Operation::List, "p".to_owned()); 3]);

    let script = Script::new(&time, []).with_lists(vec![failing; 4]);
    let retry = Retry::new(script.clone(), policy(3), time.clone());
    let items: Vec<_> = time.run(retry.list("p").collect());
    assert_eq!(items.len(), 1);
    assert_eq!(items[0].as_ref().unwrap_err().kind(), StoreErrorKind::Unavailable);
    assert_eq!(script.calls().len(), 3);
}
