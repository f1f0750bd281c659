//! What is answered where nothing can be done.

use batcher_core::{BlobStore, Operation, PutMode, ReadRange, StoreErrorKind};
use bytes::Bytes;

use super::trial::{Trial, failed, refused};
use crate::conformance::unmet::{Checked, ensure_eq};

pub(super) async fn absent_objects_are_not_found(trial: &Trial<'_>) -> Checked {
    trial.put(&trial.name("there/below"), "x", PutMode::Replace).await?;
    // The last is under an object, the one before it is a directory in some stores.
    for name in ["absent", "absent/too", "there/belo", "there/below2", "there", "there/below/it"] {
        let name = trial.name(name);
        let mut ranges = [0..5, 3..3, 9..10, 0..0, 0..u64::MAX].map(ReadRange::Bounded).to_vec();
        if trial.store.reads_suffixes() {
            ranges.extend([4, 0].map(ReadRange::Suffix));
        }
        for range in ranges {
            let step = format!("{range:?} of {name:?}, which is not there");
            let error = failed(&step, trial.store.read(&name, range).await, StoreErrorKind::NotFound)?;
            ensure_eq!(
                (error.operation(), error.object()),
                (Operation::Read, &*name),
                "{step}: what {error} names"
            );
        }
        let step = format!("size of {name:?}, which is not there");
        let error = failed(&step, trial.store.size(&name).await, StoreErrorKind::NotFound)?;
        ensure_eq!(
            (error.operation(), error.object()),
            (Operation::Size, &*name),
            "{step}: what {error} names"
        );
    }
    Ok(())
}

pub(super) async fn undeclared_capabilities_are_unsupported(trial: &Trial<'_>) -> Checked {
    let capabilities = trial.capabilities();
    let (store, name): (&dyn BlobStore, _) = (trial.store, trial.name("undeclared"));
    let unsupported = StoreErrorKind::Unsupported;
    if !capabilities.create {
        let put = store.put(&name, Bytes::from("x").into(), PutMode::Create).await;
        refused("create, not declared", put, unsupported)?;
    }
    for (mode, declared) in
        [(PutMode::Replace, capabilities.multipart), (PutMode::Create, capabilities.multipart_create)]
    {
        if !declared {
            let started = store.start_multipart(&name, mode).await;
            refused(&format!("start of an upload, {mode:?}, not declared"), started, unsupported)?;
        }
    }
    trial.is_absent(&name).await?;
    if !capabilities.delete {
        let kept = trial.name("kept");
        trial.put(&kept, "x", PutMode::Replace).await?;
        refused("delete, not declared", store.delete(&kept).await, unsupported)?;
        trial.holds(&kept, b"x").await?;
    }
    Ok(())
}
