//! Both orders of each pair, as the documentation of the module tells them apart.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use batcher_core::{
    BlobSink, BlobSource, BlobStore, Limit, Meter, Operation, Outcome, Prefix, PutMode, Retry, RetryPolicy,
    StoreErrorKind, Timeout, Timer,
};
use futures_util::future::join;

use crate::script::{OPERATIONS, Reply, Script, payload, run_operation};
use crate::virtual_time::VirtualTime;

const LIMIT: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(1);

fn policy() -> RetryPolicy {
    RetryPolicy::default().with_attempts(NonZeroU32::new(3).unwrap()).with_pauses(PAUSE, PAUSE)
}

#[test]
fn a_timeout_inside_a_retry_limits_each_attempt() {
    let time = VirtualTime::default();
    let script = Script::new(&time, [Reply::Hang, Reply::Hang]);
    let store = Retry::new(Timeout::new(script.clone(), LIMIT, time.clone()), policy(), time.clone());
    time.run(store.put("name", payload(), PutMode::Create)).unwrap();
    assert_eq!(script.operations(), [Operation::Put; 3]);
    assert!(time.now() > LIMIT * 2);
}

#[test]
fn a_timeout_outside_a_retry_limits_all_attempts_together() {
    let time = VirtualTime::default();
    let fail = Reply::Fail(StoreErrorKind::Unavailable, Outcome::NotApplied);
    let script = Script::new(&time, [fail, Reply::Hang]);
    let store = Timeout::new(Retry::new(script.clone(), policy(), time.clone()), LIMIT, time.clone());
    let error = time.run(store.put("name", payload(), PutMode::Create)).unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::Timeout, Outcome::Unknown));
    assert_eq!(script.operations(), [Operation::Put; 2]);
    assert_eq!(time.now(), LIMIT);
}

/// Two operations under a limit of one, the first of which fails once: which calls reach the store, in order.
fn calls_in_order(store: &impl BlobStore, script: &Script, time: &VirtualTime) -> Vec<String> {
    let (first, second) = time.run(join(store.size("first"), store.size("second")));
    assert!(first.is_ok() && second.is_ok());
    script.calls().into_iter().map(|(_, name)| name).collect()
}

#[test]
fn a_limit_is_held_through_the_pauses_only_outside_a_retry() {
    let fail = Reply::Fail(StoreErrorKind::Throttled, Outcome::NotApplied);
    let one = NonZeroUsize::MIN;

    let time = VirtualTime::default();
    let script = Script::new(&time, [fail.clone()]);
    let store = Limit::new(Retry::new(script.clone(), policy(), time.clone()), one);
    assert_eq!(calls_in_order(&store, &script, &time), ["first", "first", "second"]);

    let script = Script::new(&time, [fail]);
    let store = Retry::new(Limit::new(script.clone(), one), policy(), time.clone());
    assert_eq!(calls_in_order(&store, &script, &time), ["first", "second", "first"]);
}

#[test]
fn waiting_for_a_permit_counts_against_a_timeout_outside_of_the_limit_only() {
    let slow = Reply::DoneAfter(LIMIT);
    let one = NonZeroUsize::MIN;

    let time = VirtualTime::default();
    let script = Script::new(&time, [slow.clone(), slow.clone()]);
    let store = Timeout::new(Limit::new(script, one), LIMIT, time.clone());
    let (first, second) = time.run(join(store.size("first"), store.size("second")));
    assert!(first.is_ok());
    assert_eq!(second.unwrap_err().kind(), StoreErrorKind::Timeout);

    let script = Script::new(&time, [slow.clone(), slow]);
    let store = Limit::new(Timeout::new(script, LIMIT, time.clone()), one);
    let (first, second) = time.run(join(store.size("first"), store.size("second")));
    assert!(first.is_ok() && second.is_ok());
}

#[test]
fn a_meter_counts_attempts_inside_a_retry_and_wishes_outside() {
    let time = VirtualTime::default();
    let fail = Reply::Fail(StoreErrorKind::Unavailable, Outcome::NotApplied);
    let inside = Meter::new(Script::new(&time, [fail.clone(), fail]), time.clone());
    let outside = Meter::new(Retry::new(inside.clone(), policy(), time.clone()), time.clone());
    time.run(outside.put("name", payload(), PutMode::Create)).unwrap();
    let (inside, outside) = (inside.snapshot().put, outside.snapshot().put);
    assert_eq!((inside.calls, inside.failures), (3, 2));
    assert_eq!((outside.calls, outside.failures), (1, 0));
    assert_eq!(outside.busy, time.now());
    assert_eq!(inside.busy, Duration::ZERO);
}

#[test]
fn every_adaptor_passes_the_capabilities_on_and_works_behind_a_pointer() {
    let time = VirtualTime::default();
    let script = Script::new(&time, []);
    let expected = script.capabilities();
    let timer: Arc<dyn Timer> = Arc::new(time.clone());
    let store = Limit::new(script, NonZeroUsize::MIN);
    let store = Timeout::new(store, LIMIT, Arc::clone(&timer));
    let store = Retry::new(store, policy(), Arc::clone(&timer));
    let store: Arc<dyn BlobStore> = Arc::new(Meter::new(Prefix::new(store, "a/").unwrap(), timer));
    let store = Meter::new(store, time.clone());
    assert_eq!(store.capabilities(), expected);
    assert!(!store.reads_suffixes());
    time.run(store.put("name", payload(), PutMode::Create)).unwrap();
}

#[test]
fn every_adaptor_hands_every_operation_on() {
    let wrap = |script: &Script, time: &VirtualTime| -> [Arc<dyn BlobStore>; 5] {
        let (script, timer) = (|| script.clone(), || time.clone());
        [
            Arc::new(Limit::new(script(), NonZeroUsize::MIN)),
            Arc::new(Timeout::new(script(), LIMIT, timer())),
            Arc::new(Retry::new(script(), policy(), timer())),
            Arc::new(Prefix::new(script(), "a/").unwrap()),
            Arc::new(Meter::new(script(), timer())),
        ]
    };
    for operation in OPERATIONS {
        for adaptor in 0..5 {
            let time = VirtualTime::default();
            let script = Script::new(&time, []);
            let store = &wrap(&script, &time)[adaptor];
            time.run(run_operation(store, operation)).unwrap();
            assert_eq!(script.operations().last(), Some(&operation), "{store:?}");
        }
    }
}

#[test]
fn every_adaptor_shows_what_it_wraps() {
    let time = VirtualTime::default();
    let script = Script::new(&time, []);
    let stack = Meter::new(
        Retry::new(
            Timeout::new(
                Limit::new(Prefix::new(script.clone(), "a/").unwrap(), NonZeroUsize::MIN),
                LIMIT,
                time.clone(),
            ),
            policy().with_seed(7),
            time.clone(),
        ),
        time.clone(),
    );
    time.run(stack.put("b", payload(), PutMode::Create)).unwrap();
    let prefix = stack.inner().inner().inner().inner();
    assert_eq!(prefix.prefix(), "a/");
    assert_eq!(prefix.inner().calls(), [(Operation::Put, "a/b".to_owned())]);
    assert_eq!(policy().attempts().get(), 3);
    let readings = stack.snapshot();
    assert!(readings.get(Operation::Open).is_none());
    assert_eq!(readings.get(Operation::List).map(|list| list.calls), Some(0));
}
