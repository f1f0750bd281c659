//! What the command line says.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use batcher::MAX_BLOCK_LEN;
use batcher_testkit::corpus::BlobKind;
use lexopt::prelude::*;

use super::codec_name::CodecName;
use super::scenario::SCENARIOS;
use super::state::kind_name;
use super::store::{Distance, StoreChoice};
use crate::arguments::{UsageError, in_target, number, store_option, store_url, value};

const HELP: &str = "\
Measures the batcher beside other ways to pack state, in turns within one run, and against what it is held to.

Usage: cargo xtask bench [OPTIONS]
       cargo xtask bench memory [OPTIONS]    the peak memory of one flush in this process; --help tells more
       cargo xtask bench ticks [OPTIONS]     the same as --only ticks

Sizes are bytes, or end in KiB, MiB or GiB. LISTs are divided by commas.

What is measured
  --quick             less state, fewer cases and rounds: three minutes on two cores
  --only LIST         only these scenarios
  --input DIR         with your own state instead: each file is a blob, its relative path the key
  --corpus LIST       rows, counters, json, log-lines, sorted-pages, messages, incompressible, repeats, zeros
  --codec LIST        lz4, zstd [both]; lz4-c reads back by LZ4 in C
  --blob-len LIST     lengths of blobs [64,1KiB,64KiB,1MiB]
  --block-len LIST    lengths of blocks [256KiB; without --quick 64KiB and 1MiB, too]
  --bytes SIZE        of the state [256MiB, with --quick 48MiB; 1GiB in one-blob, memory, slow-store (quick: half)
                      and ticks]
  --rounds N          that count, after one for warming up [7, with --quick 3]
  --threads N         of the batcher and of zstd [all cores]

Where it is written to
  --store NAME        memory, directory (a temporary one), slow, a path, or a URL such as s3://bucket/prefix [memory]; taken by the
                      scenarios flush-throughput, flush-latency and all-blobs
  --store-option K=V  an option of the store, such as a region; may be repeated
  --latency MS        round trip of the slow store's requests [20]
  --bandwidth MB      10^6 bytes a second of each of its connections [100]

What comes out
  --out DIR           where bench.json and the pictures go [target/bench]
  --compare FILE      a bench.json of before: says what became faster or slower, and ends with code 1 where something
                      became slower by more than the noise

Scenarios";

/// What to measure, and how.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Options {
    pub(crate) quick: bool,
    pub(crate) only: Vec<String>,
    pub(crate) input: Option<PathBuf>,
    /// The first is the one that most scenarios use.
    pub(crate) corpora: Vec<BlobKind>,
    pub(crate) codecs: Vec<CodecName>,
    pub(crate) blob_lens: Vec<usize>,
    pub(crate) block_lens: Vec<usize>,
    pub(crate) bytes: u64,
    /// Of the state in the scenarios that are about a large one.
    pub(crate) large_bytes: u64,
    pub(crate) rounds: usize,
    pub(crate) threads: usize,
    pub(crate) store: StoreChoice,
    pub(crate) distance: Distance,
    pub(crate) out: PathBuf,
    pub(crate) compare: Option<PathBuf>,
}

/// The help text, with all scenarios.
pub(crate) fn help() -> String {
    let lines = SCENARIOS.iter().map(|scenario| format!("\n  {:19} {}", scenario.name, scenario.about));
    format!("{HELP}{}", lines.collect::<String>())
}

