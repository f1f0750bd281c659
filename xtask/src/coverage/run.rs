//! Builds with counters, runs, and has the counts written beside the lines.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Only these packages are given counters, and with them the generic code of core that they instantiate.
const FLAGS: &str = r#"["-Cinstrument-coverage", "-Zcoverage-options=branch"]"#;

/// Tests that take minutes and reach what others reach with single faults: all pairs of them, and all bits of golden objects.
const LONGEST: [&str; 3] = ["every_pair_of", "every_pair_with", "every_flipped_bit"];

/// Runs the packages' tests and gives `llvm-cov show`'s text for the files under `sources`.
pub(super) fn report(root: &Path, folder: &Path, packages: &[&str], sources: &str) -> Result<String, String> {
    let (cov, profdata) = tools()?;
    let counts = folder.join("counts");
    // Of an earlier run.
    let _ = std::fs::remove_dir_all(&counts);
    let binaries =
        binaries(&output(test(root, folder, packages).args(["--no-run", "--message-format=json"]))?);
    let mut run = test(root, folder, packages);
    run.arg("--").args(LONGEST.iter().flat_map(|test| ["--skip", test]));
    let run = run.stdout(Stdio::inherit()).status();
    if !run.is_ok_and(|status| status.success()) {
        return Err("the tests fail, and what they reach then says little".into());
    }
    let merged = folder.join("merged.profdata");
    let mut merge = Command::new(profdata);
    merge.args(["merge", "-sparse", "-o"]).arg(&merged).args(files_in(&counts)?);
    output(&mut merge)?;
    let mut show = Command::new(cov);
    show.args([
        "show",
        "-show-line-counts",
        "-show-regions",
        "-show-branches=count",
        "-show-instantiations=false",
    ]);
    show.arg("-instr-profile").arg(&merged).arg(binaries.first().ok_or("there are no tests")?);
    for binary in &binaries[1..] {
        show.arg("-object").arg(binary);
    }
    // Everything else is no part of the table.
    show.arg("-sources").arg(root.join(sources));
    output(&mut show)
}

/// `cargo test` of unit and integration tests with counters, in a target directory of its own.
fn test(root: &Path, folder: &Path, packages: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    // Flags for single packages and counters for branches are not stable yet.
    cargo.current_dir(root).env("RUSTC_BOOTSTRAP", "1").args(["test", "--tests", "-Zprofile-rustflags"]);
    cargo.env("LLVM_PROFILE_FILE", folder.join("counts/%m-%p.profraw"));
    cargo.arg("--target-dir").arg(folder.join("build"));
    for package in packages {
        cargo.args(["--package", package]);
        cargo.arg("--config").arg(format!("profile.dev.package.{package}.rustflags={FLAGS}"));
    }
    cargo
}

/// The test binaries that Cargo's messages name.
fn binaries(messages: &str) -> Vec<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    messages
        .filter(|message| message["profile"]["test"] == true)
        .filter_map(|message| message["executable"].as_str().map(PathBuf::from))
        .collect()
}

/// `llvm-cov` and `llvm-profdata`.
fn tools() -> Result<(PathBuf, PathBuf), String> {
    let version = output(Command::new("rustc").arg("-vV"))?;
    let llvm = version.lines().find_map(|line| line.strip_prefix("LLVM version: "));
    let major = llvm.and_then(|version| version.split('.').next()).ok_or("rustc names no LLVM version")?;
    let tool = |variable: &str, name: &str| {
        std::env::var_os(variable).map_or_else(|| format!("{name}-{major}").into(), PathBuf::from)
    };
    let (cov, profdata) = (tool("LLVM_COV", "llvm-cov"), tool("LLVM_PROFDATA", "llvm-profdata"));
    for tool in [&cov, &profdata] {
        output(Command::new(tool).arg("--version"))
            .map_err(|error| format!("{error}\ninstall it, on Debian with: apt-get install llvm-{major}"))?;
    }
    Ok((cov, profdata))
}

fn files_in(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(|error| error.to_string())).collect()
}

/// What a command prints; its errors go where ours go.
fn output(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().display().to_string();
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| format!("{program}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program}: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("{program}: {error}"))
}
