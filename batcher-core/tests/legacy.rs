//! Objects of the starting point's format that lie, end early or are too large.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::sync::Arc;

use batcher_codecs::{Lz4Block, Raw, registry};
use batcher_core::{
    BatchReader, BlobSource, Codec, CodecError, CodecId, CodecRegistry, ObjectFormat, Operation, Problem,
    ReadError, ReadErrorKind, ReadOptions, ReadRange, ReadReply, Section, StoreError, StoreErrorKind,
    async_trait,
};
use batcher_testkit::{Fault, FaultPlan, FaultStore, MemoryStore, block_on};
use bytes::Bytes;

fn len(bytes: &[u8]) -> [u8; 4] {
    u32::try_from(bytes.len()).unwrap().to_le_bytes()
}

fn body<B: AsRef<[u8]>>(entries: &[(&str, B)]) -> Vec<u8> {
    let entry = |(key, blob): &(&str, B)| {
        let blob = blob.as_ref();
        [&len(key.as_bytes()), key.as_bytes(), &len(blob), blob].concat()
    };
    entries.iter().flat_map(entry).collect()
}

/// An object of version 1, which has no checksum.
fn object(body: &[u8], entries: u32) -> Vec<u8> {
    let mut frame = vec![0; Lz4Block::default().max_frame_len(body.len())];
    let frame_len = Lz4Block::default().encode(body, &mut frame).unwrap();
    [b"LCB1", &1u32.to_le_bytes(), &entries.to_le_bytes(), &len(body), &len(body), &frame[..frame_len]]
        .concat()
}

fn store(object: Vec<u8>) -> MemoryStore {
    let store = MemoryStore::new();
    store.insert("o", object);
    store
}

fn open(object: Vec<u8>, codecs: &CodecRegistry, options: ReadOptions) -> Result<BatchReader, ReadError> {
    block_on(BatchReader::open_with(store(object), "o", codecs, options))
}

#[test]
fn a_body_that_ends_early_is_noticed_wherever_it_ends() {
    let entries = [("key", "blob"), ("other", "")];
    let whole = body(&entries);
    let usual = ReadOptions::default;
    let reader = open(object(&whole, 2), &registry(), usual()).unwrap();
    assert_eq!(block_on(reader.get("key")).unwrap().unwrap(), "blob");
    for cut in 1..whole.len() {
        let error = open(object(&whole[..cut], 2), &registry(), usual()).unwrap_err();
        let ReadErrorKind::Corrupt(corruption) = error.kind() else { panic!("{error:?}") };
        assert_eq!((corruption.section, corruption.offset), (Section::Legacy, 0));
        assert!(matches!(corruption.problem, Problem::Length { .. }), "{cut}: {error:?}");
    }
    for more in 1..8 {
        let longer = [&whole[..], &vec![0; more]].concat();
        let error = open(object(&longer, 3), &registry(), usual()).unwrap_err();
        assert!(matches!(error.kind(), ReadErrorKind::Corrupt(_)), "{more}: {error:?}");
    }
}

#[test]
fn one_that_is_larger_than_the_memory_limit_is_refused_before_it_is_read_or_decoded() {
    let object = object(&body(&[("k", &"x".repeat(10_000))]), 1);
    let object_len = object.len() as u64;
    let limited = |bytes| open(object.clone(), &registry(), ReadOptions::default().with_memory_limit(bytes));
    // As it stands in the store, then decoded: 10,009 bytes and 128 for the entry.
    for (limit, needed) in [(object_len - 1, object_len), (object_len, 10_137), (10_136, 10_137)] {
        let error = limited(limit).unwrap_err();
        let ReadErrorKind::Memory { len, limit: stated, .. } = error.kind() else { panic!("{error:?}") };
        assert_eq!((*len, *stated), (needed, limit));
    }
    assert_eq!(limited(10_137).unwrap().len(), 1);
}

#[test]
fn entries_that_a_body_cannot_hold_need_no_memory() {
    let object = object(&body(&[("k", &"x".repeat(10_000))]), u32::MAX);
    let options = ReadOptions::default().with_memory_limit(10_009);
    let error = open(object, &registry(), options).unwrap_err();
    // One for each eight bytes at most.
    let ReadErrorKind::Memory { len, .. } = error.kind() else { panic!("{error:?}") };
    assert_eq!(*len, 10_009 + 10_009 / 8 * 128);
}

