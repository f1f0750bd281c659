//! The limits of the format, to the byte: what is at a limit is read, and what is over it refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod forge;

use async_trait::async_trait;
use batcher_codecs::registry;
use batcher_core::{
    BatchReader, BlobSource, Operation, Problem, ReadError, ReadErrorKind, ReadOptions, ReadRange, ReadReply,
    Section, StoreError,
};
use batcher_testkit::{MemoryStore, block_on};
use bytes::Bytes;
use forge::{Forge, Page, empty_blobs, trailer};
use futures_util::TryStreamExt;

fn store(object: Vec<u8>) -> MemoryStore {
    let store = MemoryStore::new();
    store.insert("o", object);
    store
}

fn open(source: impl BlobSource + 'static) -> Result<BatchReader, ReadError> {
    block_on(BatchReader::open(source, "o", &registry()))
}

/// The section and problem of a corruption.
fn corrupt(error: &ReadError) -> (Section, &Problem) {
    let ReadErrorKind::Corrupt(corruption) = error.kind() else { panic!("{error:?}") };
    (corruption.section, &corruption.problem)
}

fn page<'a>(keys: impl IntoIterator<Item = &'a str>, separator: &str) -> Page {
    let (content, entries) = empty_blobs(keys);
    Page { content, entries, separator: separator.into(), junk: 0 }
}

#[test]
fn a_forged_object_is_one() {
    let mut content = Vec::new();
    forge::prefixed(&mut content, b"", b"a");
    content.extend_from_slice(&[3, 0]);
    forge::prefixed(&mut content, b"a", b"ab");
    content.extend_from_slice(&[2, 0]);
    let pages = vec![Page { content, entries: 2, separator: Vec::new(), junk: 0 }, page(["b", "c"], "b")];
    let forged = Forge { pages, blob_bytes: 5, stream: b"12345".to_vec(), ..Forge::default() }.object();
    let object_len = forged.len() as u64;
    let reader = open(store(forged)).unwrap();
    let blobs: Vec<_> = block_on(reader.blobs().try_collect()).unwrap();
    let expected = [("a", "123"), ("b", ""), ("c", ""), ("ab", "45")];
    let mut blobs: Vec<_> = blobs.iter().map(|(key, blob)| (key.as_str(), &blob[..])).collect();
    blobs.sort_by_key(|(key, _)| (key.len(), *key));
    assert_eq!(blobs, expected.map(|(key, blob)| (key, blob.as_bytes())));
    assert!(!reader.is_empty());
    let report = block_on(reader.verify()).unwrap();
    assert_eq!((report.object_len, report.blocks, report.blobs, report.blob_bytes), (object_len, 1, 4, 5));
}

#[test]
fn keys_of_a_page_unfold_to_so_much_and_no_more() {
    let prefix = "k".repeat(65_533);
    let mut keys: Vec<_> = (0..1024).map(|n| format!("{prefix}{n:03x}")).collect();
    // 64 MiB exactly.
    let read = |keys: &[String]| {
        let forged = Forge { pages: vec![page(keys.iter().map(String::as_str), "")], ..Forge::default() };
        let reader = open(store(forged.object())).unwrap();
        block_on(reader.get(&keys[keys.len() - 1]))
    };
    assert_eq!(read(&keys).unwrap().unwrap(), "");
    keys.insert(0, "a".into());
    let error = read(&keys).unwrap_err();
    let (section, problem) = corrupt(&error);
    assert_eq!(section, Section::KeyPage(0));
    assert!(matches!(problem, Problem::Limit { claimed: 67_108_865, limit: 67_108_864, .. }), "{problem:?}");
}

#[test]
fn separators_unfold_to_so_much_and_no_more() {
    let prefix = "s".repeat(65_532);
    let separator = |n: usize| if n == 0 { String::new() } else { format!("{prefix}{n:04x}") };
    let opened = |pages: usize| {
        let pages = (0..pages).map(|n| page([""], &separator(n))).collect();
        // Nothing that takes long to print where the test fails.
        open(store(Forge { pages, ..Forge::default() }.object())).map(|reader| reader.len())
    };
    // 4096 separators of 64 KiB, and the empty one of the first page.
    assert_eq!(opened(4097).unwrap(), 4097);
    let error = opened(4098).unwrap_err();
    let (section, problem) = corrupt(&error);
    assert_eq!(section, Section::Root);
    assert!(matches!(problem, Problem::Limit { limit: 268_435_456, .. }), "{problem:?}");
}

