//! Every adaptor keeps the rules that the store inside keeps, whatever that can do.

use std::num::NonZeroUsize;
use std::time::Duration;

use batcher_core::{BlobStore, Limit, Meter, Prefix, Retry, RetryPolicy, Timeout};
use batcher_testkit::conformance::{self, Finding, SinkOptions, SinkRule};
use batcher_testkit::{MemoryStore, sink_conformance};

use crate::virtual_time::VirtualTime;

const LIMIT: Duration = Duration::from_secs(5);

fn check(rule: SinkRule, wrap: impl Fn(MemoryStore, &VirtualTime) -> Box<dyn BlobStore>) -> Finding {
    let time = VirtualTime::default();
    let store = wrap(MemoryStore::new(), &time);
    time.run(rule.check(&*store, &SinkOptions::default()))
}

fn retry(store: MemoryStore, time: &VirtualTime) -> Box<dyn BlobStore> {
    Box::new(Retry::new(store, RetryPolicy::default(), time.clone()))
}

fn timeout(store: MemoryStore, time: &VirtualTime) -> Box<dyn BlobStore> {
    Box::new(Timeout::new(store, LIMIT, time.clone()))
}

fn limit(store: MemoryStore, _time: &VirtualTime) -> Box<dyn BlobStore> {
    Box::new(Limit::new(store, NonZeroUsize::MIN))
}

fn prefix(store: MemoryStore, _time: &VirtualTime) -> Box<dyn BlobStore> {
    Box::new(Prefix::new(store, "a b/50%-").unwrap())
}

fn meter(store: MemoryStore, time: &VirtualTime) -> Box<dyn BlobStore> {
    Box::new(Meter::new(store, time.clone()))
}

fn all(store: MemoryStore, time: &VirtualTime) -> Box<dyn BlobStore> {
    let store = Timeout::new(Meter::new(store, time.clone()), LIMIT, time.clone());
    let store = Retry::new(Limit::new(store, NonZeroUsize::MIN), RetryPolicy::default(), time.clone());
    Box::new(Prefix::new(store, "prefix/").unwrap())
}

sink_conformance!(retrying, |rule| check(rule, retry));
sink_conformance!(timed, |rule| check(rule, timeout));
sink_conformance!(limited, |rule| check(rule, limit));
sink_conformance!(prefixed, |rule| check(rule, prefix));
sink_conformance!(metered, |rule| check(rule, meter));
sink_conformance!(with_all_of_them, |rule| check(rule, all));

/// What the store inside cannot do, the adaptor does not claim, and refuses alike.
#[test]
fn a_store_that_can_do_little_keeps_the_rules_behind_each() {
    let inside = || {
        MemoryStore::builder().without_create().without_multipart().without_delete().without_suffix_reads()
    };
    for wrap in [retry, timeout, limit, prefix, meter, all] {
        let time = VirtualTime::default();
        let store = wrap(inside().build(), &time);
        time.run(conformance::sink(&*store, &SinkOptions::default())).assert_clean();
        let store = wrap(inside().with_max_put_len(5000).build(), &time);
        time.run(conformance::sink(&*store, &SinkOptions::new("run"))).assert_clean();
    }
}
