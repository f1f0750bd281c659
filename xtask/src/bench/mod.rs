//! `cargo xtask bench`: what the batcher costs and gains, beside other ways to pack state and against its limits.
//!
//! Everything that is compared is measured in the same run, in turns. Nothing here fails because something is slow, but for
//! `--compare`.

mod codec_name;
mod contest;
mod context;
mod figure;
mod limit;
mod options;
mod report;
mod scenario;
mod stack;
mod state;
mod store;
mod table;

use std::ffi::OsString;
use std::fs;
use std::process::ExitCode;
use std::time::Instant;

use context::Bench;
use options::{Options, help};
use report::{Machine, REPORT_VERSION, Report};
use scenario::SCENARIOS;
use table::Table;

use crate::USAGE;
use crate::failure::{Failure, describe};
use crate::progress::Progress;

/// Runs the scenarios that the arguments ask for.
pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    let options = match Options::parse(arguments) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{}", help());
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("bench: {error}\n\n{}", help());
            return ExitCode::from(USAGE);
        }
    };
    match measure(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {}", describe(&*failure));
            ExitCode::FAILURE
        }
    }
}

fn measure(options: Options) -> Result<(), Failure> {
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut bench = Bench {
        options,
        runtime,
        progress: Progress::new(),
        goals: Vec::new(),
        figures: Vec::new(),
        text: String::new(),
    };
    for scenario in SCENARIOS {
        if bench.options.wants(scenario.name) {
            let scenario_begun = Instant::now();
            (scenario.run)(&mut bench)?;
            let took = scenario_begun.elapsed().as_secs_f64();
            bench.progress.line(&format!("{}: {took:.1} s", scenario.name));
        }
    }
    let report = Report {
        version: REPORT_VERSION,
        machine: Machine::this(bench.options.threads),
        quick: bench.options.quick,
        seconds: begun.elapsed().as_secs_f64(),
        goals: bench.goals,
        figures: bench.figures,
    };
    println!("{}", goals(&report));
    print!("{}", bench.text);
    let out = &bench.options.out;
    fs::create_dir_all(out)?;
    let file = out.join("bench.json");
    fs::write(&file, serde_json::to_vec_pretty(&report)?)?;
    println!("{:.0} s in all; every figure is in {}", report.seconds, file.display());
    Ok(())
}

/// What the project is held to, first of all.
fn goals(report: &Report) -> String {
    let machine = &report.machine;
    let title = format!(
        "Goals: {}, {}, {} cores, {} threads",
        machine.processor, machine.system, machine.cores, machine.threads
    );
    let mut table = Table::new(&title, &["goal", "measured", "met"]);
    for goal in &report.goals {
        let met = if goal.is_met() { "yes" } else { "NO" };
        table.row([goal.goal.clone(), goal.measured.clone(), met.to_owned()]);
    }
    table.to_string()
}
