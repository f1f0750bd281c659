//! Whole objects.

use std::collections::BTreeMap;

use batcher_core::{Payload, PutMode, ReadRange, StoreErrorKind};
use bytes::Bytes;

use super::trial::{Trial, refused, same_bytes};
use crate::conformance::corpus::Noise;
use crate::conformance::unmet::{Checked, applies, ensure_eq};

/// What is called large: more than one packet, buffer or page of anything.
const LARGE: usize = (3 << 20) + 7;

/// The longest put that is worth trying.
const LONGEST: u64 = 16 << 20;

pub(super) async fn what_was_put_is_read_back(trial: &Trial<'_>) -> Checked {
    let longest = trial.capabilities().max_put_len.unwrap_or(u64::MAX);
    for mode in trial.put_modes() {
        let mut expected = BTreeMap::new();
        for len in [1, 2, 100, 4095, 4096, 4097, 70_000] {
            if len as u64 > longest {
                continue;
            }
            let name = trial.name(format_args!("{mode:?}/{len}"));
            let content = Noise::new(len as u64).bytes(len);
            trial.put(&name, content.clone(), mode).await?;
            trial.holds(&name, &content).await?;
            expected.insert(name, len as u64);
            let area = format!("{}{mode:?}/", trial.area());
            if let Some(listed) = trial.listed(&area).await? {
                ensure_eq!(listed, expected, "list of {area:?} after the last put");
            }
        }
    }
    Ok(())
}

pub(super) async fn chunks_come_back_in_order(trial: &Trial<'_>) -> Checked {
    let payloads: [Payload; 3] = [
        (0..300_u16).map(|number| Bytes::from(number.to_string())).collect(),
        ["", "one", "", "", "two", ""].into_iter().map(Bytes::from).collect(),
        // Views into one buffer, out of order.
        {
            let buffer = Bytes::from(Noise::new(1).bytes(1000));
            [buffer.slice(500..), buffer.slice(..10), buffer.slice(3..700)].into_iter().collect()
        },
    ];
    for mode in trial.put_modes() {
        for (number, payload) in payloads.iter().enumerate() {
            let name = trial.name(format_args!("{mode:?}/{number}"));
            trial.put_payload(&name, payload.clone(), mode).await?;
            trial.holds(&name, &payload.to_bytes()).await?;
        }
    }
    Ok(())
}

pub(super) async fn empty_objects_exist(trial: &Trial<'_>) -> Checked {
    for mode in trial.put_modes() {
        let name = trial.name(format_args!("{mode:?}"));
        trial.put_payload(&name, Payload::new(), mode).await?;
        trial.holds(&name, b"").await?;
        if let Some(listed) = trial.listed(&name).await? {
            ensure_eq!(listed, BTreeMap::from([(name.clone(), 0)]), "list of {name:?}");
        }
        let mut ranges =
            vec![0..0, 0..1, 2..9, 0..u64::MAX].into_iter().map(ReadRange::Bounded).collect::<Vec<_>>();
        if trial.store.reads_suffixes() {
            ranges.extend([0, 7].map(ReadRange::Suffix));
        }
        for range in ranges {
            let reply = trial.read(&name, range.clone()).await?;
            ensure_eq!((reply.bytes.len(), reply.object_len), (0, 0), "{range:?} of {name:?}, lengths");
        }
    }
    Ok(())
}

pub(super) async fn large_objects_come_back(trial: &Trial<'_>) -> Checked {
    let longest = trial.capabilities().max_put_len.and_then(|max| usize::try_from(max).ok());
    let content = Bytes::from(Noise::new(3).bytes(LARGE.min(longest.unwrap_or(LARGE))));
    let name = trial.name("large");
    // In chunks of a length that no page is of.
    let payload: Payload = (0..content.len())
        .step_by(100_003)
        .map(|start| content.slice(start..content.len().min(start + 100_003)))
        .collect();
    trial.put_payload(&name, payload, PutMode::Replace).await?;
    trial.holds(&name, &content).await?;
    for start in (0..content.len()).step_by(content.len() / 5 + 1) {
        let end = content.len().min(start + 500_000);
        let reply = trial.read(&name, ReadRange::Bounded(start as u64..end as u64)).await?;
        same_bytes(&format!("{start}..{end} of {name:?}"), &reply.bytes, &content[start..end])?;
        ensure_eq!(reply.object_len, content.len() as u64, "object_len of {start}..{end} of {name:?}");
    }
    Ok(())
}

pub(super) async fn the_longest_put_is_honoured(trial: &Trial<'_>) -> Checked {
    let longest = trial.capabilities().max_put_len;
    applies(longest.is_some(), "no longest put is declared")?;
    let longest =
        longest.filter(|longest| *longest <= LONGEST).and_then(|longest| usize::try_from(longest).ok());
    applies(longest.is_some(), "the longest put is too long to try")?;
    let content = Bytes::from(Noise::new(4).bytes(longest.unwrap_or_default() + 1));
    let allowed = content.slice(1..);
    for mode in trial.put_modes() {
        let name = trial.name(format_args!("{mode:?}/allowed"));
        trial.put(&name, allowed.clone(), mode).await?;
        trial.holds(&name, &allowed).await?;
        let name = trial.name(format_args!("{mode:?}/too long"));
        let put = trial.store.put(&name, content.clone().into(), mode).await;
        refused(
            &format!("{mode:?} of {} bytes, one too many", content.len()),
            put,
            StoreErrorKind::TooLarge,
        )?;
        trial.is_absent(&name).await?;
    }
    Ok(())
}
