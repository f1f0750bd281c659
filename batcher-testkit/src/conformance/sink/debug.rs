//! What debug output shows.

use std::fmt::Debug;

use batcher_core::{PutMode, ReadRange};
use bytes::Bytes;

use super::trial::{Trial, worked};
use crate::conformance::unmet::{Checked, ensure};

/// Letters only, so that no way of escaping changes it.
const STATE: &str = "StateThatNobodyMayReadInALog";

/// That the debug form of `shown` has no byte of the state, whether as text or as numbers.
fn shows_none(what: &str, shown: &impl Debug) -> Checked {
    let numbers = |radix: fn(u8) -> String| STATE.bytes().take(6).map(radix).collect::<Vec<_>>();
    let forms = [
        STATE.to_owned(),
        numbers(|byte| byte.to_string()).join(", "),
        numbers(|byte| format!("{byte:02x}")).concat(),
        numbers(|byte| format!("{byte:02X}")).concat(),
    ];
    // The long form has each number on a line of its own.
    let long = format!("{shown:#?}").split_whitespace().collect::<Vec<_>>().join(" ");
    for output in [format!("{shown:?}"), long] {
        for form in &forms {
            ensure!(!output.contains(form), "debug form of {what}: expected no payload, got {form:?} in it");
        }
    }
    Ok(())
}

pub(super) async fn debug_output_shows_no_payload(trial: &Trial<'_>) -> Checked {
    let state = || Bytes::from(STATE);
    let name = trial.name("object");
    trial.put(&name, state(), PutMode::Replace).await?;
    shows_none("the store after a put", &trial.store)?;
    trial.read(&name, ReadRange::Bounded(0..100)).await?;
    shows_none("the store after a read", &trial.store)?;

    // A create that is refused, for the one reason or the other, and a name that is none.
    let bad = format!("{}bad//name", trial.area());
    for (name, mode) in [(&name, PutMode::Create), (&bad, PutMode::Replace)] {
        if let Err(error) = trial.store.put(name, state().into(), mode).await {
            shows_none("an error", &error)?;
            shows_none("an error, displayed,", &error.to_string())?;
        }
    }
    if trial.capabilities().multipart {
        let name = trial.name("upload");
        let mut upload = trial.start(&name, PutMode::Replace).await?;
        let put = upload.put_part(state().into());
        shows_none("an upload with a part under way", &upload)?;
        worked("a part", put.await)?;
        shows_none("an upload with a part", &upload)?;
        shows_none("the store with an upload", &trial.store)?;
        worked("completion", upload.complete().await)?;
        shows_none("an upload that is complete", &upload)?;
    }
    Ok(())
}
