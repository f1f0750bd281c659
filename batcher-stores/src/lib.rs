//! Stores for the checkpoint batcher.
//!
//! | store | feature | what it is |
//! | --- | --- | --- |
#![cfg_attr(
    feature = "object-store",
    doc = "| [`ObjectStoreSink`] | `object-store` (default) | any `object_store::ObjectStore`; S3, Azure, GCS and WebDAV with `aws`, `azure`, `gcp`, `http` |"
)]
#![cfg_attr(feature = "local", doc = "| [`LocalStore`] | `local` (default) | a directory, durably |")]
#![cfg_attr(feature = "opendal", doc = "| [`OpendalSink`] | `opendal` | any `opendal::Operator` |")]
//!
//! [`open_url`] opens the store that a URL names; [`TokioTimer`] tells core the time on a tokio runtime.
#![cfg_attr(
    feature = "local",
    doc = r#"
```
use batcher_core::{BlobSink, BlobSource, Payload, PutMode, ReadRange};
use batcher_stores::LocalStore;

# fn main() -> Result<(), Box<dyn std::error::Error>> {
let directory = tempfile::tempdir()?;
let store = LocalStore::new(directory.path())?;
// LocalStore needs no runtime; on tokio it leaves the file work to the blocking pool.
pollster::block_on(async {
    let state = Payload::from(bytes::Bytes::from_static(b"state of node 1"));
    store.put("epoch-7/node-1", state, PutMode::Create).await?;
    let tail = store.read("epoch-7/node-1", ReadRange::Suffix(6)).await?;
    assert_eq!(tail.bytes, "node 1");
    Ok(())
})
# }
```
"#
)]

mod timer;
mod url;

#[cfg(feature = "local")]
mod blocking;
#[cfg(any(feature = "local", feature = "object-store", feature = "opendal"))]
mod io_error;
#[cfg(feature = "local")]
mod local;
#[cfg(feature = "object-store")]
mod object_store;
#[cfg(feature = "opendal")]
mod opendal;

#[cfg(feature = "local")]
pub use local::LocalStore;
#[cfg(feature = "object-store")]
pub use object_store::ObjectStoreSink;
#[cfg(feature = "opendal")]
pub use opendal::OpendalSink;
pub use timer::TokioTimer;
pub use url::open_url;
