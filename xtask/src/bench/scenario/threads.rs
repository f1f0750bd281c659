//! What more threads bring: measured on this machine, and projected for larger ones from what does not run in jobs.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use batcher::{Executor, Job};

use super::super::codec_name::CodecName;
use super::super::contest::Contest;
use super::super::context::{Bench, Quantity, Writer};
use super::super::figure::{Better, Spread};
use super::super::stack::{Own, Stack};
use super::super::state::State;
use super::super::store::{Places, StoreChoice};
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "threads";

const BLOB_LENS: [usize; 3] = [1 << 10, 64 << 10, 1 << 20];
/// Threads of the pools that are measured, beside the thread that adds, which compresses when they cannot keep up.
const MEASURED: [usize; 2] = [1, 2];
/// Threads for which the throughput is projected.
const PROJECTED: [usize; 2] = [8, 64];

const THROUGHPUT: Quantity<'_> =
    Quantity { scenario: NAME, name: "throughput", unit: "MB/s", better: Better::Higher };
const SERIAL: Quantity<'_> =
    Quantity { scenario: NAME, name: "serial part", unit: "s", better: Better::Lower };

/// Runs each job at once, and keeps how long it took.
#[derive(Clone, Debug, Default)]
struct Stopwatch {
    jobs: Arc<Mutex<Vec<Duration>>>,
}

impl Stopwatch {
    fn take(&self) -> Vec<Duration> {
        std::mem::take(&mut self.jobs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Executor for Stopwatch {
    fn execute(&self, job: Job) {
        let begun = Instant::now();
        job();
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).push(begun.elapsed());
    }
}

pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let options = bench.options.clone();
    let codec = options.codecs.first().copied().unwrap_or(CodecName::Lz4);
    let places = Places::open(&StoreChoice::Memory)?;
    let mut table = Table::new(
        &format!(
            "Threads, {}: flush throughput in MB/s, measured and (in brackets) projected from the serial part",
            codec.name()
        ),
        &["blobs", "serial ms", "of one thread's", "1", "1 + pool of 1", "1 + pool of 2", "(8)", "(64)"],
    );
    for blob_len in BLOB_LENS {
        let state = Arc::new(State::of_bytes(options.corpus(), blob_len, options.bytes));
        let stopwatch = Stopwatch::default();
        let inline = Own::on(codec, Arc::new(stopwatch.clone())).with_block_len(options.block_len());
        let serial = RefCell::new(Vec::new());
        let pools = MEASURED
            .into_iter()
            .map(|threads| Ok(Own::new(codec, threads)?.with_block_len(options.block_len())))
            .collect::<Result<Vec<Own>, Failure>>()?;
        let mut contest = Contest::new(format!("{NAME}, {}", state.name));
        let mut writer = Writer::new(&bench.runtime, &places, &inline, &state);
        let (serials, watch) = (&serial, &stopwatch);
        contest.add("batcher, inline", move || {
            let took = writer.once(&Default::default())?;
            serials.borrow_mut().push(serial_part(took, &watch.take()).as_secs_f64());
            Ok(took)
        });
        for (own, threads) in pools.iter().zip(MEASURED) {
            let mut writer = Writer::new(&bench.runtime, &places, own, &state);
            contest.add(format!("batcher, threads: {threads}"), move || writer.once(&Default::default()));
        }
        let results = contest.run(options.rounds, &mut bench.progress)?;
        let serial = Spread::of(serial.into_inner().get(1..).unwrap_or_default());
        let case = format!("{}, {}", state.name, codec.name());
        let megabytes = state.bytes as f64 / 1e6;
        let rates: Vec<(String, Spread)> =
            results.iter().map(|(name, seconds)| (name.clone(), seconds.rate(megabytes))).collect();
        bench.figures(THROUGHPUT, &case, &rates);
        bench.figure(SERIAL, &case, pools.first().map_or("batcher", Stack::name), serial);
        let whole = results.first().map_or(0.0, |(_, seconds)| seconds.median);
        let measured = rates.iter().map(|(_, rate)| format!("{:.0}", rate.median));
        let projected = PROJECTED.map(|threads| {
            let seconds = amdahl(whole, serial.median, threads);
            format!("({:.0})", megabytes / seconds)
        });
        table.row(
            [
                state.name.clone(),
                format!("{:.1}", serial.median * 1e3),
                format!("{:.1} %", 100.0 * serial.median / whole),
            ]
            .into_iter()
            .chain(measured)
            .chain(projected),
        );
    }
    bench.text.push_str(&table.to_string());
    Ok(())
}

/// What more threads do not divide: all that is outside of jobs, and the last two jobs, which make the pages of the keys and, when
/// all blocks are done, index the object.
fn serial_part(whole: Duration, jobs: &[Duration]) -> Duration {
    let blocks: Duration = jobs.iter().rev().skip(2).sum();
    whole.saturating_sub(blocks)
}

/// Amdahl's law: only what is not serial is divided.
fn amdahl(whole: f64, serial: f64, threads: usize) -> f64 {
    serial + (whole - serial) / threads as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_jobs_and_what_is_in_no_job_are_serial() {
        let millis = Duration::from_millis;
        assert_eq!(serial_part(millis(100), &[millis(30), millis(40), millis(5), millis(5)]), millis(30));
        assert_eq!(serial_part(millis(100), &[]), millis(100));
    }

    #[test]
    fn no_number_of_threads_outruns_the_serial_part() {
        assert_eq!(amdahl(10.0, 2.0, 1), 10.0);
        assert_eq!(amdahl(10.0, 2.0, 8), 3.0);
        assert!(amdahl(10.0, 2.0, 1_000_000) > 2.0);
    }

    #[test]
    fn a_stopwatch_runs_each_job_and_times_it() {
        let stopwatch = Stopwatch::default();
        let (sent, ran) = std::sync::mpsc::channel();
        stopwatch.execute(Box::new(move || sent.send(()).unwrap()));
        assert!(ran.try_recv().is_ok());
        assert_eq!((stopwatch.take().len(), stopwatch.take().len()), (1, 0));
    }
}
