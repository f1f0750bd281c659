//! What each knob trades: one at a time is turned, all others stand where they do by default.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use batcher::{BatchReader, Batcher, BatcherBuilder, BlobSource, BlobStore, Codec, ReadOptions};
use futures_util::TryStreamExt;

use super::super::codec_name::CodecName;
use super::super::contest::Contest;
use super::super::context::{Bench, Quantity, written};
use super::super::figure::{Better, Spread};
use super::super::stack::Own;
use super::super::state::{State, length};
use super::super::store::{Place, Places, StoreChoice};
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "tuning";

const SMALL: usize = 1 << 10;
const LARGE: usize = 64 << 10;
const BLOCK_LENS: [usize; 6] = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20, 4 << 20];
/// Blocks that may wait, for each thread.
const BACKLOGS: [usize; 4] = [1, 4, 16, 64];
const PARTS: [(u64, usize); 6] = [(5, 4), (8, 1), (8, 2), (8, 4), (8, 8), (32, 4)];
/// Reads in flight, and how long the longest is.
const READS: [(usize, u64); 6] = [(1, 8), (2, 8), (4, 8), (8, 8), (4, 1), (4, 32)];
const GAPS: [u64; 4] = [0, 64 << 10, 256 << 10, 1 << 20];
/// Of how many blobs one is asked for.
const EVERY: usize = 8;

const FLUSH: Quantity<'_> =
    Quantity { scenario: NAME, name: "throughput", unit: "MB/s", better: Better::Higher };
const STORED: Quantity<'_> =
    Quantity { scenario: NAME, name: "stored", unit: "bytes", better: Better::Lower };
const READ: Quantity<'_> = Quantity { scenario: NAME, name: "read", unit: "bytes", better: Better::Lower };
const TIME: Quantity<'_> = Quantity { scenario: NAME, name: "time", unit: "s", better: Better::Lower };

/// How the batcher is built.
type Turned = Box<dyn Fn(Builder) -> Builder>;
type Builder = BatcherBuilder<Arc<dyn Codec>, Arc<dyn BlobStore>>;

/// Only where there is time for it: nothing of it is a goal.
pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    if bench.options.quick && bench.options.only.is_empty() {
        return Ok(());
    }
    for codec in bench.options.codecs.clone() {
        block_lens(bench, codec)?;
    }
    let codec = bench.options.codecs.first().copied().unwrap_or(CodecName::Lz4);
    backlogs(bench, codec)?;
    parts(bench, codec)?;
    reads(bench, codec)?;
    gaps(bench, codec)
}

fn block_lens(bench: &mut Bench, codec: CodecName) -> Result<(), Failure> {
    let state = bench.state(SMALL, bench.options.bytes)?;
    let own = Own::new(codec, bench.options.threads)?;
    let turned = BLOCK_LENS.map(|len| {
        let turned: Turned = Box::new(move |builder| builder.block_len(len));
        (format!("{} blocks", length(len as u64)), turned)
    });
    let flushed = flush(bench, &own, &state, &Places::in_memory(), &turned)?;
    let title = format!("Length of blocks, {}: {}", codec.name(), state.name);
    let mut table = Table::new(&title, &["blocks", "flush MB/s", "stored", "one blob: KiB read", "decoded"]);
    for (len, (rate, stored)) in BLOCK_LENS.into_iter().zip(flushed) {
        let place = written(&bench.runtime, Places::in_memory(), &own.clone().with_block_len(len), &state)?;
        let (key, _) = state.blobs.get(state.blobs.len() / 2).ok_or("no blobs")?;
        let plan = bench.runtime.block_on(async {
            let reader = own.reader(Arc::clone(&place.store)).await?;
            Ok::<_, Failure>(reader.explain_get(key).await?)
        })?;
        let case = format!("{}, {}, {} blocks", state.name, codec.name(), length(len as u64));
        bench.figure(FLUSH, &case, "batcher", rate);
        bench.figure(STORED, &case, "batcher", Spread::exact(stored as f64));
        bench.figure(READ, &case, "batcher", Spread::exact(plan.read_bytes() as f64));
        table.row([
            length(len as u64),
            format!("{:.0}", rate.median),
            format!("{:.1} %", 100.0 * stored as f64 / state.bytes as f64),
            format!("{:.0}", plan.read_bytes() as f64 / 1024.0),
            format!("{:.0}", plan.decoded_bytes as f64 / 1024.0),
        ]);
    }
    bench.text.push_str(&table.to_string());
    Ok(())
}