#[test]
fn an_object_without_keys_has_none() {
    let reader = open(store(Forge::default().object())).unwrap();
    block_on(async {
        assert!(reader.is_empty() && reader.get("").await.unwrap().is_none());
        assert!(reader.chunks("a").await.unwrap().is_none());
        assert_eq!(reader.get_many(&["a", ""]).await.unwrap(), [None, None]);
        assert_eq!(reader.keys().try_collect::<Vec<_>>().await.unwrap(), []);
        assert_eq!(reader.verify().await.unwrap().blobs, 0);
    });
}

#[test]
fn counts_that_contradict_each_other_are_the_roots_problem() {
    let one = || vec![page(["k"], "")];
    for (pages, blob_bytes, stream) in [(one(), 5, vec![]), (vec![], 5, vec![]), (vec![], 0, vec![1])] {
        let error =
            open(store(Forge { pages, blob_bytes, stream, ..Forge::default() }.object())).unwrap_err();
        let (section, problem) = corrupt(&error);
        assert_eq!(section, Section::Root);
        assert!(matches!(problem, Problem::Malformed(_)), "{problem:?}");
    }
}

/// A directory shrinks to nothing, and each of its pages takes memory.
#[test]
fn there_are_no_pages_without_bytes() {
    let pages = vec![page(["k"], "")];
    let error = open(store(Forge { pages, hollow: 1_000_000, ..Forge::default() }.object())).unwrap_err();
    assert!(matches!(corrupt(&error), (Section::Root, Problem::Malformed(_))), "{error:?}");
}

#[test]
fn a_root_or_a_directory_that_ends_early_is_noticed_wherever_it_ends() {
    let forged = |root_cut, directory_cut| {
        let pages = vec![page(["a", "b"], ""), page(["c"], "c")];
        Forge { pages, blob_bytes: 0, stream: vec![7; 300], root_cut, directory_cut, ..Forge::default() }
            .object()
    };
    assert!(open(store(forged(0, 0))).is_ok());
    let (mut root_cuts, mut directory_cuts) = (0, 0);
    for cut in 1.. {
        let root = forged(cut, 0);
        if root.len() == forged(cut - 1, 0).len() {
            break;
        }
        let error = open(store(root)).unwrap_err();
        let (section, problem) = corrupt(&error);
        assert_eq!(section, Section::Root, "{cut}");
        // The codec notices where it is the directory's frame that is cut.
        assert!(matches!(problem, Problem::Length { .. } | Problem::Codec(_)), "{cut}: {problem:?}");
        root_cuts += 1;
    }
    for cut in 1.. {
        let directory = forged(0, cut);
        if directory.len() == forged(0, cut - 1).len() {
            break;
        }
        let error = open(store(directory)).unwrap_err();
        let (section, problem) = corrupt(&error);
        assert_eq!(section, Section::Root, "{cut}");
        assert!(matches!(problem, Problem::Length { .. }), "{cut}: {problem:?}");
        directory_cuts += 1;
    }
    assert!(root_cuts > 70 && directory_cuts > 25, "{root_cuts}, {directory_cuts}");
}

#[test]
fn pages_used_last_are_kept_and_old_ones_are_read_again() {
    // Two of them are more than is kept of a kind, each alone is less.
    let long = |first: char| -> Vec<String> {
        (0..2500)
            .map(|n| format!("{first}{n:04}{}", format!("{n:x}").repeat(1000)[..1000].to_owned()))
            .collect()
    };
    let keys = ['a', 'b', 'c'].map(long);
    let pages = keys
        .iter()
        .zip(["", "b", "c"])
        .map(|(keys, separator)| page(keys.iter().map(String::as_str), separator));
    let forged = Forge { pages: pages.collect(), ..Forge::default() };
    let store = store(forged.object());
    let options = ReadOptions::default().with_first_read_len(100);
    let reader = block_on(BatchReader::open_with(store.clone(), "o", &registry(), options)).unwrap();
    let opened = store.requests(Operation::Read);
    let mut reads = Vec::new();
    for page in [0, 0, 1, 1, 0, 2] {
        assert_eq!(block_on(reader.get(&keys[page][7])).unwrap().unwrap(), "");
        reads.push(store.requests(Operation::Read) - opened);
    }
    assert_eq!(reads, [1, 1, 2, 2, 3, 4]);
}

