//! S3 clients that share what it costs to set one up.

use std::sync::Arc;
use std::time::Duration;

use batcher_stores::ObjectStoreSink;
use object_store::aws::AmazonS3Builder;
use object_store::client::{HttpClient, HttpConnector, ReqwestConnector};
use object_store::prefix::PrefixStore;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

/// Where the connections of all clients come from.
#[derive(Clone, Debug)]
pub(crate) struct Connections(HttpClient);

impl HttpConnector for Connections {
    fn connect(&self, _: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(self.0.clone())
    }
}

impl Connections {
    pub(crate) fn new(timeout: Duration) -> Self {
        let options =
            ClientOptions::new().with_allow_http(true).with_timeout(timeout).with_pool_max_idle_per_host(0);
        Self(ReqwestConnector::default().connect(&options).expect("a client"))
    }

    /// A client of one bucket, below a prefix, that takes parts of any length.
    pub(crate) fn client(
        &self,
        endpoint: &str,
        bucket: &str,
        prefix: &str,
        retries: usize,
    ) -> ObjectStoreSink {
        let backoff = BackoffConfig {
            init_backoff: Duration::from_millis(1),
            max_backoff: Duration::from_millis(2),
            base: 2.0,
        };
        let store = AmazonS3Builder::new()
            .with_endpoint(endpoint)
            .with_bucket_name(bucket)
            .with_region("us-east-1")
            .with_access_key_id("test")
            .with_secret_access_key("testtest")
            .with_http_connector(self.clone())
            .with_allow_http(true)
            .with_retry(RetryConfig { max_retries: retries, backoff, ..RetryConfig::default() });
        let store = PrefixStore::new(store.build().expect("configured"), prefix);
        ObjectStoreSink::new(Arc::new(store)).with_part_limits(1, 10_000)
    }
}
