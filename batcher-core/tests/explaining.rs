//! What was explained is exactly what is then read.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod scenario;

use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use batcher_codecs::{Raw, Zstd, registry};
use batcher_core::{
    BatchReader, BlobSource, ObjectPart, ReadOptions, ReadPlan, ReadRange, ReadReply, StoreError,
};
use batcher_testkit::{MemoryStore, block_on};
use futures_util::TryStreamExt;
use scenario::{State, mixed, noise};

/// Writes down what is read.
#[derive(Clone, Debug)]
struct Log(MemoryStore, Arc<Mutex<Vec<Range<u64>>>>);

impl Log {
    fn new(state: &State, block_len: usize) -> Self {
        let memory = MemoryStore::new();
        memory.insert("o", block_on(scenario::object(state, Arc::new(Raw), block_len)));
        Self(memory, Arc::default())
    }

    fn open(&self, options: ReadOptions) -> BatchReader {
        let codecs = registry();
        let reader = block_on(BatchReader::open_with(self.clone(), "o", &codecs, options)).unwrap();
        self.take();
        reader
    }

    fn take(&self) -> Vec<Range<u64>> {
        let mut reads = std::mem::take(&mut *self.1.lock().unwrap());
        reads.sort_by_key(|range| range.start);
        reads
    }
}

#[async_trait]
impl BlobSource for Log {
    async fn read(&self, name: &str, range: ReadRange) -> Result<ReadReply, StoreError> {
        let reply = self.0.read(name, range.clone()).await?;
        self.1.lock().unwrap().push(range.resolve(reply.object_len));
        Ok(reply)
    }
    async fn size(&self, name: &str) -> Result<u64, StoreError> {
        self.0.size(name).await
    }
}

fn planned(plan: &ReadPlan) -> Vec<Range<u64>> {
    let mut ranges: Vec<_> = plan.requests.iter().map(|request| request.range.clone()).collect();
    ranges.sort_by_key(|range| range.start);
    ranges
}

fn of_part(plan: &ReadPlan, part: ObjectPart) -> usize {
    plan.requests.iter().filter(|request| request.part == part).count()
}

/// More than 4096 blocks, so that there are several pages of them, and more keys than one page has.
fn many_blocks() -> State {
    (0..9000u64).map(|n| (format!("{:05}", n * 7919 % 9000), noise(120, n))).collect()
}

#[test]
fn what_is_explained_is_what_is_read() {
    let (many, mixed) = (many_blocks(), mixed());
    for (state, block_len) in [(&many, 100), (&mixed, 1000)] {
        let log = Log::new(state, block_len);
        let object_len = log.0.object("o").unwrap().len() as u64;
        let some: Vec<&str> = state.iter().step_by(7).map(|(key, _)| key.as_str()).collect();
        let few = [state[3].0.as_str(), "no such key", &state[state.len() - 1].0, &state[3].0];
        for first_read_len in [0, 1000, 40_000, object_len - 10, object_len] {
            for (max_gap, max_read_len) in [(0, 1), (0, 3000), (500, 8 << 20), (256 << 10, 8 << 20)] {
                let options = ReadOptions::default().with_max_gap(max_gap).with_max_read_len(max_read_len);
                let options = options.with_first_read_len(first_read_len);
                let what = format!("{options:?}");
                for keys in [&few[..2], &few, &some] {
                    let reader = log.open(options.clone());
                    let plan = block_on(reader.explain_get_many(keys)).unwrap();
                    log.take();
                    let blobs = block_on(reader.get_many(keys)).unwrap();
                    assert_eq!(log.take(), planned(&plan), "{what}");
                    let lens: Vec<_> = blobs.iter().flatten().map(|blob| blob.len() as u64).collect();
                    assert_eq!((plan.blobs, plan.blob_bytes), (lens.len() as u64, lens.iter().sum()));
                }
                let reader = log.open(options.clone());
                let plan = block_on(reader.explain_get(few[0])).unwrap();
                log.take();
                assert!(block_on(reader.get(few[0])).unwrap().is_some());
                assert_eq!(log.take(), planned(&plan), "{what}");
                let plan = block_on(reader.explain_blobs()).unwrap();
                log.take();
                let all: State = block_on(reader.blobs().try_collect()).unwrap();
                assert_eq!(log.take(), planned(&plan), "{what}");
                assert_eq!((plan.blobs, plan.blob_bytes), (all.len() as u64, reader.summary().blob_bytes));
                assert_eq!(plan.blocks, reader.summary().blocks);
                if first_read_len == object_len {
                    assert!(plan.requests.is_empty() && plan.cached_bytes > 0);
                }
                // Everything between the header and the root, whether it is at hand or not.
                let bytes = plan.wanted_bytes() + plan.cached_bytes;
                assert!(bytes < object_len && bytes + 5000 > object_len, "{bytes} of {object_len}");
            }
        }
    }
}

