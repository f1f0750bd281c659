//! Replacement.

use batcher_core::PutMode;

use super::trial::Trial;
use crate::conformance::unmet::Checked;

pub(super) async fn replace_replaces(trial: &Trial<'_>) -> Checked {
    let name = trial.name("replaced");
    for content in ["a longer first", "second", "", "and at last the longest of them all", "second"] {
        trial.put(&name, content, PutMode::Replace).await?;
        trial.holds(&name, content.as_bytes()).await?;
    }
    Ok(())
}
