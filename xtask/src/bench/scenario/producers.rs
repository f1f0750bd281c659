//! Several threads that add at the same time, each through a handle of its own.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use batcher::{BatchHandle, Batcher, BlobStore};
use bytes::Bytes;
use tokio::runtime::Runtime;

use super::super::codec_name::CodecName;
use super::super::contest::Contest;
use super::super::context::{Bench, Quantity};
use super::super::figure::Better;
use super::super::stack::Own;
use super::super::state::State;
use super::super::store::Places;
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "producers";

const PRODUCERS: [usize; 4] = [1, 2, 4, 16];
const BLOB_LENS: [usize; 2] = [64, 1 << 10];
const MOST_BLOBS: u64 = 1_000_000;

const ADDED: Quantity<'_> =
    Quantity { scenario: NAME, name: "added and flushed", unit: "million/s", better: Better::Higher };

pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let options = bench.options.clone();
    let codec = options.codecs.first().copied().unwrap_or(CodecName::Lz4);
    let mut table = Table::new(
        &format!("Threads that add at the same time, {}: from the first add to durable", codec.name()),
        &["blobs", "producers", "million blobs/s", "from", "to", "MB/s"],
    );
    for blob_len in BLOB_LENS {
        let blobs = (options.bytes / blob_len as u64).min(MOST_BLOBS);
        let state = Arc::new(State::corpus(options.corpus(), blob_len, blobs));
        let own = Own::new(codec, options.threads)?.with_block_len(options.block_len());
        let mut contest = Contest::new(format!("{NAME}, {}", state.name));
        for producers in PRODUCERS {
            let (runtime, own, state) = (&bench.runtime, &own, &state);
            let plural = if producers == 1 { "" } else { "s" };
            // One epoch after the other, as an engine writes them.
            let place = Places::in_memory();
            let mut batcher = own.batcher(Arc::clone(&place.store))?;
            let mut epoch = 0;
            contest.add(format!("batcher, {producers} producer{plural}"), move || {
                runtime.block_on(place.clear())?;
                epoch += 1;
                produce(runtime, &mut batcher, epoch, state, producers)
            });
        }
        let results = contest.run(options.rounds, &mut bench.progress)?;
        for (name, seconds) in results {
            let rate = seconds.rate(state.blobs.len() as f64 / 1e6);
            bench.figure(ADDED, &format!("{}, {}", state.name, codec.name()), &name, rate);
            table.row([
                state.name.clone(),
                name,
                format!("{:.2}", rate.median),
                format!("{:.2}", rate.min),
                format!("{:.2}", rate.max),
                format!("{:.0}", rate.median * blob_len as f64),
            ]);
        }
    }
    bench.text.push_str(&table.to_string());
    Ok(())
}

fn produce(
    runtime: &Runtime,
    batcher: &mut Batcher<Arc<dyn BlobStore>>,
    epoch: u64,
    state: &State,
    producers: usize,
) -> Result<Duration, Failure> {
    let handles: Vec<BatchHandle> = (0..producers).map(|_| batcher.handle()).collect();
    let share = state.blobs.len().div_ceil(producers).max(1);
    let begun = Instant::now();
    thread::scope(|scope| {
        let shares = handles.iter().zip(state.blobs.chunks(share));
        let threads: Vec<_> = shares.map(|(handle, blobs)| scope.spawn(move || add(handle, blobs))).collect();
        threads
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let report = runtime.block_on(batcher.flush(epoch))?;
    let took = begun.elapsed();
    let expected = state.blobs.len() as u64;
    if report.blobs() == expected { Ok(took) } else { Err("not all blobs were flushed".into()) }
}

fn add(handle: &BatchHandle, blobs: &[(String, Bytes)]) -> Result<(), Failure> {
    for (key, blob) in blobs {
        handle.add(key, blob.clone())?;
    }
    Ok(())
}
