//! `cargo xtask demo`: a stateful job that is killed, restored from its checkpoints, and ends as if nothing had happened.

mod checkpoint;
mod job;
mod kill;
mod message;
mod options;
mod report;
mod supervisor;
mod worker;

// For the bench, until the library has a pool of its own.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::process::ExitCode;
use std::time::Instant;

use batcher::{StoreErrorKind, open_url};
use job::{Job, Summary};
use kill::KillPlan;
use options::{HELP, Options, Plan};
use report::Report;

use crate::USAGE;
use crate::failure::{Failure, describe};
use crate::progress::Progress;

/// Runs the demo, or, told so by the first argument, one of its workers.
pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    if let Some((first, rest)) = arguments.split_first()
        && first == worker::WORKER
    {
        return worker::run(rest);
    }
    let options = match Options::parse(arguments) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("demo: {error}\n\n{HELP}");
            return ExitCode::from(USAGE);
        }
    };
    // So that a store that cannot be is told at once, and not by the first worker.
    if let Err(error) = open_url(&options.plan.store, options.plan.store_options.iter().cloned()) {
        eprintln!("demo: --store: {}", describe(&error));
        let usage = matches!(error.kind(), StoreErrorKind::InvalidInput | StoreErrorKind::Unsupported);
        return if usage { ExitCode::from(USAGE) } else { ExitCode::FAILURE };
    }
    match compare(&options) {
        Ok(report) => {
            let text = if options.json { report.json() } else { report.text(&options) };
            println!("{text}");
            if report.is_same() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(failure) => {
            eprintln!("demo: {}", describe(&*failure));
            ExitCode::FAILURE
        }
    }
}

/// Both runs, one after the other so that they do not compete for the cores.
fn compare(options: &Options) -> Result<Report, Failure> {
    let plan = &options.plan;
    let mut progress = Progress::new();
    let kills = KillPlan::new(&options.kills, plan);
    let points: Vec<String> = kills.points().map(ToString::to_string).collect();
    progress.line(&format!(
        "{} events, a checkpoint every {}, seed {}; to be killed: {}",
        plan.events,
        plan.every,
        plan.seed,
        if points.is_empty() { "never".to_owned() } else { points.join(", ") },
    ));
    if plan.prefix.is_empty()
        && let Some(directory) = &options.directory
    {
        // The default directory, which is the demo's own.
        match fs::remove_dir_all(directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
    }
    let (expected, seconds) = uninterrupted(plan, &mut progress)?;
    let interrupted = supervisor::run(plan, kills, &mut progress)?;
    Ok(Report::new(plan, &expected, seconds, &interrupted))
}

fn uninterrupted(plan: &Plan, progress: &mut Progress) -> io::Result<(Summary, f64)> {
    let started = Instant::now();
    let mut job = Job::default();
    worker::process(&mut job, plan, plan.events, |events| {
        progress.update("without interruption", events, plan.events);
        Ok(())
    })?;
    let seconds = started.elapsed().as_secs_f64();
    progress.line(&format!("without interruption: {:.1} s, no checkpoints", seconds));
    Ok((job.summary(), seconds))
}
