//! What counts as a defect.

use std::fmt;
use std::sync::Arc;

use batcher_core::{BlobSource, Payload, ReadRange, StoreErrorKind};

use crate::world::{Source, World};

/// Who found a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Judge {
    /// What was acknowledged is not there, or is something else.
    LostAcknowledged,
    /// What was handed over and not acknowledged is no longer held.
    LostBuffered,
    /// Something was read that nobody has written.
    WrongData,
    /// A part of what belongs together is there and another part is not.
    HalfVisible,
    /// An object of somebody else's was replaced or deleted.
    ForeignOverwritten,
    /// An object was written again with other bytes, at once or after it was deleted.
    DoubleEffect,
    /// An upload in parts was neither completed nor aborted, with nobody but the code under test to blame: the process that
    /// started it, if any, lives or has ended by itself.
    LeakedUpload,
    /// An upload in parts was aborted after its completion was asked for and not answered, while no object of that name
    /// stood: the completion may have been under way.
    AbortedInDoubt,
    /// An upload in parts was to be completed although a part of it had failed or was not answered yet.
    CompletedTooSoon,
    /// More memory was used than the exploration allows.
    Memory,
    /// There was no end within the time, or the number of calls, that the exploration allows.
    Time,
    /// The scenario waits for something that will never happen, with no attempt that could give up or, within an
    /// attempt, with no call that hangs.
    Stuck,
    /// The code under test panicked.
    Panicked,
    /// The scenario ended with an error.
    Failed,
    /// The wrapped store does not hold what took effect in it.
    Store,
}

impl Judge {
    /// Every judge that there is.
    pub const ALL: &'static [Self] = &[
        Self::LostAcknowledged,
        Self::LostBuffered,
        Self::WrongData,
        Self::HalfVisible,
        Self::ForeignOverwritten,
        Self::DoubleEffect,
        Self::LeakedUpload,
        Self::AbortedInDoubt,
        Self::CompletedTooSoon,
        Self::Memory,
        Self::Time,
        Self::Stuck,
        Self::Panicked,
        Self::Failed,
        Self::Store,
    ];
}

impl fmt::Display for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LostAcknowledged => "acknowledged data lost",
            Self::LostBuffered => "buffered data lost",
            Self::WrongData => "wrong data read",
            Self::HalfVisible => "half visible",
            Self::ForeignOverwritten => "foreign object overwritten",
            Self::DoubleEffect => "rewritten with other bytes",
            Self::LeakedUpload => "upload leaked",
            Self::AbortedInDoubt => "upload aborted in doubt",
            Self::CompletedTooSoon => "upload completed too soon",
            Self::Memory => "memory over the limit",
            Self::Time => "no end within the limit",
            Self::Stuck => "stuck",
            Self::Panicked => "panicked",
            Self::Failed => "failed",
            Self::Store => "store differs from what took effect",
        })
    }
}

/// A defect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Who found it.
    pub judge: Judge,
    /// What was found.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.judge, self.message)
    }
}

pub(crate) fn same_bytes(a: &Payload, b: &Payload) -> bool {
    a.len() == b.len() && (a == b || a.to_bytes() == b.to_bytes())
}

impl World {
    /// Judges what has become of the stores, once nothing is under way any longer.
    pub(crate) async fn judge_stores(&self) {
        let stores = self.state().stores.len();
        for index in 0..stores {
            self.judge_effects(index);
            let (store, objects) = {
                let state = self.state();
                let (store, ledger) = &state.stores[index];
                let current = |name: &str| (name.to_owned(), ledger.current(name).cloned());
                let objects: Vec<_> = ledger.objects().map(|(name, _)| current(name)).collect();
                (Arc::clone(store), objects)
            };
            let (all, mut unread) = (objects.len(), 0);
            for (name, content) in objects {
                let in_store = self.in_store();
                let held = store.read(&name, ReadRange::Bounded(0..u64::MAX)).await;
                drop(in_store);
                if held.as_ref().is_err_and(|error| error.kind() == StoreErrorKind::Unsupported) {
                    unread += 1;
                    continue;
                }
                let same = match (&held.ok(), &content) {
                    (Some(held), Some(content)) => {
                        held.bytes.len() as u64 == content.len() && content.to_bytes() == held.bytes
                    }
                    (held, content) => held.is_none() && content.is_none(),
                };
                if !same {
                    self.report(Judge::Store, format!("{name:?} is not what was last written to it"));
                }
            }
            // One that reads nothing is a sink alone.
            if unread > 0 && unread < all {
                self.report(Judge::Store, format!("of {all} objects it does not read {unread}"));
            }
        }
    }

    fn judge_effects(&self, index: usize) {
        let mut state = self.state();
        let mut found = Vec::new();
        let (_, ledger) = &state.stores[index];
        for (name, versions) in ledger.objects() {
            for pair in versions.windows(2) {
                let [before, after] = pair else { continue };
                if before.source == Source::Planted && after.source != Source::Planted {
                    found.push((Judge::ForeignOverwritten, format!("{name:?} was somebody else's")));
                }
            }
            if state.rewritable.iter().any(|prefix| name.starts_with(prefix.as_str())) {
                continue;
            }
            // What a call wrote last, with nobody else's change since; that it was deleted does not free its name.
            let mut written: Option<&Payload> = None;
            for version in versions {
                match (version.source, &version.content) {
                    (Source::Call(_), None) => {}
                    (Source::Call(_), Some(after)) => {
                        if let Some(before) = written.filter(|before| !same_bytes(before, after)) {
                            let message =
                                format!("{name:?}: {} bytes, then {} others", before.len(), after.len());
                            found.push((Judge::DoubleEffect, message));
                        }
                        written = Some(after);
                    }
                    (Source::Planted | Source::Fault, _) => written = None,
                }
            }
        }
        for upload in ledger.uploads.values().filter(|upload| upload.is_leaked()) {
            found.push((Judge::LeakedUpload, format!("of {:?}", upload.name)));
        }
        state.violations.extend(found.into_iter().map(|(judge, message)| Violation { judge, message }));
    }
}
