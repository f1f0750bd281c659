//! All blobs back: a restore, each blob handed over and dropped.

use std::sync::Arc;
use std::time::Instant;

use super::super::codec_name::CodecName;
use super::super::contest::{Contest, median, ranked};
use super::super::context::{Bench, Quantity, written};
use super::super::figure::{Better, Spread};
use super::super::limit::{MemoryCopy, RawCodec, RawThreads, raw_name, raw_threads_name};
use super::super::stack::{Own, own_name, stacks};
use super::super::store::Places;
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "all-blobs";

const BLOB_LENS: [usize; 2] = [64 << 10, 1 << 10];

const THROUGHPUT: Quantity<'_> =
    Quantity { scenario: NAME, name: "throughput", unit: "MB/s", better: Better::Higher };

pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let blob_lens = if bench.options.input.is_some() { &BLOB_LENS[..1] } else { &BLOB_LENS };
    blob_lens.iter().try_for_each(|blob_len| compare(bench, *blob_len))
}

fn compare(bench: &mut Bench, blob_len: usize) -> Result<(), Failure> {
    let mut options = bench.options.clone();
    // The same bytes are read by both decoders.
    if let Some(lz4) = options.codecs.iter().position(|codec| *codec == CodecName::Lz4)
        && !options.codecs.contains(&CodecName::Lz4C)
    {
        options.codecs.insert(lz4 + 1, CodecName::Lz4C);
    }
    let state = bench.state(blob_len, options.bytes)?;
    let case = state.name.clone();
    let stream = state.stream();
    let stacks = stacks(&options.codecs, options.threads, options.block_len())?;
    let owns = options
        .codecs
        .iter()
        .map(|codec| Ok((*codec, Own::new(*codec, options.threads)?.with_block_len(options.block_len()))))
        .collect::<Result<Vec<_>, Failure>>()?;
    let places = Places::open(&options.store)?;
    let mut contest = Contest::new(format!("{NAME}, {case}"));
    let mut written_places = Vec::new();
    for stack in &stacks {
        bench.progress.status(|| format!("{NAME}, {case}: writing, {}", stack.name()));
        let place = written(&bench.runtime, places.fresh()?, &**stack, &state)?;
        let (runtime, expected) = (&bench.runtime, state.bytes);
        written_places.push(place.clone());
        contest.add(stack.name(), move || {
            let mut sum = 0;
            let mut take = |_: String, blob: bytes::Bytes| sum += blob.len() as u64;
            let begun = Instant::now();
            runtime.block_on(stack.read(Arc::clone(&place.store), &mut take))?;
            let took = begun.elapsed();
            if sum == expected { Ok(took) } else { Err("not all bytes came back".into()) }
        });
    }
    for (codec, own) in &owns {
        let place = written(&bench.runtime, places.fresh()?, own, &state)?;
        let (runtime, expected) = (&bench.runtime, state.bytes);
        written_places.push(place.clone());
        contest.add(in_groups(*codec), move || {
            let mut sum = 0;
            let begun = Instant::now();
            let look = |_: &str, blob: &[u8]| sum += blob.len() as u64;
            runtime.block_on(own.read_groups(Arc::clone(&place.store), look))?;
            let took = begun.elapsed();
            if sum == expected { Ok(took) } else { Err("not all bytes came back".into()) }
        });
    }
    for codec in &options.codecs {
        let mut raw = RawCodec::new(*codec, &stream, options.block_len())?;
        raw.prepare()?;
        contest.add(raw_name(*codec), move || raw.decode());
        if options.threads > 1 {
            let mut raw = RawThreads::new(*codec, &stream, options.block_len(), options.threads)?;
            raw.prepare()?;
            contest.add(raw_threads_name(*codec, options.threads), move || raw.decode());
        }
    }
    let mut memory = MemoryCopy::new(&stream);
    contest.add("memory copy", move || Ok(memory.copy()));
    let results = contest.run(options.rounds, &mut bench.progress)?;
    for place in written_places {
        bench.runtime.block_on(place.clear())?;
    }

    let rates: Vec<(String, Spread)> =
        results.into_iter().map(|(name, seconds)| (name, seconds.rate(state.bytes as f64 / 1e6))).collect();
    bench.figures(THROUGHPUT, &case, &rates);
    let start = median(&rates, "starting point");
    let mut table = Table::new(
        &format!("All blobs back: {case}, {} blobs", state.blobs.len()),
        &["stack", "MB/s", "from", "to", "× starting point"],
    );
    for (name, rate) in ranked(&rates, Better::Higher) {
        let figures = [rate.median, rate.min, rate.max].map(|rate| format!("{rate:.0}"));
        let ratio = format!("{:.2}", rate.median / start);
        table.row([name.clone()].into_iter().chain(figures).chain([ratio]));
    }
    bench.text.push_str(&table.to_string());
    let copy = median(&rates, "memory copy");
    for codec in &options.codecs {
        let (own, raw) = (median(&rates, &in_groups(*codec)), median(&rates, &raw_name(*codec)));
        let threads = options.threads as f64;
        let limit = (0.9 * threads * raw).min(0.8 * copy);
        let which = if 0.8 * copy < 0.9 * threads * raw { "memory copy" } else { "decoding" };
        bench.goal(
            &format!(
                "all blobs back in groups, {case}, {}: ≥ 0.90 × threads × raw, or 0.8 × memory copy",
                codec.name()
            ),
            format!("{own:.0} MB/s of {limit:.0} MB/s, bound by {which}"),
            Better::Higher,
            own / limit,
            1.0,
        );
    }
    Ok(())
}

/// What our stack is called where it hands out blobs a group at a time.
fn in_groups(codec: CodecName) -> String {
    format!("{}, in groups", own_name(codec))
}
