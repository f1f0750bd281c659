//! Which lines, regions and branches of core the tests reach.

mod listing;
mod run;
mod table;

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use listing::File;

const HELP: &str = "\
Usage: cargo xtask coverage

Builds core and the testkit with counters, in a target directory of its own, runs their tests, and prints how much of
batcher-core/src they reach, and what they do not. target/coverage/report.txt has the counts line by line.

Needs llvm-cov and llvm-profdata of the major version of rustc's LLVM: found as LLVM_COV and LLVM_PROFDATA in the
environment, or as llvm-cov-NN and llvm-profdata-NN (Debian's package llvm-NN).
";

/// Packages whose tests are run.
const PACKAGES: [&str; 2] = ["batcher-core", "batcher-testkit"];

/// The folder that is looked at.
const SOURCES: &str = "batcher-core/src";

pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    if let Some(argument) = arguments.into_iter().next() {
        if argument == "--help" || argument == "-h" {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        eprintln!("no option is called {}\n\n{HELP}", argument.display());
        return ExitCode::from(crate::USAGE);
    }
    match measure() {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// The table of all files, and what is not reached.
fn measure() -> Result<String, String> {
    let root = root();
    let folder = root.join("target/coverage");
    let report = run::report(&root, &folder, &PACKAGES, SOURCES)?;
    let path = folder.join("report.txt");
    std::fs::write(&path, &report).map_err(|error| format!("{}: {error}", path.display()))?;
    let files = listing::files(&report, &format!("{}/", root.join(SOURCES).display()));
    if files.is_empty() {
        return Err(format!("{} says nothing of {SOURCES}", path.display()));
    }
    let mut text = table::table(&files);
    text.push_str("\nNot reached:\n");
    for file in &files {
        for place in file.gaps() {
            let _ = writeln!(text, "  {SOURCES}/{place}");
        }
    }
    Ok(text)
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}
