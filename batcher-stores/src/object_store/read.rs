//! Ranged reads, with the ranges that `object_store` and its servers refuse.

use ::object_store::path::Path;
use ::object_store::{
    GetOptions, GetRange, GetResult, GetResultPayload, ObjectMeta, ObjectStore, ObjectStoreExt,
};
use batcher_core::{Operation, ReadRange, ReadReply, StoreError, StoreErrorKind};
use bytes::{Bytes, BytesMut};
use futures_util::TryStreamExt;

use super::error::store_error;

/// Room taken for a reply before any of it has come; what really comes may grow beyond it.
const MAX_RESERVE: u64 = 64 << 20;

/// The largest range end or suffix that is sent: servers that count in signed numbers refuse more.
const MAX_END: u64 = u64::MAX >> 1;

/// Reads a range by the contract of `BlobSource::read`.
pub(super) async fn read(
    store: &dyn ObjectStore,
    path: &Path,
    name: &str,
    range: &ReadRange,
) -> Result<ReadReply, StoreError> {
    let failed = |error| store_error(error, Operation::Read, name, false);
    let asked = match range {
        // HTTP cannot ask for nothing.
        ReadRange::Bounded(bytes) if bytes.start >= bytes.end => None,
        ReadRange::Suffix(0) => None,
        ReadRange::Bounded(bytes) if bytes.end > MAX_END => Some(GetRange::Offset(bytes.start)),
        ReadRange::Bounded(bytes) => Some(GetRange::Bounded(bytes.clone())),
        ReadRange::Suffix(bytes) => Some(GetRange::Suffix((*bytes).min(MAX_END))),
    };
    let Some(asked) = asked else {
        return Ok(nothing(store.head(path).await.map_err(failed)?));
    };
    let options = GetOptions { range: Some(asked), ..GetOptions::default() };
    let refused = match store.get_opts(path, options).await {
        Ok(found) => return collect(found, name).await,
        Err(error) => failed(error),
    };
    // A range past the end is an error of many forms: 416 from servers, private types from the local and the memory
    // store, a reply without a range for an empty object. The length says whether it was that.
    if matches!(refused.kind(), StoreErrorKind::InvalidInput | StoreErrorKind::Other)
        && let Ok(meta) = store.head(path).await
        && range.resolve(meta.size).is_empty()
    {
        return Ok(nothing(meta));
    }
    Err(refused)
}

fn nothing(meta: ObjectMeta) -> ReadReply {
    ReadReply { bytes: Bytes::new(), object_len: meta.size, version: meta.e_tag.or(meta.version) }
}

async fn collect(found: GetResult, name: &str) -> Result<ReadReply, StoreError> {
    let object_len = found.meta.size;
    let version = found.meta.e_tag.clone().or_else(|| found.meta.version.clone());
    let expected = found.range.end.saturating_sub(found.range.start);
    let bytes = match found.payload {
        GetResultPayload::Stream(stream) => join(stream, expected).await,
        // A file, whose own length bounds the read.
        _ => found.bytes().await,
    };
    let bytes = bytes.map_err(|error| store_error(error, Operation::Read, name, false))?;
    if bytes.len() as u64 == expected {
        Ok(ReadReply { bytes, object_len, version })
    } else {
        Err(StoreError::new(StoreErrorKind::Unavailable, Operation::Read, name)
            .with_source(format!("{} bytes instead of {expected}", bytes.len())))
    }
}

/// Joins a reply; a single piece is not copied. Allocates by what comes, since its announced length is the server's
/// word only.
async fn join(
    mut stream: impl TryStreamExt<Ok = Bytes, Error = ::object_store::Error> + Unpin,
    expected: u64,
) -> Result<Bytes, ::object_store::Error> {
    let Some(first) = stream.try_next().await? else { return Ok(Bytes::new()) };
    if first.len() as u64 >= expected {
        return Ok(first);
    }
    let reserve = usize::try_from(expected.min(MAX_RESERVE)).unwrap_or_default();
    let mut joined = BytesMut::with_capacity(reserve);
    joined.extend_from_slice(&first);
    while let Some(piece) = stream.try_next().await? {
        joined.extend_from_slice(&piece);
    }
    Ok(joined.freeze())
}
