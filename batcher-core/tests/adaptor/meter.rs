use std::time::Duration;

use batcher_core::{BlobSource, Meter, MeterSnapshot, Operation, Outcome, StoreErrorKind};
use futures_util::future::FutureExt;
use futures_util::stream::StreamExt;

use crate::script::{Item, OPERATIONS, Reply, Script, needs_upload, run_operation, script_for};
use crate::virtual_time::VirtualTime;

const STEP: Duration = Duration::from_secs(1);

#[test]
fn successes_failures_and_drops_are_counted_with_their_time() {
    for operation in OPERATIONS {
        let time = VirtualTime::default();
        let script = script_for(&time, operation, &[Reply::DoneAfter(STEP)]);
        let meter = Meter::new(script, time.clone());
        let readings = meter.readings();
        time.run(run_operation(&meter, operation)).unwrap();
        let stats = readings.snapshot().get(operation).unwrap().clone();
        assert_eq!((stats.calls, stats.failures, stats.dropped), (1, 0, 0));
        assert_eq!((stats.busy, stats.longest), (STEP, STEP));
        let moves_bytes = matches!(operation, Operation::Put | Operation::PutPart | Operation::Read);
        assert_eq!(stats.bytes, if moves_bytes { 5 } else { 0 }, "{operation:?}");
        let others = OPERATIONS.into_iter().filter(|other| *other != operation);
        for other in others {
            let started = needs_upload(operation) && other == Operation::StartMultipart;
            assert_eq!(readings.snapshot().get(other).unwrap().calls, u64::from(started));
        }

        let fail = Reply::Fail(StoreErrorKind::Unavailable, Outcome::Unknown);
        let meter = Meter::new(script_for(&time, operation, &[fail]), time.clone());
        time.run(run_operation(&meter, operation)).unwrap_err();
        let stats = meter.snapshot().get(operation).unwrap().clone();
        assert_eq!((stats.calls, stats.failures, stats.dropped, stats.bytes), (1, 1, 0, 0));

        let meter = Meter::new(script_for(&time, operation, &[Reply::Hang]), time.clone());
        assert!(run_operation(&meter, operation).now_or_never().is_none());
        let stats = meter.snapshot().get(operation).unwrap().clone();
        assert_eq!((stats.calls, stats.failures, stats.dropped, stats.bytes), (1, 0, 1, 0));
    }
}

#[test]
fn clones_share_their_counts_and_totals_add_up() {
    let time = VirtualTime::default();
    let meter = Meter::new(Script::new(&time, []), time.clone());
    for operation in OPERATIONS {
        time.run(run_operation(&meter.clone(), operation)).unwrap();
    }
    let snapshot = meter.snapshot();
    assert_eq!((snapshot.bytes_written(), snapshot.bytes_read()), (10, 5));
    // One put, four starts, one part, one completion.
    assert_eq!(snapshot.write_requests(), 7);
    let json = serde_json::to_string(&snapshot).unwrap();
    assert_eq!(serde_json::from_str::<MeterSnapshot>(&json).unwrap(), snapshot);
}

#[test]
fn a_list_counts_as_one_call_and_only_the_time_that_it_waits() {
    let time = VirtualTime::default();
    let items = vec![
        Item::Pause(STEP),
        Item::Object("a"),
        Item::Pause(STEP * 2),
        Item::Fail(StoreErrorKind::Other),
        Item::Object("b"),
    ];
    let meter = Meter::new(Script::new(&time, []).with_lists([items]), time.clone());
    let pause = |item| async {
        batcher_core::Timer::sleep(&time, STEP * 10).await;
        item
    };
    let items: Vec<_> = time.run(meter.list("").then(pause).collect());
    assert_eq!(items.len(), 3);
    let list = meter.snapshot().list;
    assert_eq!((list.calls, list.failures, list.dropped), (1, 1, 0));
    assert_eq!((list.busy, list.longest), (STEP * 3, STEP * 2));
}
