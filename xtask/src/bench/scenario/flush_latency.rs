//! How long the flush itself takes where blobs came in at leisure before: what an engine waits for at the barrier.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::super::codec_name::CodecName;
use super::super::contest::{Contest, median, ranked};
use super::super::context::{Bench, Quantity};
use super::super::figure::Better;
use super::super::stack::{own_name, stacks};
use super::super::store::Places;
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "flush-latency";

/// Bytes a second at which blobs come in: slower than any codec compresses them on two threads.
const LEISURE: f64 = 300e6;

/// Lengths of the blobs: few large ones, and so many that their index counts.
const BLOB_LENS: [usize; 2] = [64 << 10, 1 << 10];

const FLUSH: Quantity<'_> = Quantity { scenario: NAME, name: "flush", unit: "s", better: Better::Lower };

pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let options = bench.options.clone();
    let blob_lens = if options.input.is_some() { &BLOB_LENS[..1] } else { &BLOB_LENS };
    for blob_len in blob_lens {
        let state = bench.state(*blob_len, options.bytes)?;
        let pause = Duration::from_secs_f64(state.bytes as f64 / LEISURE);
        let places = Places::open(&options.store)?;
        let mut stacks = stacks(&options.codecs, options.threads, options.block_len())?;
        // To write a million small objects is no question of latency, and zip compresses member by member as tar does.
        stacks.retain(|stack| !["object per blob", "zip, zstd"].contains(&stack.name()));
        let case = state.name.clone();
        let mut contest = Contest::new(format!("{NAME}, {case}"));
        for stack in &stacks {
            let (runtime, places, state) = (&bench.runtime, &places, &state);
            contest.add(stack.name(), move || {
                let place = places.fresh()?;
                let mut session = stack.session(state, Arc::clone(&place.store))?;
                session.add_all()?;
                thread::sleep(pause);
                let begun = Instant::now();
                runtime.block_on(session.flush())?;
                let took = begun.elapsed();
                runtime.block_on(place.clear())?;
                Ok(took)
            });
        }
        let results = contest.run(options.rounds, &mut bench.progress)?;
        bench.figures(FLUSH, &case, &results);

        let start = median(&results, "starting point");
        let title =
            format!("From flush() to durable, {} of blobs added before: {case}", megabytes(state.bytes));
        let mut table = Table::new(&title, &["stack", "ms", "from", "to", "× starting point"]);
        for (name, seconds) in ranked(&results, Better::Lower) {
            let millis = |seconds: f64| format!("{:.2}", seconds * 1e3);
            let cells = [millis(seconds.median), millis(seconds.min), millis(seconds.max)];
            let ratio = format!("{:.3}", seconds.median / start);
            table.row([name.clone()].into_iter().chain(cells).chain([ratio]));
        }
        bench.text.push_str(&table.to_string());
        if options.codecs.contains(&CodecName::Lz4) {
            let own = median(&results, &own_name(CodecName::Lz4));
            bench.goal(
                &format!("flush() to durable, {case}, lz4: ≤ 0.25 × starting point"),
                format!("{:.1} ms, {:.3} × {:.1} ms", own * 1e3, own / start, start * 1e3),
                Better::Lower,
                own / start,
                0.25,
            );
        }
    }
    Ok(())
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}
