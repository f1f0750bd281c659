//! How long a flush keeps other tasks of the same runtime waiting: a task that ticks every millisecond measures its
//! longest gap, on two worker threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::super::codec_name::CodecName;
use super::super::context::{Bench, Quantity};
use super::super::figure::{Better, Spread};
use super::super::stack::{Own, Session, Stack, StartingPoint};
use super::super::store::Places;
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "ticks";

const BLOB_LEN: usize = 64 << 10;
const WORKERS: usize = 2;
/// What the ticks are beside at first.
const NOTHING: &str = "nothing";
const TICK: Duration = Duration::from_millis(1);
const IDLE: Duration = Duration::from_millis(500);
/// Flushes of each stack.
const FLUSHES: usize = 3;
/// Milliseconds that a flush may keep another task waiting, at most.
const LONGEST: f64 = 20.0;

const GAP: Quantity<'_> = Quantity { scenario: NAME, name: "longest gap", unit: "s", better: Better::Lower };

pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let options = bench.options.clone();
    let state = bench.state(BLOB_LEN, options.large_bytes)?;
    let codec = options.codecs.first().copied().unwrap_or(CodecName::Lz4);
    let own = Own::new(codec, options.threads)?.with_block_len(options.block_len());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build()?;
    let case = format!("{}, {:.0} MB", state.name, state.bytes as f64 / 1e6);
    let mut table = Table::new(
        &format!(
            "The longest gap of a task that ticks every {} ms, while {case} are flushed",
            TICK.as_millis()
        ),
        &["beside", "gap ms", "from", "to"],
    );
    bench.progress.status(|| format!("{NAME}, idle"));
    let mut gaps = vec![(NOTHING.to_owned(), vec![runtime.block_on(idle_gap())?])];
    let stacks: [&dyn Stack; 2] = [&own, &StartingPoint];
    for stack in stacks {
        let mut found = Vec::new();
        // The other one is not judged.
        let flushes = if options.quick && stack.name() != own.name() { 1 } else { FLUSHES };
        for flush in 0..flushes {
            bench.progress.status(|| format!("{NAME}, {}: flush {flush} of {flushes}", stack.name()));
            let session = stack.session(&state, Places::in_memory().store)?;
            found.push(gap_beside(&runtime, session)?);
        }
        gaps.push((stack.name().to_owned(), found));
    }
    let longest = |name: &str| {
        let gaps = gaps.iter().filter(|(other, _)| other == name).flat_map(|(_, gaps)| gaps);
        1e3 * gaps.max().map_or(0.0, Duration::as_secs_f64)
    };
    let (ours, idle) = (longest(own.name()), longest(NOTHING));
    bench.goal(
        &format!("the longest gap of another task while {case} are flushed, {}: ≤ 20 ms", codec.name()),
        format!("{ours:.1} ms, {idle:.1} ms beside nothing"),
        Better::Lower,
        ours,
        LONGEST,
    );
    for (name, gaps) in gaps {
        let seconds: Vec<f64> = gaps.iter().map(Duration::as_secs_f64).collect();
        let spread = Spread::of(&seconds);
        bench.figure(GAP, &case, &name, spread);
        let millis = [spread.median, spread.min, spread.max].map(|seconds| format!("{:.1}", seconds * 1e3));
        table.row([name].into_iter().chain(millis));
    }
    bench.text.push_str(&table.to_string());
    Ok(())
}

async fn idle_gap() -> Result<Duration, Failure> {
    let done = Arc::new(AtomicBool::new(false));
    let ticker = tokio::spawn(longest_gap(Arc::clone(&done)));
    tokio::time::sleep(IDLE).await;
    done.store(true, Ordering::Relaxed);
    Ok(ticker.await?)
}

/// Adds from a thread for blocking work, since adding may wait; flushes in a task, as an engine does.
fn gap_beside(runtime: &Runtime, mut session: Box<dyn Session>) -> Result<Duration, Failure> {
    let done = Arc::new(AtomicBool::new(false));
    runtime.block_on(async {
        let ticker = tokio::spawn(longest_gap(Arc::clone(&done)));
        let mut session = tokio::task::spawn_blocking(move || session.add_all().map(|()| session)).await??;
        tokio::spawn(async move { session.flush().await }).await??;
        done.store(true, Ordering::Relaxed);
        Ok(ticker.await?)
    })
}

async fn longest_gap(done: Arc<AtomicBool>) -> Duration {
    let mut longest = Duration::ZERO;
    let mut last = Instant::now();
    while !done.load(Ordering::Relaxed) {
        tokio::time::sleep(TICK).await;
        let now = Instant::now();
        longest = longest.max(now - last);
        last = now;
    }
    longest
}
