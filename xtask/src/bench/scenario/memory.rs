//! Peak memory above the caller's own blobs, each in a process of its own: no run sees what another has left.

use std::process::{Command, Stdio};

use super::super::codec_name::CodecName;
use super::super::context::{Bench, Quantity};
use super::super::figure::{Better, Spread};
use super::super::resident::{Through, Usage};
use super::super::state::length;
use super::super::table::Table;
use crate::failure::Failure;

pub(crate) const NAME: &str = "memory";

/// What there may be besides the compressed state.
const ALLOWANCE: u64 = 64 << 20;

const ABOVE: Quantity<'_> =
    Quantity { scenario: NAME, name: "peak above blobs", unit: "bytes", better: Better::Lower };

pub(crate) fn run(bench: &mut Bench) -> Result<(), Failure> {
    let options = bench.options.clone();
    let case = format!("{} of 64 KiB rows", length(options.large_bytes));
    let title = format!("Peak memory above the caller's own blobs: {case}");
    let mut table = Table::new(&title, &["through", "MiB above", "MiB stored", "above - stored"]);
    let codecs = options.codecs.iter().map(|codec| (Through::Batcher, *codec));
    let others = [Through::DropIn, Through::StartingPoint].map(|through| (through, CodecName::Lz4));
    for (through, codec) in codecs.chain(others) {
        let name = match through {
            Through::Batcher => format!("batcher, {}", codec.name()),
            Through::DropIn => "batcher, drop-in".to_owned(),
            Through::StartingPoint => "starting point".to_owned(),
        };
        bench.progress.status(|| format!("{NAME}, {name}"));
        let usage = child(through, codec, options.large_bytes, options.threads)?;
        let (above, stored) = (usage.above(), usage.stored);
        bench.figure(ABOVE, &case, &name, Spread::exact(above as f64));
        let mib = |bytes: f64| format!("{:.0}", bytes / f64::from(1 << 20));
        let (above, stored) = (above as f64, stored as f64);
        table.row([name.clone(), mib(above), mib(stored), mib(above - stored)]);
        if through != Through::StartingPoint {
            let limit = stored + ALLOWANCE as f64;
            bench.goal(
                &format!("peak memory above {case}, {name}: ≤ compressed size + 64 MiB"),
                format!("{} MiB of {} MiB", mib(above), mib(limit)),
                Better::Lower,
                above,
                limit,
            );
        }
    }
    bench.text.push_str(&table.to_string());
    Ok(())
}

fn child(through: Through, codec: CodecName, bytes: u64, threads: usize) -> Result<Usage, Failure> {
    let output = Command::new(std::env::current_exe()?)
        .args(["bench", "memory", "--json", "--through", through.name(), "--codec", codec.name()])
        .args(["--bytes", &bytes.to_string(), "--threads", &threads.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the process through {} ended with {}", through.name(), output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
