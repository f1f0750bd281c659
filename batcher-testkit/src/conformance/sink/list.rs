//! Lists.

use std::collections::BTreeMap;

use super::trial::Trial;
use crate::conformance::unmet::{Checked, ensure_eq};

/// More than a page of any store.
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
