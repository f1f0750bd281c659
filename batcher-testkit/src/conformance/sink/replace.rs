//! Replacement, and how versions are told apart.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use batcher_core::{PutMode, ReadRange, ReadReply};
use futures_util::future::FutureExt;

use super::trial::{Trial, worked};
use crate::cancellation_point::cancellation_point;
use crate::conformance::unmet::{Checked, applies, broken, ensure, ensure_eq};

/// How often an object is replaced.
const VERSIONS: u8 = 20;

/// How many read at once while it is.
const READERS: usize = 4;

pub(super) async fn replace_replaces(trial: &Trial<'_>) -> Checked {
    let name = trial.name("replaced");
    for content in ["a longer first", "second", "", "and at last the longest of them all", "second"] {
        trial.put(&name, content, PutMode::Replace).await?;
        trial.holds(&name, content.as_bytes()).await?;
    }
    Ok(())
}

pub(super) async fn versions_tell_contents_apart(trial: &Trial<'_>) -> Checked {
    let name = trial.name("versions");
    let mut seen: BTreeMap<String, u8> = BTreeMap::new();
    for content in 0..VERSIONS {
        trial.put(&name, vec![content; 100], PutMode::Replace).await?;
        let mut ranges = [0..100, 0..u64::MAX, 5..10, 0..0, 100..101].map(ReadRange::Bounded).to_vec();
        if trial.store.reads_suffixes() {
            ranges.extend([5, 1000].map(ReadRange::Suffix));
        }
        let first = trial.read(&name, ReadRange::Bounded(0..1)).await?.version;
        for range in ranges {
            let version = trial.read(&name, range.clone()).await?.version;
            ensure_eq!(version, first, "version told with {range:?}, of the same object as before");
        }
        applies(first.is_some() || !seen.is_empty(), "the store tells no versions")?;
        let Some(version) = first else { return broken!("version: expected one as before, got none") };
        if let Some(earlier) = seen.insert(version.clone(), content) {
            return broken!(
                "version: expected a new one for content {content}, got that of content {earlier}, {version:?}"
            );
        }
    }
    Ok(())
}

/// The length of the first version, the shortest.
const SHORTEST: usize = 20_000;

/// Versions differ in length, or at times only in content.
fn len(shortest: usize, version: u8) -> usize {
    shortest + usize::from(version / 2) * (shortest / 20)
}

/// That a reply is one version from beginning to end, and which.
fn version_in(range: &ReadRange, reply: &ReadReply, shortest: usize) -> Checked<u8> {
    let Some(version) = reply.bytes.first().copied() else {
        return broken!("{range:?}: expected bytes, got none");
    };
    ensure!(
        reply.bytes.iter().all(|byte| *byte == version),
        "{range:?} while the object is replaced: expected one version, got a mixture"
    );
    let len = len(shortest, version) as u64;
    ensure_eq!(reply.object_len, len, "object_len told with {range:?} of version {version}");
    let wanted = range.resolve(len);
    ensure_eq!(
        reply.bytes.len() as u64,
        wanted.end - wanted.start,
        "bytes of {range:?} of version {version}"
    );
    Ok(version)
}

/// Says so when it goes.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(super) async fn readers_see_whole_versions(trial: &Trial<'_>) -> Checked {
    let name = trial.name("replaced");
    let shortest = trial.fitting(2 * SHORTEST) / 2;
    let content = |version: u8| vec![version; len(shortest, version)];
    trial.put(&name, content(0), PutMode::Replace).await?;
    let done = AtomicBool::new(false);
    let told: Mutex<BTreeMap<String, u8>> = Mutex::default();
    let writer = async {
        // Readers end with it, also where the store panics.
        let _done = Done(&done);
        for version in 1..VERSIONS {
            trial.put(&name, content(version), PutMode::Replace).await?;
            cancellation_point().await;
        }
        Ok(())
    };
    let reader = async |reader: usize| {
        let mut newest = 0;
        while !done.load(Ordering::Relaxed) {
            let third = shortest as u64 / 3;
            let range = match reader % 3 {
                0 => ReadRange::Bounded(0..u64::MAX),
                1 => ReadRange::Bounded(2 * third..4 * third),
                _ if trial.store.reads_suffixes() => ReadRange::Suffix(2 * third),
                _ => ReadRange::Bounded(1..5 * third),
            };
            let reply = match trial.store.read(&name, range.clone()).await {
                // A store that reads twice may find another version the second time.
                Err(error) if error.kind().is_retryable() => {
                    cancellation_point().await;
                    continue;
                }
                read => worked(&format!("{range:?} of {name:?} while it is replaced"), read)?,
            };
            let version = version_in(&range, &reply, shortest)?;
            ensure!(
                version >= newest,
                "read after version {newest} was read: expected no older one, got {version}"
            );
            newest = version;
            if let Some(tag) = reply.version {
                let earlier = told.lock().map_or(None, |mut told| told.insert(tag.clone(), version));
                ensure!(
                    earlier.is_none_or(|earlier| earlier == version),
                    "version {tag:?}: expected to mean content {earlier:?}, got {version}, too"
                );
            }
            let size = worked(&format!("size of {name:?}"), trial.store.size(&name).await)?;
            let known = (0..VERSIONS).any(|version| len(shortest, version) as u64 == size);
            ensure!(known, "size while the object is replaced: expected that of one version, got {size}");
            // Some stores are never pending, and the writer must have its turn.
            cancellation_point().await;
        }
        Ok(())
    };
    let readers = (0..READERS).map(|number| reader(number).boxed());
    let all = trial.at_once(std::iter::once(writer.boxed()).chain(readers).collect()).await;
    all.into_iter().collect::<Checked>()?;
    trial.holds(&name, &content(VERSIONS - 1)).await
}
