//! The store that a URL names.

use std::sync::Arc;

use ::url::Url;
use batcher_core::{BlobStore, Operation, StoreError, StoreErrorKind};

#[cfg(feature = "object-store")]
mod remote;

#[cfg(feature = "object-store")]
use self::remote::open as open_remote;

/// Opens the store that `url` names.
///
/// | URL | store | feature |
/// | --- | --- | --- |
/// | `file:///directory` | `LocalStore`; the directory is made where it is missing | `local` |
/// | `memory://`, `memory:///prefix` | a new, empty `object_store::memory::InMemory` | `object-store` |
/// | `s3://bucket/prefix`, `s3a:` | S3 and those who copy it | `aws` |
/// | `az://container/prefix`, `azure:`, `adl:`, `abfs:`, `abfss:` | Azure Blob Storage | `azure` |
/// | `gs://bucket/prefix` | Google Cloud Storage | `gcp` |
/// | `http://host/prefix`, `https:` | WebDAV; the hosts of AWS, R2 and Azure mean those | `http`, `aws`, `azure` |
///
/// Names are relative to the directory or prefix; two stores with different prefixes do not see each other.
///
/// `options` are the keys and values of the `object_store` client, in any case: `aws_access_key_id`,
/// `endpoint`, `allow_http`, `conditional_put`, …; none is taken from the environment. What a client is known not
/// to do is declared: no create for WebDAV and for S3 with `conditional_put=disabled`, no multipart for WebDAV, no
/// suffix reads and no backslashes in names for Azure. Nothing is asked of the network until the store is used.
///
/// # Errors
///
/// - [`StoreErrorKind::Unsupported`] for a store whose feature is off; the error's source names the feature.
/// - [`StoreErrorKind::InvalidInput`] for anything that is not such a URL, for a query or fragment in it, and for
///   options that the store does not know or cannot read.
/// - For directories, the errors of `LocalStore::create`.
///
/// ```
/// # #[cfg(feature = "object-store")] {
/// use batcher_core::{Payload, PutMode};
/// let store = batcher_stores::open_url("memory:///experiment", [])?;
/// # pollster::block_on(async {
/// store.put("epoch-7/node-1", Payload::from(bytes::Bytes::from_static(b"state")), PutMode::Create).await
/// # })?;
/// # }
/// # Ok::<(), batcher_core::StoreError>(())
/// ```
pub fn open_url(
    url: &str,
    options: impl IntoIterator<Item = (String, String)>,
) -> Result<Arc<dyn BlobStore>, StoreError> {
    let options: Vec<_> = options.into_iter().collect();
    let url = Url::parse(url).map_err(|error| invalid(url).with_source(error))?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid(shown(&url)).with_source("a store's URL has no query and no fragment"));
    }
    match url.scheme() {
        "file" => open_directory(&url, &options),
        "memory" | "s3" | "s3a" | "az" | "azure" | "adl" | "abfs" | "abfss" | "gs" | "http" | "https" => {
            open_remote(&url, options)
        }
        _ => Err(invalid(shown(&url)).with_source("unknown scheme")),
    }
}

#[cfg(not(feature = "object-store"))]
fn open_remote(url: &Url, _options: Vec<(String, String)>) -> Result<Arc<dyn BlobStore>, StoreError> {
    let feature = match url.scheme() {
        "s3" | "s3a" => "aws",
        "gs" => "gcp",
        "http" | "https" => "http",
        "memory" => "object-store",
        _ => "azure",
    };
    Err(feature_is_off(url, feature))
}

#[cfg(feature = "local")]
fn open_directory(url: &Url, options: &[(String, String)]) -> Result<Arc<dyn BlobStore>, StoreError> {
    if let Some((key, _)) = options.first() {
        return Err(unknown_option(url, key));
    }
    let path = url
        .to_file_path()
        .map_err(|()| invalid(shown(url)).with_source("not a path on this machine; write file:///path"))?;
    Ok(Arc::new(crate::LocalStore::create(path)?))
}

#[cfg(not(feature = "local"))]
fn open_directory(url: &Url, _options: &[(String, String)]) -> Result<Arc<dyn BlobStore>, StoreError> {
    Err(feature_is_off(url, "local"))
}

fn invalid(url: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::InvalidInput, Operation::Open, url)
}

#[cfg(any(feature = "local", feature = "object-store"))]
fn unknown_option(url: &Url, key: &str) -> StoreError {
    invalid(shown(url)).with_source(format!("this store has no option {key:?}"))
}

fn feature_is_off(url: &Url, feature: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Unsupported, Operation::Open, shown(url))
        .with_source(format!("batcher-stores was built without its feature {feature:?}"))
}

/// The URL without user and password, for errors.
fn shown(url: &Url) -> String {
    format!("{}://{}{}", url.scheme(), url.host_str().unwrap_or_default(), url.path())
}
