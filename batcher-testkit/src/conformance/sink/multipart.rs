//! Uploads in parts, as a whole.

use batcher_core::{Outcome, Payload, PutMode, StoreErrorKind};
use bytes::Bytes;

use super::create::ROUNDS;
use super::trial::{Trial, failed, worked};
use crate::conformance::corpus::Noise;
use crate::conformance::unmet::{Checked, Unmet, applies, ensure, ensure_eq, show};

/// The length of parts where the store does not ask for longer ones.
const SHORT: u64 = 1000;

/// The length of a part that has none beside it.
const ALONE: usize = 1000;

/// The longest part that is worth trying.
const LONGEST: u64 = 32 << 20;

/// The modes in which this store takes uploads; ends the rule where there is none.
pub(super) fn modes(trial: &Trial<'_>) -> Checked<Vec<PutMode>> {
    let capabilities = trial.capabilities();
    let replace = capabilities.multipart.then_some(PutMode::Replace);
    let create = capabilities.multipart_create.then_some(PutMode::Create);
    let modes: Vec<_> = replace.into_iter().chain(create).collect();
    applies(!modes.is_empty(), "multipart is not declared")?;
    Ok(modes)
}

/// The length of the shortest part, or of short ones where every length will do.
pub(super) fn part_len(trial: &Trial<'_>) -> Checked<usize> {
    let len = trial.capabilities().min_part_len.unwrap_or(SHORT);
    applies(len <= LONGEST, "the shortest part is too long to try")?;
    Ok(usize::try_from(len.max(1)).unwrap_or(usize::MAX))
}

/// The shortest part that may be, a longer one of several chunks, and a last one that is shorter.
pub(super) fn parts(trial: &Trial<'_>) -> Checked<Vec<Payload>> {
    let len = part_len(trial)?;
    let most = trial.capabilities().max_parts.unwrap_or(u64::MAX);
    if most < 3 {
        return Err(Unmet::NotApplicable(format!("no more than {most} parts are allowed")));
    }
    let chunk = |seed, len| Bytes::from(Noise::new(seed).bytes(len));
    Ok(vec![
        chunk(1, len).into(),
        [chunk(2, len / 2), chunk(3, len - len / 2), chunk(4, 77)].into_iter().collect(),
        chunk(5, 3).into(),
    ])
}

pub(super) fn joined(parts: &[Payload]) -> Bytes {
    parts.iter().flat_map(|part| part.chunks().to_vec()).collect::<Payload>().to_bytes()
}

pub(super) async fn uploads_are_invisible_until_completed(trial: &Trial<'_>) -> Checked {
    let parts = parts(trial)?;
    let object = joined(&parts);
    for mode in modes(trial)? {
        let name = trial.name(format_args!("{mode:?}/new"));
        let mut upload = trial.start(&name, mode).await?;
        trial.is_absent(&name).await?;
        for part in &parts {
            worked("a part", upload.put_part(part.clone()).await)?;
            trial.is_absent(&name).await?;
        }
        worked("completion", upload.complete().await)?;
        trial.holds(&name, &object).await?;
        if let Some(listed) = trial.listed(&name).await? {
            ensure_eq!(listed.get(&name), Some(&(object.len() as u64)), "length in a list of {name:?}");
        }
    }
    if trial.capabilities().multipart {
        let name = trial.name("old");
        trial.put(&name, "old", PutMode::Replace).await?;
        let mut upload = trial.start(&name, PutMode::Replace).await?;
        for part in &parts {
            worked("a part", upload.put_part(part.clone()).await)?;
            trial.holds(&name, b"old").await?;
        }
        worked("completion", upload.complete().await)?;
        trial.holds(&name, &object).await?;
    }
    Ok(())
}

pub(super) async fn aborted_uploads_leave_nothing(trial: &Trial<'_>) -> Checked {
    for mode in modes(trial)? {
        for parts in 0..=1 {
            let name = trial.name(format_args!("{mode:?}/aborted-after-{parts}"));
            let mut upload = trial.start(&name, mode).await?;
            for _ in 0..parts {
                worked("a part", upload.put_part(Bytes::from("part").into()).await)?;
            }
            worked(&format!("abort of {name:?}"), upload.abort().await)?;
            trial.is_absent(&name).await?;
            drop(upload);
            trial.is_absent(&name).await?;
        }
        let name = trial.name(format_args!("{mode:?}/dropped"));
        let mut upload = trial.start(&name, mode).await?;
        worked("a part", upload.put_part(Bytes::from("part").into()).await)?;
        drop(upload);
        trial.is_absent(&name).await?;
    }
    if trial.capabilities().multipart {
        let name = trial.name("old");
        trial.put(&name, "old", PutMode::Replace).await?;
        let mut upload = trial.start(&name, PutMode::Replace).await?;
        worked("a part", upload.put_part(Bytes::from("new").into()).await)?;
        worked(&format!("abort of {name:?}"), upload.abort().await)?;
        trial.holds(&name, b"old").await?;
    }
    Ok(())
}

