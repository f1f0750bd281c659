//! The figures of all files.

use std::fmt::Write as _;

use super::File;

/// A line for each file, and the sum.
pub(super) fn table(files: &[File]) -> String {
    let mut text = format!("{:28}{:>18}{:>10}{:>18}\n", "", "lines", "regions", "branches");
    let mut total = [(0, 0), (0, 0)];
    let mut regions = 0;
    for file in files {
        let counts = [file.line_counts(), file.branch_counts()];
        for (total, counts) in total.iter_mut().zip(counts) {
            *total = (total.0 + counts.0, total.1 + counts.1);
        }
        regions += file.regions.len();
        put(&mut text, &file.path, counts, file.regions.len());
    }
    put(&mut text, "total", total, regions);
    text
}

fn put(text: &mut String, name: &str, [lines, branches]: [(usize, usize); 2], regions: usize) {
    let missed = if regions == 0 { String::new() } else { format!("{regions} not") };
    let _ = writeln!(text, "{name:28}{:>18}{missed:>10}{:>18}", share(lines), share(branches));
}

/// `45 of 50  90.0 %`, rounded down, so that 100 % is all.
fn share((all, reached): (usize, usize)) -> String {
    if all == 0 {
        return "-".into();
    }
    let per_mille = 1000 * reached / all;
    format!("{reached}/{all} {:3}.{}%", per_mille / 10, per_mille % 10)
}
