//! `cargo xtask bench`: what the batcher costs and gains, beside other ways to pack state and against its limits.
//!
//! Everything that is compared is measured in the same run, in turns. Nothing here fails because something is slow, but for
//! `--compare`.

mod codec_name;
mod compare;
mod contest;
mod context;
mod figure;
mod limit;
mod noise;
mod options;
mod pictures;
mod report;
mod resident;
mod scenario;
mod stack;
mod state;
mod store;
mod table;

use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use compare::Comparison;
use context::Bench;
use figure::Figure;
use options::{Options, help};
use report::{Machine, REPORT_VERSION, Report};
use resident::Plan;
use scenario::{SCENARIOS, Scenario};
use table::Table;

use crate::USAGE;
use crate::arguments::UsageError;
use crate::failure::{Failure, describe};
use crate::progress::Progress;

/// Runs what the arguments ask for.
pub(crate) fn run(mut arguments: Vec<OsString>) -> ExitCode {
    match arguments.first().and_then(|first| first.to_str()) {
        Some("memory") => {
            return start(Plan::parse(&arguments[1..]), resident::HELP, |plan| plan.run().map(|()| true));
        }
        Some("ticks") => {
            arguments[0] = "--only=ticks".into();
        }
        _ => {}
    }
    start(Options::parse(arguments), &help(), measure)
}

/// Runs `work`, which answers whether all is well, with the options, where there are any.
fn start<T>(
    options: Result<Option<T>, UsageError>,
    help: &str,
    work: impl FnOnce(T) -> Result<bool, Failure>,
) -> ExitCode {
    let options = match options {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{help}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("bench: {error}\n\n{help}");
            return ExitCode::from(USAGE);
        }
    };
    match work(options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("bench: {}", describe(&*failure));
            ExitCode::FAILURE
        }
    }
}

/// Runs the scenarios; false where the comparison finds something worse, and finds it again.
fn measure(options: Options) -> Result<bool, Failure> {
    // Before minutes are spent on what it is to be compared with.
    let baseline = options.compare.as_deref().map(baseline).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut bench = Bench {
        options,
        runtime,
        progress: Progress::new(),
        goals: Vec::new(),
        figures: Vec::new(),
        text: String::new(),
    };
    let wanted = SCENARIOS.iter().filter(|scenario| bench.options.wants(scenario.name)).collect();
    let report = report(&mut bench, wanted)?;
    println!("{}", goals(&report));
    print!("{}", std::mem::take(&mut bench.text));
    let out = &bench.options.out;
    fs::create_dir_all(out)?;
    let file = out.join("bench.json");
    fs::write(&file, serde_json::to_vec_pretty(&report)?)?;
    pictures::draw(&report, out)?;
    println!("{:.0} s in all; every figure is in {}, pictures beside it", report.seconds, file.display());
    let Some(baseline) = baseline else { return Ok(true) };
    let comparison = Comparison::new(&baseline, &report);
    println!("\n{}", comparison.text());
    let suspects: Vec<&Figure> = comparison.worse().collect();
    if suspects.is_empty() {
        return Ok(true);
    }
    bench.progress.line("what became worse is measured again");
    let of_suspects = |scenario: &&Scenario| suspects.iter().any(|figure| figure.scenario == scenario.name);
    let mut again = self::report(&mut bench, SCENARIOS.iter().filter(of_suspects).collect())?;
    // How restless the machine is shows in all scenarios.
    let others = report
        .figures
        .iter()
        .filter(|figure| suspects.iter().all(|suspect| suspect.scenario != figure.scenario));
    again.figures.extend(others.cloned());
    let again = Comparison::new(&baseline, &again);
    let worse = comparison.still_worse(&again);
    println!("Measured again:\n{}", again.text());
    println!("Worse both times: {} of {}", worse.len(), suspects.len());
    worse.iter().for_each(|figure| println!("  {}", figure.name()));
    Ok(worse.is_empty())
}

/// Runs scenarios, whose tables are in the bench's text then.
fn report(bench: &mut Bench, scenarios: Vec<&Scenario>) -> Result<Report, Failure> {
    let begun = Instant::now();
    for scenario in scenarios {
        let scenario_begun = Instant::now();
        (scenario.run)(bench)?;
        let took = scenario_begun.elapsed().as_secs_f64();
        bench.progress.line(&format!("{}: {took:.1} s", scenario.name));
    }
    Ok(Report {
        version: REPORT_VERSION,
        machine: Machine::this(bench.options.threads),
        quick: bench.options.quick,
        seconds: begun.elapsed().as_secs_f64(),
        goals: std::mem::take(&mut bench.goals),
        figures: std::mem::take(&mut bench.figures),
    })
}

fn baseline(file: &Path) -> Result<Report, Failure> {
    let named = |error: &dyn Display| format!("--compare {}: {error}", file.display());
    let json = fs::read(file).map_err(|error| named(&error))?;
    let report: Report = serde_json::from_slice(&json).map_err(|error| named(&error))?;
    if report.version != REPORT_VERSION {
        return Err(named(&format!("version {}, not {REPORT_VERSION}", report.version)).into());
    }
    Ok(report)
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
