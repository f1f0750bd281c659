//! Which calls go wrong, and how.

use std::fmt;
use std::str::FromStr;

use super::text::{ParseError, parse_key, write_key};
use super::{Call, CallInfo, Fault, Site, Span};

/// Which calls go wrong, and how. Where several entries mean the same call, the first one counts.
///
/// Calls are counted from 0, in the order in which their futures are first polled; parts of an upload in the order in which
/// they are asked for.
///
/// As text a plan is one line, which [replays](crate::Exploration::replay) it: entries of `call:key#nth=fault`, divided by
/// spaces; `#nth..` for a fault that lasts, `#nth..all` for one that befalls all calls to stores from then on, and no `:key` for calls counted whatever they are about.
///
/// ```
/// use batcher_core::{Operation, StoreErrorKind};
/// use batcher_testkit::{Fault, FaultPlan};
///
/// // The third read is a byte short, and from the second put of this object on the store is full.
/// let plan = FaultPlan::new()
///     .at(Operation::Read, 2, Fault::ShortRead(1))
///     .from_call_on(Operation::Put, "epoch 7", 1, Fault::Reject(StoreErrorKind::NoSpace));
/// assert_eq!(plan.to_string(), "read#2=short:1 put:epoch%207#1..=reject:no-space");
/// assert_eq!(plan.to_string().parse(), Ok(plan));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[must_use]
pub struct FaultPlan {
    pub(crate) entries: Vec<Entry>,
}

/// Behind the number of a call from which on a fault lasts, and of one from which on it befalls all others, too.
const LASTS: &str = "..";
const OUTAGE: &str = "..all";

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) call: Call,
    /// `None` counts all calls of the operation.
    pub(crate) key: Option<String>,
    pub(crate) nth: u32,
    pub(crate) span: Span,
    pub(crate) fault: Fault,
}

impl FaultPlan {
    /// A plan in which nothing goes wrong.
    pub fn new() -> Self {
        Self::default()
    }

    /// One call goes wrong, counted among all of its operation.
    pub fn at(self, call: impl Into<Call>, nth: u32, fault: Fault) -> Self {
        self.with(Entry { call: call.into(), key: None, nth, span: Span::Once, fault })
    }

    /// One call and all after it of the same operation go wrong, until the world is [healed](crate::World::heal).
    pub fn from_call(self, call: impl Into<Call>, nth: u32, fault: Fault) -> Self {
        self.with(Entry { call: call.into(), key: None, nth, span: Span::Persistent, fault })
    }

    /// One call goes wrong, counted among those of its operation on the same key.
    pub fn at_call_on(self, call: impl Into<Call>, key: &str, nth: u32, fault: Fault) -> Self {
        let key = Some(key.to_owned());
        self.with(Entry { call: call.into(), key, nth, span: Span::Once, fault })
    }

    /// One call, counted among those of its operation on the same key, and all after it of the same operation on
    /// whatever key go wrong, until the world is [healed](crate::World::heal).
    pub fn from_call_on(self, call: impl Into<Call>, key: &str, nth: u32, fault: Fault) -> Self {
        let key = Some(key.to_owned());
        self.with(Entry { call: call.into(), key, nth, span: Span::Persistent, fault })
    }

    /// One call, counted among those of its operation on the same key, and all calls to stores after it go wrong, of
    /// whatever operation, until the world is [healed](crate::World::heal).
    pub fn outage_from(self, call: impl Into<Call>, key: &str, nth: u32, fault: Fault) -> Self {
        let key = Some(key.to_owned());
        self.with(Entry { call: call.into(), key, nth, span: Span::Outage, fault })
    }

    /// Number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing goes wrong.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn with(mut self, entry: Entry) -> Self {
        self.entries.push(entry);
        self
    }

    pub(crate) fn without(&self, index: usize) -> Self {
        let mut plan = self.clone();
        plan.entries.remove(index);
        plan
    }
}

impl Entry {
    /// A fault of this very call.
    pub(crate) fn at(site: &Site, span: Span, fault: Fault) -> Self {
        Self { call: site.call, key: Some(site.key.to_string()), nth: site.nth, span, fault }
    }

