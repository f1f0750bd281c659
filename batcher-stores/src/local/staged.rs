//! Temporary files, and how one becomes an object.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use batcher_core::{Outcome, Payload, PutMode, StoreError, StoreErrorKind};

use super::layout::{Place, identity};
use crate::blocking;

/// Tells the temporary files of this process apart.
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A file that is not an object yet. Removed when it is dropped.
#[derive(Debug)]
pub(super) struct Staged {
    // One position for all writers: they take turns, as the file system would make them anyway.
    file: Mutex<File>,
    path: PathBuf,
    /// Whether `path` is still this file's.
    present: AtomicBool,
}

impl Staged {
    /// Makes an empty temporary file under a name that no other process uses.
    pub(super) fn create(place: &Place) -> Result<Self, StoreError> {
        let (file, path) =
            open_unused(place.staging()).map_err(|error| place.failed(error, Outcome::NotApplied))?;
        Ok(Self { file: Mutex::new(file), path, present: AtomicBool::new(true) })
    }

    /// Writes `payload` at `offset`.
    pub(super) fn write(&self, place: &Place, offset: u64, payload: &Payload) -> Result<(), StoreError> {
        // The position is set anew every time, so a writer that panicked spoils nothing.
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| payload.chunks().iter().try_for_each(|chunk| file.write_all(chunk)))
            .map_err(|error| place.failed(error, Outcome::NotApplied))
    }

    /// Makes the file, which is `len` bytes long, the object of `place`, durably.
    pub(super) fn publish(&self, place: &Place, mode: PutMode, len: u64) -> Result<(), StoreError> {
        let not_applied = |error| place.failed(error, Outcome::NotApplied);
        let unknown = |error| place.failed(error, Outcome::Unknown);
        {
            let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            file.sync_all().map_err(not_applied)?;
            if file.metadata().map_err(not_applied)?.len() != len {
                return Err(not_applied(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        place.make_directories().map_err(not_applied)?;
        let named = match mode {
            PutMode::Create => fs::hard_link(&self.path, place.path()),
            PutMode::Replace => fs::rename(&self.path, place.path()),
        };
        match named {
            Ok(()) if mode == PutMode::Replace => self.present.store(false, Ordering::Release),
            Ok(()) => {}
            // A network file system may send a link twice and report what the second attempt found.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && self.is_at(place.path()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && !place.path().is_dir() => {
                place.sync_directories().map_err(unknown)?;
                return Err(not_applied(error));
            }
            Err(error) if place.path().is_dir() => {
                return Err(StoreError::new(StoreErrorKind::InvalidInput, place.operation(), place.name())
                    .with_source(error));
            }
            Err(error) if is_refusal(&error) => return Err(not_applied(error)),
            Err(error) => return Err(unknown(error)),
        }
        place.sync_directories().map_err(unknown)
    }

    /// Removes the temporary name at once. The object that the file may have become stays.
    pub(super) fn remove(&self) {
        if self.present.swap(false, Ordering::AcqRel) {
            // What cannot be removed is a leftover, which hurts nobody.
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Whether the file at `path` is this one.
    fn is_at(&self, path: &Path) -> bool {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let own = file.metadata().ok().as_ref().and_then(identity);
        own.is_some() && own == fs::metadata(path).ok().as_ref().and_then(identity)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if self.present.swap(false, Ordering::AcqRel) {
            let path = std::mem::take(&mut self.path);
            blocking::detach(move || {
                let _ = fs::remove_file(path);
            });
        }
    }
}

/// Makes a directory's entries durable.
#[cfg(unix)]
pub(super) fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// Does nothing: directories cannot be opened here.
#[cfg(not(unix))]
pub(super) fn sync_directory(_directory: &Path) -> io::Result<()> {
    Ok(())
}

/// Opens a new file in `staging`, which is made where it is missing.
fn open_unused(staging: &Path) -> io::Result<(File, PathBuf)> {
    let process = std::process::id();
    let mut made = false;
    loop {
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = staging.join(format!("{process}-{number}"));
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(file) => return Ok((file, path)),
            // Another process of that number, in another container or before a restart.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound && !made => {
                made = true;
                match fs::create_dir(staging) {
                    Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                    _ => {}
                }
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether a failed naming certainly did nothing, over a network as well.
fn is_refusal(error: &io::Error) -> bool {
    use io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::NotFound
            | ErrorKind::PermissionDenied
            | ErrorKind::ReadOnlyFilesystem
            | ErrorKind::StorageFull
            | ErrorKind::QuotaExceeded
            | ErrorKind::NotADirectory
            | ErrorKind::IsADirectory
            | ErrorKind::DirectoryNotEmpty
            | ErrorKind::CrossesDevices
            | ErrorKind::TooManyLinks
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::Unsupported
    )
}
