//! Lists.

use std::collections::BTreeMap;

use batcher_core::PutMode;
use futures_util::stream::StreamExt;

use super::cancel::polled;
use super::trial::{Trial, worked};
use crate::conformance::unmet::{Checked, ensure, ensure_eq};

/// More than a page of S3 and of Google, which list 1,000 objects at a time. Azure lists 5,000: there it is one page.
const LONG: usize = 1050;

fn lengths(names: &[String]) -> BTreeMap<String, u64> {
    names.iter().map(|name| (name.clone(), name.len() as u64)).collect()
}

pub(super) async fn lists_go_by_prefix(trial: &Trial<'_>) -> Checked {
    let names =
        ["list/ab/1", "list/ab/12", "list/abc/1", "list/b", "list/ab.d", "lists", "list/..a", "list/AB/1"];
    let names = names.map(|name| trial.name(name));
    trial.must_list(trial.area()).await?;
    trial.put_all(&names).await?;
    let all = lengths(&names);
    let within = [
        "",
        "l",
        "list",
        "list/",
        "list/a",
        "list/ab",
        "list/ab/",
        "list/ab/1",
        "list/abc",
        "list/b",
        "list/x",
        "list/b/",
        "list/ab/1/",
        "list/.",
        "list/..",
        "list//",
        "list/../list",
        "list/\n",
        "LIST",
    ];
    let mut prefixes = within.map(|prefix| format!("{}{prefix}", trial.area())).to_vec();
    prefixes.push(format!("/{}list", trial.area()));
    for prefix in prefixes {
        let mut wanted = all.clone();
        wanted.retain(|name, _| name.starts_with(&prefix));
        ensure_eq!(trial.must_list(&prefix).await?, wanted, "list of {prefix:?}");
    }
    Ok(())
}

pub(super) async fn long_lists_are_complete(trial: &Trial<'_>) -> Checked {
    trial.must_list(trial.area()).await?;
    let names: Vec<_> =
        (0..LONG).map(|number| trial.name(format_args!("{:02}/{number}", number % 7))).collect();
    trial.put_all(&names).await?;
    let listed = trial.must_list(trial.area()).await?;
    ensure_eq!(listed.len(), LONG, "number of objects listed");
    ensure_eq!(listed, lengths(&names), "list of {:?}", trial.area());
    Ok(())
}

pub(super) async fn lists_can_be_dropped(trial: &Trial<'_>) -> Checked {
    trial.must_list(trial.area()).await?;
    let names: Vec<_> = (0..40).map(|number| trial.name(format_args!("{number}/{number}"))).collect();
    trial.put_all(&names).await?;
    let all = lengths(&names);
    for polls in 0..4 {
        drop(polled(trial.store.list(trial.area()).collect::<Vec<_>>(), polls).await);
        for taken in [1, 5, 39] {
            let mut list = trial.store.list(trial.area());
            for _ in 0..taken {
                let Some(object) = list.next().await else { break };
                let object = worked("list", object)?;
                let expected = all.get(&object.name);
                ensure_eq!(Some(&object.len), expected, "length of {:?} in a list", object.name);
            }
            drop(list);
            // Two at once are two lists.
            let (mut one, two) = (trial.store.list(trial.area()), trial.must_list(trial.area()));
            ensure!(one.next().await.is_some(), "list: expected {} objects, got none", all.len());
            ensure_eq!(
                two.await?,
                all,
                "list after one was dropped after {taken} objects and while one is open"
            );
        }
    }
    Ok(())
}

pub(super) async fn prefixes_are_apart(trial: &Trial<'_>) -> Checked {
    let owners = ["node-1/", "node-10/", "node-1", "node-", "node/1/"];
    let object = |owner: &str| trial.name(format_args!("{owner}object"));
    for owner in owners {
        trial.put(&object(owner), owner, PutMode::Replace).await?;
    }
    for owner in owners {
        trial.holds(&object(owner), owner.as_bytes()).await?;
    }
    for owner in ["node-1/", "node-10/", "node/1/", "node/"] {
        let prefix = format!("{}{owner}", trial.area());
        let mut wanted: BTreeMap<_, _> = owners.map(|owner| (object(owner), owner.len() as u64)).into();
        wanted.retain(|name, _| name.starts_with(&prefix));
        if let Some(listed) = trial.listed(&prefix).await? {
            ensure_eq!(listed, wanted, "list of {prefix:?}, beside others whose prefixes begin alike");
        }
    }
    trial.put(&object("node-1/"), "replaced", PutMode::Replace).await?;
    if trial.capabilities().delete {
        worked("delete", trial.store.delete(&object("node-10/")).await)?;
        trial.is_absent(&object("node-10/")).await?;
    }
    trial.holds(&object("node-1/"), b"replaced").await?;
    for owner in ["node-1", "node-", "node/1/"] {
        trial.holds(&object(owner), owner.as_bytes()).await?;
    }
    Ok(())
}
