//! What is answered where nothing can be done.

use batcher_core::{BlobStore, Operation, PutMode, ReadRange, StoreError, StoreErrorKind};
use bytes::Bytes;

use super::trial::{Trial, failed, refused, worked};
use crate::conformance::unmet::{Checked, broken, ensure_eq};

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
            failed(&step, trial.store.read(&name, range).await, StoreErrorKind::NotFound)?;
        }
        trial.is_absent(&name).await?;
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

/// What an error names, and what it should.
fn names<T>(step: &str, result: Result<T, StoreError>, operation: Operation, object: &str) -> Checked {
    match result {
        Ok(_) => broken!("{step}: expected an error, got success"),
        Err(error) => {
            let named = (error.operation(), error.object());
            ensure_eq!(named, (operation, object), "{step}: operation and object that {error} names");
            Ok(())
        }
    }
}

pub(super) async fn errors_name_object_and_operation(trial: &Trial<'_>) -> Checked {
    let (store, capabilities) = (trial.store, trial.capabilities());
    let x = || Bytes::from("x").into();
    let absent = trial.name("absent");
    let range = ReadRange::Bounded(0..1);
    names("read of what is not there", store.read(&absent, range.clone()).await, Operation::Read, &absent)?;
    names("size of what is not there", store.size(&absent).await, Operation::Size, &absent)?;

    // Of a bad name, every operation is an error.
    let bad = trial.name("bad//name");
    names("put under a bad name", store.put(&bad, x(), PutMode::Replace).await, Operation::Put, &bad)?;
    let started = store.start_multipart(&bad, PutMode::Replace).await;
    names("start of an upload of a bad name", started, Operation::StartMultipart, &bad)?;
    names("delete of a bad name", store.delete(&bad).await, Operation::Delete, &bad)?;
    names("read of a bad name", store.read(&bad, range).await, Operation::Read, &bad)?;
    names("size of a bad name", store.size(&bad).await, Operation::Size, &bad)?;

    let taken = trial.name("taken");
    trial.put(&taken, "x", PutMode::Replace).await?;
    // Taken or not supported, it is an error.
    names("create of a taken name", store.put(&taken, x(), PutMode::Create).await, Operation::Put, &taken)?;
    if capabilities.multipart_create {
        match store.start_multipart(&taken, PutMode::Create).await {
            // As good a time to say so as completion.
            Err(error) => {
                let step = "start of an upload of a taken name";
                names::<()>(step, Err(error), Operation::StartMultipart, &taken)?;
            }
            Ok(mut upload) => {
                worked("a part", upload.put_part(x()).await)?;
                let completed = upload.complete().await;
                names("completion under a taken name", completed, Operation::CompleteMultipart, &taken)?;
                let _ = upload.abort().await;
            }
        }
    } else {
        let started = store.start_multipart(&taken, PutMode::Create).await;
        names("start of an upload that is not supported", started, Operation::StartMultipart, &taken)?;
    }
    if !capabilities.delete {
        names("delete that is not supported", store.delete(&taken).await, Operation::Delete, &taken)?;
    }
    Ok(())
}
