//! What has happened in a world.

use std::fmt;
use std::iter::successors;

use batcher_core::{Outcome, StoreErrorKind};

use crate::fault::{CallInfo, Chosen, Fault, Site, Span};

/// A fault that has come about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FiredFault {
    /// In which call.
    pub site: Site,
    /// What went wrong.
    pub fault: Fault,
    /// Whether it was one that lasts.
    pub span: Span,
    /// Which of the plan's entries it is.
    pub(crate) entry: usize,
    /// From where on others come about behind it.
    pub(crate) behind: Behind,
}

/// What is behind a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Behind {
    /// The call that has gone wrong.
    pub(crate) of: u32,
    /// The first call that had not been submitted when it came about or, for all but cancellations, the one after its own.
    pub(crate) call: u32,
    /// How many moments there have been, at least, when a future within which the call was made is dropped behind it: a call whose caller goes
    /// away before anything else happens is as good as one that has not gone wrong.
    pub(crate) within: usize,
    /// The same for any other future, which may be dropped as soon as the call was made.
    pub(crate) beside: usize,
}

impl History {
    /// Whether an attempt or a process is dropped behind a fault, where it is at this moment.
    pub(crate) fn is_behind(&self, behind: Behind, region: u32, moments: usize) -> bool {
        let region_of = |call: &u32| self.calls.get(*call as usize)?.info.region;
        let is_within = |call, region| successors(region_of(&call), region_of).any(|around| around == region);
        if is_within(region, behind.of) {
            // It has gone with what it was in.
            return false;
        }
        let within = is_within(behind.of, region);
        // Of two that are dropped at once beside each other, the one that began later counts as the second.
        let cancelled = self.calls.get(behind.of as usize).is_some_and(|record| record.site.call.is_region());
        let at_once = usize::from(cancelled && region < behind.of);
        moments >= if within { behind.within } else { behind.beside + at_once }
    }
}

/// A call as a world has counted it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CallRecord {
    /// Which call.
    pub site: Site,
    pub(crate) info: CallInfo,
    pub(crate) fault: Option<Chosen>,
}

impl CallRecord {
    /// What was to go wrong with it.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        self.fault.map(|chosen| chosen.fault)
    }
}

/// One of the moments of a call. Until a call is answered, whether it has taken effect is open to its caller; where there
/// is neither an answer nor an effect, it may still come about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// It was submitted.
    Invoked,
    /// It took effect in the wrapped store.
    TookEffect,
    /// It was answered with a success.
    Succeeded,
    /// It was answered with an error.
    Failed(StoreErrorKind, Outcome),
}

/// A moment of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HistoryEvent {
    /// The call's place in [`History::calls`].
    pub call: u32,
    /// Which moment.
    pub kind: EventKind,
}

/// All calls of a world and their moments, in the order in which they happened.
///
/// Displayed, it has one line a moment: the call's number, the moment, the call, and what went wrong with it.
#[derive(Clone, Debug)]
pub struct History {
    calls: Vec<CallRecord>,
    events: Vec<(u32, EventKind)>,
}

impl History {
    pub(crate) fn new(calls: Vec<CallRecord>, events: Vec<(u32, EventKind)>) -> Self {
        Self { calls, events }
    }

    /// The calls in the order in which they were submitted.
    #[must_use]
    pub fn calls(&self) -> &[CallRecord] {
        &self.calls
    }

    /// The moments in order.
    pub fn events(&self) -> impl Iterator<Item = HistoryEvent> + '_ {
        self.events.iter().map(|(call, kind)| HistoryEvent { call: *call, kind: *kind })
    }

    /// Whether a call has been answered: until it is, its effect is a "maybe".
    #[must_use]
    pub fn is_answered(&self, call: u32) -> bool {
        self.events.iter().any(|(answered, kind)| {
            *answered == call && matches!(kind, EventKind::Succeeded | EventKind::Failed(..))
        })
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (call, kind) in &self.events {
            let moment = match kind {
                EventKind::Invoked => "invoke".to_owned(),
                EventKind::TookEffect => "effect".to_owned(),
                EventKind::Succeeded => "ok".to_owned(),
                EventKind::Failed(kind, outcome) => format!("fail {kind:?} {outcome:?}"),
            };
            let Some(record) = self.calls.get(*call as usize) else { continue };
            write!(f, "{call:4} {moment:8} {}", record.site)?;
            if let (EventKind::Invoked, Some(fault)) = (kind, record.fault()) {
                write!(f, "  <- {fault}")?;
            }
            if *kind == EventKind::Invoked && record.site.call.is_store() && !self.is_answered(*call) {
                f.write_str("  (never answered)")?;
            }
            f.write_str("\n")?;
        }
        Ok(())
    }
}
