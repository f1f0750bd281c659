//! Installing servers, all at the same time.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Instant;

use super::POLL;
use super::cache::Cache;
use super::interrupt::Interrupt;
use super::server::Server;
use super::supervised::{Supervised, code};
use crate::failure::Failure;
use crate::progress::Progress;

/// The file that says that an installation has come to its end.
const COMPLETE: &str = "complete";

/// How many of the last lines of a log are shown.
const LINES: usize = 12;

/// A server and where it is installed.
pub(super) type Installed = (&'static dyn Server, PathBuf);

#[derive(Default)]
pub(super) struct Outcome {
    pub(super) servers: Vec<Installed>,
    pub(super) failed: Vec<InstallError>,
}

/// A server that could not be installed.
#[derive(Debug)]
pub(super) struct InstallError {
    pub(super) server: &'static str,
    package: &'static str,
    reason: String,
}

impl fmt::Display for InstallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}) could not be installed: {}", self.server, self.package, self.reason)
    }
}

/// Installs what is not there yet.
///
/// # Errors
///
/// Where it is interrupted; servers that cannot be installed are part of the outcome.
pub(super) fn all(
    servers: &[&'static dyn Server],
    cache: &Cache,
    interrupt: &Interrupt,
    progress: &mut Progress,
) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::default();
    let mut running = Vec::new();
    for server in servers {
        let directory = cache.package(server.package());
        if directory.join(COMPLETE).exists() {
            outcome.servers.push((*server, directory));
            continue;
        }
        match Installation::begin(*server, directory) {
            Ok(installation) => running.push(installation),
            Err(error) => outcome.failed.push(error),
        }
    }
    let started = Instant::now();
    while !running.is_empty() {
        interrupt.check()?;
        let mut still_running = Vec::new();
        for mut installation in running {
            match installation.go_on() {
                Ok(false) => still_running.push(installation),
                Ok(true) => {
                    let (package, seconds) = (installation.server.package(), started.elapsed().as_secs_f64());
                    progress.line(&format!("installed {package} in {seconds:.0} s"));
                    outcome.servers.push((installation.server, installation.directory));
                }
                Err(error) => outcome.failed.push(error),
            }
        }
        running = still_running;
        progress.status(|| {
            let packages: Vec<_> = running.iter().map(|running| running.server.package()).collect();
            format!("installing {}: {:.0} s", packages.join(", "), started.elapsed().as_secs_f64())
        });
        thread::sleep(POLL);
    }
    Ok(outcome)
}

/// The commands that install Python packages into an environment of their own.
pub(super) fn pip(directory: &Path, packages: &[&OsStr]) -> Vec<Command> {
    let mut environment = Supervised::command("python3");
    environment.args(["-m", "venv"]).arg(directory);
    let mut install = Supervised::command(directory.join("bin/python"));
    install.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input"]).args(packages);
    vec![environment, install]
}

/// One server being installed.
struct Installation {
    server: &'static dyn Server,
    directory: PathBuf,
    log: PathBuf,
    rest: std::vec::IntoIter<Command>,
    running: Option<Supervised>,
}

impl Installation {
    fn begin(server: &'static dyn Server, directory: PathBuf) -> Result<Self, InstallError> {
        let log = directory.with_added_extension("log");
        let prepare = || {
            // What an installation left that was interrupted.
            match fs::remove_dir_all(&directory) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            File::create(&log)?;
            server.installation(&directory)
        };
        let rest = prepare().map_err(|error| failed(server, error.to_string()))?.into_iter();
        Ok(Self { server, directory, log, rest, running: None })
    }

    /// Starts the next command where none is running; true when all have ended well.
    fn go_on(&mut self) -> Result<bool, InstallError> {
        let fail = |error: io::Error| failed(self.server, error.to_string());
        if let Some(running) = &mut self.running {
            match running.ended().map_err(fail)? {
                None => return Ok(false),
                Some(status) if status.success() => self.running = None,
                Some(status) => {
                    let reason =
                        format!("exit code {}; {}:\n{}", code(status), self.log.display(), tail(&self.log));
                    return Err(failed(self.server, reason));
                }
            }
        }
        let Some(mut command) = self.rest.next() else {
            File::create(self.directory.join(COMPLETE)).map_err(fail)?;
            return Ok(true);
        };
        self.running = Some(logged(&mut command, &self.log).map_err(fail)?);
        Ok(false)
    }
}

/// Starts a command whose output goes to the end of a file.
pub(super) fn logged(command: &mut Command, log: &Path) -> io::Result<Supervised> {
    let output = File::options().create(true).append(true).open(log)?;
    Supervised::spawn(command.stderr(output.try_clone()?).stdout(output))
}

/// The last lines of a log.
pub(super) fn tail(log: &Path) -> String {
    let bytes = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

fn failed(server: &dyn Server, reason: String) -> InstallError {
    InstallError { server: server.name(), package: server.package(), reason }
}
