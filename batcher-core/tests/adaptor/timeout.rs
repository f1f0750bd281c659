use std::time::Duration;

use batcher_core::{BlobSource, Operation, Outcome, StoreErrorKind, Timeout, Timer};
use futures_util::stream::StreamExt;

use crate::script::{Item, OPERATIONS, Reply, Script, run_operation, script_for};
use crate::virtual_time::VirtualTime;

const LIMIT: Duration = Duration::from_secs(5);

#[test]
fn what_hangs_is_dropped_at_its_limit() {
    for operation in OPERATIONS {
        let time = VirtualTime::default();
        let script = script_for(&time, operation, &[Reply::Hang]);
        let timeout = Timeout::new(script.clone(), LIMIT, time.clone());
        let error = time.run(run_operation(&timeout, operation)).unwrap_err();
        assert_eq!((error.kind(), error.operation()), (StoreErrorKind::Timeout, operation));
        assert_eq!(error.object(), "name");
        let reads = matches!(operation, Operation::Read | Operation::Size | Operation::StartMultipart);
        let expected = if reads { Outcome::NotApplied } else { Outcome::Unknown };
        assert_eq!(error.outcome(), expected, "{operation:?}");
        assert_eq!(time.now(), LIMIT);
        assert_eq!(script.running(), 0, "{operation:?} still runs");
    }
}

#[test]
fn what_answers_at_the_last_moment_counts() {
    for operation in OPERATIONS {
        let time = VirtualTime::default();
        let script = script_for(&time, operation, &[Reply::DoneAfter(LIMIT)]);
        let timeout = Timeout::new(script, LIMIT, time.clone());
        time.run(run_operation(&timeout, operation)).unwrap();
    }
}

#[test]
fn an_operation_may_have_a_limit_of_its_own() {
    let time = VirtualTime::default();
    let script = Script::new(&time, [Reply::DoneAfter(LIMIT * 2), Reply::DoneAfter(LIMIT * 2)]);
    let timeout = Timeout::new(script, LIMIT, time.clone())
        .with_limit(Operation::Read, LIMIT)
        .with_limit(Operation::Read, LIMIT * 3);
    time.run(run_operation(&timeout, Operation::Read)).unwrap();
    time.run(run_operation(&timeout, Operation::Size)).unwrap_err();
}

#[test]
fn each_item_of_a_list_has_the_whole_limit_and_the_first_timeout_ends_it() {
    let time = VirtualTime::default();
    let slow = Item::Pause(LIMIT);
    let late = Item::Pause(LIMIT + Duration::from_nanos(1));
    let items = vec![slow.clone(), Item::Object("a"), slow, Item::Object("b"), late, Item::Object("c")];
    let script = Script::new(&time, []).with_lists([items]);
    let timeout = Timeout::new(script, LIMIT, time.clone());
    let items: Vec<_> = time.run(timeout.list("p").collect());
    assert_eq!(items.len(), 3);
    assert_eq!(items[1].as_ref().unwrap().name, "b");
    let error = items[2].as_ref().unwrap_err();
    assert_eq!(
        (error.kind(), error.operation(), error.object()),
        (StoreErrorKind::Timeout, Operation::List, "p")
    );
}