pub(super) async fn completion_honours_the_mode(trial: &Trial<'_>) -> Checked {
    for mode in modes(trial)? {
        for taken in ["before", "meanwhile"] {
            let name = trial.name(format_args!("{mode:?}/{taken}"));
            let taken_first = taken == "before";
            if taken_first {
                trial.put(&name, "the first", PutMode::Replace).await?;
            }
            let mut upload = match trial.store.start_multipart(&name, mode).await {
                // As good a time to say so as completion.
                Err(error) if taken_first && mode == PutMode::Create => {
                    let step = format!("start of an upload of {name:?}, to be created, which is taken");
                    failed::<()>(&step, Err(error), StoreErrorKind::AlreadyExists)?;
                    continue;
                }
                started => worked(&format!("start of an upload of {name:?}, {mode:?}"), started)?,
            };
            worked("a part", upload.put_part(Bytes::from("second").into()).await)?;
            if !taken_first {
                trial.put(&name, "the first", PutMode::Replace).await?;
            }
            let completed = upload.complete().await;
            if mode == PutMode::Create {
                let step = format!("completion of {name:?}, to be created, which was taken {taken}");
                failed(&step, completed, StoreErrorKind::AlreadyExists)?;
                trial.holds(&name, b"the first").await?;
                let _ = upload.abort().await;
                trial.holds(&name, b"the first").await?;
            } else {
                worked(&format!("completion of {name:?}, to be replaced"), completed)?;
                trial.holds(&name, b"second").await?;
            }
        }
    }
    Ok(())
}

pub(super) async fn one_completion_wins(trial: &Trial<'_>) -> Checked {
    let contenders = u8::try_from(trial.options.contenders).unwrap_or(u8::MAX);
    // The last part, as which one alone counts, may be of any length.
    let content = |contender: u8| vec![contender; ALONE];
    for mode in modes(trial)? {
        let mut rounds_won = 0;
        for round in 0..ROUNDS {
            let name = trial.name(format_args!("{mode:?}/{round}"));
            let mut uploads = Vec::new();
            for contender in 0..contenders {
                let mut upload = trial.start(&name, mode).await?;
                worked("a part", upload.put_part(Bytes::from(content(contender)).into()).await)?;
                uploads.push(upload);
            }
            let completions = uploads.iter_mut().map(|upload| upload.complete());
            let completed = trial.at_once(completions.collect()).await;
            let (mut winners, mut losers) = (Vec::new(), Vec::new());
            for (contender, completed) in (0..contenders).zip(completed) {
                let taken = |kind| mode == PutMode::Create && kind == StoreErrorKind::AlreadyExists;
                match completed {
                    Ok(()) => winners.push(contender),
                    Err(error) if taken(error.kind()) || error.kind().is_retryable() => {
                        losers.extend((error.outcome() == Outcome::NotApplied).then_some(contender));
                    }
                    completed => {
                        worked(&format!("completion of {name:?}, {mode:?}, beside others"), completed)?;
                    }
                }
            }
            ensure!(
                mode == PutMode::Replace || winners.len() <= 1,
                "completion of {name:?} by {contenders} at once, to be created: expected one to succeed, got success for {winners:?}"
            );
            rounds_won += usize::from(!winners.is_empty());
            // Where nobody was told, it may be there all the same.
            if !winners.is_empty() || trial.store.size(&name).await.is_ok() {
                let stored = trial.whole(&name).await?;
                let owner = (0..contenders).find(|contender| *stored == *content(*contender));
                let created = mode == PutMode::Create && !winners.is_empty();
                ensure!(
                    owner.is_some_and(
                        |owner| !losers.contains(&owner) && (!created || winners.contains(&owner))
                    ),
                    "{name:?}: expected the content of one who completed it, got {} of {owner:?}, while {winners:?} were told so, and \
                     {losers:?} that theirs was not applied",
                    show(&stored)
                );
            }
            for (contender, upload) in (0..contenders).zip(&mut uploads) {
                if !winners.contains(&contender) {
                    let _ = upload.abort().await;
                }
            }
        }
        trial.note(format!("{mode:?}: {rounds_won} of {ROUNDS} races had a winner"));
    }
    Ok(())
}

pub(super) async fn uploads_at_once_are_apart(trial: &Trial<'_>) -> Checked {
    let parts = parts(trial)?;
    let others: Vec<Payload> =
        parts.iter().map(|part| Bytes::from(vec![7; part.to_bytes().len()]).into()).collect();
    for mode in modes(trial)? {
        let name = trial.name(format_args!("{mode:?}"));
        let (mut one, mut other) = (trial.start(&name, mode).await?, trial.start(&name, mode).await?);
        for (part, its) in parts.iter().zip(&others) {
            worked("a part of one", one.put_part(part.clone()).await)?;
            worked("a part of the other", other.put_part(its.clone()).await)?;
        }
        worked("completion of one of two uploads", one.complete().await)?;
        trial.holds(&name, &joined(&parts)).await?;
        let completed = other.complete().await;
        if mode == PutMode::Create {
            failed("completion of the other of two uploads", completed, StoreErrorKind::AlreadyExists)?;
            trial.holds(&name, &joined(&parts)).await?;
            let _ = other.abort().await;
        } else {
            worked("completion of the other of two uploads", completed)?;
            trial.holds(&name, &joined(&others)).await?;
        }
    }
    Ok(())
}
