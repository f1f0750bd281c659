//! Development tasks: `cargo xtask` lists them.

mod arguments;
mod bench;
mod coverage;
mod demo;
mod failure;
mod progress;
#[cfg(unix)]
mod stores;

use std::ffi::OsString;
use std::process::ExitCode;

/// A task: its name, what it does, and the function that gets the arguments after the name.
struct Task {
    name: &'static str,
    about: &'static str,
    run: fn(Vec<OsString>) -> ExitCode,
}

const TASKS: &[Task] = &[
    Task {
        name: "bench",
        about: "measure the batcher beside other ways to pack state, and against what it is held to",
        run: bench::run,
    },
    Task {
        name: "coverage",
        about: "run core's tests with counters, and list the lines and branches that they do not reach",
        run: coverage::run,
    },
    Task {
        name: "demo",
        about: "run a NEXMark job with checkpoints, kill it, and compare it with an uninterrupted run",
        run: demo::run,
    },
    #[cfg(unix)]
    Task {
        name: "stores",
        about: "run real S3 and Azure servers on this machine, alone or around a command",
        run: stores::run,
    },
];

/// The exit code for arguments that make no sense.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let Some(name) = arguments.next() else {
        println!("{}", list());
        return ExitCode::SUCCESS;
    };
    match TASKS.iter().find(|task| name == task.name) {
        Some(task) => (task.run)(arguments.collect()),
        None if name == "--help" || name == "-h" => {
            println!("{}", list());
            ExitCode::SUCCESS
        }
        None => {
            eprintln!("no task is called {}\n\n{}", name.display(), list());
            ExitCode::from(USAGE)
        }
    }
}

fn list() -> String {
    let lines = TASKS.iter().map(|task| format!("\n  {:8} {}", task.name, task.about));
    format!("Usage: cargo xtask TASK [OPTIONS]; TASK --help tells more.\n{}", lines.collect::<String>())
}
