//! The servers of one run, from their start to their end.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::POLL;
use super::install::{Installed, logged, tail};
use super::interrupt::Interrupt;
use super::ports;
use super::run_directory::RunDirectory;
use super::server::{Server, variable};
use super::supervised::{Supervised, code};
use crate::failure::Failure;
use crate::progress::Progress;

/// How long a server may take until it does what it is asked.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a server is started anew, since somebody may have taken one of its ports meanwhile.
const TRIES: u32 = 3;

/// Servers that are ready; dropping them ends them.
pub(super) struct Started {
    servers: Vec<Running>,
    /// After the servers, which write there.
    _directory: RunDirectory,
}

struct Running {
    server: &'static dyn Server,
    ports: Vec<u16>,
    process: Supervised,
    log: PathBuf,
}

impl Started {
    /// Starts all of them and waits until each is ready.
    pub(super) fn all(
        installed: &[Installed],
        mut directory: RunDirectory,
        interrupt: &Interrupt,
        progress: &mut Progress,
    ) -> Result<Self, Failure> {
        let mut starting = Vec::new();
        for installed in installed {
            starting.push(Running::start(installed, &mut directory, 1)?);
        }
        let mut servers = Vec::new();
        for (mut running, installed) in starting.into_iter().zip(installed) {
            let mut tries = 1;
            while let Err(failure) = running.wait_until_ready(interrupt, progress) {
                interrupt.check()?;
                if tries == TRIES {
                    return Err(failure);
                }
                tries += 1;
                progress.line(&format!("{failure}\nonce more, on other ports"));
                running = Running::start(installed, &mut directory, tries)?;
            }
            servers.push(running);
        }
        Ok(Self { servers, _directory: directory })
    }

    /// The variables that tell tests of them.
    pub(super) fn variables(&self) -> Vec<(String, String)> {
        self.servers
            .iter()
            .map(|running| (variable(running.server), running.server.url(&running.ports)))
            .collect()
    }

    /// Fails where one of them has ended.
    pub(super) fn check(&mut self) -> Result<(), Failure> {
        self.servers.iter_mut().try_for_each(Running::check)
    }
}

impl Running {
    fn start(
        (server, installed): &Installed,
        directory: &mut RunDirectory,
        attempt: u32,
    ) -> Result<Self, Failure> {
        let ports = ports::free(server.ports())?;
        for file in server.leftovers(&ports) {
            directory.and_remove(&file)?;
        }
        let home = directory.make(&format!("{}-{attempt}", server.name()))?;
        let log = home.join("log");
        let mut command = server.start(installed, &home, &ports)?;
        // Nothing of this shell's settings, credentials or proxies is any of its business.
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", &home).env("TMPDIR", &home).current_dir(&home);
        let process = logged(&mut command, &log)?;
        Ok(Self { server: *server, ports, process, log })
    }

    fn wait_until_ready(&mut self, interrupt: &Interrupt, progress: &mut Progress) -> Result<(), Failure> {
        let started = Instant::now();
        loop {
            interrupt.check()?;
            let ready = self.server.prepare(&self.ports);
            self.check()?;
            let last = match ready {
                Ok(true) => return Ok(()),
                Ok(false) => "it answers that it is not ready".to_owned(),
                Err(error) => error.to_string(),
            };
            if started.elapsed() > PATIENCE {
                let (package, seconds) = (self.server.package(), PATIENCE.as_secs());
                return Err(
                    format!("{package} was not ready in {seconds} s: {last}\n{}", tail(&self.log)).into()
                );
            }
            progress.status(|| format!("starting {}", self.server.package()));
            thread::sleep(POLL);
        }
    }

    fn check(&mut self) -> Result<(), Failure> {
        match self.process.ended()? {
            None => Ok(()),
            Some(status) => Err(format!(
                "{} ended with exit code {}:\n{}",
                self.server.package(),
                code(status),
                tail(&self.log)
            )
            .into()),
        }
    }
}
