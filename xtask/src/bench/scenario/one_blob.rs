//! One blob out of a large batch: how many reads, and how many bytes.

use std::sync::Arc;
use std::time::Instant;

use batcher::{BatchReader, BlobSource, Meter, TokioTimer};
use futures_util::TryStreamExt;

use super::super::codec_name::CodecName;
use super::super::context::{Bench, Quantity, written};
use super::super::figure::{Better, Spread};
use super::super::stack::{Own, own_name};
use super::super::state::{State, length};
use super::super::store::Places;
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "one-blob";

const BLOB_LEN: usize = 1 << 10;
/// Blobs that are read, each by a reader of its own, spread over the batch.
const SAMPLES: usize = 25;

/// What a page of the index decodes to at most in objects of this size, and what an entry in it takes: the batcher grows
/// pages beyond the former so that there are no more than 512 of them.
const INDEX_PAGE_LEN: u64 = 16 << 10;
const INDEX_ENTRY_LEN: u64 = 8;
const INDEX_PAGES: u64 = 512;

const READS: Quantity<'_> = Quantity { scenario: NAME, name: "reads", unit: "reads", better: Better::Lower };
const BYTES: Quantity<'_> = Quantity { scenario: NAME, name: "read", unit: "bytes", better: Better::Lower };
const TIME: Quantity<'_> = Quantity { scenario: NAME, name: "time", unit: "s", better: Better::Lower };

pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let options = bench.options.clone();
    let state = bench.state(BLOB_LEN, options.large_bytes)?;
    let case = format!("{}, {} blobs", state.name, state.blobs.len());
    let title = format!("One blob out of {case}, opened anew for each of {SAMPLES}");
    let mut table = Table::new(
        &title,
        &["stack", "object", "reads", "at most", "KiB read", "at most", "allowed", "open and get, ms"],
    );
    for codec in &options.codecs {
        bench.progress.status(|| format!("{NAME}, {}", codec.name()));
        let own = Own::new(*codec, options.threads)?.with_block_len(options.block_len());
        let found = sample(bench, &own, &state)?;
        let stack = own_name(*codec);
        bench.figure(READS, &case, &stack, found.reads);
        bench.figure(BYTES, &case, &stack, found.bytes);
        bench.figure(TIME, &case, &stack, found.seconds);
        let page = INDEX_PAGE_LEN.max(state.blobs.len() as u64 * INDEX_ENTRY_LEN / INDEX_PAGES);
        let frame = |len: u64| own.codec().max_frame_len(usize::try_from(len).unwrap_or(usize::MAX)) as u64;
        let first = own.read_options().first_read_len;
        let longest_blob = state.blobs.iter().map(|(_, blob)| blob.len()).max().unwrap_or(0);
        let allowed = first + frame(page) + frame(options.block_len().max(longest_blob) as u64);
        let kib = |bytes: f64| format!("{:.0}", bytes / 1024.0);
        table.row([
            stack,
            format!("{:.0} MB", found.object_len as f64 / 1e6),
            format!("{:.0}", found.reads.median),
            format!("{:.0}", found.reads.max),
            kib(found.bytes.median),
            kib(found.bytes.max),
            kib(allowed as f64),
            format!("{:.2}", found.seconds.median * 1e3),
        ]);
        if *codec == CodecName::Lz4 && options.input.is_none() {
            let what = length(options.large_bytes);
            let (most, index) = if found.index_fits { (2.0, "inside") } else { (3.0, "outside") };
            bench.goal(
                &format!("one blob out of {what}: 2 reads, 3 where the index is longer than the first"),
                format!("{:.0} at most, index {index} the first", found.reads.max),
                Better::Lower,
                found.reads.max,
                most,
            );
            bench.goal(
                &format!("one blob out of {what}: ≤ first read + an index block + a data block"),
                format!("{} KiB at most of {} KiB", kib(found.bytes.max), kib(allowed as f64)),
                Better::Lower,
                found.bytes.max,
                allowed as f64,
            );
        }
    }
    bench.text.push_str(&table.to_string());
    Ok(())
}

struct Found {
    object_len: u64,
    /// Whether the first read holds all of the index.
    index_fits: bool,
    reads: Spread,
    bytes: Spread,
    seconds: Spread,
}

fn sample(bench: &Bench, own: &Own, state: &Arc<State>) -> Result<Found, Failure> {
    let place = written(&bench.runtime, Places::in_memory(), own, state)?;
    bench.runtime.block_on(async {
        let objects: Vec<_> = place.store.list("").try_collect().await?;
        let object = objects.first().ok_or("there is no object")?;
        let (mut reads, mut bytes, mut seconds) = (Vec::new(), Vec::new(), Vec::new());
        for sample in 0..SAMPLES {
            // The first, the last, and those in between.
            let at = (state.blobs.len() - 1) * sample / (SAMPLES - 1);
            let (key, blob) = &state.blobs[at];
            let meter = Meter::new(Arc::clone(&place.store), TokioTimer::new());
            let readings = meter.readings();
            let begun = Instant::now();
            let reader =
                BatchReader::open_with(meter, &object.name, &own.registry(), own.read_options()).await?;
            let found = reader.get(key).await?;
            seconds.push(begun.elapsed().as_secs_f64());
            if found.as_ref() != Some(blob) {
                return Err(format!("{key} came back altered").into());
            }
            let counts = readings.snapshot();
            reads.push((counts.read.calls + counts.size.calls) as f64);
            bytes.push(counts.bytes_read() as f64);
        }
        let meter = Meter::new(Arc::clone(&place.store), TokioTimer::new());
        let readings = meter.readings();
        let reader = BatchReader::open_with(meter, &object.name, &own.registry(), own.read_options()).await?;
        reader.keys().try_for_each(|_| std::future::ready(Ok(()))).await?;
        Ok(Found {
            object_len: object.len,
            index_fits: readings.snapshot().read.calls == 1,
            reads: Spread::of(&reads),
            bytes: Spread::of(&bytes),
            seconds: Spread::of(&seconds),
        })
    })
}
