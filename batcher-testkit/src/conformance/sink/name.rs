//! What objects may be called.

use batcher_core::{MAX_NAME_LEN, Outcome, PutMode, ReadRange, StoreErrorKind};
use bytes::Bytes;

use super::trial::{Trial, refused, worked};
use crate::conformance::unmet::{Checked, broken, ensure, ensure_eq};

pub(super) async fn bad_names_are_invalid(trial: &Trial<'_>) -> Checked {
    let area = trial.area();
    let beside = trial.name("beside");
    trial.put(&beside, "x", PutMode::Replace).await?;
    let long = format!("{area}{}n", "n/".repeat(MAX_NAME_LEN / 2));
    let mut names =
        vec![String::new(), "/".into(), ".".into(), "..".into(), format!("/{area}bad"), area.into(), long];
    let within = [
        "bad//bad",
        "bad/./bad",
        "bad/../../bad",
        "bad/.",
        "bad/..",
        "../beside",
        "./beside",
        "bad\u{7f}",
        "bad\0",
        "b\nad",
    ];
    names.extend(within.map(|name| format!("{area}{name}")));
    for name in &names {
        let invalid = StoreErrorKind::InvalidInput;
        for mode in [PutMode::Replace, PutMode::Create] {
            let put = trial.store.put(name, Bytes::from("x").into(), mode).await;
            refused(&format!("{mode:?} of {name:?}"), put, invalid)?;
            let started = trial.store.start_multipart(name, mode).await;
            refused(&format!("start of an upload of {name:?}, {mode:?}"), started, invalid)?;
        }
        for range in [ReadRange::Bounded(0..1), ReadRange::Suffix(1)] {
            refused(&format!("read of {name:?}"), trial.store.read(name, range).await, invalid)?;
        }
        refused(&format!("size of {name:?}"), trial.store.size(name).await, invalid)?;
        refused(&format!("delete of {name:?}"), trial.store.delete(name).await, invalid)?;
    }
    trial.holds(&beside, b"x").await
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
            Err(error) if !trial.options.odd_names && error.kind() == StoreErrorKind::InvalidInput => {
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
