//! The memory of a process that flushes once: `cargo xtask bench memory`.

use std::ffi::OsString;
use std::fs;
use std::str::FromStr;
use std::sync::Arc;

use batcher::{BlobSource, BlobStore, CheckpointBatcher, ObjectStoreSink};
use bytes::Bytes;
use futures_util::TryStreamExt;
use lexopt::prelude::*;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use serde::{Deserialize, Serialize};

use super::codec_name::CodecName;
use super::options::size;
use super::stack::{Own, StartingPoint};
use super::state::State;
use crate::arguments::{UsageError, number, value};
use crate::failure::Failure;

pub(crate) const HELP: &str = "\
Builds a state, flushes it once into a temporary directory, and says how much memory this process had before and at most
since. Meant for a process of its own, as in
    /usr/bin/time -v target/release/xtask bench memory --through drop-in

Usage: cargo xtask bench memory [OPTIONS]

  --through NAME   batcher, drop-in or starting-point [batcher]
  --bytes SIZE     of the state [1GiB]
  --codec NAME     lz4 or zstd; of the batcher alone [lz4]
  --threads N      of the batcher [all cores]
  --json           as one line of JSON";

const BLOB_LEN: usize = 64 << 10;

/// What is used to flush.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Through {
    /// `Batcher`, to which large blobs are lent.
    Batcher,
    /// `CheckpointBatcher`, to which they are given away.
    DropIn,
    /// The starting point's algorithm, to which they are given away.
    StartingPoint,
}

impl Through {
    pub(crate) const ALL: [Self; 3] = [Self::Batcher, Self::DropIn, Self::StartingPoint];

    /// As `--through` takes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Batcher => "batcher",
            Self::DropIn => "drop-in",
            Self::StartingPoint => "starting-point",
        }
    }
}

impl FromStr for Through {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|through| through.name() == name)
            .ok_or_else(|| "must be batcher, drop-in or starting-point".to_owned())
    }
}

/// What one flush is to be measured with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) through: Through,
    pub(crate) bytes: u64,
    pub(crate) codec: CodecName,
    pub(crate) threads: usize,
    json: bool,
}

impl Plan {
    /// `None` where help is asked for.
    pub(crate) fn parse(arguments: &[OsString]) -> Result<Option<Self>, UsageError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut plan =
            Self { through: Through::Batcher, bytes: 1 << 30, codec: CodecName::Lz4, threads, json: false };
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("through") => plan.through = value(&mut parser, "--through")?,
                Long("bytes") => plan.bytes = size(&mut parser, "--bytes")?,
                Long("codec") => plan.codec = value(&mut parser, "--codec")?,
                Long("threads") => {
                    let threads = number(&mut parser, "--threads", 1)?;
                    plan.threads = usize::try_from(threads).unwrap_or(usize::MAX);
                }
                Long("json") => plan.json = true,
                Long("help") | Short('h') => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(Some(plan))
    }

    /// Flushes once, and says what it took.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let usage = measure(self)?;
        if self.json {
            println!("{}", serde_json::to_string(&usage)?);
            return Ok(());
        }
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        println!("through              {}", self.through.name());
        println!("caller's own blobs   {:8.1} MiB", mib(usage.blob_bytes));
        println!("stored               {:8.1} MiB", mib(usage.stored));
        println!("VmRSS before         {:8.1} MiB", mib(usage.before.now));
        println!("VmHWM before         {:8.1} MiB", mib(usage.before.peak));
        println!("VmRSS after          {:8.1} MiB", mib(usage.after.now));
        println!("VmHWM after          {:8.1} MiB", mib(usage.after.peak));
        println!("peak above the blobs {:8.1} MiB", mib(usage.above()));
        Ok(())
    }
}

/// Resident memory in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resident {
    /// VmRSS: at this moment.
    pub(crate) now: u64,
    /// VmHWM: at most so far.
    pub(crate) peak: u64,
}

/// What one flush took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Usage {
    /// Bytes of all blobs.
    pub(crate) blob_bytes: u64,
    /// Bytes of all objects.
    pub(crate) stored: u64,
    /// With the caller's blobs, before the first is added.
    pub(crate) before: Resident,
    /// After the flush.
    pub(crate) after: Resident,
}

impl Usage {
    /// The peak above what the process with the caller's own blobs had.
    pub(crate) fn above(&self) -> u64 {
        self.after.peak.saturating_sub(self.before.now)
    }
}

