//! The stores of `object_store`, by URL.

use std::sync::Arc;

use ::object_store::prefix::PrefixStore;
use ::object_store::{Error, ObjectStore, ObjectStoreScheme, parse_url_opts};
use ::url::Url;
use batcher_core::{BlobStore, StoreError, StoreErrorKind};

use super::{feature_is_off, invalid, shown, unknown_option};
use crate::ObjectStoreSink;

/// The longest object that S3 and Azure take in one put. Azure's limit is 5,000 MiB.
const MAX_PUT_LEN: u64 = 5_000 << 20;

pub(super) fn open(url: &Url, options: Vec<(String, String)>) -> Result<Arc<dyn BlobStore>, StoreError> {
    let (scheme, _) =
        ObjectStoreScheme::parse(url).map_err(|error| invalid(shown(url)).with_source(error))?;
    let knows = known_keys(&scheme).map_err(|feature| feature_is_off(url, feature))?;
    let options: Vec<_> = options.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect();
    // object_store would pass over an option that it does not know.
    if let Some((key, _)) = options.iter().find(|(key, _)| !knows(key)) {
        return Err(unknown_option(url, key));
    }
    let creates = !(scheme == ObjectStoreScheme::AmazonS3 && options.iter().any(disables_create));
    let (store, prefix) = parse_url_opts(url, options).map_err(|error| refused(url, error))?;
    let store: Arc<dyn ObjectStore> =
        if prefix.is_root() { Arc::from(store) } else { Arc::new(PrefixStore::new(store, prefix)) };
    let sink = ObjectStoreSink::new(store);
    Ok(Arc::new(match scheme {
        ObjectStoreScheme::AmazonS3 if creates => sink.with_max_put_len(MAX_PUT_LEN),
        ObjectStoreScheme::AmazonS3 => sink.with_max_put_len(MAX_PUT_LEN).without_create(),
        ObjectStoreScheme::MicrosoftAzure => {
            sink.with_max_put_len(MAX_PUT_LEN).without_suffix_reads().without_backslashes()
        }
        ObjectStoreScheme::Http => sink.without_create().without_multipart(),
        _ => sink,
    }))
}

/// Building a client asks nobody: what fails is what was configured.
fn refused(url: &Url, error: Error) -> StoreError {
    let kind = match error {
        Error::NotSupported { .. } | Error::NotImplemented { .. } => StoreErrorKind::Unsupported,
        _ => StoreErrorKind::InvalidInput,
    };
    StoreError::new(kind, batcher_core::Operation::Open, shown(url)).with_source(error)
}

fn disables_create((key, value): &(String, String)) -> bool {
    matches!(key.as_str(), "conditional_put" | "aws_conditional_put") && value.trim() == "disabled"
}

/// Tells which options a store knows, or the feature that it lacks.
fn known_keys(scheme: &ObjectStoreScheme) -> Result<fn(&str) -> bool, &'static str> {
    match scheme {
        ObjectStoreScheme::Memory => Ok(|_| false),
        #[cfg(feature = "aws")]
        ObjectStoreScheme::AmazonS3 => {
            Ok(|key| key.parse::<::object_store::aws::AmazonS3ConfigKey>().is_ok())
        }
        #[cfg(not(feature = "aws"))]
        ObjectStoreScheme::AmazonS3 => Err("aws"),
        #[cfg(feature = "azure")]
        ObjectStoreScheme::MicrosoftAzure => {
            Ok(|key| key.parse::<::object_store::azure::AzureConfigKey>().is_ok())
        }
        #[cfg(not(feature = "azure"))]
        ObjectStoreScheme::MicrosoftAzure => Err("azure"),
        #[cfg(feature = "gcp")]
        ObjectStoreScheme::GoogleCloudStorage => {
            Ok(|key| key.parse::<::object_store::gcp::GoogleConfigKey>().is_ok())
        }
        #[cfg(not(feature = "gcp"))]
        ObjectStoreScheme::GoogleCloudStorage => Err("gcp"),
        #[cfg(feature = "http")]
        ObjectStoreScheme::Http => Ok(|key| key.parse::<::object_store::ClientConfigKey>().is_ok()),
        #[cfg(not(feature = "http"))]
        ObjectStoreScheme::Http => Err("http"),
        // No URL that comes here is of another store.
        _ => Err("object-store"),
    }
}
