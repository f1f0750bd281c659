//! Many at once.

use batcher_core::PutMode;
use futures_util::future::FutureExt;

use super::trial::{Trial, worked};
use crate::conformance::corpus::Noise;
use crate::conformance::unmet::{Checked, ensure_eq};

const USERS: u64 = 16;

pub(super) async fn many_at_once_do_not_mix(trial: &Trial<'_>) -> Checked {
    let delete = trial.capabilities().delete;
    let user = async |user: u64| {
        let name = trial.name(format_args!("user-{user}/object"));
        for turn in 0..3 {
            // No two of a length, and no two alike.
            let len = 1000 + usize::try_from(user * 3 + turn).unwrap_or_default();
            let content = Noise::new(user * 3 + turn).bytes(len);
            trial.put(&name, content.clone(), PutMode::Replace).await?;
            trial.holds(&name, &content).await?;
            if let Some(listed) = trial.listed(&name).await? {
                ensure_eq!(listed.get(&name), Some(&(len as u64)), "length in a list of {name:?}");
            }
            if delete && turn == 1 {
                worked("delete", trial.store.delete(&name).await)?;
                trial.is_absent(&name).await?;
            }
        }
        Ok(())
    };
    trial.at_once((0..USERS).map(|number| user(number).boxed()).collect()).await.into_iter().collect()
}