#[test]
fn neighbours_are_joined_over_small_gaps_up_to_a_length() {
    // Blocks of 1000 bytes, each in a frame of 1023.
    let state: State = (0..20u64).map(|n| (format!("{n:02}"), noise(1000, n))).collect();
    let log = Log::new(&state, 1000);
    let reads = |numbers: &[usize], max_gap, max_read_len| {
        let options = ReadOptions::default().with_first_read_len(2000);
        let reader = log.open(options.with_max_gap(max_gap).with_max_read_len(max_read_len));
        let keys: Vec<_> = numbers.iter().map(|number| &state[*number].0).collect();
        let plan = block_on(reader.explain_get_many(&keys)).unwrap();
        assert_eq!(plan.read_bytes() - plan.wanted_bytes(), plan.requests.iter().map(gap).sum::<u64>());
        plan.requests.iter().map(|read| (read.range.end - read.range.start, gap(read))).collect::<Vec<_>>()
    };
    assert_eq!(reads(&[1, 2, 3], 0, 8 << 20), [(3069, 0)]);
    assert_eq!(reads(&[1, 2, 3], 0, 2046), [(2046, 0), (1023, 0)]);
    assert_eq!(reads(&[1, 2, 3], 0, 2045), [(1023, 0); 3]);
    assert_eq!(reads(&[1, 3, 5], 1022, 8 << 20), [(1023, 0); 3]);
    assert_eq!(reads(&[5, 3, 1, 3], 1023, 8 << 20), [(5 * 1023, 2 * 1023)]);
    assert!(reads(&[], 0, 8 << 20).is_empty());
}

fn gap(request: &batcher_core::PlannedRequest) -> u64 {
    request.range.end - request.range.start - request.wanted
}

#[test]
fn what_the_first_read_brought_is_not_joined_with_what_it_has_not() {
    let state: State = (0..20u64).map(|n| (format!("{n:02}"), noise(1000, n))).collect();
    let log = Log::new(&state, 1000);
    // Has the last blocks, and of block 15 a part.
    let reader = log.open(ReadOptions::default().with_first_read_len(6000));
    let plan = |keys: &[&str]| block_on(reader.explain_get_many(keys)).unwrap();
    assert!(plan(&["19"]).requests.is_empty());
    let far = plan(&["10", "19"]);
    assert_eq!((far.requests.len(), far.read_bytes()), (1, 1023));
    assert_eq!(far.blocks, 2);
    let all = plan(&["13", "14", "15", "16", "17", "18", "19"]);
    assert_eq!(all.requests.len(), 1);
    assert!(all.read_bytes() < 3 * 1023 && all.read_bytes() == all.wanted_bytes());
    assert_eq!(block_on(reader.get("15")).unwrap().unwrap(), state[15].1);
}

#[test]
fn one_blob_takes_two_reads_and_three_where_the_index_is_larger_than_the_first() {
    let state = many_blocks();
    let log = Log::new(&state, 1000);
    for (first_read_len, reads) in [(200_000, 1), (14_000, 2)] {
        let reader = log.open(ReadOptions::default().with_first_read_len(first_read_len));
        assert!(block_on(reader.get(&state[10].0)).unwrap().is_some());
        let read = log.take();
        assert_eq!(read.len(), reads, "besides the first");
        let bytes: u64 = read.iter().map(|range| range.end - range.start).sum();
        let page = if reads == 2 { 17_000 } else { 0 };
        assert!(bytes <= page + 1023, "{bytes} bytes of a page and a block");
        // The page is kept.
        let plan = block_on(reader.explain_get(&state[11].0)).unwrap();
        assert_eq!((plan.requests.len(), of_part(&plan, ObjectPart::Blocks)), (1, 1));
    }
}

