//! Where objects are in the directory.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use batcher_core::{Operation, Outcome, StoreError, StoreErrorKind, check_name};

use super::staged::sync_directory;
use crate::io_error;

/// The directory under the root that holds temporary files.
pub(super) const STAGING: &str = ".batcher-tmp";

/// The longest segment in bytes, the limit of every common file system.
const MAX_SEGMENT_LEN: usize = 255;

/// The directory.
#[derive(Debug)]
pub(super) struct Layout {
    root: PathBuf,
}

impl Layout {
    pub(super) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    pub(super) fn staging(&self) -> PathBuf {
        self.root.join(STAGING)
    }

    /// The place of the object `name`, unless a file system cannot have it.
    pub(super) fn place(&self, name: &str, operation: Operation) -> Result<Place, StoreError> {
        check_name(name, operation)?;
        let refused = |kind, why: &'static str| {
            Err(StoreError::new(kind, operation, name).with_outcome(Outcome::NotApplied).with_source(why))
        };
        if name.split('/').any(|segment| segment.len() > MAX_SEGMENT_LEN) {
            return refused(StoreErrorKind::TooLarge, "a segment of the name is longer than 255 bytes");
        }
        if name.split('/').next().is_some_and(is_staging) {
            return refused(StoreErrorKind::InvalidInput, "the name is among the temporary files");
        }
        if cfg!(windows) && !name.split('/').all(fits_windows) {
            return refused(StoreErrorKind::InvalidInput, "Windows cannot have such a name");
        }
        Ok(Place {
            path: self.root.join(name),
            root: self.root.clone(),
            staging: self.staging(),
            name: name.into(),
            operation,
        })
    }
}

/// Whether a first segment is that of the temporary files, on a file system that ignores case as well.
pub(super) fn is_staging(segment: &str) -> bool {
    segment.eq_ignore_ascii_case(STAGING)
}

fn fits_windows(segment: &str) -> bool {
    !segment.contains(['\\', ':', '*', '?', '"', '<', '>', '|']) && !segment.ends_with(['.', ' '])
}

/// The place of one object, and what is asked of it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    path: PathBuf,
    root: PathBuf,
    staging: PathBuf,
    name: String,
    operation: Operation,
}

impl Place {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn staging(&self) -> &Path {
        &self.staging
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn operation(&self) -> Operation {
        self.operation
    }

    /// The same place for another operation.
    pub(super) fn with_operation(&self, operation: Operation) -> Self {
        Self { operation, ..self.clone() }
    }

    /// What is known of the object's file; not found where something other than a file is there.
    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        let metadata = fs::metadata(&self.path)?;
        if metadata.is_file() { Ok(metadata) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// Makes the directories above the object.
    pub(super) fn make_directories(&self) -> io::Result<()> {
        let Some(parent) = self.path.parent() else { return Ok(()) };
        match fs::create_dir_all(parent) {
            // A part of the name is an object.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(io::ErrorKind::NotADirectory.into())
            }
            done => done,
        }
    }

    /// Makes the object's name, or its absence, durable: syncs every directory from its own up to the root. All of
    /// them, because one that exists may have been made a moment ago by somebody who has not synced it yet.
    pub(super) fn sync_directories(&self) -> io::Result<()> {
        for directory in self.path.ancestors().skip(1) {
            match sync_directory(directory) {
                // After a deletion of what was never there.
                Err(error) if super::is_absent(&error) && self.operation == Operation::Delete => {}
                synced => synced?,
            }
            if directory == self.root {
                break;
            }
        }
        Ok(())
    }

    /// The error of the operation on this object.
    pub(super) fn failed(&self, error: io::Error, outcome: Outcome) -> StoreError {
        failure(error, self.operation, &self.name, Some(outcome))
    }
}

/// An I/O error of `operation`, with the outcome that its kind implies where none is given.
pub(super) fn failure(
    error: io::Error,
    operation: Operation,
    name: &str,
    outcome: Option<Outcome>,
) -> StoreError {
    let failed = StoreError::new(io_error::kind(&error, operation), operation, name).with_source(error);
    match outcome {
        Some(outcome) => failed.with_outcome(outcome),
        None => failed,
    }
}

/// What tells one version of a file from the next.
pub(super) fn version(metadata: &Metadata) -> String {
    let modified = metadata.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    let modified = modified.map_or(0, |time| time.as_nanos());
    format!("{:x}-{modified:x}-{:x}", identity(metadata).map_or(0, |(_, file)| file), metadata.len())
}

/// The device and the number of a file, where the system tells.
#[cfg(unix)]
pub(super) fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
pub(super) fn identity(_metadata: &Metadata) -> Option<(u64, u64)> {
    None
}
