//! The servers that `cargo xtask stores` runs.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::future::Future;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use batcher_core::BlobStore;
use batcher_stores::{ObjectStoreSink, open_url};
use object_store::prefix::PrefixStore;
use url::Url;

/// A server by the name of its variable, `BATCHER_TEST_` aside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server(pub(crate) &'static str);

impl Server {
    /// Where the server is, or `None` where nobody has started it, which is a failure where `BATCHER_TEST_STORES` is
    /// `required`.
    pub(crate) fn url(self) -> Option<Url> {
        let variable = format!("BATCHER_TEST_{}", self.0);
        if let Ok(url) = std::env::var(&variable) {
            return Some(Url::parse(&url).expect("a URL"));
        }
        let required = std::env::var("BATCHER_TEST_STORES").is_ok_and(|value| value == "required");
        assert!(!required, "{variable} is not set, and BATCHER_TEST_STORES=required");
        eprintln!("not tested: {variable} is not set; use `cargo xtask stores -- cargo test …`");
        None
    }

    /// The store's URL below a prefix, and its options.
    fn address(self, prefix: &str) -> Option<(Url, Vec<(String, String)>)> {
        let mut url = self.url()?;
        let options = url.query_pairs().into_owned().collect();
        url.set_query(None);
        url.set_path(prefix);
        Some((url, options))
    }

    /// The store, below a prefix.
    pub(crate) fn open(self, prefix: &str) -> Option<Arc<dyn BlobStore>> {
        let (url, options) = self.address(prefix)?;
        Some(open_url(url.as_str(), options).expect("opens"))
    }

    /// The store, below a prefix, as one that takes no more than so many bytes in one put, and no backslashes.
    pub(crate) fn open_limited(self, prefix: &str, max_put_len: u64) -> Option<Arc<dyn BlobStore>> {
        let (url, options) = self.address(prefix)?;
        let (store, prefix) = object_store::parse_url_opts(&url, options).expect("opens");
        let sink = ObjectStoreSink::new(Arc::new(PrefixStore::new(store, prefix)));
        let sink = sink.with_max_put_len(max_put_len).without_backslashes();
        Some(Arc::new(if url.scheme() == "az" { sink.without_suffix_reads() } else { sink }))
    }
}

/// A prefix that no other test and no other run has.
pub(crate) fn fresh(test: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    format!("{test}-{}-{}", std::process::id(), now.as_nanos())
}

pub(crate) fn on_tokio<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(future)
}