impl Options {
    /// `None` where help is asked for.
    pub(crate) fn parse(arguments: Vec<OsString>) -> Result<Option<Self>, UsageError> {
        let (mut quick, mut only, mut input) = (false, Vec::new(), None);
        let (mut corpora, mut codecs, mut blob_lens, mut block_lens) = (None, None, None, None);
        let (mut bytes, mut rounds, mut threads) = (None, None, None);
        let (mut store, mut store_options) = (None, Vec::new());
        let (mut latency, mut bandwidth) = (20, 100);
        let (mut out, mut compare) = (None, None);
        let mut parser = lexopt::Parser::from_args(arguments);
        while let Some(argument) = parser.next()? {
            match argument {
                Long("quick") => quick = true,
                Long("only") => only = list(&mut parser, "--only", scenario_name)?,
                Long("input") => input = Some(PathBuf::from(parser.value()?)),
                Long("corpus") => corpora = Some(list(&mut parser, "--corpus", corpus)?),
                Long("codec") => codecs = Some(list(&mut parser, "--codec", str::parse::<CodecName>)?),
                Long("blob-len") => blob_lens = Some(list(&mut parser, "--blob-len", len)?),
                Long("block-len") => block_lens = Some(list(&mut parser, "--block-len", block_len)?),
                Long("bytes") => bytes = Some(size(&mut parser, "--bytes")?),
                Long("rounds") => rounds = Some(number(&mut parser, "--rounds", 1)?),
                Long("threads") => threads = Some(number(&mut parser, "--threads", 1)?),
                Long("store") => store = Some(parser.value()?.string()?),
                Long("store-option") => store_options.push(store_option(&parser.value()?.string()?)?),
                Long("latency") => latency = value(&mut parser, "--latency")?,
                Long("bandwidth") => bandwidth = number(&mut parser, "--bandwidth", 1)?,
                Long("out") => out = Some(PathBuf::from(parser.value()?)),
                Long("compare") => compare = Some(PathBuf::from(parser.value()?)),
                Long("help") | Short('h') => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        let distance =
            Distance { latency: Duration::from_millis(latency), bytes_a_second: bandwidth as f64 * 1e6 };
        let narrow = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let block_lens = block_lens
            .unwrap_or_else(|| if quick { vec![256 << 10] } else { vec![256 << 10, 64 << 10, 1 << 20] });
        Ok(Some(Self {
            quick,
            only,
            input,
            corpora: corpora
                .unwrap_or_else(|| vec![BlobKind::Rows, BlobKind::Json, BlobKind::Counters, BlobKind::Noise]),
            codecs: codecs.unwrap_or_else(|| CodecName::DEFAULT.to_vec()),
            blob_lens: blob_lens.unwrap_or_else(|| vec![64, 1 << 10, 64 << 10, 1 << 20]),
            block_lens,
            bytes: bytes.unwrap_or(if quick { 48 << 20 } else { 256 << 20 }),
            large_bytes: bytes.unwrap_or(1 << 30),
            rounds: narrow(rounds.unwrap_or(if quick { 3 } else { 7 })),
            threads: threads
                .map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), narrow),
            store: store_choice(store.as_deref(), store_options, distance)?,
            distance,
            out: out.unwrap_or_else(|| in_target("bench")),
            compare,
        }))
    }

    /// Whether a scenario was asked for.
    pub(crate) fn wants(&self, scenario: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == scenario)
    }

    /// The corpus of scenarios that use one.
    pub(crate) fn corpus(&self) -> BlobKind {
        self.corpora.first().copied().unwrap_or(BlobKind::Rows)
    }

    /// The block length of scenarios that use one.
    pub(crate) fn block_len(&self) -> usize {
        self.block_lens.first().copied().unwrap_or(256 << 10)
    }
}

fn store_choice(
    store: Option<&str>,
    options: Vec<(String, String)>,
    distance: Distance,
) -> Result<StoreChoice, UsageError> {
    let choice = match store {
        None | Some("memory") => StoreChoice::Memory,
        Some("directory") => StoreChoice::Directory,
        Some("slow") => StoreChoice::Slow(distance),
        Some(store) => return Ok(StoreChoice::Url(store_url(store)?.0, options)),
    };
    match options.first() {
        None => Ok(choice),
        Some((key, _)) => Err(UsageError(format!("--store-option {key:?}: this store has no options"))),
    }
}

fn list<T, E: std::fmt::Display>(
    parser: &mut lexopt::Parser,
    option: &str,
    item: impl Fn(&str) -> Result<T, E>,
) -> Result<Vec<T>, UsageError> {
    let text = parser.value()?.string()?;
    let named = |part: &str| {
        item(part.trim()).map_err(|error| UsageError(format!("{option} {:?}: {error}", part.trim())))
    };
    text.split(',').map(named).collect()
}

fn scenario_name(text: &str) -> Result<String, String> {
    let known = SCENARIOS.iter().any(|scenario| scenario.name == text);
    if known { Ok(text.to_owned()) } else { Err("no such scenario; --help lists them".to_owned()) }
}

