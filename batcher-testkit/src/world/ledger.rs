//! What has taken effect in one wrapped store, object by object.

use std::collections::BTreeMap;

use batcher_core::Payload;
use bytes::Bytes;

use crate::judge::same_bytes;

/// What becomes of an object that was acknowledged and not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wreck {
    Gone,
    Zeros,
}

/// Who made an object what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The call with this number.
    Call(u32),
    /// Somebody else, whose object must stay.
    Planted,
    /// A fault.
    Fault,
}

#[derive(Clone, Debug)]
pub(crate) struct Version {
    /// `None` where there is no object.
    pub(crate) content: Option<Payload>,
    pub(crate) source: Source,
}

/// An upload that has taken effect.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) name: String,
    /// Whether its parts are no longer there.
    pub(crate) ended: bool,
    /// Whether nobody can be blamed for parts that are left: nobody knows of the upload, or has been asked to abort it.
    pub(crate) excused: bool,
    /// Where completion was asked for and nobody knows what came of it: it must be let be, as long as it may be what
    /// makes the object.
    pub(crate) doubt: Option<Doubt>,
}

/// That nobody knows what came of an upload's completion.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubt {
    /// The call that asked for it.
    pub(crate) call: u32,
    /// Whether somebody still waits for its answer.
    pub(crate) waits: bool,
}

impl Upload {
    /// Whether somebody has left it who should have aborted it.
    pub(crate) fn is_leaked(&self) -> bool {
        !self.ended && !self.excused && self.doubt.is_none()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    objects: BTreeMap<String, Vec<Version>>,
    /// The names of all effects, in order.
    effects: Vec<String>,
    /// By the call that started them.
    pub(crate) uploads: BTreeMap<u32, Upload>,
}

impl Ledger {
    pub(crate) fn record(&mut self, name: &str, content: Option<Payload>, source: Source) {
        self.effects.push(name.to_owned());
        let version = Version { content, source };
        match self.objects.get_mut(name) {
            Some(versions) => versions.push(version),
            None => {
                self.objects.insert(name.to_owned(), vec![version]);
            }
        }
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = (&str, &[Version])> {
        self.objects.iter().map(|(name, versions)| (name.as_str(), versions.as_slice()))
    }

    pub(crate) fn effects_on(&self, name: &str) -> u32 {
        self.objects.get(name).map_or(0, |versions| u32::try_from(versions.len()).unwrap_or(u32::MAX))
    }

    pub(crate) fn effects_below(&self, prefix: &str) -> u32 {
        let below = self.effects.iter().filter(|name| name.starts_with(prefix)).count();
        u32::try_from(below).unwrap_or(u32::MAX)
    }

    /// The object as it is, as far as it was written through the wrapper.
    pub(crate) fn current(&self, name: &str) -> Option<&Payload> {
        self.before(name, 0)
    }

    /// The object as it was before the last so many effects on it.
    pub(crate) fn before(&self, name: &str, effects: u32) -> Option<&Payload> {
        let versions = self.objects.get(name)?;
        let index = versions.len().checked_sub(effects as usize + 1)?;
        versions[index].content.as_ref()
    }

    /// The objects below a prefix that the last so many effects there have changed, as they were before.
    pub(crate) fn changed_below(&self, prefix: &str, effects: u32) -> BTreeMap<String, Option<u64>> {
        let mut undone: BTreeMap<&String, u32> = BTreeMap::new();
        let below = self.effects.iter().rev().filter(|name| name.starts_with(prefix));
        for name in below.take(effects as usize) {
            *undone.entry(name).or_default() += 1;
        }
        undone
            .into_iter()
            .map(|(name, effects)| (name.clone(), self.before(name, effects).map(Payload::len)))
            .collect()
    }

    /// An object other than this one.
    pub(crate) fn other(&self, name: &str) -> Option<&Payload> {
        self.objects
            .iter()
            .filter(|(other, _)| *other != name)
            .find_map(|(_, versions)| versions.last()?.content.as_ref())
    }

    /// What an object that was acknowledged and not kept is replaced with, `None` being no object; nothing where somebody
    /// else has written it since, or where it makes no difference.
    pub(crate) fn wrecked(&self, name: &str, call: u32, wreck: Wreck) -> Option<Option<Payload>> {
        let last = self.objects.get(name)?.last()?;
        let content = last.content.as_ref().filter(|_| last.source == Source::Call(call))?;
        match wreck {
            Wreck::Gone => Some(None),
            Wreck::Zeros => {
                let zeros = Payload::from(Bytes::from(vec![0; usize::try_from(content.len()).ok()?]));
                (!same_bytes(content, &zeros)).then_some(Some(zeros))
            }
        }
    }
}
