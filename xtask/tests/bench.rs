//! The bench in small: the real command over little state. Whether anything is fast is no matter here.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests fail by panicking")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn bench(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xtask")).arg("bench").args(arguments).output().unwrap()
}

fn small(out: &Path, more: &[&str]) -> (Value, Output) {
    let small = ["--quick", "--bytes", "1MiB", "--rounds", "1", "--out", out.to_str().unwrap()];
    let output = bench(&[&small[..], more].concat());
    let json = std::fs::read(out.join("bench.json")).unwrap_or_default();
    (serde_json::from_slice(&json).unwrap_or(Value::Null), output)
}

#[test]
fn every_scenario_measures_something() {
    let help = String::from_utf8(bench(&["--help"]).stdout).unwrap();
    let scenarios: Vec<&str> = help
        .split_once("Scenarios\n")
        .unwrap()
        .1
        .lines()
        .map(|line| line.split_whitespace().next().unwrap())
        .collect();
    assert!(scenarios.len() > 8, "{scenarios:?}");
    let out = tempfile::tempdir().unwrap();
    // By name: some are left out with --quick.
    let (report, output) = small(out.path(), &["--only", &scenarios.join(",")]);
    assert!(output.status.success(), "{output:?}");
    let figures = report["figures"].as_array().unwrap();
    for scenario in scenarios {
        let of = figures.iter().filter(|figure| figure["scenario"] == scenario);
        let positive = of.filter(|figure| figure["spread"]["median"].as_f64() > Some(0.0));
        assert!(positive.count() > 0, "{scenario}");
    }
    let text = String::from_utf8(output.stdout).unwrap();
    let goals = report["goals"].as_array().unwrap();
    for goal in goals {
        assert!(text.contains(goal["goal"].as_str().unwrap()), "{goal}");
    }
    let gap = goals.iter().filter(|goal| goal["goal"].as_str().unwrap().starts_with("the longest gap"));
    let gap: Vec<Option<f64>> = gap.map(|goal| goal["limit"].as_f64()).collect();
    let counts =
        figures.iter().filter(|figure| figure["scenario"] == "blob-counts" && figure["quantity"] == "add");
    let counts: Vec<&str> = counts.filter_map(|figure| figure["case"].as_str()).collect();
    let blobs = ["1000", "10000", "100000", "1000000"].map(|count| format!("{count} blobs of 64 bytes"));
    assert_eq!((gap, counts), (vec![Some(20.0)], blobs.each_ref().map(String::as_str).to_vec()));
    let pictures = std::fs::read_dir(out.path()).unwrap();
    let pictures = pictures.filter(|file| file.as_ref().unwrap().path().extension() == Some("svg".as_ref()));
    assert!(pictures.count() > 8);
}

#[test]
fn a_run_is_compared_with_an_earlier_one() {
    let out = tempfile::tempdir().unwrap();
    let only = ["--only", "stored-bytes", "--codec", "lz4"];
    let (mut report, output) = small(out.path(), &only);
    assert!(output.status.success(), "{output:?}");
    let baseline = out.path().join("baseline.json");
    let compare = [&only[..], &["--compare", baseline.to_str().unwrap()]].concat();
    // What it stores does not change from run to run.
    std::fs::write(&baseline, report.to_string()).unwrap();
    assert_eq!(small(out.path(), &compare).1.status.code(), Some(0));
    let own = report["figures"].as_array_mut().unwrap();
    let own = own.iter_mut().find(|figure| figure["stack"] == "batcher, lz4").unwrap();
    for value in ["median", "min", "max"] {
        own["spread"][value] = 1.0.into();
    }
    std::fs::write(&baseline, report.to_string()).unwrap();
    let (_, output) = small(out.path(), &compare);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stdout).unwrap().contains("WORSE"));
    std::fs::write(&baseline, "{}").unwrap();
    let (_, output) = small(out.path(), &compare);
    assert!(output.status.code() == Some(1) && output.stdout.is_empty(), "{output:?}");
}

#[test]
fn own_state_and_other_stores_are_measured() {
    let (state, out, store) =
        (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    std::fs::create_dir(state.path().join("operator")).unwrap();
    for number in 0..20 {
        std::fs::write(state.path().join(format!("operator/{number}")), vec![number; 3000]).unwrap();
    }
    let input = state.path().to_str().unwrap();
    for place in ["memory", "directory", "slow", store.path().to_str().unwrap()] {
        let only = "flush-throughput,flush-latency,all-blobs,one-blob";
        let arguments = ["--input", input, "--store", place, "--only", only, "--latency", "1"];
        let (report, output) = small(out.path(), &arguments);
        assert!(output.status.success(), "{place}: {output:?}");
        let figures = report["figures"].as_array().unwrap();
        assert!(figures.iter().all(|figure| figure["case"].as_str().unwrap().starts_with("own state")));
    }
    // What was measured with is removed.
    let left = walk(store.path());
    assert!(left.is_empty(), "{left:?}");
}

fn walk(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn bad_arguments_end_with_code_2_and_a_message() {
    for arguments in [&["--only", "nothing"][..], &["memory", "--quick"], &["ticks", "--bytes", "x"]] {
        let output = bench(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
}
