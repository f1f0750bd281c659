//! The rules that every store keeps, as functions over any store. Each takes a store in which nothing begins with the
//! names that it uses, and panics where a rule is broken.

mod multipart;

use std::collections::BTreeMap;

use batcher_core::{
    BlobStore, MAX_NAME_LEN, Operation, Outcome, Payload, PutMode, ReadRange, StoreError, StoreErrorKind,
};
use bytes::Bytes;
use futures_util::TryStreamExt;
use futures_util::future::{BoxFuture, FutureExt, join_all};

/// A rule's name and the rule.
pub(crate) type Rule = (&'static str, for<'a> fn(&'a dyn BlobStore) -> BoxFuture<'a, ()>);

macro_rules! rules {
    ($($rule:path),* $(,)?) => {
        /// Every rule, in no particular order.
        pub(crate) const RULES: &[Rule] = &[$((stringify!($rule), |store| $rule(store).boxed())),*];
    };
}

rules![
    create_refuses_a_taken_name,
    replace_replaces,
    one_creator_wins,
    ranges_are_cut_at_the_end,
    absent_objects_are_not_found,
    lists_go_by_prefix,
    deleting_twice_succeeds,
    bad_names_are_invalid,
    odd_names_stand_for_themselves,
    empty_objects_exist,
    chunks_come_back_in_order,
    multipart::parts_finish_in_any_order,
    multipart::aborted_uploads_leave_nothing,
    undeclared_capabilities_are_unsupported,
];

/// Keeps every rule in one store.
pub(crate) async fn keep_all(store: &dyn BlobStore) {
    for (name, rule) in RULES {
        println!("{name}");
        rule(store).await;
    }
}

pub(crate) fn payload(bytes: impl Into<Bytes>) -> Payload {
    Payload::from(bytes.into())
}

pub(crate) async fn whole(store: &dyn BlobStore, name: &str) -> Result<Bytes, StoreError> {
    Ok(store.read(name, ReadRange::Bounded(0..u64::MAX)).await?.bytes)
}

pub(crate) async fn listed(store: &dyn BlobStore, prefix: &str) -> BTreeMap<String, u64> {
    let objects: Vec<_> = store.list(prefix).try_collect().await.expect("list");
    let count = objects.len();
    let objects: BTreeMap<_, _> = objects.into_iter().map(|object| (object.name, object.len)).collect();
    assert_eq!(objects.len(), count, "a name is listed twice");
    objects
}

fn create_mode(store: &dyn BlobStore) -> PutMode {
    if store.capabilities().create { PutMode::Create } else { PutMode::Replace }
}

async fn create_refuses_a_taken_name(store: &dyn BlobStore) {
    if !store.capabilities().create {
        return;
    }
    store.put("taken/name", payload("first"), PutMode::Create).await.expect("create");
    let error = store.put("taken/name", payload("second"), PutMode::Create).await.expect_err("name is taken");
    assert_eq!(
        (error.kind(), error.operation(), error.object()),
        (StoreErrorKind::AlreadyExists, Operation::Put, "taken/name")
    );
    assert_eq!(whole(store, "taken/name").await.expect("read"), "first");
}

async fn replace_replaces(store: &dyn BlobStore) {
    store.put("replaced", payload("a longer first"), PutMode::Replace).await.expect("put");
    let first = store.read("replaced", ReadRange::Suffix(1)).await;
    store.put("replaced", payload("second"), PutMode::Replace).await.expect("replace");
    assert_eq!(whole(store, "replaced").await.expect("read"), "second");
    let second = store.read("replaced", ReadRange::Suffix(1)).await;
    if let (Ok(first), Ok(second)) = (first, second)
        && first.version.is_some()
    {
        assert_ne!(first.version, second.version);
    }
}

async fn one_creator_wins(store: &dyn BlobStore) {
    if !store.capabilities().create {
        return;
    }
    for round in 0..20 {
        let name = format!("race/{round}");
        let creators =
            (0..8_u8).map(|creator| store.put(&name, payload(vec![creator; 9999]), PutMode::Create));
        let outcomes = join_all(creators).await;
        let mut winners = Vec::new();
        for (creator, outcome) in outcomes.into_iter().enumerate() {
            match outcome {
                Ok(()) => winners.push(creator),
                Err(error) => assert_eq!(error.kind(), StoreErrorKind::AlreadyExists, "{error}"),
            }
        }
        let [winner] = winners.as_slice() else { panic!("{} winners", winners.len()) };
        let stored = whole(store, &name).await.expect("read");
        assert!(stored.len() == 9999 && stored.iter().all(|byte| usize::from(*byte) == *winner));
    }
}

/// What a range of an object must give, which is the wording of the trait rather than `ReadRange::resolve`.
fn expected<'a>(object: &'a [u8], range: &ReadRange) -> &'a [u8] {
    let index = |position: u64| usize::try_from(position).unwrap_or(usize::MAX).min(object.len());
    match range {
        ReadRange::Bounded(range) if range.start >= range.end => &[],
        ReadRange::Bounded(range) => &object[index(range.start)..index(range.end)],
        ReadRange::Suffix(bytes) => &object[object.len() - index(*bytes)..],
    }
}

