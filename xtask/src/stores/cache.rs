//! The directory where servers are installed, once for all runs.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;

use super::POLL;
use super::interrupt::Interrupt;
use crate::failure::Failure;
use crate::progress::Progress;

/// The cache, while no other run changes it.
#[derive(Debug)]
pub(super) struct Cache {
    root: PathBuf,
    /// Locked until it is dropped.
    _lock: File,
}

impl Cache {
    /// Makes the directory where it is missing, and waits until no other run installs or makes a directory of its own.
    pub(super) fn lock(root: &Path, interrupt: &Interrupt, progress: &mut Progress) -> Result<Self, Failure> {
        fs::create_dir_all(root)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", root.display())))?;
        let lock = File::create(root.join("lock"))?;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(Self { root: root.to_owned(), _lock: lock }),
                Err(TryLockError::WouldBlock) => progress.status(|| "another run is installing".to_owned()),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            interrupt.check()?;
            thread::sleep(POLL);
        }
    }

    /// Where a package is or would be installed.
    pub(super) fn package(&self, package: &str) -> PathBuf {
        self.root.join(package)
    }

    /// Where the directories of runs are.
    pub(super) fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }
}
