//! Stores that others use and that take bad names: what others have there, and what the suite leaves there.

use async_trait::async_trait;
use batcher_core::{
    BlobSink, BlobSource, MultipartUpload, ObjectInfo, Operation, Payload, PutMode, ReadRange, ReadReply,
    SinkCapabilities, StoreError, check_name,
};
use batcher_testkit::conformance::{Finding, SinkOptions, SinkRule};
use batcher_testkit::{MemoryStore, MemoryStoreBuilder, block_on};
use futures_util::stream::BoxStream;

const AREA: &str = "batcher-conformance/bad_names_are_invalid/";

/// Names under which somebody else may have something, or that lead out of the rule's place.
const OUTSIDE: [&str; 9] = [
    "",
    "/",
    ".",
    "..",
    "batcher-conformance/bad_names_are_invalid/",
    "batcher-conformance/bad_names_are_invalid/bad/..",
    "batcher-conformance/bad_names_are_invalid/bad/../../bad",
    "batcher-conformance/bad_names_are_invalid/../beside",
    "/batcher-conformance/bad_names_are_invalid/bad",
];

/// A memory store that takes some bad names for objects.
#[derive(Clone, Debug)]
struct Careless {
    inner: MemoryStore,
    takes: fn(&str, &str) -> bool,
    /// The name that it takes, where it is one.
    name: &'static str,
    /// In reads, too.
    reads: bool,
}

fn this(name: &str, one: &str) -> bool {
    name == one
}

fn any(_: &str, _: &str) -> bool {
    true
}

impl Careless {
    fn new(builder: MemoryStoreBuilder, takes: fn(&str, &str) -> bool, name: &'static str) -> Self {
        Self { inner: builder.build(), takes, name, reads: false }
    }

    /// Where it keeps what has this name.
    fn kept_as(&self, name: &str) -> String {
        if check_name(name, Operation::Put).is_err() && (self.takes)(name, self.name) {
            bad(name)
        } else {
            name.to_owned()
        }
    }

    fn read_as(&self, name: &str) -> String {
        if self.reads { self.kept_as(name) } else { name.to_owned() }
    }
}

/// Another place for each bad name that matters here.
fn bad(name: &str) -> String {
    let letters = name.chars().map(|letter| match letter {
        '/' => 's',
        '.' => 'd',
        _ => letter,
    });
    format!("bad-{}", letters.filter(|letter| !letter.is_control()).take(900).collect::<String>())
}

#[async_trait]
impl BlobSink for Careless {
    fn capabilities(&self) -> SinkCapabilities {
        self.inner.capabilities()
    }

    async fn put(&self, name: &str, payload: Payload, mode: PutMode) -> Result<(), StoreError> {
        self.inner.put(&self.kept_as(name), payload, mode).await
    }

    async fn start_multipart(
        &self,
        name: &str,
        mode: PutMode,
    ) -> Result<Box<dyn MultipartUpload>, StoreError> {
        self.inner.start_multipart(name, mode).await
    }

    async fn delete(&self, name: &str) -> Result<(), StoreError> {
        self.inner.delete(&self.kept_as(name)).await
    }
}

#[async_trait]
impl BlobSource for Careless {
    fn reads_suffixes(&self) -> bool {
        self.inner.reads_suffixes()
    }

    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        self.inner.read(&self.read_as(name), range).await
    }

    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.inner.size(&self.read_as(name)).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'_, Result<ObjectInfo, StoreError>> {
        self.inner.list(prefix)
    }
}

fn check(store: &Careless) -> Finding {
    let rule = SinkRule::find("bad_names_are_invalid").unwrap();
    block_on(rule.check(store, &SinkOptions::default()))
}

#[test]
fn what_others_have_under_a_bad_name_stays_where_the_store_can_create() {
    for name in OUTSIDE {
        let store = Careless::new(MemoryStore::builder(), this, name);
        store.inner.insert(bad(name), "theirs");
        let finding = check(&store);
        assert!(finding.is_broken(), "{name:?}: {finding}");
        assert_eq!(store.inner.names(), [bad(name)], "{name:?}: {finding}");
        assert_eq!(store.inner.object(&bad(name)).unwrap(), "theirs", "{name:?}: {finding}");
    }
}

#[test]
fn what_was_created_under_a_bad_name_is_deleted() {
    for name in OUTSIDE.into_iter().chain(["batcher-conformance/bad_names_are_invalid/bad//bad"]) {
        let store = Careless::new(MemoryStore::builder(), this, name);
        let finding = check(&store);
        assert!(finding.to_string().contains(&format!("Create of {name:?}")), "{finding}");
        assert_eq!(store.inner.names(), [""; 0], "{name:?}: {finding}");
    }
}

#[test]
fn a_store_that_takes_any_bad_name_shows_it_within_the_area() {
    for builder in [MemoryStore::builder(), MemoryStore::builder().without_create()] {
        let store = Careless::new(builder, any, "");
        for name in OUTSIDE {
            store.inner.insert(bad(name), "theirs");
        }
        let finding = check(&store);
        assert!(finding.to_string().contains(&format!("{AREA}bad//bad")), "{finding}");
        for name in OUTSIDE {
            assert_eq!(store.inner.object(&bad(name)).unwrap(), "theirs", "{name:?}: {finding}");
        }
        assert_eq!(store.inner.names().len(), OUTSIDE.len(), "{finding}");
    }
}

#[test]
fn a_store_that_reads_a_bad_name_is_not_asked_to_write_it() {
    for name in OUTSIDE {
        for theirs in [false, true] {
            let builder = MemoryStore::builder().without_create();
            let store = Careless { reads: true, ..Careless::new(builder, this, name) };
            if theirs {
                store.inner.insert(bad(name), "theirs");
            }
            let finding = check(&store);
            assert!(finding.to_string().contains(&format!("of {name:?}")), "{finding}");
            let object = store.inner.object(&bad(name));
            assert_eq!(object.as_deref(), theirs.then_some(&b"theirs"[..]), "{name:?}: {finding}");
        }
    }
}