    /// Whether it means this call by its key.
    pub(crate) fn is_at(&self, site: &Site) -> bool {
        self.call == site.call && self.nth == site.nth && self.key.as_deref() == Some(&*site.key)
    }
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    pub(crate) fault: Fault,
    pub(crate) span: Span,
    /// Which of the plan's entries has it so.
    pub(crate) entry: usize,
}

/// A plan that is being carried out.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    entries: Vec<Entry>,
    /// Entries whose first call has come, and which last.
    lasting: Vec<bool>,
}

impl Plan {
    pub(crate) fn new(plan: FaultPlan) -> Self {
        Self { lasting: vec![false; plan.entries.len()], entries: plan.entries }
    }

    /// What goes wrong with a call, of whose operation there were `total` before on all keys.
    pub(crate) fn fault(&mut self, site: &Site, total: u32, info: &CallInfo) -> Option<Chosen> {
        let mut found = None;
        for (index, (entry, lasting)) in self.entries.iter().zip(&mut self.lasting).enumerate() {
            let of_operation = entry.call == site.call;
            let counted = match &entry.key {
                Some(key) => **key == *site.key && entry.nth == site.nth,
                None => entry.nth == total,
            };
            let here = of_operation && counted;
            *lasting |= here && entry.span != Span::Once;
            let everywhere = entry.span == Span::Outage && site.call.is_store();
            // A write that may replace finds no name taken.
            let about_names = matches!(entry.fault, Fault::OwnExists | Fault::PhantomExists);
            let befalls = (info.creates || !about_names) && (of_operation || everywhere);
            if befalls && (here || *lasting) {
                found = found.or(Some(Chosen { fault: entry.fault, span: entry.span, entry: index }));
            }
        }
        found
    }

    /// Has one fault more, which begins now.
    pub(crate) fn begin(&mut self, entry: Entry) -> Chosen {
        let chosen = Chosen { fault: entry.fault, span: entry.span, entry: self.entries.len() };
        self.lasting.push(entry.span != Span::Once);
        self.entries.push(entry);
        chosen
    }

    /// Number of faults that have begun or may yet.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(crate) fn into_faults(self) -> FaultPlan {
        FaultPlan { entries: self.entries }
    }

    /// Ends what lasts; what has not begun may still begin, and last.
    pub(crate) fn heal(&mut self) {
        self.lasting.fill(false);
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.call)?;
        if let Some(key) = &self.key {
            f.write_str(":")?;
            write_key(key, f)?;
        }
        let lasts = match self.span {
            Span::Once => "",
            Span::Persistent => LASTS,
            Span::Outage => OUTAGE,
        };
        write!(f, "#{}{lasts}={}", self.nth, self.fault)
    }
}

impl fmt::Display for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, entry) in self.entries.iter().enumerate() {
            write!(f, "{}{entry}", if index == 0 { "" } else { " " })?;
        }
        Ok(())
    }
}

impl FromStr for FaultPlan {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let entries = text.split_whitespace().map(Entry::from_str).collect::<Result<_, _>>()?;
        Ok(Self { entries })
    }
}

impl FromStr for Entry {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let no = || ParseError { text: text.to_owned(), expected: "entry of a fault plan" };
        let (site, fault) = text.split_once('=').ok_or_else(no)?;
        let (called, nth) = site.split_once('#').ok_or_else(no)?;
        let (call, key) = match called.split_once(':') {
            Some((call, key)) => (call, Some(parse_key(key)?)),
            None => (called, None),
        };
        let (nth, span) = [(OUTAGE, Span::Outage), (LASTS, Span::Persistent), ("", Span::Once)]
            .into_iter()
            .find_map(|(suffix, span)| Some((nth.strip_suffix(suffix)?, span)))
            .ok_or_else(no)?;
        let nth = nth.parse().map_err(|_| no())?;
        Ok(Self { call: call.parse()?, key, nth, span, fault: fault.parse()? })
    }
}