fn backlogs(bench: &mut Bench, codec: CodecName) -> Result<(), Failure> {
    let state = bench.state(SMALL, bench.options.bytes)?;
    let own = Own::new(codec, bench.options.threads)?;
    let block = bench.options.block_len() * bench.options.threads;
    let turned = BACKLOGS.map(|blocks| {
        let turned: Turned = Box::new(move |builder| builder.backlog(blocks * block));
        (format!("backlog of {blocks}"), turned)
    });
    let flushed = flush(bench, &own, &state, &Places::in_memory(), &turned)?;
    let title = format!("Full blocks that may wait for each thread, {}: {}", codec.name(), state.name);
    let mut table = Table::new(&title, &["blocks", "memory", "flush MB/s", "from", "to"]);
    for (blocks, (rate, _)) in BACKLOGS.into_iter().zip(flushed) {
        bench.figure(FLUSH, &format!("{}, backlog of {blocks}", state.name), "batcher", rate);
        let rates = [rate.median, rate.min, rate.max].map(|rate| format!("{rate:.0}"));
        table.row([blocks.to_string(), length((blocks * block) as u64)].into_iter().chain(rates));
    }
    bench.text.push_str(&table.to_string());
    Ok(())
}

fn parts(bench: &mut Bench, codec: CodecName) -> Result<(), Failure> {
    let state = bench.state(LARGE, bench.options.bytes)?;
    let own = Own::new(codec, bench.options.threads)?;
    let turned = PARTS.map(|(len, at_once)| {
        let turned: Turned = Box::new(move |builder| builder.part_len(len << 20).parts_in_flight(at_once));
        (format!("parts of {len} MiB, {at_once} at a time"), turned)
    });
    let slow = Places::open(&StoreChoice::Slow(bench.options.distance))?.fresh()?;
    let flushed = flush(bench, &own, &state, &slow, &turned)?;
    let title = format!(
        "Parts of an upload, {}: {} of {}, from the first add to durable on a slow store",
        codec.name(),
        length(state.bytes),
        state.name
    );
    let mut table = Table::new(&title, &["part", "at a time", "memory under way", "MB/s", "from", "to"]);
    for ((len, at_once), (rate, _)) in PARTS.into_iter().zip(flushed) {
        bench.figure(FLUSH, &format!("{}, {at_once} parts of {len} MiB", state.name), "batcher", rate);
        let rates = [rate.median, rate.min, rate.max].map(|rate| format!("{rate:.0}"));
        let memory = length((len << 20) * at_once as u64);
        table.row([format!("{len} MiB"), at_once.to_string(), memory].into_iter().chain(rates));
    }
    bench.text.push_str(&table.to_string());
    Ok(())
}

fn reads(bench: &mut Bench, codec: CodecName) -> Result<(), Failure> {
    let state = bench.state(LARGE, bench.options.bytes)?;
    let own = Own::new(codec, bench.options.threads)?;
    let turned = READS.map(|(reads, len)| {
        let options = own.read_options().with_reads_in_flight(reads).with_max_read_len(len << 20);
        (format!("{reads} reads of {len} MiB"), options)
    });
    let times = read(bench, &own, &state, &turned, &async |reader, state| {
        let mut bytes = 0;
        let mut groups = reader.blob_groups();
        while let Some(group) = groups.try_next().await? {
            bytes += group.blobs().map(|(_, blob)| blob.len() as u64).sum::<u64>();
        }
        if bytes == state.bytes { Ok(()) } else { Err("not all bytes came back".into()) }
    })?;
    let title = format!(
        "Reads ahead, {}: {} of {} back from a slow store",
        codec.name(),
        length(state.bytes),
        state.name
    );
    let mut table = Table::new(&title, &["reads", "of", "MB/s", "from", "to"]);
    for ((reads, len), time) in READS.into_iter().zip(times) {
        bench.figure(TIME, &format!("{}, {reads} reads of {len} MiB", state.name), "batcher", time);
        let rate = time.rate(state.bytes as f64 / 1e6);
        let rates = [rate.median, rate.min, rate.max].map(|rate| format!("{rate:.0}"));
        table.row([reads.to_string(), format!("{len} MiB")].into_iter().chain(rates));
    }
    bench.text.push_str(&table.to_string());
    Ok(())
}

