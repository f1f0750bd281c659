//! The rules that every store keeps.

mod cancel;
mod concurrent;
mod create;
mod debug;
mod delete;
mod list;
mod multipart;
mod name;
mod object;
mod options;
mod part;
mod range;
mod refusal;
mod replace;
mod rules;
mod trial;

use std::fmt;
use std::panic::AssertUnwindSafe;

use batcher_core::{BlobStore, Operation, check_name};
use futures_util::future::{BoxFuture, FutureExt};

pub use self::options::SinkOptions;
pub use self::rules::sink_rules;
use self::trial::Trial;
use super::report::{Finding, Report, Verdict};
use super::unmet::{Checked, panic_message, verdict};

/// One rule that every store keeps.
#[derive(Clone, Copy)]
pub struct SinkRule {
    id: &'static str,
    summary: &'static str,
    check: for<'a> fn(&'a Trial<'a>) -> BoxFuture<'a, Checked>,
}

impl SinkRule {
    /// The rule with this id.
    #[must_use]
    pub fn find(id: &str) -> Option<Self> {
        sink_rules().iter().find(|rule| rule.id == id).copied()
    }

    /// The rule's id, which stays the same from version to version.
    #[must_use]
    pub fn id(&self) -> &'static str {
        self.id
    }

    /// What the rule asks for, in a sentence.
    #[must_use]
    pub fn summary(&self) -> &'static str {
        self.summary
    }

    /// Checks the rule on a store. A panic of the store is a breach of the rule; a future that nobody wakes hangs.
    pub async fn check(&self, store: &dyn BlobStore, options: &SinkOptions) -> Finding {
        let trial = Trial::new(store, options, self.id);
        let verdict = if options.leaves_out(self.id) {
            Verdict::NotApplicable("left out by the options".to_owned())
        } else if let Err(error) = check_name(&format!("{}x", trial.area()), Operation::Open) {
            Verdict::Broken(format!("the prefix cannot begin a name: {error}"))
        } else {
            let checked = async {
                trial.begin().await?;
                (self.check)(&trial).await
            };
            let checked = AssertUnwindSafe(checked).catch_unwind().await;
            // Nothing hangs on it: what cannot be deleted stays.
            let _ = AssertUnwindSafe(trial.end()).catch_unwind().await;
            match checked {
                Ok(checked) => verdict(checked),
                Err(panic) => Verdict::Broken(panic_message(&*panic)),
            }
        };
        Finding { rule: self.id, verdict, notes: trial.take_notes() }
    }
}

impl fmt::Debug for SinkRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SinkRule").field(&self.id).finish()
    }
}

/// Checks every rule on a store, one after the other.
///
/// ```
/// use batcher_testkit::conformance::{self, SinkOptions};
/// use batcher_testkit::{MemoryStore, block_on};
///
/// let store = MemoryStore::new();
/// let report = block_on(conformance::sink(&store, &SinkOptions::new("conformance/run-1")));
/// assert!(report.is_clean(), "{report}");
/// ```
pub async fn sink(store: &dyn BlobStore, options: &SinkOptions) -> Report {
    let mut findings = Vec::new();
    for rule in sink_rules() {
        findings.push(rule.check(store, options).await);
    }
    Report { findings }
}
