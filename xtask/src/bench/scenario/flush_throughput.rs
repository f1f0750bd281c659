//! How fast a whole state gets from the caller's memory into a store: all adds and the flush.

use std::cell::Cell;
use std::sync::Arc;

use super::super::codec_name::CodecName;
use super::super::contest::{Contest, median, ranked};
use super::super::context::{Bench, Quantity, Writer};
use super::super::figure::{Better, Spread};
use super::super::limit::{MemoryCopy, RawCodec, raw_name};
use super::super::stack::{own_name, stacks};
use super::super::state::{State, length};
use super::super::store::Places;
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "flush-throughput";

/// The length of blobs with which other dimensions are varied, and for which the goal stands.
const USUAL_BLOB_LEN: usize = 64 << 10;

/// Small blobs take some stacks so long that less of them must do.
const FEWEST_BYTES_A_BLOB: u64 = 512;

const THROUGHPUT: Quantity<'_> =
    Quantity { scenario: NAME, name: "throughput", unit: "MB/s", better: Better::Higher };
const STORED: Quantity<'_> =
    Quantity { scenario: NAME, name: "stored", unit: "bytes", better: Better::Lower };

/// Varies the length of blobs, then the corpus, then the length of blocks.
pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let options = bench.options.clone();
    if let Some(directory) = &options.input {
        let state = Arc::new(State::directory(directory)?);
        for block_len in &options.block_lens {
            compare(bench, &state, *block_len, false)?;
        }
        return Ok(());
    }
    let usual = if options.blob_lens.contains(&USUAL_BLOB_LEN) {
        USUAL_BLOB_LEN
    } else {
        options.blob_lens.first().copied().unwrap_or(USUAL_BLOB_LEN)
    };
    for blob_len in &options.blob_lens {
        let bytes = options.bytes.min(options.bytes / FEWEST_BYTES_A_BLOB * *blob_len as u64);
        let state = Arc::new(State::of_bytes(options.corpus(), *blob_len, bytes));
        compare(bench, &state, options.block_len(), *blob_len == usual)?;
    }
    for kind in options.corpora.iter().skip(1) {
        let state = Arc::new(State::of_bytes(*kind, usual, options.bytes));
        compare(bench, &state, options.block_len(), false)?;
    }
    let state = Arc::new(State::of_bytes(options.corpus(), usual, options.bytes));
    for block_len in options.block_lens.iter().skip(1) {
        compare(bench, &state, *block_len, false)?;
    }
    Ok(())
}

/// All stacks with one state, in turns; held against the goals where it is what they are stated for.
fn compare(bench: &mut Bench, state: &Arc<State>, block_len: usize, judged: bool) -> Result<(), Failure> {
    let options = bench.options.clone();
    let places = Places::open(&options.store)?;
    let stacks = stacks(&options.codecs, options.threads, block_len)?;
    let stored: Vec<Cell<u64>> = stacks.iter().map(|_| Cell::new(0)).collect();
    let stream = state.stream();
    let runtime = &bench.runtime;
    let case = format!("{}, {} blocks", state.name, length(block_len as u64));
    let mut contest = Contest::new(format!("{NAME}, {case}"));
    for (stack, stored) in stacks.iter().zip(&stored) {
        let places = &places;
        let mut writer = Writer::new(runtime, places, &**stack, state);
        contest.add(stack.name(), move || writer.once(stored));
    }
    for codec in &options.codecs {
        let mut raw = RawCodec::new(*codec, &stream, block_len)?;
        contest.add(raw_name(*codec), move || raw.encode());
    }
    let mut memory = MemoryCopy::new(&stream);
    contest.add("memory copy", move || Ok(memory.copy()));
    let results = contest.run(options.rounds, &mut bench.progress)?;

    let rates: Vec<(String, Spread)> =
        results.into_iter().map(|(name, seconds)| (name, seconds.rate(state.bytes as f64 / 1e6))).collect();
    bench.figures(THROUGHPUT, &case, &rates);
    for (stack, stored) in stacks.iter().zip(&stored) {
        bench.figure(STORED, &case, stack.name(), Spread::exact(stored.get() as f64));
    }
    let stored_of = |name: &str| {
        stacks.iter().zip(&stored).find(|(stack, _)| stack.name() == name).map(|(_, stored)| stored.get())
    };
    bench.text.push_str(&table(&case, state, &rates, stored_of));
    if judged {
        for codec in &options.codecs {
            judge(bench, *codec, &state.name, &rates);
        }
    }
    Ok(())
}

/// Sorted from the fastest to the slowest, each against the raw codec of its kind on all threads.
fn table(
    case: &str,
    state: &State,
    rates: &[(String, Spread)],
    stored: impl Fn(&str) -> Option<u64>,
) -> String {
    let start = median(rates, "starting point");
    let title = format!("Flush throughput: {case}, {} blobs", state.blobs.len());
    let mut table = Table::new(&title, &["stack", "MB/s", "from", "to", "× starting point", "stored"]);
    for (name, rate) in ranked(rates, Better::Higher) {
        let percent = stored(name).map(|stored| 100.0 * stored as f64 / state.bytes.max(1) as f64);
        table.row([
            name.clone(),
            format!("{:.0}", rate.median),
            format!("{:.0}", rate.min),
            format!("{:.0}", rate.max),
            format!("{:.2}", rate.median / start),
            percent.map_or_else(String::new, |percent| format!("{percent:.1} %")),
        ]);
    }
    table.to_string()
}

fn judge(bench: &mut Bench, codec: CodecName, state: &str, rates: &[(String, Spread)]) {
    let (own, raw) = (median(rates, &own_name(codec)), median(rates, &raw_name(codec)));
    let threads = bench.options.threads as f64;
    let ratio = own / (threads * raw);
    bench.goal(
        &format!("flush throughput, {state}, {}: ≥ 0.90 × threads × raw speed", codec.name()),
        format!("{own:.0} MB/s, {ratio:.2} × {threads} × {raw:.0} MB/s"),
        Better::Higher,
        ratio,
        0.9,
    );
    if codec == CodecName::Lz4 {
        let start = median(rates, "starting point");
        bench.goal(
            &format!("flush throughput, {state}, lz4: ≥ 2 × starting point"),
            format!("{own:.0} MB/s, {:.2} × {start:.0} MB/s", own / start),
            Better::Higher,
            own / start,
            2.0,
        );
    }
}
