use batcher_core::{BlobSink, BlobSource, Operation, Outcome, Prefix, PutMode, StoreErrorKind, check_name};
use futures_util::stream::StreamExt;

use crate::script::{Item, OPERATIONS, Reply, Script, payload, run_operation, script_for};
use crate::virtual_time::VirtualTime;

#[test]
fn the_store_sees_the_prefix_and_the_caller_does_not() {
    for operation in OPERATIONS {
        let time = VirtualTime::default();
        let fail = Reply::Fail(StoreErrorKind::Denied, Outcome::NotApplied);
        let script = script_for(&time, operation, &[Reply::Done, fail.clone()]);
        let prefix = Prefix::new(script.clone(), "nodes/7/").unwrap();
        time.run(run_operation(&prefix, operation)).unwrap();
        assert_eq!(script.calls().last().unwrap(), &(operation, "nodes/7/name".to_owned()));

        let script = script_for(&time, operation, &[fail]);
        let prefix = Prefix::new(script, "nodes/7/").unwrap();
        let error = time.run(run_operation(&prefix, operation)).unwrap_err();
        assert_eq!((error.object(), error.operation()), ("name", operation));
        assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::Denied, Outcome::NotApplied));
    }
}

#[test]
fn no_name_leaves_the_prefix_or_passes_for_another() {
    let time = VirtualTime::default();
    for prefix in ["", "a", "a/", "a/.", "a/b"] {
        for name in ["", "/x", "x/", "a//b", "..", "../x", ".", "./x", "x\ny"] {
            let script = Script::new(&time, []);
            let prefixed = Prefix::new(script.clone(), prefix).unwrap();
            let put = time.run(prefixed.put(name, payload(), PutMode::Replace)).unwrap_err();
            let start = time.run(prefixed.start_multipart(name, PutMode::Replace)).unwrap_err();
            let delete = time.run(prefixed.delete(name)).unwrap_err();
            let size = time.run(prefixed.size(name)).unwrap_err();
            for error in [put, start, delete, size] {
                assert_eq!((error.kind(), error.object()), (StoreErrorKind::InvalidInput, name));
            }
            assert_eq!(script.calls(), []);
        }
    }
}

#[test]
fn a_prefix_under_which_no_name_is_good_is_refused() {
    let time = VirtualTime::default();
    for bad in ["/", "/a/", "a//", "../", "a/./", "a\n", &"a".repeat(1024)] {
        let error = Prefix::new(Script::new(&time, []), bad).unwrap_err();
        assert_eq!((error.kind(), error.operation()), (StoreErrorKind::InvalidInput, Operation::Open));
    }
    for good in ["", "a/", "a", "..", "a/b-", &"a".repeat(1023)] {
        Prefix::new(Script::new(&time, []), good).unwrap();
    }
}

#[test]
fn lists_are_stripped_and_leave_out_what_has_no_name() {
    let time = VirtualTime::default();
    let items = ["a/b", "a/bc", "a/b/d", "a/bd/e"].map(Item::Object).to_vec();
    let script = Script::new(&time, []).with_lists([items]);
    let prefix = Prefix::new(script.clone(), "a/b").unwrap();
    let names: Vec<String> = time.run(prefix.list("x").map(|info| info.unwrap().name).collect());
    assert_eq!(names, ["c", "d/e"]);
    assert!(names.iter().all(|name| check_name(name, Operation::List).is_ok()));
    assert_eq!(script.calls(), [(Operation::List, "a/bx".to_owned())]);
}

#[test]
fn errors_in_lists_name_what_was_asked() {
    let time = VirtualTime::default();
    let items = vec![Item::Fail(StoreErrorKind::Unavailable), Item::Object("elsewhere")];
    let script = Script::new(&time, []).with_lists([items]);
    let prefix = Prefix::new(script, "a/").unwrap();
    let items: Vec<_> = time.run(prefix.list("x").collect());
    let errors: Vec<_> = items.iter().map(|item| item.as_ref().unwrap_err()).collect();
    let seen: Vec<_> = errors.iter().map(|error| (error.kind(), error.object())).collect();
    assert_eq!(seen, [(StoreErrorKind::Unavailable, "x"), (StoreErrorKind::Other, "x")]);
}