async fn ranges_are_cut_at_the_end(store: &dyn BlobStore) {
    let object = b"0123456789";
    store.put("ranges", payload(&object[..]), PutMode::Replace).await.expect("put");
    assert_eq!(store.size("ranges").await.expect("size"), 10);
    let points = [0, 1, 5, 9, 10, 11, 1 << 40, u64::MAX];
    let mut ranges = points.map(ReadRange::Suffix).to_vec();
    for start in points {
        ranges.extend(points.map(|end| ReadRange::Bounded(start..end)));
    }
    for range in ranges {
        let reply = store.read("ranges", range.clone()).await;
        if matches!(range, ReadRange::Suffix(_)) && !store.reads_suffixes() {
            assert_eq!(reply.expect_err("suffix").kind(), StoreErrorKind::Unsupported);
            continue;
        }
        let reply = reply.unwrap_or_else(|error| panic!("{range:?}: {error}"));
        assert_eq!(reply.bytes, expected(object, &range), "{range:?}");
        assert_eq!(reply.object_len, 10, "{range:?}");
    }
}

async fn absent_objects_are_not_found(store: &dyn BlobStore) {
    store.put("there/below", payload("x"), PutMode::Replace).await.expect("put");
    // The last is under an object, the one before it is a directory in some stores.
    for name in ["absent", "absent/too", "there/belo", "there", "there/below/it"] {
        let mut ranges = vec![ReadRange::Bounded(0..5), ReadRange::Bounded(3..3), ReadRange::Bounded(9..10)];
        ranges.extend(store.reads_suffixes().then_some(ReadRange::Suffix(4)));
        for range in ranges {
            let error = store.read(name, range.clone()).await.expect_err("absent");
            assert_eq!((error.kind(), error.object()), (StoreErrorKind::NotFound, name), "{range:?}");
        }
        let error = store.size(name).await.expect_err("absent");
        assert_eq!((error.kind(), error.operation()), (StoreErrorKind::NotFound, Operation::Size), "{name}");
    }
}

async fn lists_go_by_prefix(store: &dyn BlobStore) {
    let names = ["list/ab/1", "list/ab/12", "list/abc/1", "list/b", "list/ab.d", "lists", "list/..a"];
    for name in names {
        store.put(name, payload(name), PutMode::Replace).await.expect("put");
    }
    let prefixes = [
        "list",
        "list/",
        "list/a",
        "list/ab",
        "list/ab/",
        "list/ab/1",
        "list/abc",
        "list/b",
        "list/x",
        "list/b/",
        "list/ab/1/",
        "list/.",
        "list/..",
        "lis",
        "list//",
        "/list",
        "list/../list",
        "list/\n",
    ];
    for prefix in prefixes {
        let wanted: BTreeMap<_, _> = names
            .iter()
            .filter(|name| name.starts_with(prefix))
            .map(|name| (String::from(*name), name.len() as u64))
            .collect();
        assert_eq!(listed(store, prefix).await, wanted, "{prefix:?}");
    }
    let all = listed(store, "").await;
    assert!(names.iter().all(|name| all.contains_key(*name)), "{all:?}");
}

async fn deleting_twice_succeeds(store: &dyn BlobStore) {
    if !store.capabilities().delete {
        return;
    }
    store.put("deleted/object", payload("x"), create_mode(store)).await.expect("put");
    store.put("deleted/object2", payload("y"), create_mode(store)).await.expect("put");
    for _ in 0..2 {
        store.delete("deleted/object").await.expect("delete");
        assert_eq!(
            whole(store, "deleted/object").await.expect_err("deleted").kind(),
            StoreErrorKind::NotFound
        );
    }
    store.delete("deleted/never/was").await.expect("delete what never was");
    // Below an object there is nothing, and what others call a directory is nothing either.
    store.delete("deleted/object2/below").await.expect("delete below an object");
    store.delete("deleted").await.expect("delete a directory");
    assert_eq!(whole(store, "deleted/object2").await.expect("the other object"), "y");
    store.put("deleted/object", payload("again"), create_mode(store)).await.expect("put again");
    assert_eq!(whole(store, "deleted/object").await.expect("read"), "again");
}

