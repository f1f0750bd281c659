//! What a dictionary is trained from, when, and by whom.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod at_once;
mod later;

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use at_once::AtOnce;
use batcher_codecs::{Raw, Zstd};
use batcher_core::{Batcher, Codec, CodecError, CodecId, Executor, Inline, Job};
use batcher_testkit::{MemoryStore, block_on};
use later::{Later, run};

/// Remembers how much it was to train from, and how long the dictionary was allowed to be; makes none.
#[derive(Clone, Debug, Default)]
struct Trained(Arc<Mutex<Vec<(usize, usize)>>>);

impl Codec for Trained {
    fn id(&self) -> CodecId {
        Raw.id()
    }
    fn max_frame_len(&self, block_len: usize) -> usize {
        Raw.max_frame_len(block_len)
    }
    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        Raw.encode(block, frame)
    }
    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        Raw.decode(frame, block)
    }
    fn train_dictionary(&self, samples: &[&[u8]], longest: usize) -> Option<Vec<u8>> {
        self.0.lock().unwrap().push((samples.concat().len(), longest));
        None
    }
}

impl Trained {
    fn all(&self) -> Vec<(usize, usize)> {
        self.0.lock().unwrap().clone()
    }
}

/// Runs jobs, and those that come of them.
fn run_all(mut jobs: Vec<Job>, later: &Later) {
    while !jobs.is_empty() {
        run(jobs);
        jobs = later.take();
    }
}

fn is_pending<T>(future: impl Future<Output = T>) -> bool {
    pin!(future).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[test]
fn a_codec_knows_no_dictionaries_unless_it_says_so() {
    let sample: Vec<&[u8]> = vec![b"alike"; 1000];
    assert!(Raw.train_dictionary(&sample, 100).is_none());
    assert!(matches!(Raw.with_dictionary(b"alike"), Err(CodecError::NoDictionaries)));
}

#[test]
fn a_dictionary_may_be_an_eighth_of_its_sample_and_no_longer_than_was_asked_for() {
    let trained = |blobs: usize, len: usize| {
        let codec = Trained::default();
        let builder = Batcher::builder(codec.clone(), MemoryStore::new());
        let mut batcher = builder.block_len(100_000).dictionary(1000).build().unwrap();
        for _ in 0..blobs {
            batcher.add("key", vec![0; len]).unwrap();
        }
        let _report = block_on(batcher.flush(1)).unwrap();
        codec.all()
    };
    assert_eq!(trained(1, 7), []);
    assert_eq!(trained(10, 400), [(4000, 500)]);
    // No more is looked at than 32 times as much as was asked for, and of one blob its first 64 KiB.
    assert_eq!(trained(79, 400), [(31_600, 1000)]);
    assert_eq!(trained(100, 400), [(32_000, 1000)]);
    assert_eq!(trained(1, 90_000), [(65_536, 1000)]);
}

#[test]
fn whoever_adds_faster_than_others_train_does_it_and_a_flush_does_not() {
    let set_up = || {
        let (codec, later) = (Trained::default(), Later::default());
        let builder = Batcher::builder(codec.clone(), MemoryStore::new()).executor(later.clone());
        let batcher = builder.block_len(1000).backlog(500).dictionary(100).build().unwrap();
        // The sample.
        let handle = batcher.handle();
        for _ in 0..8 {
            handle.add("key", vec![0; 400]).unwrap();
        }
        let training = later.take();
        assert_eq!(training.len(), 1);
        (codec, later, training, batcher, handle)
    };
    let (codec, _later, _training, _batcher, handle) = set_up();
    for _ in 0..9 {
        handle.add("key", vec![0; 400]).unwrap();
    }
    assert_eq!(codec.all(), [(3200, 100)]);

    let (codec, later, training, mut batcher, handle) = set_up();
    let handles = [batcher.handle(), batcher.handle(), batcher.handle()];
    for handle in &handles {
        handle.add("key", vec![0; 600]).unwrap();
    }
    assert!(is_pending(batcher.flush(1)));
    assert_eq!(codec.all(), []);
    // What waits for the dictionary is backlog, until it is there and compressed.
    assert!(is_pending(handle.ready()));
    run_all(training, &later);
    assert_eq!(codec.all(), [(3200, 100)]);
    assert!(!is_pending(handle.ready()));
}

/// A flush that learns of the dictionary before the blocks do.
#[test]
fn no_block_is_compressed_before_it_has_its_dictionary() {
    let batcher = |store: &MemoryStore, dictionary, executor: Arc<dyn Executor>| {
        let builder = Batcher::builder(Zstd::default(), store.clone()).block_len(1000).backlog(1 << 20);
        let batcher = builder.dictionary(dictionary).executor(executor).build().unwrap();
        for number in 0..3000_u64 {
            let blob = format!(r#"{{"customer":{},"currency":"EUR","window":"2024-05-01"}}"#, number * 7919);
            batcher.handle().add(&format!("{number:06}"), blob).unwrap();
        }
        batcher
    };
    let objects = [0, 512].map(|dictionary| {
        let store = MemoryStore::new();
        let report = block_on(batcher(&store, dictionary, Arc::new(Inline)).flush(1)).unwrap();
        store.object(&report.receipts[0].object).unwrap()
    });
    assert!(objects[1].len() < objects[0].len());

    let (later, store) = (Later::default(), MemoryStore::new());
    let mut batcher = batcher(&store, 512, Arc::new(later.clone()));
    let flush = AtOnce::new(Box::pin(async move { batcher.flush(1).await }));
    flush.poll();
    run_all(later.take(), &later);
    let report = flush.output().expect("it is woken, and waits for nothing").unwrap();
    assert!(store.object(&report.receipts[0].object).unwrap() == objects[1]);
}
