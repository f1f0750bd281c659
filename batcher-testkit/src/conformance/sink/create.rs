//! Conditional creation.

use batcher_core::{Outcome, PutMode, StoreErrorKind};

use super::trial::{Trial, failed, same_bytes, worked};
use crate::conformance::unmet::{Checked, applies, broken, ensure};

/// Races are lost and won by chance.
pub(super) const ROUNDS: usize = 10;
const LEN: usize = 9999;

const UNDECLARED: &str = "create is not declared";

pub(super) async fn create_refuses_a_taken_name(trial: &Trial<'_>) -> Checked {
    applies(trial.capabilities().create, UNDECLARED)?;
    let name = trial.name("taken/name");
    trial.put(&name, "first", PutMode::Create).await?;
    for second in ["another", "first", ""] {
        let step = format!("second create of {name:?}");
        let created = trial.store.put(&name, bytes::Bytes::from(second).into(), PutMode::Create).await;
        failed(&step, created, StoreErrorKind::AlreadyExists)?;
        trial.holds(&name, b"first").await?;
    }
    // One that was put to replace takes the name as well.
    let name = trial.name("put");
    trial.put(&name, "first", PutMode::Replace).await?;
    let created = trial.store.put(&name, bytes::Bytes::from("second").into(), PutMode::Create).await;
    failed(&format!("create of {name:?}, which was put"), created, StoreErrorKind::AlreadyExists)?;
    trial.holds(&name, b"first").await
}

pub(super) async fn one_creator_wins(trial: &Trial<'_>) -> Checked {
    applies(trial.capabilities().create, UNDECLARED)?;
    let contenders = u8::try_from(trial.options.contenders).unwrap_or(u8::MAX);
    let mut rounds_won = 0;
    for round in 0..ROUNDS {
        let name = trial.name(format_args!("race/{round}"));
        let len = trial.fitting(LEN);
        let content = |creator: u8| vec![creator; len];
        let creators = (0..contenders).map(|creator| {
            trial.store.put(&name, bytes::Bytes::from(content(creator)).into(), PutMode::Create)
        });
        let (mut winners, mut losers) = (Vec::new(), Vec::new());
        for (creator, outcome) in (0..contenders).zip(trial.at_once(creators.collect()).await) {
            match outcome {
                Ok(()) => winners.push(creator),
                Err(error)
                    if error.kind() == StoreErrorKind::AlreadyExists || error.kind().is_retryable() =>
                {
                    if error.outcome() == Outcome::NotApplied {
                        losers.push(creator);
                    }
                }
                Err(error) => {
                    return broken!(
                        "create of {name:?} by {contenders} at once: expected success, AlreadyExists or an \
                         error that may pass, got {error}"
                    );
                }
            }
        }
        ensure!(
            winners.len() <= 1,
            "create of {name:?} by {contenders} at once: expected one to succeed, got success for {winners:?}"
        );
        rounds_won += winners.len();
        if let [winner] = winners[..] {
            same_bytes(
                &format!("{name:?}, created by {winner}"),
                &trial.whole(&name).await?,
                &content(winner),
            )?;
        } else if let Ok(size) = trial.store.size(&name).await {
            // Nobody was told, and yet it may have been one of them.
            let stored = trial.whole(&name).await?;
            let owner = (0..contenders).find(|creator| *stored == *content(*creator));
            ensure!(
                owner.is_some_and(|owner| !losers.contains(&owner)),
                "{name:?}: expected the content of one creator whose outcome is unknown, got {size} bytes of \
                 {owner:?}, while these were told that theirs was not applied: {losers:?}"
            );
        }
    }
    // Whoever comes alone must win.
    let alone = trial.name("alone");
    worked("create without a contender", {
        trial.store.put(&alone, bytes::Bytes::from("alone").into(), PutMode::Create).await
    })?;
    trial.note(format!("{rounds_won} of {ROUNDS} races had a winner"));
    Ok(())
}