#[test]
fn short_pages_are_all_kept_and_the_last_however_long() {
    let options = || ReadOptions::default().with_first_read_len(100);
    let reads = |pages: Vec<Page>, keys: &[&str]| {
        let store = store(Forge { pages, ..Forge::default() }.object());
        let reader = block_on(BatchReader::open_with(store.clone(), "o", &registry(), options())).unwrap();
        let opened = store.requests(Operation::Read);
        for key in keys {
            assert!(block_on(reader.get(key)).unwrap().is_some());
        }
        store.requests(Operation::Read) - opened
    };
    assert_eq!(
        reads(vec![page(["a"], ""), page(["b"], "b"), page(["c"], "c")], &["a", "b", "c", "a", "b"]),
        3
    );
    let long: Vec<_> = (0..80).map(|n| format!("{n:02}{}", "k".repeat(60_000 + n))).collect();
    let mut content = Vec::new();
    for key in &long {
        // Nothing shared, so that the page is as long as its keys: over what is kept of several.
        forge::prefixed(&mut content, b"", key.as_bytes());
        content.extend_from_slice(&[0, 0]);
    }
    assert!(content.len() > 4 << 20);
    let whole = Page { content, entries: 80, separator: vec![], junk: 0 };
    assert_eq!(reads(vec![whole], &[&long[0], &long[79], &long[0]]), 1);
}

#[test]
fn frames_longer_than_their_content_can_make_them_are_not_read() {
    let (mut long, usual) = (page(["k"], ""), page(["k"], ""));
    long.junk = 1;
    let read = |pages, junk| {
        let reader = open(store(
            Forge { pages, blob_bytes: 0, stream: vec![1; 50], junk, ..Forge::default() }.object(),
        ));
        block_on(reader.unwrap().verify()).unwrap_err()
    };
    for (error, expected) in
        [(read(vec![long], 0), Section::KeyPage(0)), (read(vec![usual], 1), Section::Block(0))]
    {
        let (section, problem) = corrupt(&error);
        assert_eq!(section, expected);
        let Problem::Limit { claimed, limit, .. } = problem else { panic!("{problem:?}") };
        assert_eq!(*claimed, limit + 1);
    }
}

#[test]
fn a_page_decodes_to_so_much_and_no_more() {
    let opened = |len: usize| {
        let page = Page { content: vec![0; len], entries: 1, separator: vec![], junk: 0 };
        open(store(Forge { pages: vec![page], ..Forge::default() }.object()))
    };
    assert!(opened(64 << 20).is_ok());
    let error = opened((64 << 20) + 1).unwrap_err();
    assert!(
        matches!(
            corrupt(&error),
            (Section::Root, Problem::Limit { claimed: 67_108_865, limit: 67_108_864, .. })
        ),
        "{error:?}"
    );
}

#[test]
fn a_page_of_keys_that_ends_early_is_noticed_wherever_it_ends() {
    let whole = page(["alpha", "beta"], "");
    for cut in 1..=whole.content.len() {
        let content = whole.content[..whole.content.len() - cut].to_vec();
        let pages = vec![Page { content, entries: 2, separator: vec![], junk: 0 }];
        let reader = open(store(Forge { pages, ..Forge::default() }.object())).unwrap();
        let error = block_on(reader.get("alpha")).unwrap_err();
        assert!(matches!(corrupt(&error), (Section::KeyPage(0), Problem::Length { .. })), "{cut}: {error:?}");
    }
}

#[test]
fn separators_ascend() {
    for (separators, ascend) in
        [(["", "b", "c"], true), (["", "b", "b"], false), (["", "c", "b"], false), (["a", "b", "c"], false)]
    {
        let pages = separators.map(|separator| page([separator], separator)).into();
        let opened = open(store(Forge { pages, ..Forge::default() }.object()));
        match opened {
            Ok(_) => assert!(ascend, "{separators:?}"),
            Err(error) => {
                assert!(!ascend);
                assert!(matches!(corrupt(&error), (Section::Root, Problem::Malformed(_))), "{error:?}");
            }
        }
    }
}

#[test]
fn an_index_counts_against_the_memory_limit() {
    let keys: Vec<_> = (0..10_000).map(|n| format!("{n:05}")).collect();
    let forged =
        Forge { pages: vec![page(keys.iter().map(String::as_str), "")], ..Forge::default() }.object();
    for (limit, fits) in [(200_000, false), (600_000, true)] {
        let options = ReadOptions::default().with_memory_limit(limit);
        let reader =
            block_on(BatchReader::open_with(store(forged.clone()), "o", &registry(), options)).unwrap();
        let blobs: Result<Vec<_>, _> = block_on(reader.blobs().try_collect());
        match blobs {
            Ok(blobs) => assert!(fits && blobs.len() == 10_000),
            Err(error) => assert!(!fits && matches!(error.kind(), ReadErrorKind::Memory { .. }), "{error:?}"),
        }
    }
}

