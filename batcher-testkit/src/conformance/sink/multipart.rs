//! Uploads in parts.

use batcher_core::{Payload, PutMode, StoreErrorKind};
use bytes::Bytes;
use futures_util::future::join_all;

use super::trial::{Trial, failed, worked};
use crate::conformance::corpus::Noise;
use crate::conformance::unmet::{Checked, Unmet, applies};

/// The length of parts where the store does not ask for longer ones.
const SHORT: u64 = 1000;

/// The longest part that is worth trying.
const LONGEST: u64 = 32 << 20;

/// The modes in which this store takes uploads; ends the rule where there is none.
fn modes(trial: &Trial<'_>) -> Checked<Vec<PutMode>> {
    let capabilities = trial.capabilities();
    let replace = capabilities.multipart.then_some(PutMode::Replace);
    let create = capabilities.multipart_create.then_some(PutMode::Create);
    let modes: Vec<_> = replace.into_iter().chain(create).collect();
    applies(!modes.is_empty(), "multipart is not declared")?;
    applies(
        capabilities.min_part_len.is_none_or(|len| len <= LONGEST),
        "the shortest part is too long to try",
    )?;
    Ok(modes)
}

/// The shortest part that the store takes.
fn part_len(trial: &Trial<'_>) -> usize {
    let len = trial.capabilities().min_part_len.unwrap_or(SHORT).max(SHORT);
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// Three parts: the shortest that may be, a longer one of several chunks, and a last one that is shorter.
fn parts(trial: &Trial<'_>) -> Vec<Payload> {
    let len = part_len(trial);
    let chunk = |seed, len| Bytes::from(Noise::new(seed).bytes(len));
    vec![
        chunk(1, len).into(),
        [chunk(2, len - 500), chunk(3, 500), chunk(4, 77)].into_iter().collect(),
        chunk(5, 3).into(),
    ]
}

fn joined(parts: &[Payload]) -> Bytes {
    parts.iter().flat_map(|part| part.chunks().to_vec()).collect::<Payload>().to_bytes()
}

/// The most parts that this store allows in one upload, up to `wanted`.
fn allowed(trial: &Trial<'_>, wanted: usize) -> Checked<Vec<Payload>> {
    let mut parts = parts(trial);
    parts.truncate(wanted);
    let max = trial.capabilities().max_parts.unwrap_or(u64::MAX);
    if parts.len() as u64 > max {
        return Err(Unmet::NotApplicable(format!("no more than {max} parts are allowed")));
    }
    Ok(parts)
}

pub(super) async fn parts_finish_in_any_order(trial: &Trial<'_>) -> Checked {
    let modes = modes(trial)?;
    let parts = allowed(trial, 3)?;
    let object = joined(&parts);
    for mode in modes {
        for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
            let name = trial.name(format_args!("{mode:?}/{order:?}"));
            let mut upload = trial.start(&name, mode).await?;
            let mut puts: Vec<_> = parts.iter().map(|part| Some(upload.put_part(part.clone()))).collect();
            for number in order {
                if let Some(put) = puts[number].take() {
                    worked(&format!("part {number} of {name:?}, in the order {order:?}"), put.await)?;
                }
            }
            worked(&format!("completion of {name:?}"), upload.complete().await)?;
            trial.holds(&name, &object).await?;
        }
        let name = trial.name(format_args!("{mode:?}/at once"));
        let mut upload = trial.start(&name, mode).await?;
        let puts: Vec<_> = parts.iter().map(|part| upload.put_part(part.clone())).collect();
        for (number, put) in join_all(puts).await.into_iter().enumerate() {
            worked(&format!("part {number} of {name:?}, all at once"), put)?;
        }
        worked(&format!("completion of {name:?}"), upload.complete().await)?;
        trial.holds(&name, &object).await?;
    }
    Ok(())
}

pub(super) async fn aborted_uploads_leave_nothing(trial: &Trial<'_>) -> Checked {
    for mode in modes(trial)? {
        for parts in 0..=allowed(trial, 1)?.len() {
            let name = trial.name(format_args!("{mode:?}/aborted after {parts}"));
            let mut upload = trial.start(&name, mode).await?;
            for _ in 0..parts {
                worked("a part", upload.put_part(Bytes::from("part").into()).await)?;
            }
            trial.is_absent(&name).await?;
            worked(&format!("abort of {name:?}"), upload.abort().await)?;
            trial.is_absent(&name).await?;
            drop(upload);
            trial.is_absent(&name).await?;
        }
        let name = trial.name(format_args!("{mode:?}/dropped"));
        drop(trial.start(&name, mode).await?);
        trial.is_absent(&name).await?;
    }
    Ok(())
}

pub(super) async fn completion_honours_the_mode(trial: &Trial<'_>) -> Checked {
    for mode in modes(trial)? {
        let name = trial.name(format_args!("{mode:?}"));
        let mut upload = trial.start(&name, mode).await?;
        worked("a part", upload.put_part(Bytes::from("second").into()).await)?;
        // The name was free when it was started.
        trial.put(&name, "the first", PutMode::Replace).await?;
        let completed = upload.complete().await;
        if mode == PutMode::Create {
            let step = format!("completion of {name:?}, to be created, after another has taken the name");
            failed(&step, completed, StoreErrorKind::AlreadyExists)?;
            trial.holds(&name, b"the first").await?;
            let _ = upload.abort().await;
        } else {
            worked(&format!("completion of {name:?}, to be replaced"), completed)?;
            trial.holds(&name, b"second").await?;
        }
    }
    Ok(())
}
