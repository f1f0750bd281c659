//! Stores by URL.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

use std::sync::Arc;

use batcher_core::{BlobStore, Operation, StoreErrorKind};
use batcher_stores::open_url;

type Opened = Result<Arc<dyn BlobStore>, batcher_core::StoreError>;

fn open(url: &str, options: &[(&str, &str)]) -> Opened {
    open_url(url, options.iter().map(|(key, value)| (String::from(*key), String::from(*value))))
}

fn refused(url: &str, options: &[(&str, &str)]) -> StoreErrorKind {
    let error = open(url, options).expect_err(url);
    assert_eq!(error.operation(), Operation::Open);
    error.kind()
}

#[test]
fn what_is_no_store_is_invalid() {
    let urls = [
        "",
        "directory",
        "/directory",
        "s3:",
        "ftp://host/x",
        "file://host/x",
        "memory://host/x",
        "s3://b/p?x=1",
    ];
    for url in urls.into_iter().chain(["file:///tmp#x", "memory:///a//b", "http://", "memory:///%ff"]) {
        assert_eq!(refused(url, &[]), StoreErrorKind::InvalidInput, "{url}");
    }
}

#[test]
fn passwords_are_not_shown() {
    let error = open("ftp://user:secret@host/x", &[]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"));
}

#[test]
fn a_feature_that_is_off_is_named() {
    let stores = [
        ("file:///tmp", "local", cfg!(feature = "local")),
        ("memory:///", "object-store", cfg!(feature = "object-store")),
        ("s3://bucket/p", "aws", cfg!(feature = "aws")),
        ("s3a://bucket", "aws", cfg!(feature = "aws")),
        ("az://container/p", "azure", cfg!(feature = "azure")),
        ("abfss://container@account/p", "azure", cfg!(feature = "azure")),
        ("gs://bucket/p", "gcp", cfg!(feature = "gcp")),
        ("http://127.0.0.1/p", "http", cfg!(feature = "http")),
        ("https://127.0.0.1/p", "http", cfg!(feature = "http")),
    ];
    for (url, feature, _) in stores.iter().filter(|(_, _, on)| !on) {
        let error = open(url, &[]).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Unsupported, "{url}");
        let source = std::error::Error::source(&error).unwrap().to_string();
        assert!(source.contains(&format!("{feature:?}")), "{source}");
    }
}

#[cfg(feature = "local")]
#[test]
fn file_is_a_directory_that_is_made() {
    use batcher_testkit::block_on;
    use batcher_testkit::conformance::{self, SinkOptions};

    let directory = tempfile::tempdir().unwrap();
    let url = format!("file://{}/made/a%20b", directory.path().display());
    let store = open(&url, &[]).unwrap();
    assert!(directory.path().join("made/a b").is_dir());
    assert!(store.capabilities().multipart_create);
    // One thread would sync a thousand files one after the other.
    let options = SinkOptions::default().without("long_lists_are_complete");
    block_on(conformance::sink(&*store, &options)).assert_clean();
    assert_eq!(refused(&url, &[("endpoint", "x")]), StoreErrorKind::InvalidInput);
}

#[cfg(feature = "object-store")]
#[test]
fn memory_is_new_each_time() {
    use batcher_testkit::block_on;
    use batcher_testkit::conformance::{self, SinkOptions, SinkRule};

    let options = SinkOptions::default();
    for url in ["memory:", "memory://", "memory:///"] {
        let store = open(url, &[]).unwrap();
        let kept = block_on(SinkRule::find("lists_go_by_prefix").unwrap().check(&*store, &options));
        kept.assert_clean();
    }
    let store = open("memory:///with/a%20prefix", &[]).unwrap();
    block_on(conformance::sink(&*store, &options)).assert_clean();
    assert_eq!(refused("memory://", &[("endpoint", "x")]), StoreErrorKind::InvalidInput);
}

#[cfg(feature = "aws")]
#[test]
fn s3_declares_what_it_can_do() {
    let keys = [("AWS_Access_Key_Id", "id"), ("secret_access_key", "secret"), ("region", "r")];
    let capabilities = open("s3://bucket/a/b", &keys).unwrap().capabilities();
    assert!(
        capabilities.create
            && capabilities.multipart
            && capabilities.delete
            && !capabilities.multipart_create
    );
    assert_eq!((capabilities.min_part_len, capabilities.max_parts), (Some(5 << 20), Some(10_000)));
    assert!(capabilities.max_put_len.is_some_and(|bytes| bytes <= 5 << 30));

    let disabled = [&keys[..], &[("Conditional_Put", "disabled")]].concat();
    assert!(!open("s3://bucket", &disabled).unwrap().capabilities().create);
    let enabled = [&keys[..], &[("conditional_put", "etag")]].concat();
    assert!(open("s3://bucket", &enabled).unwrap().capabilities().create);

    assert_eq!(refused("s3://bucket", &[("nonsense", "x")]), StoreErrorKind::InvalidInput);
    assert_eq!(refused("s3://bucket", &[("conditional_put", "nonsense")]), StoreErrorKind::InvalidInput);
    assert_eq!(refused("s3://bucket", &[("allow_http", "perhaps")]), StoreErrorKind::InvalidInput);
}

#[cfg(feature = "azure")]
#[test]
fn azure_reads_no_suffixes() {
    let keys = [("account_name", "a"), ("account_key", "a2V5")];
    let store = open("az://container/p", &keys).unwrap();
    assert!(!store.reads_suffixes() && store.capabilities().create);
    // Azure would take it for a slash, and two names for one object.
    let error = pollster::block_on(store.size(r"a\b")).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::InvalidInput);
    assert_eq!(refused("az://container", &[("aws_region", "x")]), StoreErrorKind::InvalidInput);
}

#[cfg(feature = "gcp")]
#[test]
fn gcs_opens() {
    let key = r#"{"private_key":"k","private_key_id":"i","client_email":"e","disable_oauth":true}"#;
    let store = open("gs://bucket/p", &[("service_account_key", key)]).unwrap();
    assert!(store.reads_suffixes() && store.capabilities().create);
    assert_eq!(refused("gs://bucket", &[("service_account_key", "{")]), StoreErrorKind::InvalidInput);
}

#[cfg(feature = "http")]
#[test]
fn webdav_neither_creates_nor_takes_parts() {
    let capabilities = open("http://127.0.0.1:1/p", &[("allow_http", "true")]).unwrap().capabilities();
    assert!(!capabilities.create && !capabilities.multipart && capabilities.delete);
    assert_eq!(refused("http://127.0.0.1/p", &[("region", "x")]), StoreErrorKind::InvalidInput);
}
