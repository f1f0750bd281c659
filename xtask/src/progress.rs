//! How far it is: one line that changes on a terminal, a few lines anywhere else.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

/// How often a line is written where lines cannot be overwritten.
const PLAIN_PAUSE: Duration = Duration::from_secs(5);
const TERMINAL_PAUSE: Duration = Duration::from_millis(50);

/// Writes to standard error, so that the report alone is on standard output.
#[derive(Debug)]
pub(crate) struct Progress {
    terminal: bool,
    last: Option<Instant>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { terminal: io::stderr().is_terminal(), last: None }
    }

    /// Says how far a run is; most calls write nothing.
    pub(crate) fn update(&mut self, what: &str, events: u64, of: u64) {
        let percent = events * 100 / of.max(1);
        self.status(|| format!("{what}: {events} of {of} events, {percent} %"));
    }

    /// Says what goes on, in a line that the next one replaces; most calls write nothing.
    pub(crate) fn status(&mut self, line: impl FnOnce() -> String) {
        let pause = if self.terminal { TERMINAL_PAUSE } else { PLAIN_PAUSE };
        if self.last.is_some_and(|last| last.elapsed() < pause) {
            return;
        }
        self.last = Some(Instant::now());
        let line = line();
        if self.terminal {
            // Back to the start of the line, and clear what stands there.
            self.write(&format!("\r\x1b[K{line}"));
        } else {
            self.write(&format!("{line}\n"));
        }
    }

    /// Writes a line that stays.
    pub(crate) fn line(&mut self, line: &str) {
        let clear = if self.terminal { "\r\x1b[K" } else { "" };
        self.write(&format!("{clear}{line}\n"));
    }

    fn write(&self, text: &str) {
        let mut output = io::stderr().lock();
        // Progress that nobody can see is no reason to stop.
        let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
    }
}
