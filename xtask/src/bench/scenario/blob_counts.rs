//! What a blob costs among a thousand and among millions: whether anything grows faster than their number.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use batcher::{BatchReader, BlobSource, registry};
use futures_util::TryStreamExt;

use super::super::codec_name::CodecName;
use super::super::contest::Contest;
use super::super::context::{Bench, Quantity};
use super::super::figure::{Better, Spread};
use super::super::stack::{Own, Stack, own_name};
use super::super::state::State;
use super::super::store::Places;
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "blob-counts";

const BLOB_LEN: usize = 64;
/// How many times as much a blob may cost at one of these counts as at another.
const FLAT: f64 = 1.5;
const COUNTS: [u64; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
/// The largest count is for runs that are not quick.
const QUICK_COUNTS: usize = 4;

const ADD: Quantity<'_> = Quantity { scenario: NAME, name: "add", unit: "ns a blob", better: Better::Lower };
const FLUSH: Quantity<'_> =
    Quantity { scenario: NAME, name: "flush", unit: "ns a blob", better: Better::Lower };
const STORED: Quantity<'_> =
    Quantity { scenario: NAME, name: "stored", unit: "bytes a blob", better: Better::Lower };
const GET: Quantity<'_> = Quantity { scenario: NAME, name: "open and get", unit: "s", better: Better::Lower };

/// What is measured besides the time of all adds.
#[derive(Default)]
struct Other {
    flush: Vec<f64>,
    get: Vec<f64>,
    stored: u64,
}

pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let options = bench.options.clone();
    let codec = options.codecs.first().copied().unwrap_or(CodecName::Lz4);
    let own = Own::new(codec, options.threads)?.with_block_len(options.block_len());
    let mut table = Table::new(
        &format!("What a blob of {BLOB_LEN} bytes costs among many, {}", codec.name()),
        &["blobs", "ns to add", "ns to flush", "bytes stored", "open and get one, ms"],
    );
    let mut costs = Vec::new();
    let counts = if options.quick { &COUNTS[..QUICK_COUNTS] } else { &COUNTS };
    for count in counts {
        let state = Arc::new(State::corpus(options.corpus(), BLOB_LEN, *count));
        let other = RefCell::new(Other::default());
        // One epoch after the other, as an engine writes them.
        let place = Places::in_memory();
        let mut session = own.session(&state, Arc::clone(&place.store))?;
        let mut contest = Contest::new(format!("{NAME}, {count}"));
        contest.add(own.name(), || {
            bench.runtime.block_on(place.clear())?;
            let begun = Instant::now();
            session.add_all()?;
            let added = begun.elapsed();
            bench.runtime.block_on(session.flush())?;
            let mut other = other.borrow_mut();
            other.flush.push((begun.elapsed() - added).as_secs_f64());
            other.stored = bench.runtime.block_on(place.bytes())?;
            place.settle();
            let (key, _) = state.blobs.get(state.blobs.len() / 2).ok_or("no blobs")?;
            other.get.push(bench.runtime.block_on(async {
                let objects: Vec<_> = place.store.list("").try_collect().await?;
                let object = objects.first().ok_or("there is no object")?;
                let (store, options) = (Arc::clone(&place.store), own.read_options());
                let begun = Instant::now();
                let reader = BatchReader::open_with(store, &object.name, &registry(), options).await?;
                let found = reader.get(key).await?.is_some();
                let took = begun.elapsed().as_secs_f64();
                if found { Ok(took) } else { Err(Failure::from("the blob is missing")) }
            })?);
            Ok(added)
        });
        let results = contest.run(options.rounds, &mut bench.progress)?;
        let Some((_, added)) = results.first() else { continue };
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