fn corpus(text: &str) -> Result<BlobKind, String> {
    BlobKind::ALL
        .into_iter()
        .find(|kind| kind_name(*kind) == text)
        .ok_or_else(|| "no such corpus; --help lists them".to_owned())
}

fn len(text: &str) -> Result<usize, String> {
    usize::try_from(bytes(text)?).map_err(|error| error.to_string())
}

fn block_len(text: &str) -> Result<usize, String> {
    let len = len(text)?;
    if (1..=MAX_BLOCK_LEN).contains(&len) { Ok(len) } else { Err("blocks have 1 byte to 64 MiB".to_owned()) }
}

/// The value of an option that is a size of at least a byte.
pub(crate) fn size(parser: &mut lexopt::Parser, option: &str) -> Result<u64, UsageError> {
    let text = parser.value()?.string()?;
    bytes(&text).map_err(|error| UsageError(format!("{option} {text:?}: {error}")))
}

fn bytes(text: &str) -> Result<u64, String> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30)];
    let (digits, shift) = units
        .into_iter()
        .find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)))
        .unwrap_or((text, 0));
    let number: u64 = digits.trim().parse().map_err(|error| format!("{error}"))?;
    match number.checked_mul(1 << shift) {
        None | Some(0) => Err("must be at least 1, and at most 16 EiB".to_owned()),
        Some(bytes) => Ok(bytes),
    }
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
            "--quick --only flush-throughput --corpus json,rows --codec zstd --blob-len 100,4KiB \
             --block-len 64KiB --bytes 2GiB --rounds 5 --threads 3 --store slow --latency 7 --bandwidth 50 \
             --out o --compare c.json --input i",
        );
        let options = options.unwrap().unwrap();
        let distance = Distance { latency: Duration::from_millis(7), bytes_a_second: 5e7 };
        assert_eq!(
            options,
            Options {
                quick: true,
                only: vec!["flush-throughput".to_owned()],
                input: Some("i".into()),
                corpora: vec![BlobKind::Json, BlobKind::Rows],
                codecs: vec![CodecName::Zstd],
                blob_lens: vec![100, 4096],
                block_lens: vec![65536],
                bytes: 2 << 30,
                large_bytes: 2 << 30,
                rounds: 5,
                threads: 3,
                store: StoreChoice::Slow(distance),
                distance,
                out: "o".into(),
                compare: Some("c.json".into()),
            }
        );
        assert!(options.wants("flush-throughput") && !options.wants("ticks"));
        assert!(parse("--help").unwrap().is_none());
    }

    #[test]
    fn quick_measures_less() {
        let (quick, full) = (parse("--quick").unwrap().unwrap(), parse("").unwrap().unwrap());
        assert!(quick.bytes < full.bytes && quick.rounds < full.rounds);
        assert!(quick.block_lens.len() < full.block_lens.len());
        assert_eq!(full.store, StoreChoice::Memory);
    }

    #[test]
    fn stores_are_named_or_located() {
        let store = |line: &str| parse(line).unwrap().unwrap().store;
        assert_eq!(store("--store directory"), StoreChoice::Directory);
        let url = store("--store s3://bucket/x --store-option region=eu");
        assert_eq!(url, StoreChoice::Url("s3://bucket/x".into(), vec![("region".into(), "eu".into())]));
        assert!(matches!(store("--store ./x"), StoreChoice::Url(url, _) if url.starts_with("file:///")));
    }

    #[test]
    fn bad_arguments_are_refused() {
        for line in [
            "extra",
            "--unknown",
            "--only nothing",
            "--corpus words",
            "--codec gzip",
            "--codec lz4,,zstd",
            "--blob-len 0",
            "--block-len 65MiB",
            "--bytes many",
            "--bytes 1TiB",
            "--bytes 99999999999GiB",
            "--rounds 0",
            "--threads 0",
            "--bandwidth 0",
            "--latency -1",
            "--store ://",
            "--store memory --store-option a=b",
            "--store-option x",
            "--quick=1",
        ] {
            assert!(parse(line).is_err(), "{line:?} was taken");
        }
    }
}
