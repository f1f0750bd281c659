//! What `llvm-cov show` prints, understood.
//!
//! Its `report` and `export` would be easier to read, and crash (LLVM 22.1) on an asynchronous block that has branches and
//! no other region.

use std::collections::BTreeMap;

/// What one file's lines, regions and branches were reached.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct File {
    /// Below the sources.
    pub(super) path: String,
    /// Whether each line with code was reached.
    pub(super) lines: BTreeMap<u32, bool>,
    /// Columns of the regions that were not reached, in lines that were: what stands behind a `?`, most of all.
    pub(super) regions: Vec<(u32, usize)>,
    /// Whether each condition was ever true, and ever false, in any instance of generic code.
    pub(super) branches: BTreeMap<(u32, u32), (bool, bool)>,
}

impl File {
    /// The number of lines with code, and of those reached.
    pub(super) fn line_counts(&self) -> (usize, usize) {
        (self.lines.len(), self.lines.values().filter(|reached| **reached).count())
    }

    /// The number of branches, two for each condition, and of those reached.
    pub(super) fn branch_counts(&self) -> (usize, usize) {
        let reached = self.branches.values().map(|(yes, no)| usize::from(*yes) + usize::from(*no));
        (2 * self.branches.len(), reached.sum())
    }

    /// What was not reached, in words.
    pub(super) fn gaps(&self) -> Vec<String> {
        let mut gaps = Vec::new();
        // Lines without code between two that were not reached do not part them.
        let mut run: Option<(u32, u32)> = None;
        for (line, reached) in self.lines.iter().chain([(&u32::MAX, &true)]) {
            run = match (run, reached) {
                (None, false) => Some((*line, *line)),
                (Some((first, _)), false) => Some((first, *line)),
                (Some((first, last)), true) => {
                    gaps.push((first, if first == last { "line".into() } else { format!("to {last}") }));
                    None
                }
                (None, true) => None,
            };
        }
        for (line, column) in &self.regions {
            gaps.push((*line, format!("region at column {column}")));
        }
        for ((line, column), (yes, no)) in &self.branches {
            // A condition in a line that is never reached is told of already.
            if yes != no {
                gaps.push((*line, format!("condition at column {column} is never {}", !yes)));
            }
        }
        gaps.sort();
        gaps.into_iter().map(|(line, what)| format!("{}:{line} {what}", self.path)).collect()
    }
}

/// The files below `sources`, which ends with a slash.
pub(super) fn files(report: &str, sources: &str) -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    let mut line = 0;
    for text in report.lines() {
        if let Some(path) = text.strip_prefix(sources).and_then(|path| path.strip_suffix(':')) {
            files.push(File { path: path.to_owned(), ..File::default() });
            continue;
        }
        let Some(file) = files.last_mut() else { continue };
        if let Some(branch) = branch(text) {
            let (place, yes, no) = branch;
            let before = file.branches.entry(place).or_default();
            *before = (before.0 || yes, before.1 || no);
            continue;
        }
        let mut fields = text.splitn(3, '|');
        let (Some(number), Some(count), Some(_)) = (fields.next(), fields.next(), fields.next()) else {
            // Counts of regions stand below their line, each under the column where the region begins.
            let margin = text.len() - text.trim_start().len();
            if line > 0 && margin >= MARGIN && text.trim_start().starts_with('^') {
                let columns = zeros(text).map(|at| (line, at + 1 - MARGIN));
                file.regions.extend(columns);
            }
            continue;
        };
        let Ok(number) = number.trim().parse() else { continue };
        line = number;
        if !count.trim().is_empty() {
            file.lines.insert(line, count.trim() != "0");
        }
    }
    for file in &mut files {
        let lines = &file.lines;
        file.regions.retain(|(line, _)| lines.get(line) == Some(&true));
    }
    files
}

/// Columns before the code: `   12|  3.4k|`.
const MARGIN: usize = 13;

/// Where `^0` stands.
fn zeros(text: &str) -> impl Iterator<Item = usize> {
    text.match_indices("^0").map(|(at, _)| at)
}

/// `  |  Branch (12:34): [True: 5, False: 0]`; nothing where the compiler knew the condition.
fn branch(text: &str) -> Option<((u32, u32), bool, bool)> {
    let rest = text.trim_start_matches([' ', '|']).strip_prefix("Branch (")?;
    let (place, rest) = rest.split_once("): [True: ")?;
    let (line, column) = place.split_once(':')?;
    let (yes, no) = rest.trim_end_matches(']').split_once(", False: ")?;
    Some(((line.parse().ok()?, column.parse().ok()?), yes != "0", no != "0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
/src/other.rs:
    1|     17|ignored
/src/core/a/b.rs:
    1|       |//! Text | with | bars.
    2|   1.2k|fn f(x: u8) -> Option<u8> {
    3|   1.2k|    if x > 1 && g()? {
                             ^3   ^0
  ------------------
  |  Branch (3:8): [True: 5, False: 0]
  |  Branch (3:8): [Folded - Ignored]
  |  Branch (3:8): [True: 0, False: 0]
  |  Branch (3:17): [True: 0, False: 0]
  ------------------
    4|      0|        return None;
                           ^0
    5|       |
    6|      0|    }
    7|      2|}
    8|      0|fn never() {}
/src/core/c.rs:
    1|      1|const fn one() {}
";

    #[test]
    fn a_report_is_read() {
        let files = files(REPORT, "/src/core/");
        assert_eq!(files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), ["a/b.rs", "c.rs"]);
        assert_eq!(files[0].line_counts(), (6, 3));
        assert_eq!(files[0].branch_counts(), (4, 1));
        assert_eq!(files[1].line_counts(), (1, 1));
        assert_eq!(
            files[0].gaps(),
            [
                "a/b.rs:3 condition at column 8 is never false",
                "a/b.rs:3 region at column 22",
                "a/b.rs:4 to 6",
                "a/b.rs:8 line"
            ]
        );
    }
}
