//! What a blob costs among a thousand and among millions: whether anything grows faster than their number.
//!
//! Each round measures every count once, so that the machine's drift does not go into what is compared; a few blobs are
//! written in epoch after epoch until they, too, have taken long enough to be measured.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use batcher::{BatchReader, BlobSource};
use futures_util::TryStreamExt;
use tokio::runtime::Runtime;

use super::super::codec_name::CodecName;
use super::super::contest::Contest;
use super::super::context::{Bench, Quantity};
use super::super::figure::{Better, Spread};
use super::super::limit::{MemoryCopy, RawCodec, RawThreads, raw_name, raw_threads_name};
use super::super::stack::{Own, Session, Stack, own_name};
use super::super::state::State;
use super::super::store::{Place, Places};
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "blob-counts";

const BLOB_LEN: usize = 64;
/// How many times as much a blob may cost at one of these counts as at another.
const FLAT: f64 = 1.5;
const COUNTS: [usize; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// The largest count is for runs that are not quick.
const QUICK_COUNTS: usize = 4;
/// Adds and flushes of one round and count take at least this long.
const SAMPLE: Duration = Duration::from_millis(20);
/// So many blobs are given to the raw codec and copied, for the machine's own speed in the same rounds.
const RAW_COUNT: usize = 100_000;

const ADD: Quantity<'_> = Quantity { scenario: NAME, name: "add", unit: "ns a blob", better: Better::Lower };
const FLUSH: Quantity<'_> =
    Quantity { scenario: NAME, name: "flush", unit: "ns a blob", better: Better::Lower };
const STORED: Quantity<'_> =
    Quantity { scenario: NAME, name: "stored", unit: "bytes a blob", better: Better::Lower };
const RAW: Quantity<'_> =
    Quantity { scenario: NAME, name: "throughput", unit: "MB/s", better: Better::Higher };
const GET: Quantity<'_> = Quantity { scenario: NAME, name: "open and get", unit: "s", better: Better::Lower };

/// A batcher that writes the same number of blobs again and again.
struct Writer<'a> {
    runtime: &'a Runtime,
    own: &'a Own,
    state: &'a State,
    place: Place,
    session: Box<dyn Session>,
    other: &'a RefCell<Other>,
}

/// What is measured besides the time of all adds.
#[derive(Default)]
struct Other {
    flush: Vec<f64>,
    get: Vec<f64>,
    stored: u64,
}

impl<'a> Writer<'a> {
    fn new(
        runtime: &'a Runtime,
        own: &'a Own,
        state: &'a Arc<State>,
        other: &'a RefCell<Other>,
    ) -> Result<Self, Failure> {
        let place = Places::in_memory();
        let session = own.session(state, Arc::clone(&place.store))?;
        Ok(Self { runtime, own, state, place, session, other })
    }

    /// One epoch after the other, as an engine writes them; how long the adds of one took on average.
    fn sample(&mut self) -> Result<Duration, Failure> {
        let (mut epochs, mut added, mut flushed) = (0, Duration::ZERO, Duration::ZERO);
        while added + flushed < SAMPLE {
            self.runtime.block_on(self.place.clear())?;
            let begun = Instant::now();
            self.session.add_all()?;
            let took = begun.elapsed();
            self.runtime.block_on(self.session.flush())?;
            added += took;
            flushed += begun.elapsed() - took;
            epochs += 1;
        }
        let stored = self.runtime.block_on(self.place.bytes())?;
        self.place.settle();
        let get = self.runtime.block_on(self.get())?;
        let mut other = self.other.borrow_mut();
        other.flush.push((flushed / epochs).as_secs_f64());
        other.get.push(get);
        other.stored = stored;
        Ok(added / epochs)
    }

    /// How long it takes to open the object and get one blob.
    async fn get(&self) -> Result<f64, Failure> {
        let (key, _) = self.state.blobs.get(self.state.blobs.len() / 2).ok_or("no blobs")?;
        let objects: Vec<_> = self.place.store.list("").try_collect().await?;
        let object = objects.first().ok_or("there is no object")?;
        let (store, options) = (Arc::clone(&self.place.store), self.own.read_options());
        let begun = Instant::now();
        let reader = BatchReader::open_with(store, &object.name, &self.own.registry(), options).await?;
        let found = reader.get(key).await?.is_some();
        let took = begun.elapsed().as_secs_f64();
        if found { Ok(took) } else { Err("the blob is missing".into()) }
    }
}

pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let options = bench.options.clone();
    let codec = options.codecs.first().copied().unwrap_or(CodecName::Lz4);
    let own = Own::new(codec, options.threads)?.with_block_len(options.block_len());
    let counts = if options.quick { &COUNTS[..QUICK_COUNTS] } else { &COUNTS };
    let most = counts.iter().copied().max().unwrap_or(0);
    let all = Arc::new(State::corpus(options.corpus(), BLOB_LEN, most as u64));
    let state = |count: &usize| if *count == most { Arc::clone(&all) } else { Arc::new(all.first(*count)) };
    let states: Vec<Arc<State>> = counts.iter().map(state).collect();
    let others: Vec<RefCell<Other>> = counts.iter().map(|_| RefCell::default()).collect();
    let stream = all.first(RAW_COUNT).stream();
    let mut contest = Contest::new(NAME);
    for ((count, state), other) in counts.iter().zip(&states).zip(&others) {
        let mut writer = Writer::new(&bench.runtime, &own, state, other)?;
        contest.add(format!("{count} blobs"), move || writer.sample());
    }
    let mut raw = RawCodec::new(codec, &stream, options.block_len())?;
    contest.add(raw_name(codec), move || raw.encode());
    if options.threads > 1 {
        let mut raw = RawThreads::new(codec, &stream, options.block_len(), options.threads)?;
        contest.add(raw_threads_name(codec, options.threads), move || raw.encode());
    }
    let mut memory = MemoryCopy::new(&stream);
    contest.add("memory copy", move || Ok(memory.copy()));
    let mut results = contest.run(options.rounds, &mut bench.progress)?;
    let raw = results.split_off(counts.len());

    let mut table = Table::new(
        &format!("What a blob of {BLOB_LEN} bytes costs among many, {}", codec.name()),
        &["blobs", "ns to add", "ns to flush", "bytes stored", "open and get one, ms"],
    );
    let mut costs = Vec::new();
    for ((count, (_, added)), other) in counts.iter().zip(&results).zip(others) {
        let each = |seconds: f64| seconds * 1e9 / *count as f64;
        let other = other.into_inner();
        // Without the round for warming up.
        let spread = |values: &[f64]| Spread::of(values.get(1..).unwrap_or_default());
        let (added, flush, get) = (added.map(each), spread(&other.flush).map(each), spread(&other.get));
        let stored = other.stored as f64 / *count as f64;
        costs.push(added.median + flush.median);
        let (case, stack) = (format!("{count} blobs of {BLOB_LEN} bytes"), own_name(codec));
        bench.figure(ADD, &case, &stack, added);
        bench.figure(FLUSH, &case, &stack, flush);
        bench.figure(STORED, &case, &stack, Spread::exact(stored));
        bench.figure(GET, &case, &stack, get);
        table.row([
            count.to_string(),
            format!("{:.0}", added.median),
            format!("{:.0}", flush.median),
            format!("{stored:.1}"),
            format!("{:.2}", get.median * 1e3),
        ]);
    }
    let rates: Vec<(String, Spread)> =
        raw.into_iter().map(|(name, seconds)| (name, seconds.rate(stream.len() as f64 / 1e6))).collect();
    bench.figures(RAW, &format!("{RAW_COUNT} blobs of {BLOB_LEN} bytes, beside"), &rates);
    bench.text.push_str(&table.to_string());
    let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = costs.iter().copied().fold(0.0, f64::max);
    bench.goal(
        &format!(
            "a blob of {BLOB_LEN} bytes, {}: about the same cost whether there are few or many",
            codec.name()
        ),
        format!("{least:.0} to {most:.0} ns to add and flush"),
        Better::Lower,
        most / least,
        FLAT,
    );
    Ok(())
}
