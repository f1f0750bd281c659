//! Reads of parts of an object.

use batcher_core::{PutMode, ReadRange, StoreErrorKind};

use super::trial::{Trial, refused, same_bytes};
use crate::conformance::unmet::{Checked, ensure_eq};

const OBJECT: &[u8] = b"0123456789";

/// Places in and around the object, and the largest that there are in signed and unsigned numbers.
const POINTS: [u64; 10] = [0, 1, 5, 9, 10, 11, 1 << 40, (1 << 63) - 1, 1 << 63, u64::MAX];

/// What a range must give, which is the wording of the trait rather than `ReadRange::resolve`.
fn expected(range: &ReadRange) -> &'static [u8] {
    let index = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(OBJECT.len());
    match range {
        ReadRange::Bounded(range) if range.start >= range.end => &[],
        ReadRange::Bounded(range) => &OBJECT[index(range.start)..index(range.end)],
        ReadRange::Suffix(bytes) => &OBJECT[OBJECT.len() - index(*bytes)..],
    }
}

async fn gives(trial: &Trial<'_>, name: &str, range: ReadRange) -> Checked {
    let reply = trial.read(name, range.clone()).await?;
    same_bytes(&format!("{range:?} of {} bytes", OBJECT.len()), &reply.bytes, expected(&range))?;
    ensure_eq!(reply.object_len, OBJECT.len() as u64, "object_len of {range:?}");
    Ok(())
}

pub(super) async fn ranges_are_cut_at_the_end(trial: &Trial<'_>) -> Checked {
    let name = trial.name("ranges");
    trial.put(&name, OBJECT, PutMode::Replace).await?;
    for start in POINTS {
        for end in POINTS {
            gives(trial, &name, ReadRange::Bounded(start..end)).await?;
        }
    }
    Ok(())
}

pub(super) async fn suffixes_are_read_or_refused(trial: &Trial<'_>) -> Checked {
    let name = trial.name("suffixes");
    trial.put(&name, OBJECT, PutMode::Replace).await?;
    for len in POINTS {
        let range = ReadRange::Suffix(len);
        if trial.store.reads_suffixes() {
            gives(trial, &name, range).await?;
        } else {
            let read = trial.store.read(&name, range.clone()).await;
            refused(&format!("{range:?}, not declared"), read, StoreErrorKind::Unsupported)?;
        }
    }
    Ok(())
}
