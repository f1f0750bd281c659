//! `cargo xtask stores`: real object stores on this machine, for as long as tests need them.

mod azurite;
mod cache;
mod http;
mod install;
mod interrupt;
mod moto;
mod options;
mod ports;
mod run_directory;
mod seaweedfs;
mod server;
mod started;
mod supervised;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use cache::Cache;
use interrupt::{Interrupt, Interrupted};
use options::{HELP, Options};
use run_directory::RunDirectory;
use started::Started;
use supervised::Supervised;

use crate::USAGE;
use crate::failure::{Failure, describe};
use crate::progress::Progress;

/// How often what is waited for is looked at.
const POLL: Duration = Duration::from_millis(20);

/// Runs the stores, or, told so by the first argument, the supervisor of one process.
pub(crate) fn run(arguments: Vec<OsString>) -> ExitCode {
    if let Some((first, rest)) = arguments.split_first()
        && first == supervised::SUPERVISE
    {
        return supervised::supervise(rest);
    }
    let options = match Options::parse(arguments) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("stores: {error}\n\n{HELP}");
            return ExitCode::from(USAGE);
        }
    };
    match serve(&options) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => match failure.downcast_ref::<Interrupted>() {
            Some(interrupted) => ExitCode::from(interrupted.code()),
            None => {
                eprintln!("stores: {}", describe(&*failure));
                ExitCode::FAILURE
            }
        },
    }
}

/// Installs, starts, and serves until the command or the user ends it; the exit code. Whatever is returned, nothing
/// that was started is left.
fn serve(options: &Options) -> Result<u8, Failure> {
    let interrupt = Interrupt::listen()?;
    let mut progress = Progress::new();
    let cache = Cache::lock(&options.cache, &interrupt, &mut progress)?;
    let installed = install::all(&options.servers, &cache, &interrupt, &mut progress)?;
    for failed in &installed.failed {
        progress.line(&format!("stores: {failed}"));
    }
    if !installed.failed.is_empty() && !options.available {
        return Err("not every store could be installed; --available goes on with those that could".into());
    }
    let directory = RunDirectory::new(&cache)?;
    drop(cache);
    let mut started = Started::all(&installed.servers, directory, &interrupt, &mut progress)?;
    for failed in &installed.failed {
        progress.line(&format!("missing: {} (its tests say so and pass, or fail)", failed.server));
    }
    let variables = started.variables();
    let Some((program, arguments)) = options.command.split_first() else {
        return wait(started, &variables, &interrupt);
    };
    let mut command = Supervised::command(program);
    command.args(arguments).envs(variables).envs(loopback_only());
    let mut command = Supervised::spawn(&mut command)?;
    loop {
        interrupt.check()?;
        if let Some(status) = command.ended()? {
            // Which may be why the command failed.
            if let Err(failure) = started.check() {
                progress.line(&format!("stores: {failure}"));
            }
            return Ok(supervised::code(status));
        }
        std::thread::sleep(POLL);
    }
}

/// Says where the stores are and serves until the user ends it, or until one of them does.
fn wait(mut started: Started, variables: &[(String, String)], interrupt: &Interrupt) -> Result<u8, Failure> {
    for (variable, url) in variables {
        println!("export {variable}='{url}'");
    }
    eprintln!("stores: ready; Ctrl-C ends them");
    loop {
        interrupt.check()?;
        started.check()?;
        std::thread::sleep(POLL * 5);
    }
}

/// What keeps clients on this machine: no proxy for it, and no credentials from a cloud's metadata address.
fn loopback_only() -> Vec<(&'static str, String)> {
    let mut variables = vec![("AWS_EC2_METADATA_DISABLED", "true".to_owned())];
    for name in ["NO_PROXY", "no_proxy"] {
        let others = std::env::var(name).unwrap_or_default();
        let hosts = format!("127.0.0.1,localhost,{others}");
        variables.push((name, hosts.trim_end_matches(',').to_owned()));
    }
    variables
}
