//! The state that is checkpointed: blobs under keys.

use std::fs;
use std::path::{Path, PathBuf};

use batcher_testkit::corpus::{BlobKind, KeyKind};
use bytes::Bytes;

use crate::failure::Failure;

/// Bytes of blobs that are made; a longer state repeats them. More than the caches hold.
const DISTINCT: u64 = 64 << 20;

/// All blobs of a checkpoint, in the order in which they are added.
#[derive(Debug)]
pub(crate) struct State {
    /// What it is, for titles.
    pub(crate) name: String,
    pub(crate) blobs: Vec<(String, Bytes)>,
    /// Sum of the blobs' lengths.
    pub(crate) bytes: u64,
}

impl State {
    /// So many blobs of one length, under sequential keys; after the first 64 MiB, which are all different, they repeat
    /// without taking more memory.
    pub(crate) fn corpus(kind: BlobKind, blob_len: usize, count: u64) -> Self {
        let distinct = (DISTINCT / blob_len.max(1) as u64).clamp(1, count.max(1));
        let pool: Vec<Bytes> = (0..distinct).map(|seed| kind.blob(seed, blob_len)).collect();
        let blobs = (0..count)
            .zip(pool.iter().cycle())
            .map(|(number, blob)| (KeyKind::Sequential.key(0, number), blob.clone()));
        Self::new(format!("{} {}", length(blob_len as u64), kind_name(kind)), blobs.collect())
    }

    /// About so many bytes, and at least one blob.
    pub(crate) fn of_bytes(kind: BlobKind, blob_len: usize, bytes: u64) -> Self {
        Self::corpus(kind, blob_len, (bytes / blob_len.max(1) as u64).max(1))
    }

    /// Its first blobs, so many of them; these share their bytes.
    pub(crate) fn first(&self, count: usize) -> Self {
        Self::new(self.name.clone(), self.blobs.iter().take(count).cloned().collect())
    }

    /// Every file in a directory and those below it: its relative path is the key, its content the blob.
    pub(crate) fn directory(root: &Path) -> Result<Self, Failure> {
        let mut files: Vec<PathBuf> = Vec::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            let failed = |error| format!("{}: {error}", folder.display());
            for entry in fs::read_dir(&folder).map_err(failed)? {
                let entry = entry.map_err(failed)?;
                let kind = entry.file_type().map_err(failed)?;
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    files.push(entry.path());
                }
            }
        }
        files.sort();
        let mut blobs = Vec::with_capacity(files.len());
        for file in files {
            let key = file.strip_prefix(root)?.to_str().ok_or("a file's name is not UTF-8")?;
            let content = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            blobs.push((key.replace(std::path::MAIN_SEPARATOR, "/"), Bytes::from(content)));
        }
        if blobs.is_empty() {
            return Err(format!("{} holds no files", root.display()).into());
        }
        Ok(Self::new("own state".to_owned(), blobs))
    }

    fn new(name: String, blobs: Vec<(String, Bytes)>) -> Self {
        let bytes = blobs.iter().map(|(_, blob)| blob.len() as u64).sum();
        Self { name, blobs, bytes }
    }

    /// All blobs one after the other.
    pub(crate) fn stream(&self) -> Vec<u8> {
        let mut stream = Vec::with_capacity(usize::try_from(self.bytes).unwrap_or(0));
        for (_, blob) in &self.blobs {
            stream.extend_from_slice(blob);
        }
        stream
    }
}

/// What a corpus is called.
pub(crate) fn kind_name(kind: BlobKind) -> &'static str {
    match kind {
        BlobKind::Rows => "rows",
        BlobKind::Counters => "counters",
        BlobKind::Json => "json",
        BlobKind::LogLines => "log-lines",
        BlobKind::SortedPages => "sorted-pages",
        BlobKind::Messages => "messages",
        BlobKind::Noise => "incompressible",
        BlobKind::Repeats => "repeats",
        BlobKind::Zeros => "zeros",
        _ => "other",
    }
}

/// A length as people write it.
pub(crate) fn length(bytes: u64) -> String {
    for (unit, name) in [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")] {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} B")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_differ_and_lengths_add_up() {
        let state = State::corpus(BlobKind::Rows, 1 << 20, 70);
        let keys: std::collections::BTreeSet<_> = state.blobs.iter().map(|(key, _)| key).collect();
        assert_eq!((keys.len(), state.bytes), (70, 70 << 20));
        assert_ne!(state.blobs[0].1, state.blobs[1].1);
        assert_eq!(state.blobs[0].1, state.blobs[64].1);
        assert_eq!(state.stream().len(), 70 << 20);
        assert_eq!(state.name, "1 MiB rows");
        let (first, few) = (state.first(3), State::corpus(BlobKind::Rows, 1 << 20, 3));
        assert_eq!((first.name, first.blobs, first.bytes), (few.name, few.blobs, few.bytes));
    }

    #[test]
    fn a_directory_is_read_with_relative_paths_as_keys() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("operator")).unwrap();
        fs::write(root.path().join("operator/1"), "one").unwrap();
        fs::write(root.path().join("last"), "").unwrap();
        let state = State::directory(root.path()).unwrap();
        let expected = [("last", &b""[..]), ("operator/1", b"one")];
        let expected = expected.map(|(key, blob)| (key.to_owned(), Bytes::from_static(blob)));
        assert_eq!(state.blobs, expected);
        assert_eq!(state.bytes, 3);
        assert!(State::directory(&root.path().join("none")).is_err());
    }
}