fn gaps(bench: &mut Bench, codec: CodecName) -> Result<(), Failure> {
    let state = bench.state(LARGE, bench.options.bytes)?;
    let own = Own::new(codec, bench.options.threads)?;
    let keys = |state: &State| -> Vec<String> {
        state.blobs.iter().step_by(EVERY).map(|(key, _)| key.clone()).collect()
    };
    let turned = GAPS.map(|gap| (format!("gaps of {}", length(gap)), own.read_options().with_max_gap(gap)));
    let plans = std::cell::RefCell::new(Vec::new());
    let times = read(bench, &own, &state, &turned, &async |reader, state| {
        let keys = keys(state);
        let plan = reader.explain_get_many(&keys).await?;
        plans.borrow_mut().push(plan);
        let found = reader.get_many(&keys).await?;
        if found.len() == keys.len() { Ok(()) } else { Err("not all keys were found".into()) }
    })?;
    let title = format!(
        "Gaps that are read along, {}: every {EVERY}th of {} blobs, {}, from a slow store",
        codec.name(),
        state.blobs.len(),
        state.name
    );
    let mut table =
        Table::new(&title, &["gap up to", "requests", "KiB read", "of those needed", "ms", "from", "to"]);
    let plans = plans.into_inner();
    for ((gap, time), plan) in GAPS.into_iter().zip(times).zip(plans) {
        bench.figure(TIME, &format!("{}, gaps of {}", state.name, length(gap)), "batcher", time);
        let kib = |bytes: u64| format!("{:.0}", bytes as f64 / 1024.0);
        let times = [time.median, time.min, time.max].map(|time| format!("{:.0}", time * 1e3));
        let gap = if gap == 0 { "none".to_owned() } else { length(gap) };
        let requests = plan.requests.len().to_string();
        table.row([gap, requests, kib(plan.read_bytes()), kib(plan.wanted_bytes())].into_iter().chain(times));
    }
    bench.text.push_str(&table.to_string());
    Ok(())
}

/// Has batchers write a state epoch after epoch; MB a second from the first add to durable, and bytes stored.
fn flush(
    bench: &mut Bench,
    own: &Own,
    state: &Arc<State>,
    place: &Place,
    turned: &[(String, Turned)],
) -> Result<Vec<(Spread, u64)>, Failure> {
    let stored: Vec<Cell<u64>> = turned.iter().map(|_| Cell::new(0)).collect();
    let mut contest = Contest::new(NAME);
    for ((name, turn), stored) in turned.iter().zip(&stored) {
        let runtime = &bench.runtime;
        let mut batcher: Batcher<_> = turn(own.builder(Arc::clone(&place.store))).build()?;
        let handle = batcher.handle();
        let mut epoch = 0;
        contest.add(name, move || -> Result<Duration, Failure> {
            epoch += 1;
            let begun = Instant::now();
            let mut added = Ok(());
            let add_all = async {
                for (key, blob) in &state.blobs {
                    handle.ready().await;
                    added = handle.add(key, blob.clone());
                }
            };
            let _ = runtime.block_on(batcher.flush_when(epoch, add_all))?;
            let took = begun.elapsed();
            added?;
            stored.set(runtime.block_on(place.bytes())?);
            runtime.block_on(place.clear())?;
            Ok(took)
        });
    }
    let results = contest.run(bench.options.rounds, &mut bench.progress)?;
    let rates = results.into_iter().map(|(_, seconds)| seconds.rate(state.bytes as f64 / 1e6));
    Ok(rates.zip(stored.iter().map(Cell::get)).collect())
}

/// Has readers open a state's object on a slow store and do something; how long that takes.
fn read(
    bench: &mut Bench,
    own: &Own,
    state: &Arc<State>,
    turned: &[(String, ReadOptions)],
    work: &impl AsyncFn(&BatchReader, &State) -> Result<(), Failure>,
) -> Result<Vec<Spread>, Failure> {
    let slow = Places::open(&StoreChoice::Slow(bench.options.distance))?.fresh()?;
    let slow = written(&bench.runtime, slow, own, state)?;
    let mut contest = Contest::new(NAME);
    for (name, options) in turned {
        let (runtime, slow) = (&bench.runtime, &slow);
        contest.add(name, move || {
            runtime.block_on(async {
                let names: Vec<String> = slow.store.list("").map_ok(|info| info.name).try_collect().await?;
                let name = names.first().ok_or("there is no object")?;
                let (store, options) = (Arc::clone(&slow.store), options.clone());
                let begun = Instant::now();
                let reader = BatchReader::open_with(store, name, &own.registry(), options).await?;
                work(&reader, state).await?;
                Ok(begun.elapsed())
            })
        });
    }
    let results = contest.run(bench.options.rounds, &mut bench.progress)?;
    Ok(results.into_iter().map(|(_, seconds)| seconds).collect())
}
