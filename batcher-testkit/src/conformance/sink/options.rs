//! What a suite may expect of a store beyond what the store declares.

use std::collections::BTreeSet;

use super::SinkRule;

/// The prefix that [`SinkOptions::default`] takes.
const DEFAULT_PREFIX: &str = "batcher-conformance";

/// Where in a store the rules work, and what they may ask of it.
///
/// ```
/// use batcher_testkit::conformance::SinkOptions;
/// let options = SinkOptions::new("conformance/2031-05-01").with_contenders(4).without("long_lists_are_complete");
/// # drop(options);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct SinkOptions {
    pub(super) prefix: String,
    pub(super) contenders: usize,
    pub(super) odd_names: bool,
    pub(super) threads: bool,
    without: BTreeSet<&'static str>,
}

impl Default for SinkOptions {
    fn default() -> Self {
        Self::new(DEFAULT_PREFIX)
    }
}

impl SinkOptions {
    /// All rules, under a prefix that is a name itself, of at most 256 bytes. Nothing outside of it is listed, written
    /// or deleted, unless the store takes what is no name: `bad_names_are_invalid` tries some that lie elsewhere, [with
    /// care](crate::conformance#a-bucket-that-others-use). In a store that outlives the test, choose a fresh prefix for
    /// every run: a rule that finds an object in its place is broken. A store whose longest put is shorter than 4 KiB
    /// cannot be judged.
    pub fn new(prefix: impl Into<String>) -> Self {
        Self {
            prefix: prefix.into(),
            contenders: 8,
            odd_names: true,
            threads: false,
            without: BTreeSet::new(),
        }
    }

    /// How many create the same object at once; 8 by default, 2 at least.
    pub fn with_contenders(mut self, contenders: usize) -> Self {
        self.contenders = contenders.max(2);
        self
    }

    /// Has those who write, read or complete one object at once do so on a thread each, by [`block_on`](crate::block_on), while the thread that
    /// checks waits for them. A store that is never pending has no races else: it looks first and then writes before anybody else has a turn. For stores
    /// that need neither a runtime nor the thread that checks; the short form of [`sink_conformance!`](crate::sink_conformance) has it so.
    pub fn on_threads(mut self) -> Self {
        self.threads = true;
        self
    }

    /// Allows the store to refuse names with other characters than ASCII letters, digits, `-`, `_`, `.` and `/`, as
    /// [`InvalidInput`](batcher_core::StoreErrorKind::InvalidInput). It may never take one such name for another, and
    /// wherever in a name those characters stand, it must take them: `...` and `-a` are names.
    pub fn with_odd_names_refused(mut self) -> Self {
        self.odd_names = false;
        self
    }

    /// Leaves a rule out. It stands in the report as not applicable.
    ///
    /// # Panics
    ///
    /// Where there is no rule with this id: one that is misspelt would not be left out.
    pub fn without(mut self, rule: &str) -> Self {
        let known = SinkRule::find(rule);
        assert!(known.is_some(), "no rule is called {rule:?}");
        self.without.extend(known.map(|rule| rule.id()));
        self
    }

    pub(super) fn leaves_out(&self, rule: &str) -> bool {
        self.without.contains(rule)
    }
}
