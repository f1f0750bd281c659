//! Deletion.

use batcher_core::PutMode;

use super::trial::{Trial, worked};
use crate::conformance::unmet::{Checked, applies};

pub(super) async fn deleting_twice_succeeds(trial: &Trial<'_>) -> Checked {
    applies(trial.capabilities().delete, "delete is not declared")?;
    let delete = async |name: &str| worked(&format!("delete of {name:?}"), trial.store.delete(name).await);
    let (name, beside) = (trial.name("deleted/object"), trial.name("deleted/object2"));
    trial.put(&name, "x", PutMode::Replace).await?;
    trial.put(&beside, "y", PutMode::Replace).await?;
    for _ in 0..2 {
        delete(&name).await?;
        trial.is_absent(&name).await?;
    }
    delete(&trial.name("deleted/never/was")).await?;
    // Below an object there is nothing, and what others call a directory is nothing either.
    delete(&trial.name("deleted/object2/below")).await?;
    delete(&trial.name("deleted")).await?;
    trial.holds(&beside, b"y").await?;
    // The name is as good as new.
    for mode in trial.put_modes() {
        trial.put(&name, "again", mode).await?;
        trial.holds(&name, b"again").await?;
        delete(&name).await?;
        trial.is_absent(&name).await?;
    }
    Ok(())
}
