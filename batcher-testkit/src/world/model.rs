//! What a store must give back: every blob that was acknowledged, and perhaps what was written since.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::World;
use crate::judge::{Judge, Violation};

#[derive(Debug, Default)]
pub(crate) struct Model {
    blobs: BTreeMap<String, Known>,
    /// Blobs written since the last acknowledgement, the same key as often as it was written.
    unacknowledged: u64,
    /// What each process that has died had written and nothing acknowledged has replaced since: it may have come about.
    orphaned: Vec<BTreeMap<String, Bytes>>,
}

#[derive(Debug, Default)]
struct Known {
    acknowledged: Option<Bytes>,
    /// Written since, of which the last counts.
    pending: Option<Bytes>,
}

impl Model {
    fn may_be_orphaned(&self, key: &str, blob: &[u8]) -> bool {
        self.orphaned.iter().any(|orphaned| orphaned.get(key).is_some_and(|orphan| orphan == blob))
    }

    /// Whether a process has died all of whose blobs were read, this one among them. Newer ones may stand in their place.
    fn is_of_a_whole<K: AsRef<str>, B: AsRef<[u8]>>(&self, key: &str, blob: &[u8], read: &[(K, B)]) -> bool {
        let is_read = |(key, orphan): (&String, &Bytes)| {
            let newer = self.blobs.get(key).and_then(|known| known.pending.as_ref());
            let blob = read.iter().find(|(read, _)| read.as_ref() == key).map(|(_, blob)| blob.as_ref());
            blob.is_some_and(|blob| blob == orphan || newer.is_some_and(|newer| newer == blob))
        };
        let holds =
            |orphaned: &BTreeMap<String, Bytes>| orphaned.get(key).is_some_and(|orphan| orphan == blob);
        self.orphaned.iter().any(|orphaned| holds(orphaned) && orphaned.iter().all(is_read))
    }
}

impl World {
    /// Says that a blob was handed over: it may be read back from now on, and must not be lost by a failure.
    ///
    /// Of what was handed over under one key since the last acknowledgement only the last counts: what was before it must not be
    /// read back any longer, even where a failed write of it may yet come about. Take another key for each try that may.
    pub fn wrote(&self, key: &str, blob: impl Into<Bytes>) {
        let mut state = self.state();
        state.model.unacknowledged += 1;
        let known = match state.model.blobs.get_mut(key) {
            Some(known) => known,
            None => state.model.blobs.entry(key.to_owned()).or_default(),
        };
        known.pending = Some(blob.into());
    }

    /// Says that all that was handed over has been acknowledged: it must be read back from now on.
    pub fn acknowledged(&self) {
        let mut state = self.state();
        let model = &mut state.model;
        model.unacknowledged = 0;
        for (key, known) in &mut model.blobs {
            if let Some(blob) = known.pending.take() {
                known.acknowledged = Some(blob);
                // An older write must not replace what was acknowledged.
                for orphaned in &mut model.orphaned {
                    orphaned.remove(key);
                }
            }
        }
    }

    /// Says that what was handed over and not acknowledged is gone with the process that held it. What it wrote may still
    /// come about, as a whole.
    pub fn forgotten(&self) {
        let mut state = self.state();
        let model = &mut state.model;
        model.unacknowledged = 0;
        let written = model.blobs.iter_mut();
        let orphaned =
            written.filter_map(|(key, known)| Some((key.clone(), known.pending.take()?))).collect();
        model.orphaned.push(orphaned);
    }

    /// Judges that all blobs that were handed over and not acknowledged are still held, by how many the code under test
    /// says it holds.
    pub fn judge_held(&self, blobs: u64) {
        let mut state = self.state();
        let expected = state.model.unacknowledged;
        if blobs != expected {
            let message = format!("holds {blobs} blobs of {expected} that were not acknowledged");
            state.violations.push(Violation { judge: Judge::LostBuffered, message });
        }
    }

    /// Judges all that was read back: every acknowledged blob is there, as it was acknowledged or as it was written
    /// since; what was written since is there as a whole or not at all; and there is nothing else. Of several blobs
    /// [handed over](Self::wrote) under one key since the last acknowledgement, only the last is known.
    pub fn judge_read<K: AsRef<str>, B: AsRef<[u8]>>(&self, read: impl IntoIterator<Item = (K, B)>) {
        let read: Vec<(K, B)> = read.into_iter().collect();
        let mut state = self.state();
        let mut found = Vec::new();
        let mut unread: BTreeMap<&str, &Known> =
            state.model.blobs.iter().map(|(key, known)| (key.as_str(), known)).collect();
        let (mut new, mut old) = (None, None);
        for (key, blob) in &read {
            let (key, blob) = (key.as_ref(), blob.as_ref());
            let Some(known) = unread.remove(key) else {
                found.push((Judge::WrongData, format!("{key:?} was read and never written, or read twice")));
                continue;
            };
            let is = |blob_known: &Option<Bytes>| blob_known.as_deref() == Some(blob);
            if is(&known.pending) {
                if !is(&known.acknowledged) {
                    new = Some(key.to_owned());
                }
            } else if is(&known.acknowledged) {
                if known.pending.is_some() {
                    old = Some(key.to_owned());
                }
            } else if state.model.may_be_orphaned(key, blob) {
                // Whether it came about was never known.
                if !state.model.is_of_a_whole(key, blob, &read) {
                    let message =
                        format!("{key:?} is there from a process that died, and not all that it wrote");
                    found.push((Judge::HalfVisible, message));
                }
            } else if known.acknowledged.is_some() {
                found.push((Judge::LostAcknowledged, format!("{key:?} was read as something else")));
            } else {
                found.push((Judge::WrongData, format!("{key:?} was read as it was never written")));
            }
        }
        for (key, known) in unread {
            if known.acknowledged.is_some() {
                found.push((Judge::LostAcknowledged, format!("{key:?} was acknowledged and is not there")));
            } else if known.pending.is_some() {
                old = Some(key.to_owned());
            }
        }
        if let (Some(new), Some(old)) = (new, old) {
            let message = format!("{new:?} is there as written last and {old:?} is not");
            found.push((Judge::HalfVisible, message));
        }
        state.violations.extend(found.into_iter().map(|(judge, message)| Violation { judge, message }));
    }
}
