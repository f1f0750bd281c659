//! Futures that are dropped before they end.

use std::future::poll_fn;
use std::task::Poll;

use batcher_core::{Payload, PutMode, ReadRange, StoreErrorKind};
use bytes::Bytes;

use super::multipart::{joined, modes, part_len, parts};
use super::trial::{Trial, worked};
use crate::cancellation_point::cancellation_point;
use crate::conformance::corpus::Noise;
use crate::conformance::unmet::{Checked, broken, ensure};

/// After how many polls a future is dropped at the latest. Those that need more end by themselves or are not judged
/// further: on a network their number is chance.
const MAX_POLLS: usize = 12;

/// How often an object is looked at whose write may still take effect, and how often a create is tried again that
/// meets it. There is no clock here to wait by.
const LOOKS: usize = 8;

/// The longest part of an upload that is dropped in the middle, in bytes.
const MAX_PART_LEN: usize = 64 << 10;

/// Polls a future at most so often, and then drops it.
pub(super) async fn polled<F: Future>(future: F, polls: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = polls;
    let output = poll_fn(|context| {
        let Some(less) = left.checked_sub(1) else { return Poll::Ready(None) };
        left = less;
        match future.as_mut().poll(context) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    });
    output.await
}

/// That an object is one of these at every look; `None` stands for its not being there.
async fn is_one_of(trial: &Trial<'_>, step: &str, name: &str, allowed: &[Option<&[u8]>]) -> Checked {
    for _ in 0..LOOKS {
        let read = trial.store.read(name, ReadRange::Bounded(0..u64::MAX)).await;
        let found = match &read {
            Ok(reply) => Some(&*reply.bytes),
            Err(error) if error.kind() == StoreErrorKind::NotFound => None,
            Err(error) => {
                return broken!("{step}: expected the object to be read or not to be there, got {error}");
            }
        };
        ensure!(
            allowed.contains(&found),
            "{step}: expected one of the lengths {:?}, whole, got {:?}",
            allowed.iter().map(|allowed| allowed.map(<[u8]>::len)).collect::<Vec<_>>(),
            found.map(<[u8]>::len)
        );
        cancellation_point().await;
    }
    Ok(())
}

/// Puts the same bytes again, as whoever was interrupted does, until they stand.
async fn put_again(trial: &Trial<'_>, step: &str, name: &str, content: &Bytes, mode: PutMode) -> Checked {
    for _ in 0..LOOKS {
        match trial.store.put(name, content.clone().into(), mode).await {
            Ok(()) => return trial.holds(name, content).await,
            Err(error) if error.kind() == StoreErrorKind::AlreadyExists && mode == PutMode::Create => {
                if trial.store.size(name).await.is_ok() {
                    return trial.holds(name, content).await;
                }
            }
            // The write that was given up is in the way.
            Err(error) if error.kind().is_retryable() => {}
            Err(error) => return broken!("put after {step}: expected success, got {error}"),
        }
        cancellation_point().await;
    }
    broken!("put after {step}: expected success within {LOOKS} attempts, got none")
}

pub(super) async fn dropped_puts_are_whole_or_absent(trial: &Trial<'_>) -> Checked {
    let chunks = [1, 2, 3].map(|seed| Bytes::from(Noise::new(seed).bytes(30_000)));
    let payload: Payload = chunks.into_iter().collect();
    let content = payload.to_bytes();
    let old: &[u8] = b"what stood there before";
    for mode in trial.put_modes() {
        for (over, before) in [("nothing", None), ("another", Some(old))] {
            if mode == PutMode::Create && before.is_some() {
                continue;
            }
            for polls in 0..=MAX_POLLS {
                let step = format!("{mode:?} over {over}, dropped after {polls} polls");
                let name = trial.name(format_args!("{mode:?} over {over}/{polls}"));
                if let Some(before) = before {
                    trial.put(&name, before, PutMode::Replace).await?;
                }
                if let Some(put) = polled(trial.store.put(&name, payload.clone(), mode), polls).await {
                    worked(&format!("put that ends within {polls} polls"), put)?;
                    trial.holds(&name, &content).await?;
                    break;
                }
                is_one_of(trial, &step, &name, &[before, Some(&content)]).await?;
                put_again(trial, &step, &name, &content, mode).await?;
                is_one_of(trial, &format!("put again after {step}"), &name, &[Some(&content)]).await?;
            }
        }
    }
    Ok(())
}

pub(super) async fn dropped_uploads_are_whole_or_absent(trial: &Trial<'_>) -> Checked {
    // Read too often to be long: the last part may be short, and then it is the only one.
    let long = part_len(trial)? > MAX_PART_LEN;
    let parts = if long { vec![Bytes::from(Noise::new(6).bytes(30_000)).into()] } else { parts(trial)? };
    let content = joined(&parts);
    for mode in modes(trial)? {
        for polls in 0..=MAX_POLLS {
            let name = trial.name(format_args!("{mode:?}/start/{polls}"));
            match polled(trial.store.start_multipart(&name, mode), polls).await {
                Some(started) => {
                    let mut upload = worked("start", started)?;
                    let _ = upload.abort().await;
                    break;
                }
                None => trial.is_absent(&name).await?,
            }
        }
        for polls in 0..=MAX_POLLS {
            let step = format!("completion, {mode:?}, dropped after {polls} polls");
            let name = trial.name(format_args!("{mode:?}/complete/{polls}"));
            let mut upload = trial.start(&name, mode).await?;
            for part in &parts {
                worked("a part", upload.put_part(part.clone()).await)?;
            }
            let completed = polled(upload.complete(), polls).await;
            let ended = completed.is_some();
            if let Some(completed) = completed {
                worked(&format!("completion within {polls} polls"), completed)?;
            } else {
                is_one_of(trial, &step, &name, &[None, Some(&content)]).await?;
                put_again(trial, &step, &name, &content, PutMode::Replace).await?;
            }
            // Allowed now that the object stands.
            let _ = upload.abort().await;
            let after = format!("abort after {step}, once the object stood");
            is_one_of(trial, &after, &name, &[Some(&content)]).await?;
            if ended {
                break;
            }
        }
    }
    Ok(())
}

pub(super) async fn dropped_reads_and_deletes_do_no_harm(trial: &Trial<'_>) -> Checked {
    let content = Noise::new(5).bytes(50_000);
    let name = trial.name("read");
    trial.put(&name, content.clone(), PutMode::Replace).await?;
    for polls in 0..=MAX_POLLS {
        drop(polled(trial.store.read(&name, ReadRange::Bounded(0..40_000)), polls).await);
        drop(polled(trial.store.size(&name), polls).await);
        trial.holds(&name, &content).await?;
    }
    let deletes = trial.capabilities().delete;
    for polls in (0..=MAX_POLLS).filter(|_| deletes) {
        let name = trial.name(format_args!("deleted/{polls}"));
        trial.put(&name, content.clone(), PutMode::Replace).await?;
        if let Some(deleted) = polled(trial.store.delete(&name), polls).await {
            worked("delete", deleted)?;
            trial.is_absent(&name).await?;
            break;
        }
        let step = format!("delete that was dropped after {polls} polls");
        is_one_of(trial, &step, &name, &[None, Some(&content)]).await?;
        worked(&format!("delete after a {step}"), trial.store.delete(&name).await)?;
        trial.is_absent(&name).await?;
    }
    Ok(())
}
