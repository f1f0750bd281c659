//! The suites on what is known to be good.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "tests fail by panicking")]

use batcher_testkit::conformance::{
    self, CodecOptions, SinkOptions, SinkRule, Verdict, codec_rules, sink_rules,
};
use batcher_testkit::{MemoryStore, MemoryStoreBuilder, block_on, sink_conformance};

sink_conformance!(memory, MemoryStore::new());

/// Every combination of what a memory store can be told not to do.
fn builders() -> Vec<MemoryStoreBuilder> {
    let switches: [fn(MemoryStoreBuilder) -> MemoryStoreBuilder; 8] = [
        MemoryStoreBuilder::without_create,
        MemoryStoreBuilder::without_multipart,
        MemoryStoreBuilder::without_multipart_create,
        MemoryStoreBuilder::without_delete,
        MemoryStoreBuilder::without_suffix_reads,
        |builder| builder.with_max_put_len(5000),
        |builder| builder.with_min_part_len(2000),
        |builder| builder.with_max_parts(3),
    ];
    let chosen = |set: usize| {
        let on = switches.iter().enumerate().filter(move |(place, _)| set & 1 << place != 0);
        on.fold(MemoryStore::builder(), |builder, (_, switch)| switch(builder))
    };
    (0..1 << switches.len()).map(chosen).collect()
}

#[test]
fn a_memory_store_keeps_the_rules_whatever_it_can_do() {
    // Has no switch, and takes long.
    let options = SinkOptions::default().without("long_lists_are_complete");
    for builder in builders() {
        let store = builder.clone().build();
        let report = block_on(conformance::sink(&store, &options));
        assert!(report.is_clean(), "{builder:?}\n{report}");
    }
}

#[test]
fn nothing_is_left_of_a_run_and_what_others_have_stays() {
    let store = MemoryStore::new();
    let others = ["batcher-conformanc/x", "batcher-conformance", "batcher-conformance-2/x", "x"];
    others.iter().for_each(|name| store.insert(*name, "theirs"));
    block_on(conformance::sink(&store, &SinkOptions::default())).assert_clean();
    assert_eq!(store.names(), others);
    assert!(others.iter().all(|name| store.object(name).unwrap() == "theirs"));
    // Uploads that were dropped, which nobody can abort: two modes, once each, and at one or two polls of a start.
    assert!(store.open_uploads() <= 6, "{}", store.open_uploads());
}

#[test]
fn what_is_left_of_another_run_is_named() {
    let store = MemoryStore::builder().without_delete().build();
    let options = SinkOptions::new("run");
    assert!(block_on(conformance::sink(&store, &options)).is_clean());
    let finding = block_on(SinkRule::find("replace_replaces").unwrap().check(&store, &options));
    let Verdict::Broken(message) = finding.verdict() else { panic!("{finding}") };
    assert!(message.contains("run/replace_replaces/replaced"), "{message}");
    block_on(conformance::sink(&store, &SinkOptions::new("another run"))).assert_clean();
}

#[test]
fn a_prefix_that_is_no_name_breaks_every_rule() {
    let report = block_on(conformance::sink(&MemoryStore::new(), &SinkOptions::new("a//b")));
    assert_eq!(report.broken().len(), sink_rules().len());
}

#[test]
fn every_rule_applies_to_a_store_that_declares_everything() {
    let store = MemoryStore::builder().with_max_put_len(1 << 20).with_max_parts(10).build();
    let report = block_on(conformance::sink(&store, &SinkOptions::default()));
    let passed = report.into_iter().filter(|finding| *finding.verdict() == Verdict::Passed).count();
    assert_eq!(passed, sink_rules().len(), "{report}");
}

#[test]
fn a_run_can_be_spawned() {
    fn spawnable<F: Future + Send>(future: F) -> F {
        future
    }
    let (store, options) = (MemoryStore::new(), SinkOptions::default());
    drop(spawnable(conformance::sink(&store, &options)));
}

#[test]
fn what_is_left_out_is_said() {
    let options = SinkOptions::default().without("replace_replaces");
    let finding = block_on(SinkRule::find("replace_replaces").unwrap().check(&MemoryStore::new(), &options));
    assert!(matches!(finding.verdict(), Verdict::NotApplicable(_)), "{finding}");
    assert!(std::panic::catch_unwind(|| SinkOptions::default().without("replace_replace")).is_err());
    assert!(std::panic::catch_unwind(|| CodecOptions::default().without("replace_replaces")).is_err());
}

#[test]
fn ids_are_names_and_say_what_they_mean() {
    let sinks = sink_rules().iter().map(|rule| (rule.id(), rule.summary()));
    let codecs = codec_rules().iter().map(|rule| (rule.id(), rule.summary()));
    let rules: Vec<_> = sinks.chain(codecs).collect();
    assert_eq!(rules.len(), 69);
    for (id, summary) in rules {
        assert!(id.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{id}");
        assert!(summary.ends_with('.'), "{id}: {summary}");
    }
}
