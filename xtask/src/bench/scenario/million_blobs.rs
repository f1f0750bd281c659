//! A million blobs of 64 bytes: how fast they are taken, and what each costs on the store beyond its own bytes.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use super::super::codec_name::CodecName;
use super::super::contest::Contest;
use super::super::context::{Bench, Quantity};
use super::super::figure::{Better, Spread};
use super::super::stack::{Own, Stack, StartingPoint, own_name};
use super::super::state::State;
use super::super::store::Places;
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "million-blobs";

const BLOBS: u64 = 1_000_000;
const BLOB_LEN: usize = 64;

const ADDS: Quantity<'_> =
    Quantity { scenario: NAME, name: "adds", unit: "million/s", better: Better::Higher };
const FLUSH: Quantity<'_> = Quantity { scenario: NAME, name: "flush", unit: "s", better: Better::Lower };
const OVERHEAD: Quantity<'_> =
    Quantity { scenario: NAME, name: "overhead", unit: "bytes a blob", better: Better::Lower };

pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let options = bench.options.clone();
    let state = Arc::new(State::corpus(options.corpus(), BLOB_LEN, BLOBS));
    let case = state.name.clone();
    let mut stacks: Vec<Box<dyn Stack>> = Vec::new();
    for codec in &options.codecs {
        stacks.push(Box::new(Own::new(*codec, options.threads)?.with_block_len(options.block_len())));
    }
    stacks.push(Box::new(StartingPoint));
    // Seconds of each flush, and bytes stored.
    let flushes: Vec<RefCell<(Vec<f64>, u64)>> = stacks.iter().map(|_| RefCell::default()).collect();
    let mut contest = Contest::new(format!("{NAME}, {case}"));
    for (stack, flush) in stacks.iter().zip(&flushes) {
        let (runtime, state) = (&bench.runtime, &state);
        contest.add(stack.name(), move || {
            let place = Places::in_memory();
            let mut session = stack.session(state, Arc::clone(&place.store))?;
            let begun = Instant::now();
            session.add_all()?;
            let added = begun.elapsed();
            runtime.block_on(session.flush())?;
            let mut flush = flush.borrow_mut();
            flush.0.push((begun.elapsed() - added).as_secs_f64());
            flush.1 = runtime.block_on(place.bytes())?;
            Ok(added)
        });
    }
    let results = contest.run(options.rounds, &mut bench.progress)?;

    let title = "A million blobs of 64 bytes, added by one thread";
    let mut table = Table::new(
        title,
        &["stack", "million adds/s", "from", "to", "flush ms", "bytes beyond data, a blob"],
    );
    let stream = state.stream();
    for ((name, seconds), flush) in results.iter().zip(flushes) {
        let (flushes, stored) = flush.into_inner();
        let adds = seconds.rate(BLOBS as f64 / 1e6);
        // Without the round for warming up.
        let flush = Spread::of(flushes.get(1..).unwrap_or_default());
        bench.figure(ADDS, &case, name, adds);
        bench.figure(FLUSH, &case, name, flush);
        let codec = options.codecs.iter().find(|codec| *name == own_name(**codec));
        let overhead = match codec {
            Some(codec) => {
                let data = compressed_len(*codec, &stream, options.block_len())?;
                (stored.saturating_sub(data)) as f64 / BLOBS as f64
            }
            // Keys and data are compressed together: what its object has more than the data alone compressed.
            None => {
                let data = lz4_flex::block::compress(&stream).len() as u64;
                (stored.saturating_sub(data)) as f64 / BLOBS as f64
            }
        };
        bench.figure(OVERHEAD, &case, name, Spread::exact(overhead));
        table.row([
            name.clone(),
            format!("{:.2}", adds.median),
            format!("{:.2}", adds.min),
            format!("{:.2}", adds.max),
            format!("{:.1}", flush.median * 1e3),
            format!("{overhead:.2}"),
        ]);
        if codec == Some(&CodecName::Lz4) {
            bench.goal(
                "a million 64-byte blobs, one thread: ≥ 4 million adds a second",
                format!("{:.2} million a second", adds.median),
                Better::Higher,
                adds.median,
                4.0,
            );
            bench.goal(
                "a million 64-byte blobs: ≤ 8 bytes of overhead each on the store",
                format!("{overhead:.2} bytes"),
                Better::Lower,
                overhead,
                8.0,
            );
        }
    }
    bench.text.push_str(&table.to_string());
    Ok(())
}

/// What the codec makes of the data alone, in the same blocks as the batcher: blobs of 64 bytes fill them exactly.
fn compressed_len(codec: CodecName, stream: &[u8], block_len: usize) -> Result<u64, Failure> {
    let codec = Own::new(codec, 1)?.codec();
    let mut frame = vec![0; codec.max_frame_len(block_len)];
    let mut sum = 0;
    for block in stream.chunks(block_len) {
        sum += codec.encode(block, &mut frame)? as u64;
    }
    Ok(sum)
}
