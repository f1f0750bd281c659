//! What the servers of one run write, and its end.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::cache::Cache;

/// The file in a run's directory that is locked as long as the run lasts.
const LOCK: &str = "lock";

/// The file that names what else is to be removed with the directory.
const LEFTOVERS: &str = "leftovers";

/// A directory that is removed with all that is in it when it is dropped. One whose run was killed is removed by the
/// next run.
#[derive(Debug)]
pub(super) struct RunDirectory {
    path: PathBuf,
    leftovers: File,
    /// Locked until it is dropped.
    _lock: File,
}

impl RunDirectory {
    /// Makes one, with the cache locked so that no other run takes it for one that is done with.
    pub(super) fn new(cache: &Cache) -> io::Result<Self> {
        let runs = cache.runs();
        fs::create_dir_all(&runs)?;
        for entry in fs::read_dir(&runs)? {
            let path = entry?.path();
            if File::create(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok()) {
                remove(&path);
            }
        }
        let path = runs.join(std::process::id().to_string());
        fs::create_dir(&path)?;
        let lock = File::create(path.join(LOCK))?;
        lock.lock()?;
        let leftovers = File::create(path.join(LEFTOVERS))?;
        Ok(Self { path, leftovers, _lock: lock })
    }

    /// A new directory in it.
    pub(super) fn make(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir(&path)?;
        Ok(path)
    }

    /// Removes this file, too, at the end.
    pub(super) fn and_remove(&mut self, file: &Path) -> io::Result<()> {
        writeln!(self.leftovers, "{}", file.display())
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Removes what there is; what cannot be removed is the next run's.
fn remove(path: &Path) {
    for file in fs::read_to_string(path.join(LEFTOVERS)).unwrap_or_default().lines() {
        let _ = fs::remove_file(file);
    }
    let _ = fs::remove_dir_all(path);
}