#[test]
fn a_length_that_no_block_decodes_to_is_refused_unallocated() {
    let stated = |decoded_len: u32| {
        let len = decoded_len.to_le_bytes();
        let object = [b"LCB1", &1u32.to_le_bytes()[..], &[0; 4], &len, &len, &[0; 10]].concat();
        let error = open(object, &registry(), ReadOptions::default()).unwrap_err();
        let ReadErrorKind::Corrupt(corruption) = error.kind() else { panic!("{error:?}") };
        match corruption.problem {
            Problem::Limit { claimed, limit, .. } => Some((claimed, limit)),
            _ => None,
        }
    };
    assert_eq!(stated(2550), None);
    assert_eq!(stated(2551), Some((2551, 2550)));
    assert_eq!(stated(100_000), Some((100_000, 2550)));
}

#[test]
fn a_version_that_never_was_is_named() {
    let mut object = object(&body(&[("k", "v")]), 1);
    object[4] = 3;
    let error = open(object, &registry(), ReadOptions::default()).unwrap_err();
    assert!(matches!(error.kind(), ReadErrorKind::UnsupportedVersion { found: 3 }), "{error:?}");
}

#[test]
fn one_whose_codec_is_missing_or_refuses_is_told_so() {
    let object = object(&body(&[("k", "v")]), 1);
    let error = open(object.clone(), &CodecRegistry::new(), ReadOptions::default()).unwrap_err();
    assert!(matches!(error.kind(), ReadErrorKind::UnknownCodec(CodecId::LZ4_BLOCK)), "{error:?}");
    let refuses = CodecRegistry::new()
        .with_factory(CodecId::LZ4_BLOCK, |_| Err(CodecError::Params { reason: "none will do" }));
    let error = open(object, &refuses, ReadOptions::default()).unwrap_err();
    assert!(matches!(error.kind(), ReadErrorKind::CodecParams(CodecError::Params { .. })), "{error:?}");
}

#[test]
fn a_read_that_fails_is_the_stores_error() {
    let object = object(&body(&[("k", "v")]), 1);
    let options = || ReadOptions::default().with_first_read_len(0);
    let longer = [&object[..], &[0; 100]].concat();
    for call in 0..3 {
        let script = FaultPlan::new().at(Operation::Read, call, Fault::Reject(StoreErrorKind::Timeout));
        let faulty = FaultStore::new(store(longer.clone()), script);
        let error =
            block_on(BatchReader::open_with(faulty.clone(), "o", &registry(), options())).unwrap_err();
        assert!(matches!(error.kind(), ReadErrorKind::Store(_)), "{call}: {error:?}");
        assert_eq!(faulty.fired().len(), 1);
    }
}

#[test]
fn what_one_holds_is_listed_and_verified() {
    let reader =
        open(object(&body(&[("b", "12"), ("a", "3")]), 2), &registry(), ReadOptions::default()).unwrap();
    let summary = reader.summary();
    assert_eq!((summary.format, summary.id, summary.checksum), (ObjectFormat::Lcb1(1), None, None));
    assert_eq!((summary.blobs, summary.blob_bytes), (2, 3));
    let report = block_on(reader.verify()).unwrap();
    assert_eq!((report.blobs, report.blob_bytes, report.object_len), (2, 3, summary.object_len));
}

/// A store that does not read suffixes and is mistaken about a length.
#[derive(Debug, Clone)]
struct LyingSize(Bytes, u64);
#[async_trait]
impl BlobSource for LyingSize {
    fn reads_suffixes(&self) -> bool {
        false
    }
    async fn read(&self, _: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let r = range.resolve(self.0.len() as u64);
        Ok(ReadReply {
            bytes: self.0.slice(usize::try_from(r.start).unwrap()..usize::try_from(r.end).unwrap()),
            object_len: self.0.len() as u64,
            version: None,
        })
    }
    async fn size(&self, _: &str) -> Result<u64, StoreError> {
        Ok(self.1)
    }
}

#[test]
fn one_that_grows_between_size_and_read_is_an_error() {
    let object = object(&body(&[("k", scenario::noise(200, 1))]), 1);
    let error = block_on(BatchReader::open(LyingSize(object.into(), 100), "x", &registry())).unwrap_err();
    assert!(matches!(error.kind(), ReadErrorKind::Replaced), "{error:?}");
}

#[test]
fn one_may_hold_an_object_of_ours_as_its_last_blob() {
    let state = vec![("a".into(), Bytes::from_static(b"x"))];
    let inner = block_on(scenario::object(&state, Arc::new(Raw), 1000));
    let reader = open(object(&body(&[("k", &inner)]), 1), &registry(), ReadOptions::default()).unwrap();
    assert_eq!(block_on(reader.get("k")).unwrap(), Some(inner));
}

#[test]
fn one_may_have_a_key_longer_than_ours() {
    let key = "k".repeat(70_000);
    let reader = open(object(&body(&[(&key, "v")]), 1), &registry(), ReadOptions::default()).unwrap();
    assert_eq!(reader.len(), 1);
}
