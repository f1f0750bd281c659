//! What the command line says.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::{SystemTime, UNIX_EPOCH};

use lexopt::prelude::*;
use serde::{Deserialize, Serialize};

use super::kill::KillAt;
use crate::arguments::{UsageError, in_target, number, store_option, store_url, value};

pub(super) const HELP: &str = "\
Runs a stateful job over NEXMark events twice: once without interruption, and once with checkpoints, in a process that is
killed on the way and started again. Both must end with the same state and output.

Usage: cargo xtask demo [OPTIONS]

  --events N          events to process [1500000]
  --every N           events between checkpoints [100000]
  --codec NAME        lz4, zstd (level 1) or raw [lz4]
  --store URL         where checkpoints go: a directory or a URL of one [target/demo-state]
  --store-option K=V  an option of the store, such as a region; may be repeated
  --kills N           how often to kill, at points that follow from the seed [3]
  --kill-at LIST      kill at these points instead: event numbers, and epochs in the middle of whose checkpoint to kill,
                      as in 250000,epoch:5
  --keep N            checkpoints to keep [3]
  --seed N            of the events and the kills [from the clock, and printed]
  --json              end with a report as JSON on standard output instead of tables";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CodecName {
    Lz4,
    Zstd,
    Raw,
}

impl CodecName {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
            Self::Raw => "raw",
        }
    }

    /// The standard tool's command that tests many objects.
    pub(super) fn test_command(self) -> &'static str {
        match self {
            Self::Lz4 | Self::Raw => "lz4 -tm",
            Self::Zstd => "zstd -t",
        }
    }
}

impl FromStr for CodecName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        [Self::Lz4, Self::Zstd, Self::Raw]
            .into_iter()
            .find(|codec| codec.name() == name)
            .ok_or_else(|| "must be lz4, zstd or raw".to_owned())
    }
}

/// What a worker process needs to know; the supervisor hands it on as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Plan {
    pub(super) events: u64,
    pub(super) every: u64,
    pub(super) codec: CodecName,
    pub(super) store: String,
    pub(super) store_options: Vec<(String, String)>,
    /// What stands in front of all names of this run.
    pub(super) prefix: String,
    pub(super) keep: u64,
    pub(super) seed: u64,
}

impl Plan {
    /// The number of checkpoints: one every so many events, and one at the end.
    pub(super) fn epochs(&self) -> u64 {
        self.events.div_ceil(self.every)
    }