/// An object that is nothing but its length and its trailer.
#[derive(Debug)]
struct Vast {
    object_len: u64,
    trailer: Bytes,
}

#[async_trait]
impl BlobSource for Vast {
    async fn read(&self, _name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let range = range.resolve(self.object_len);
        let mut bytes = vec![0; usize::try_from(range.end - range.start).expect("within memory")];
        if range.end == self.object_len {
            let from_end = bytes.len() - self.trailer.len();
            bytes[from_end..].copy_from_slice(&self.trailer);
        }
        Ok(ReadReply { bytes: bytes.into(), object_len: self.object_len, version: None })
    }
    async fn size(&self, _name: &str) -> Result<u64, StoreError> {
        Ok(self.object_len)
    }
}

#[test]
fn a_root_is_so_long_and_no_longer() {
    let opened = |root_len: u64| {
        let object_len = 1 << 40;
        let trailer = trailer(object_len, object_len - 56 - root_len, 1, 2).into();
        open(Vast { object_len, trailer }).unwrap_err()
    };
    let error = opened((128 << 20) + 1);
    assert!(
        matches!(
            corrupt(&error),
            (Section::Trailer, Problem::Limit { claimed: 134_217_729, limit: 134_217_728, .. })
        ),
        "{error:?}"
    );
    // Read, and found not to be the one that the trailer means.
    let error = opened(128 << 20);
    assert!(matches!(corrupt(&error), (Section::Root, Problem::Checksum { .. })), "{error:?}");
    let error = opened(0);
    assert!(matches!(corrupt(&error), (Section::Trailer, Problem::Malformed(_))), "{error:?}");
}

#[test]
fn what_is_no_whole_object_is_told_apart_by_its_beginning() {
    let head = |start: &[u8], tag: &[u8]| [start, &[9, 0, 0, 0], tag, &[7; 100]].concat();
    let kind = |object: Vec<u8>| open(store(object)).unwrap_err();
    let magic = 0x184D_2A5Bu32.to_le_bytes();
    for object in [
        head(&magic, b"CKPTBTCH"),
        magic[..1].to_vec(),
        magic[..3].to_vec(),
        magic.to_vec(),
        [&magic[..], &[1, 0, 0, 0], b"CKPT"].concat(),
    ] {
        let len = object.len() as u64;
        let error = kind(object);
        let ReadErrorKind::Truncated { object_len } = error.kind() else { panic!("{error:?}") };
        assert_eq!(*object_len, len);
    }
    for object in [
        head(&magic, b"CKPTBTC?"),
        head(b"????", b"CKPTBTCH"),
        [&magic[..], &[1, 0, 0, 0], b"?"].concat(),
        b"short".to_vec(),
        magic[1..].to_vec(),
        vec![],
    ] {
        let expected = object[..object.len().min(8)].to_vec();
        let len = object.len() as u64;
        let error = kind(object);
        let ReadErrorKind::Foreign { object_len, start } = error.kind() else { panic!("{error:?}") };
        assert_eq!((*object_len, start), (len, &expected));
    }
}

#[test]
fn what_is_wrong_with_a_trailer_is_said_of_its_place() {
    let whole = Forge::default().object();
    let trailer_offset = whole.len() - 56;
    let mut flipped = whole.clone();
    flipped[trailer_offset + 20] ^= 1;
    let longer = [&[0][..], &whole].concat();
    for (object, at) in [(flipped, trailer_offset), (longer, trailer_offset + 1)] {
        let error = open(store(object)).unwrap_err();
        let ReadErrorKind::Corrupt(corruption) = error.kind() else { panic!("{error:?}") };
        assert_eq!((corruption.section, corruption.offset), (Section::Trailer, at as u64));
    }
}

#[test]
fn a_later_version_is_named_wherever_its_fields_stand() {
    for (object_len, reserved) in [(1 << 20, 0), (5, 0), (1 << 20, 9)] {
        let mut trailer = trailer(object_len, 0, 0, 0);
        (trailer[32], trailer[34]) = (2, reserved);
        let checksum = crc32c::crc32c(&trailer[..44]);
        trailer[44..48].copy_from_slice(&checksum.to_le_bytes());
        let error = open(Vast { object_len: 1 << 20, trailer: trailer.into() }).unwrap_err();
        assert!(matches!(error.kind(), ReadErrorKind::UnsupportedVersion { found: 2 }), "{error:?}");
    }
}