impl Resident {
    #[cfg(target_os = "linux")]
    fn of_this_process() -> Result<Self, Failure> {
        let status = fs::read_to_string("/proc/self/status")?;
        let field = |name: &str| -> Result<u64, Failure> {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
            Ok(kib.ok_or("no such field in /proc/self/status")?.parse::<u64>()? * 1024)
        };
        Ok(Self { now: field("VmRSS:")?, peak: field("VmHWM:")? })
    }

    #[cfg(not(target_os = "linux"))]
    fn of_this_process() -> Result<Self, Failure> {
        Err("resident memory is measured on Linux only".into())
    }
}

fn measure(plan: Plan) -> Result<Usage, Failure> {
    let count = (plan.bytes / BLOB_LEN as u64).max(1);
    let directory = tempfile::tempdir()?;
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(directory.path())?);
    let sink: Arc<dyn BlobStore> = Arc::new(ObjectStoreSink::new(Arc::clone(&store)));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let corpus = State::corpus(batcher_testkit::corpus::BlobKind::Rows, BLOB_LEN, count);
    let blob_bytes = corpus.bytes;
    let blobs = corpus.blobs.into_iter();
    let before = match plan.through {
        Through::Batcher => {
            // Each in memory of its own, whatever the corpus shares.
            let blobs: Vec<_> = blobs.map(|(key, blob)| (key, Bytes::copy_from_slice(&blob))).collect();
            let mut batcher = Own::new(plan.codec, plan.threads)?.batcher(Arc::clone(&sink))?;
            let before = baseline()?;
            for (key, blob) in &blobs {
                batcher.add(key, blob.clone())?;
            }
            let _ = runtime.block_on(batcher.flush(1))?;
            before
        }
        Through::DropIn => {
            let blobs: Vec<_> = blobs.map(|(key, blob)| (key, blob.to_vec())).collect();
            let mut batcher = CheckpointBatcher::new(store, String::new(), None)?;
            let before = baseline()?;
            for (key, blob) in blobs {
                batcher.add(key, blob);
            }
            batcher.flush(1)?;
            before
        }
        Through::StartingPoint => {
            let blobs: Vec<_> = blobs.map(|(key, blob)| (key, blob.to_vec())).collect();
            let mut session = StartingPoint::buffer(blobs, Arc::clone(&sink));
            let before = baseline()?;
            session.add_all()?;
            runtime.block_on(session.flush())?;
            before
        }
    };
    let after = Resident::of_this_process()?;
    let stored = runtime.block_on(sink.list("").try_fold(0, async |sum, info| Ok(sum + info.len)))?;
    Ok(Usage { blob_bytes, stored, before, after })
}

/// What the process has before the first add, with the peak forgotten that building the state may have had.
fn baseline() -> Result<Resident, Failure> {
    // Where that cannot be, the peak is shown and does not count unless it is the highest.
    let _ = fs::write("/proc/self/clear_refs", "5");
    Resident::of_this_process()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn every_way_stores_the_state_and_has_a_peak() {
        for through in Through::ALL {
            let plan = Plan { through, bytes: 1 << 20, codec: CodecName::Lz4, threads: 1, json: true };
            let usage = measure(plan).unwrap();
            assert_eq!(usage.blob_bytes, 1 << 20);
            assert!(usage.stored > 1 << 18, "{through:?}: {usage:?}");
            assert!(usage.after.peak >= usage.before.now && usage.before.now > 0);
            let json = serde_json::to_string(&usage).unwrap();
            assert_eq!(serde_json::from_str::<Usage>(&json).unwrap(), usage);
        }
    }

    #[test]
    fn arguments_are_understood_or_refused() {
        let parse =
            |line: &str| Plan::parse(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>());
        let plan = parse("--through drop-in --bytes 5MiB --codec zstd --threads 3 --json").unwrap().unwrap();
        let expected =
            Plan { through: Through::DropIn, bytes: 5 << 20, codec: CodecName::Zstd, threads: 3, json: true };
        assert_eq!(plan, expected);
        assert!(parse("-h").unwrap().is_none());
        for line in ["--through air", "--bytes 0", "--codec raw", "--threads 0", "--quick", "x"] {
            assert!(parse(line).is_err(), "{line:?} was taken");
        }
    }
}
