//! Pictures of what was measured, as SVG files beside the JSON.

mod bars;
mod lines;

use std::path::Path;

use bars::{Bar, Bars, Kind};
use lines::{Line, Lines};

use super::figure::{Better, Figure};
use super::report::Report;
use crate::failure::Failure;

/// Fewer bars than this are better read in the table.
const FEWEST_BARS: usize = 3;

/// Draws one picture for each case with several stacks, and one of the growth with the number of blobs.
pub(crate) fn draw(report: &Report, out: &Path) -> Result<(), Failure> {
    let mut drawn: Vec<(&str, &str, &str)> = Vec::new();
    for figure in &report.figures {
        let group = (figure.scenario.as_str(), figure.case.as_str(), figure.quantity.as_str());
        if drawn.contains(&group) {
            continue;
        }
        drawn.push(group);
        let members: Vec<&Figure> = report
            .figures
            .iter()
            .filter(|other| (other.scenario.as_str(), other.case.as_str(), other.quantity.as_str()) == group)
            .collect();
        let own = members.iter().any(|member| kind(&member.stack) == Kind::Own);
        if own && members.len() >= FEWEST_BARS {
            let file = out.join(format!("{}.svg", slug(&[group.0, group.1, group.2].join(" "))));
            bars(report, figure, &members).draw(&file)?;
        }
    }
    if let Some(lines) = growth(report) {
        lines.draw(&out.join("blob-counts.svg"))?;
    }
    Ok(())
}

fn bars(report: &Report, first: &Figure, members: &[&Figure]) -> Bars {
    let best = if first.better == Better::Higher { "more is better" } else { "less is better" };
    let (scale, unit) = shown_unit(first);
    let bar = |figure: &&Figure| Bar {
        label: figure.stack.clone(),
        kind: kind(&figure.stack),
        spread: figure.spread.map(|value| value * scale),
    };
    let mut all: Vec<Bar> = members.iter().map(bar).collect();
    all.sort_by(|one, other| match first.better {
        Better::Higher => other.spread.median.total_cmp(&one.spread.median),
        Better::Lower => one.spread.median.total_cmp(&other.spread.median),
    });
    Bars {
        title: format!("{}: {}", capital(&first.scenario.replace('-', " ")), first.case),
        axis: format!("{} in {unit}; {best}; thin lines: all rounds", first.quantity),
        limits: limits(report, first, &all),
        bars: all,
    }
}

/// Lines that bars are to be held against: all threads at the raw codec's speed, or what a goal allows of the starting
/// point's time.
fn limits(report: &Report, figure: &Figure, bars: &[Bar]) -> Vec<(String, f64)> {
    let median = |name: &str| bars.iter().find(|bar| bar.label == name).map(|bar| bar.spread.median);
    match (figure.scenario.as_str(), figure.quantity.as_str()) {
        ("flush-throughput" | "all-blobs", "throughput") => ["lz4", "zstd"]
            .into_iter()
            .filter_map(|codec| {
                let raw = median(&format!("raw {codec}, 1 thread"))?;
                let threads = report.machine.threads;
                Some((format!("{threads} × raw {codec}"), threads as f64 * raw))
            })
            .collect(),
        ("flush-latency", _) => median("starting point")
            .map(|start| ("¼ of the starting point".to_owned(), start / 4.0))
            .into_iter()
            .collect(),
        _ => Vec::new(),
    }
}

fn growth(report: &Report) -> Option<Lines> {
    let line = |quantity: &str, label: &str| {
        let points: Vec<(f64, f64)> = report
            .figures
            .iter()
            .filter(|figure| figure.scenario == "blob-counts" && figure.quantity == quantity)
            .filter_map(|figure| Some((figure.case.split(' ').next()?.parse().ok()?, figure.spread.median)))
            .collect();
        Line { label: label.to_owned(), points }
    };
    let lines = vec![line("add", "to add"), line("flush", "to flush")];
    lines.iter().all(|line| line.points.len() > 1).then(|| Lines {
        title: "What a blob of 64 bytes costs among many".to_owned(),
        x: "blobs in the batch".to_owned(),
        y: "ns a blob".to_owned(),
        lines,
    })
}

/// What small numbers are multiplied with to be read easily, and the unit then.
fn shown_unit(figure: &Figure) -> (f64, &str) {
    match figure.unit.as_str() {
        "s" => (1e3, "ms"),
        "bytes" => (1e-6, "MB"),
        unit => (1.0, unit),
    }
}

fn kind(stack: &str) -> Kind {
    if stack.starts_with("batcher") && !stack.ends_with("alone") {
        Kind::Own
    } else if stack.starts_with("raw ") || stack == "memory copy" || stack.ends_with("alone") {
        Kind::Limit
    } else if stack == "object per blob" {
        Kind::Unpacked
    } else {
        Kind::Other
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// A file name of what may be any text.
fn slug(text: &str) -> String {
    let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::super::figure::Spread;
    use super::super::report::{Machine, REPORT_VERSION};
    use super::*;

    fn figure(scenario: &str, case: &str, stack: &str, quantity: &str, value: f64) -> Figure {
        Figure {
            scenario: scenario.into(),
            case: case.into(),
            stack: stack.into(),
            quantity: quantity.into(),
            unit: "MB/s".into(),
            better: Better::Higher,
            spread: Spread::exact(value),
        }
    }

    #[test]
    fn pictures_name_what_they_show_and_its_unit() {
        let of = |stack, value| figure("flush-throughput", "64 B <rows>", stack, "throughput", value);
        let machine = Machine { system: "x".into(), processor: "y".into(), cores: 2, threads: 2 };
        let figures = vec![
            of("batcher, lz4", 1000.0),
            of("starting point", 400.0),
            of("raw lz4, 1 thread", 600.0),
            of("memory copy", 9000.0),
            figure("blob-counts", "1000 blobs of 64 bytes", "batcher, lz4", "add", 100.0),
            figure("blob-counts", "10000 blobs of 64 bytes", "batcher, lz4", "add", 90.0),
            figure("blob-counts", "1000 blobs of 64 bytes", "batcher, lz4", "flush", 50.0),
            figure("blob-counts", "10000 blobs of 64 bytes", "batcher, lz4", "flush", 40.0),
        ];
        let report =
            Report { version: REPORT_VERSION, machine, quick: true, seconds: 1.0, goals: vec![], figures };
        let out = tempfile::tempdir().unwrap();
        draw(&report, out.path()).unwrap();
        let read = |name: &str| std::fs::read_to_string(out.path().join(name)).unwrap();
        let bars = read("flush-throughput-64-b-rows-throughput.svg");
        for text in ["batcher, lz4", "starting point", "2 × raw lz4", "throughput in MB/s", "9000"] {
            assert!(bars.contains(text), "{text}");
        }
        assert!(bars.contains("&lt;rows&gt;"), "{bars}");
        let lines = read("blob-counts.svg");
        assert!(lines.contains("to flush") && lines.contains("ns a blob"));
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 2);
    }
}
