//! A process that ends, with all that it has started, no later than this one, however this one ends.
//!
//! A supervisor, which is this program again, leads a process group of its own, starts the process in it, and reads a pipe
//! whose only other end this process holds. The pipe ends when this process does, even by SIGKILL, and the supervisor
//! then kills its group. Where the supervisor is what dies, this process kills the group.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::thread;

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpgrp, getpid, kill_current_process_group, kill_process_group,
    waitid,
};

use crate::USAGE;

/// The task name's argument that makes a process a supervisor.
pub(super) const SUPERVISE: &str = "supervise";

/// What shells answer for a program that they cannot run.
const CANNOT_RUN: u8 = 127;

/// A running process; dropping it kills it.
#[derive(Debug)]
pub(super) struct Supervised {
    /// Its standard input is the pipe.
    supervisor: Child,
    /// Whether it has been waited for, after which its number may be another's.
    waited_for: bool,
}

impl Supervised {
    /// A command that runs `program`; arguments, environment, directory and output are its own, its input is empty.
    pub(super) fn command(program: impl AsRef<OsStr>) -> Command {
        // What cannot be found out here fails in `spawn`.
        let this = env::current_exe().unwrap_or_default();
        let mut command = Command::new(this);
        command.args(["stores", SUPERVISE]).arg(program);
        command
    }

    /// Starts what [`command`](Self::command) has begun.
    pub(super) fn spawn(command: &mut Command) -> io::Result<Self> {
        let supervisor = command.stdin(Stdio::piped()).process_group(0).spawn()?;
        Ok(Self { supervisor, waited_for: false })
    }

    /// How it ended; nothing that it started is left then.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match self.group() {
            Some(group) if waitid(WaitId::Pid(group), options)?.is_none() => Ok(None),
            _ => self.kill().map(Some),
        }
    }

    fn group(&self) -> Option<Pid> {
        Pid::from_raw(self.supervisor.id().try_into().ok()?)
    }

    /// Kills the group, and only then lets the system give its number to somebody else.
    fn kill(&mut self) -> io::Result<ExitStatus> {
        if let Some(group) = self.group() {
            // That nobody is left in it is no failure.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let status = self.supervisor.wait()?;
        self.waited_for = true;
        Ok(status)
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        if !self.waited_for {
            let _ = self.kill();
        }
    }
}

/// Runs as a supervisor: the program and its arguments are the arguments.
pub(super) fn supervise(arguments: &[OsString]) -> ExitCode {
    let Some((program, arguments)) = arguments.split_first() else { return ExitCode::from(USAGE) };
    if getpgrp() != getpid() {
        eprintln!("a supervisor kills its process group, and is started by the task alone");
        return ExitCode::from(USAGE);
    }
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = kill_current_process_group(Signal::KILL);
    });
    let child = Command::new(program).args(arguments).stdin(Stdio::null()).spawn();
    match child.and_then(|mut child| child.wait()) {
        Ok(status) => ExitCode::from(code(status)),
        Err(error) => {
            eprintln!("cannot run {}: {error}", program.display());
            ExitCode::from(CANNOT_RUN)
        }
    }
}

/// The exit code by which shells tell of a status.
pub(super) fn code(status: ExitStatus) -> u8 {
    let signal = status.signal().map(|signal| signal | 128);
    status.code().or(signal).and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}