async fn bad_names_are_invalid(store: &dyn BlobStore) {
    let long = "n/".repeat(MAX_NAME_LEN / 2) + "n";
    for name in
        ["", "/", "/bad", "bad/", "bad//bad", ".", "bad/../../bad", "bad/.", "bad\u{7f}", "bad\0", &long]
    {
        let mut errors = vec![
            store.put(name, payload("x"), PutMode::Replace).await.expect_err("put"),
            store.put(name, payload("x"), PutMode::Create).await.expect_err("create"),
            store.start_multipart(name, PutMode::Replace).await.expect_err("start"),
            store.read(name, ReadRange::Bounded(0..1)).await.expect_err("read"),
            store.size(name).await.expect_err("size"),
        ];
        if store.capabilities().delete {
            errors.push(store.delete(name).await.expect_err("delete"));
        }
        for error in errors {
            assert_eq!(
                (error.kind(), error.outcome()),
                (StoreErrorKind::InvalidInput, Outcome::NotApplied),
                "{error}"
            );
        }
    }
}

async fn odd_names_stand_for_themselves(store: &dyn BlobStore) {
    let segment = "s".repeat(127);
    let long = [segment.as_str(); 8].join("/");
    assert_eq!(long.len(), MAX_NAME_LEN - 1);
    let names = [
        "odd/a b",
        "odd/a%20b",
        "odd/50%",
        "odd/%2e%2e",
        "odd/données",
        "odd/日本語",
        "odd/a+b",
        "odd/a?b",
        "odd/a&b=c",
        "odd/a#b",
        "odd/~",
        "odd/...",
        "odd/a:b",
        "odd/a*b",
        "odd/'a'",
        "odd/\"a\"",
        "odd/<a>",
        "odd/{a}",
        "odd/[a]",
        "odd/a|b",
        "odd/a\\b",
        "odd/a;b",
        "odd/a@b",
        "odd/-a",
        "odd/$a",
        "odd/.a",
        "odd/a^b",
        "odd/a`b",
        "odd/a!",
        &long,
    ];
    for name in names {
        store
            .put(name, payload(name.to_owned()), create_mode(store))
            .await
            .unwrap_or_else(|e| panic!("{e:?}"));
    }
    for name in names {
        assert_eq!(whole(store, name).await.expect("read"), name);
        assert_eq!(store.size(name).await.expect("size"), name.len() as u64);
    }
    let mut found = listed(store, "odd/").await;
    found.extend(listed(store, &long[..300]).await);
    let wanted: BTreeMap<_, _> = names.iter().map(|name| (String::from(*name), name.len() as u64)).collect();
    assert_eq!(found, wanted);
}

async fn empty_objects_exist(store: &dyn BlobStore) {
    store.put("empty", Payload::new(), create_mode(store)).await.expect("put");
    assert_eq!(store.size("empty").await.expect("size"), 0);
    assert_eq!(listed(store, "empty").await, BTreeMap::from([(String::from("empty"), 0)]));
    let suffix = if store.reads_suffixes() { ReadRange::Suffix(7) } else { ReadRange::Bounded(0..7) };
    for range in [ReadRange::Bounded(0..0), ReadRange::Bounded(0..1), ReadRange::Bounded(2..9), suffix] {
        let reply = store.read("empty", range).await.expect("read");
        assert_eq!((reply.bytes.len(), reply.object_len), (0, 0));
    }
}

async fn chunks_come_back_in_order(store: &dyn BlobStore) {
    let chunks: Payload = (0..300_u16).map(|number| Bytes::from(number.to_string())).collect();
    store.put("chunks", chunks.clone(), create_mode(store)).await.expect("put");
    assert_eq!(whole(store, "chunks").await.expect("read"), chunks.to_bytes());
}

async fn undeclared_capabilities_are_unsupported(store: &dyn BlobStore) {
    let capabilities = store.capabilities();
    let mut refused = Vec::new();
    if !capabilities.create {
        refused.push(store.put("undeclared", payload("x"), PutMode::Create).await.expect_err("create"));
    }
    if !capabilities.multipart {
        refused.push(store.start_multipart("undeclared", PutMode::Replace).await.expect_err("multipart"));
    }
    if !capabilities.multipart_create {
        refused
            .push(store.start_multipart("undeclared", PutMode::Create).await.expect_err("multipart create"));
    }
    if !capabilities.delete {
        refused.push(store.delete("undeclared").await.expect_err("delete"));
    }
    for error in refused {
        assert_eq!((error.kind(), error.outcome()), (StoreErrorKind::Unsupported, Outcome::NotApplied));
    }
    assert_eq!(store.size("undeclared").await.expect_err("refused").kind(), StoreErrorKind::NotFound);
}
