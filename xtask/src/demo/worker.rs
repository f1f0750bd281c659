//! The process that runs the job and takes checkpoints, until it is done or dead.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::process::ExitCode;

use super::checkpoint::Checkpoints;
use super::job::{Job, events};
use super::message::Message;
use super::options::Plan;
use crate::failure::{Failure, describe};

/// The task name's argument that makes a process a worker.
pub(super) const WORKER: &str = "worker";

/// How often a worker tells how far it is, in parts of the whole.
const REPORTS: u64 = 300;

/// Runs as a worker: the plan and the number of this life are the arguments.
pub(super) fn run(arguments: &[OsString]) -> ExitCode {
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("worker: {}", describe(&*failure));
            ExitCode::FAILURE
        }
    }
}

fn start(arguments: &[OsString]) -> Result<(), Failure> {
    let [plan, life] = arguments else { return Err("a worker is started by the demo alone".into()) };
    let plan: Plan = serde_json::from_slice(plan.as_encoded_bytes())?;
    let life: u32 = life.to_string_lossy().parse()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work(&plan, life))
}

async fn work(plan: &Plan, life: u32) -> Result<(), Failure> {
    let mut checkpoints = Checkpoints::open(plan, life)?;
    let (mut job, restored) = match checkpoints.restore().await? {
        Some((job, restored)) => (job, Some(restored)),
        None => (Job::default(), None),
    };
    tell(&Message::Started { restored })?;
    let mut epoch = restored.map_or(0, |restored| restored.epoch);
    while job.processed() < plan.events {
        epoch += 1;
        process(&mut job, plan, plan.events_before(epoch), |events| tell(&Message::Processed { events }))?;
        tell(&Message::Checkpointing { epoch })?;
        let saved = checkpoints.save(&job, epoch).await?;
        tell(&Message::Committed { epoch, saved })?;
        checkpoints.retire(epoch).await?;
    }
    tell(&Message::Finished { summary: job.summary() })?;
    Ok(())
}

/// Processes events up to number `until`, telling now and then how many it has been.
pub(super) fn process(
    job: &mut Job,
    plan: &Plan,
    until: u64,
    mut tell: impl FnMut(u64) -> io::Result<()>,
) -> io::Result<()> {
    let report_every = (plan.events / REPORTS).max(1);
    let mut stream = events(plan.seed, job.processed());
    while job.processed() < until {
        if let Some(event) = stream.next() {
            job.process(&event);
        }
        if job.processed().is_multiple_of(report_every) {
            tell(job.processed())?;
        }
    }
    Ok(())
}

/// Writes a line on standard output and waits until the supervisor has taken it.
///
/// Waiting keeps a worker from running ahead of the supervisor, so that no planned kill comes too late; and it ends a
/// worker whose supervisor is gone.
fn tell(message: &Message) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut output = io::stdout().lock();
    output.write_all(&line)?;
    output.flush()?;
    io::stdin().lock().read_exact(&mut [0])
}
