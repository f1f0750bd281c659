//! What objects may be called.

use batcher_core::{BlobStore, MAX_NAME_LEN, Outcome, PutMode, ReadRange, StoreError, StoreErrorKind};
use bytes::Bytes;

use super::trial::{Trial, refused, worked};
use crate::conformance::unmet::{Checked, broken, ensure, ensure_eq};

/// That an operation on a bad name is refused as such, or as one that the store does not have at all.
fn is_invalid<T>(step: &str, result: Result<T, StoreError>, declared: bool) -> Checked {
    match result {
        Err(error) if !declared && error.kind() == StoreErrorKind::Unsupported => {
            refused::<T>(step, Err(error), StoreErrorKind::Unsupported)
        }
        result => refused(step, result, StoreErrorKind::InvalidInput),
    }
}

/// Asks for everything under a bad name, first what changes nothing. A name that `strays` would be somebody else's object
/// to a store that takes it.
async fn is_refused(trial: &Trial<'_>, name: &str, strays: bool) -> Checked {
    let (store, can): (&dyn BlobStore, _) = (trial.store, trial.capabilities());
    let read = store.read(name, ReadRange::Bounded(0..1)).await;
    is_invalid(&format!("read of {name:?}"), read, true)?;
    let read = store.read(name, ReadRange::Suffix(1)).await;
    is_invalid(&format!("read of the end of {name:?}"), read, store.reads_suffixes())?;
    is_invalid(&format!("size of {name:?}"), store.size(name).await, true)?;
    for (mode, declared) in [(PutMode::Create, can.multipart_create), (PutMode::Replace, can.multipart)] {
        let step = format!("start of an upload of {name:?}, {mode:?}");
        match store.start_multipart(name, mode).await {
            Ok(mut upload) => {
                let _ = upload.abort().await;
                return broken!("{step}: expected InvalidInput, got success");
            }
            refused => is_invalid(&step, refused, declared)?,
        }
    }
    let created = store.put(name, Bytes::from("x").into(), PutMode::Create).await;
    if strays && created.is_ok() && can.create && can.delete {
        // By a store that keeps its word it was made just now, and is ours to delete.
        let _ = store.delete(name).await;
    }
    is_invalid(&format!("Create of {name:?}"), created, can.create)?;
    if !strays || !can.create {
        let replaced = store.put(name, Bytes::from("x").into(), PutMode::Replace).await;
        is_invalid(&format!("Replace of {name:?}"), replaced, true)?;
    }
    is_invalid(&format!("delete of {name:?}"), store.delete(name).await, can.delete)
}

pub(super) async fn bad_names_are_invalid(trial: &Trial<'_>) -> Checked {
    let area = trial.area();
    let beside = trial.name("beside");
    trial.put(&beside, "x", PutMode::Replace).await?;
    let within = [
        "bad//bad",
        "bad/./bad",
        "bad/.",
        "./beside",
        "bad\u{7f}",
        "bad\0",
        "b\nad",
        &format!("{}n", "n/".repeat(MAX_NAME_LEN / 2)),
    ];
    for name in within {
        // Of a store that takes it, it is deleted with the rest.
        is_refused(trial, &trial.name(name), false).await?;
    }
    // Only now: a store that has refused those will hardly take these.
    let outside = ["", "/", ".", ".."].map(str::to_owned);
    let led_out = ["", "bad/..", "bad/../../bad", "../beside"].map(|name| format!("{area}{name}"));
    for name in led_out.iter().chain([&format!("/{area}bad")]).chain(&outside) {
        is_refused(trial, name, true).await?;
    }
    trial.holds(&beside, b"x").await
}

/// Whether a name consists of what every store must take.
fn is_plain(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
}

const ODD: [&str; 30] = [
    "a b",
    "a%20b",
    "50%",
    "%2e%2e",
    "a%2Fb",
    "données",
    "日本語",
    "a+b",
    "a?b",
    "a&b=c",
    "a#b",
    "~",
    "...",
    "a:b",
    "a*b",
    "'a'",
    "\"a\"",
    "<a>",
    "{a}",
    "[a]",
    "a|b",
    "a\\b",
    "a;b",
    "a@b",
    "-a",
    "$a",
    ".a",
    "a^b",
    "a`b",
    "a!,()",
];

pub(super) async fn odd_names_stand_for_themselves(trial: &Trial<'_>) -> Checked {
    let mut taken = Vec::new();
    for odd in ODD {
        let name = trial.name(format_args!("odd/{odd}"));
        let put = trial.store.put(&name, Bytes::from(name.clone()).into(), PutMode::Replace).await;
        match put {
            Err(error)
                if !trial.options.odd_names
                    && !is_plain(odd)
                    && error.kind() == StoreErrorKind::InvalidInput =>
            {
                ensure_eq!(error.outcome(), Outcome::NotApplied, "outcome of {error}");
            }
            put => {
                worked(&format!("put of {name:?}"), put)?;
                taken.push(name);
            }
        }
    }
    for name in &taken {
        trial.holds(name, name.as_bytes()).await?;
        if let Some(listed) = trial.listed(name).await? {
            ensure!(listed.contains_key(name), "list of {name:?}: expected it, got {listed:?}");
        }
    }
    let odd = format!("{}odd/", trial.area());
    if let Some(listed) = trial.listed(&odd).await? {
        let mut expected = taken.clone();
        expected.sort();
        ensure_eq!(listed.into_keys().collect::<Vec<_>>(), expected, "list of {odd:?}");
    }
    if taken.len() < ODD.len() {
        trial.note(format!("{} of {} odd names are refused", ODD.len() - taken.len(), ODD.len()));
    }
    Ok(())
}

pub(super) async fn long_names_are_whole_or_refused(trial: &Trial<'_>) -> Checked {
    for (letter, len, required) in
        [("a", 512, true), ("b", MAX_NAME_LEN - 1, false), ("c", MAX_NAME_LEN, false)]
    {
        // Segments of a hundred letters, and a last one of at least two.
        let rest = len.saturating_sub(trial.area().len());
        let mut relative = letter.repeat(rest);
        for end in (100..rest.saturating_sub(2)).step_by(101) {
            relative.replace_range(end..=end, "/");
        }
        let name = trial.name(&relative);
        let put = trial.store.put(&name, Bytes::from("long").into(), PutMode::Replace).await;
        match put {
            Err(error)
                if !required
                    && matches!(error.kind(), StoreErrorKind::InvalidInput | StoreErrorKind::TooLarge)
                    && error.outcome() == Outcome::NotApplied =>
            {
                trial.note(format!("names of {len} bytes are refused"));
            }
            Err(error) if !required => {
                return broken!(
                    "put under a name of {len} bytes: expected success, or InvalidInput or TooLarge and \
                     NotApplied, got {error}"
                );
            }
            put => {
                worked(&format!("put under a name of {len} bytes"), put)?;
                trial.holds(&name, b"long").await?;
                let listed = trial.listed(&name[..len - 1]).await?;
                if let Some(listed) = listed {
                    ensure!(listed.contains_key(&name), "list of a name of {len} bytes: got {listed:?}");
                }
                trial.is_absent(&name[..len - 1]).await?;
            }
        }
    }
    Ok(())
}
