//! The parts of an upload.

use batcher_core::{Payload, StoreErrorKind};
use bytes::Bytes;
use futures_util::future::join_all;

use super::cancel::polled;
use super::multipart::{joined, modes, part_len, parts};
use super::trial::{Trial, failed, worked};
use crate::conformance::corpus::Noise;
use crate::conformance::unmet::{Checked, applies, broken};

/// The most parts that are worth trying, and the most bytes in all of them.
const MOST: u64 = 1000;
const MOST_BYTES: u64 = 32 << 20;

pub(super) async fn parts_finish_in_any_order(trial: &Trial<'_>) -> Checked {
    let parts = parts(trial)?;
    let object = joined(&parts);
    for mode in modes(trial)? {
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
    }
    Ok(())
}

pub(super) async fn parts_run_at_once(trial: &Trial<'_>) -> Checked {
    let parts = parts(trial)?;
    for mode in modes(trial)? {
        let name = trial.name(format_args!("{mode:?}"));
        let mut upload = trial.start(&name, mode).await?;
        // The last to be asked for is polled first.
        let mut puts: Vec<_> = parts.iter().map(|part| upload.put_part(part.clone())).collect();
        puts.reverse();
        for put in join_all(puts).await {
            worked(&format!("part of {name:?}, all at once"), put)?;
        }
        worked(&format!("completion of {name:?}"), upload.complete().await)?;
        trial.holds(&name, &joined(&parts)).await?;
    }
    Ok(())
}

pub(super) async fn one_part_suffices(trial: &Trial<'_>) -> Checked {
    for mode in modes(trial)? {
        for content in ["x", "a few more bytes"] {
            let name = trial.name(format_args!("{mode:?}/{}", content.len()));
            let mut upload = trial.start(&name, mode).await?;
            worked("the only part", upload.put_part(Bytes::from(content).into()).await)?;
            worked("completion of an upload of one part", upload.complete().await)?;
            trial.holds(&name, content.as_bytes()).await?;
        }
    }
    Ok(())
}

pub(super) async fn no_part_is_nothing_or_empty(trial: &Trial<'_>) -> Checked {
    for mode in modes(trial)? {
        let name = trial.name(format_args!("{mode:?}"));
        let mut upload = trial.start(&name, mode).await?;
        if upload.complete().await.is_ok() {
            trial.note(format!("{mode:?}: an upload without parts is an empty object"));
            trial.holds(&name, b"").await?;
        } else {
            trial.is_absent(&name).await?;
            let _ = upload.abort().await;
            trial.is_absent(&name).await?;
        }
    }
    Ok(())
}

pub(super) async fn a_missing_part_is_noticed(trial: &Trial<'_>) -> Checked {
    let parts = parts(trial)?;
    let object = joined(&parts);
    for mode in modes(trial)? {
        for missing in [0, 1, 2] {
            for polls in [0, 1] {
                let step = format!("part {missing} of 3, dropped after {polls} polls");
                let name = trial.name(format_args!("{mode:?}/{missing}/{polls}"));
                let mut upload = trial.start(&name, mode).await?;
                for (number, part) in parts.iter().enumerate() {
                    let put = upload.put_part(part.clone());
                    if number == missing {
                        drop(polled(put, polls).await);
                    } else if let Err(error) = put.await {
                        // A store may notice here already.
                        trial.note(format!("after {step}, part {number} is refused: {:?}", error.kind()));
                    }
                }
                if upload.complete().await.is_ok() {
                    // It may have been sent all the same, but then all of it.
                    if trial.holds(&name, &object).await.is_err() {
                        return broken!(
                            "{step}: expected completion to fail, or the whole object, got another"
                        );
                    }
                } else {
                    trial.is_absent(&name).await?;
                    let _ = upload.abort().await;
                    trial.is_absent(&name).await?;
                }
            }
        }
    }
    Ok(())
}

pub(super) async fn declared_part_limits_work(trial: &Trial<'_>) -> Checked {
    let modes = modes(trial)?;
    let capabilities = trial.capabilities();
    applies(
        capabilities.min_part_len.or(capabilities.max_parts).is_some(),
        "no limits of parts are declared",
    )?;
    let len = part_len(trial)?;
    let most =
        capabilities.max_parts.filter(|most| *most <= MOST && most.saturating_mul(len as u64) <= MOST_BYTES);
    let count = match (most, capabilities.min_part_len) {
        (Some(most), _) => usize::try_from(most).unwrap_or_default(),
        (None, Some(_)) => 3,
        (None, None) => return applies(false, "the most parts are too many to try"),
    };
    for mode in modes {
        // All of exactly the shortest length, and the last as short as can be.
        let mut parts: Vec<Payload> =
            (1..count).map(|part| Bytes::from(Noise::new(part as u64).bytes(len)).into()).collect();
        parts.push(Bytes::from("z").into());
        let name = trial.name(format_args!("{mode:?}/within"));
        let mut upload = trial.start(&name, mode).await?;
        for (number, part) in parts.iter().enumerate() {
            let step = format!("part {number} of {count}, of {} bytes", part.len());
            worked(&step, upload.put_part(part.clone()).await)?;
        }
        worked(&format!("completion of {count} parts of {len} bytes"), upload.complete().await)?;
        trial.holds(&name, &joined(&parts)).await?;

        // One part too many must not be left out.
        if most.is_some() {
            parts.insert(0, Bytes::from(Noise::new(0).bytes(len)).into());
            let name = trial.name(format_args!("{mode:?}/beyond"));
            let mut upload = trial.start(&name, mode).await?;
            let mut taken = true;
            for part in &parts {
                taken &= upload.put_part(part.clone()).await.is_ok();
            }
            if upload.complete().await.is_ok() {
                if !taken {
                    return broken!("completion after a part was refused: expected an error, got success");
                }
                trial.holds(&name, &joined(&parts)).await?;
            } else {
                let _ = upload.abort().await;
                let gone = trial.store.size(&name).await;
                failed("size after a part too many", gone, StoreErrorKind::NotFound)?;
            }
        }
    }
    Ok(())
}