    /// The number of events before the checkpoint of this epoch.
    pub(super) fn events_before(&self, epoch: u64) -> u64 {
        epoch.saturating_mul(self.every).min(self.events)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kills {
    Random(u32),
    At(Vec<KillAt>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    pub(super) plan: Plan,
    pub(super) kills: Kills,
    pub(super) json: bool,
    /// The directory of the store, where it is one.
    pub(super) directory: Option<PathBuf>,
}

impl Options {
    /// `None` where help is asked for.
    pub(super) fn parse(arguments: Vec<OsString>) -> Result<Option<Self>, UsageError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut seed = u64::from(now.subsec_nanos()) % 1_000_000;
        let (mut events, mut every, mut keep) = (1_500_000, 100_000, 3);
        let (mut codec, mut json) = (CodecName::Lz4, false);
        let (mut store, mut store_options) = (None, Vec::new());
        let (mut kills, mut kill_at) = (3, None);
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("events") => events = number(&mut parser, "--events", 1)?,
                Long("every") => every = number(&mut parser, "--every", 1)?,
                Long("codec") => codec = value(&mut parser, "--codec")?,
                Long("store") => store = Some(parser.value()?.string()?),
                Long("store-option") => store_options.push(store_option(&parser.value()?.string()?)?),
                Long("kills") => kills = value(&mut parser, "--kills")?,
                Long("kill-at") => kill_at = Some(kill_points(&parser.value()?.string()?)?),
                Long("keep") => keep = number(&mut parser, "--keep", 1)?,
                Long("seed") => seed = value(&mut parser, "--seed")?,
                Long("json") => json = true,
                Long("help") | Short('h') => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        if every > events {
            return Err(UsageError(format!("--every {every} is more than --events {events}")));
        }
        let is_default = store.is_none();
        let (store, directory) =
            worker_store(&store.unwrap_or_else(|| in_target("demo-state").display().to_string()))?;
        // A run never meets the objects of another. The default directory is emptied before.
        let prefix = if is_default { String::new() } else { format!("demo-{}-{seed}/", now.as_secs()) };
        let plan = Plan { events, every, codec, store, store_options, prefix, keep, seed };
        let kills = match kill_at {
            None => Kills::Random(kills),
            Some(points) => Kills::At(within(points, &plan)?),
        };
        Ok(Some(Self { plan, kills, json, directory }))
    }
}

/// The URL of the store and, where that is a directory, its path.
fn worker_store(store: &str) -> Result<(String, Option<PathBuf>), UsageError> {
    let (url, directory) = store_url(store)?;
    if url.starts_with("memory:") {
        return Err(UsageError("--store memory:// would die with the worker; choose another".to_owned()));
    }
    Ok((url, directory))
}

fn kill_points(list: &str) -> Result<Vec<KillAt>, UsageError> {
    let point = |text: &str| {
        let at = match text.strip_prefix("epoch:") {
            Some(epoch) => epoch.parse().map(KillAt::middle_of),
            None => text.parse().map(KillAt::Event),
        };
        at.map_err(|error| UsageError(format!("--kill-at {text:?}: {error}")))
    };
    list.split(',').map(|text| point(text.trim())).collect()
}

fn within(points: Vec<KillAt>, plan: &Plan) -> Result<Vec<KillAt>, UsageError> {
    for point in &points {
        let possible = match point {
            KillAt::Event(event) => (1..=plan.events).contains(event),
            KillAt::Checkpoint { epoch, .. } => (1..=plan.epochs()).contains(epoch),
        };
        if !possible {
            return Err(UsageError(format!(
                "--kill-at {point}: there are {} events and {} epochs",
                plan.events,
                plan.epochs()
            )));
        }
    }
    Ok(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, UsageError> {
        Options::parse(line.split_whitespace().map(OsString::from).collect())
    }

    #[test]
    fn good_arguments_are_understood() {
        let options = parse(
            "--events 1000 --every=300 --codec zstd --store ./x --keep 2 --seed 9 \
             --store-option a=b=c --kill-at 10,epoch:4 --json",
        );
        let Options { plan, kills, json, directory } = options.unwrap().unwrap();
        assert_eq!((plan.events, plan.every, plan.keep, plan.seed), (1000, 300, 2, 9));
        assert_eq!((plan.epochs(), plan.events_before(3), plan.events_before(4)), (4, 900, 1000));
        assert_eq!(plan.codec, CodecName::Zstd);
        assert_eq!(plan.store_options, [("a".to_owned(), "b=c".to_owned())]);
        assert!(plan.store.starts_with("file:///") && plan.prefix.starts_with("demo-"));
        assert_eq!(kills, Kills::At(vec![KillAt::Event(10), KillAt::middle_of(4)]));
        assert!(json && directory.unwrap().ends_with("x"));
        assert!(parse("--help").unwrap().is_none());
    }

    #[test]
    fn bad_arguments_are_refused() {
        for line in [
            "extra",
            "--unknown",
            "--events",
            "--events 0",
            "--events many",
            "--events 10 --every 11",
            "--every 0",
            "--keep 0",
            "--codec gzip",
            "--kills -1",
            "--kill-at",
            "--kill-at x",
            "--kill-at 0",
            "--kill-at 1500001",
            "--kill-at epoch:0",
            "--kill-at epoch:16",
            "--kill-at 5,,6",
            "--store memory://",
            "--store ://",
            "--store-option x",
            "--json=1",
        ] {
            assert!(parse(line).is_err(), "{line:?} was taken");
        }
    }
}