#[test]
fn a_plan_s_memory_is_about_what_is_read_and_decoded() {
    let state: State = (0..20u64).map(|n| (format!("{n:02}"), noise(1000, n))).collect();
    let log = Log::new(&state, 1000);
    let reader = log.open(ReadOptions::default().with_first_read_len(2000));
    for (keys, read, decoded) in [(&["10"][..], 1023, 1000), (&["10", "11", "12"], 3 * 1023, 3000)] {
        let plan = block_on(reader.explain_get_many(keys)).unwrap();
        assert_eq!((plan.read_bytes(), plan.decoded_bytes), (read, decoded));
        assert_eq!(plan.memory, read + decoded);
    }
}

#[test]
fn pages_are_planned_first_and_a_plan_is_data() {
    let log = Log::new(&many_blocks(), 100);
    let reader = log.open(ReadOptions::default().with_first_read_len(0));
    let plan = block_on(reader.explain_blobs()).unwrap();
    let parts: Vec<_> = plan.requests.iter().map(|request| request.part).collect();
    assert!(parts.is_sorted_by_key(|part| *part as u8));
    // Explaining has read the pages of blocks, and they are kept.
    assert_eq!(of_part(&plan, ObjectPart::KeyPages), 1);
    assert_eq!(of_part(&plan, ObjectPart::BlockPages), 0);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<ReadPlan>(&text).unwrap(), plan);
    assert_eq!(format!("{plan}").lines().count(), 1);
    assert_eq!(format!("{plan:#}").lines().count(), 1 + plan.requests.len());
}

/// It lies before the pages of the index, and is read once.
#[test]
fn the_dictionary_that_blocks_need_is_explained_too() {
    let blob = |n: u64| format!(r#"{{"customer":{},"currency":"EUR","open":true}}"#, n * 7919).into();
    let state: State = (0..3000).map(|n| (format!("{n:05}"), blob(n))).collect();
    let object = scenario::object_with(&state, Arc::new(Zstd::default()), |builder| {
        builder.block_len(1000).dictionary(2048)
    });
    let memory = MemoryStore::new();
    memory.insert("o", block_on(object));
    let log = Log(memory, Arc::default());
    let apart = ReadOptions::default().with_first_read_len(0).with_max_gap(0);
    let reader = log.open(apart.clone());
    for dictionaries in [1, 0] {
        let plan = block_on(reader.explain_get("01000")).unwrap();
        assert_eq!(of_part(&plan, ObjectPart::Dictionaries), dictionaries);
        log.take();
        assert!(block_on(reader.get("01000")).unwrap().is_some());
        assert_eq!(log.take(), planned(&plan));
    }
    let reader = log.open(apart);
    let plan = block_on(reader.explain_blobs()).unwrap();
    assert_eq!(of_part(&plan, ObjectPart::Dictionaries), 1);
    log.take();
    let all: State = block_on(reader.blobs().try_collect()).unwrap();
    assert_eq!((log.take(), all.len()), (planned(&plan), state.len()));
}

#[test]
fn objects_that_are_read_whole_when_opened_need_nothing_more() {
    let memory = MemoryStore::new();
    let object = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/lcb1-v2.bin"));
    let Ok(object) = object else { panic!("no golden object of the starting point") };
    memory.insert("o", object);
    let log = Log(memory, Arc::default());
    let reader = log.open(ReadOptions::default());
    let all: State = block_on(reader.blobs().try_collect()).unwrap();
    let plan = block_on(reader.explain_blobs()).unwrap();
    assert_eq!((plan.blobs, plan.requests.len()), (all.len() as u64, 0));
    let plan = block_on(reader.explain_get(&all[0].0)).unwrap();
    assert_eq!((plan.blobs, plan.blob_bytes, plan.requests.len()), (1, all[0].1.len() as u64, 0));
}

#[test]
fn an_empty_blob_needs_no_block_though_it_stands_in_one() {
    // In the midst of the last block, behind what is wanted.
    let state = [("a", 1000), ("before", 40), ("empty", 0), ("behind", 40)];
    let state: State = state.map(|(key, len)| (key.into(), noise(len, 1))).into();
    let log = Log::new(&state, 100);
    let reader = log.open(ReadOptions::default().with_first_read_len(56).with_max_gap(0));
    let plan = |keys: &[&str]| block_on(reader.explain_get_many(keys)).unwrap();
    assert_eq!(plan(&["a", "empty"]).wanted_bytes(), plan(&["a"]).wanted_bytes());
    assert!(plan(&["a", "behind"]).wanted_bytes() > plan(&["a"]).wanted_bytes());
    assert_eq!(
        block_on(reader.get_many(&["a", "empty"])).unwrap(),
        [Some(noise(1000, 1)), Some(noise(0, 1))]
    );
}
