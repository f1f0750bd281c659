//! What a run has found: goals and figures, for people and as JSON.

use serde::{Deserialize, Serialize};

use super::figure::{Better, Figure};

/// The version of the JSON file's fields; raised when one changes its meaning.
pub(crate) const REPORT_VERSION: u32 = 1;

/// `bench.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Report {
    /// The version of these fields.
    pub(crate) version: u32,
    /// Where it ran.
    pub(crate) machine: Machine,
    /// Whether it was a `--quick` run.
    pub(crate) quick: bool,
    /// How long it took altogether.
    pub(crate) seconds: f64,
    /// What the project is held to, as far as it was measured.
    pub(crate) goals: Vec<Goal>,
    /// Everything that was measured.
    pub(crate) figures: Vec<Figure>,
}

/// Where a run took place: figures of different machines are not to be compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Machine {
    /// The operating system and the architecture.
    pub(crate) system: String,
    /// The processor's name, where it is known.
    pub(crate) processor: String,
    /// Cores that this process may use.
    pub(crate) cores: usize,
    /// Threads that the batcher was given.
    pub(crate) threads: usize,
}

/// Something that the project is held to, and how it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Goal {
    /// What is wanted, in words.
    pub(crate) goal: String,
    /// What was measured, in words and with units.
    pub(crate) measured: String,
    /// What was measured, in the unit of the limit.
    pub(crate) value: f64,
    /// What it is held against.
    pub(crate) limit: f64,
    /// On which side of the limit it should be.
    pub(crate) better: Better,
}

impl Goal {
    /// Whether the limit is kept.
    pub(crate) fn is_met(&self) -> bool {
        match self.better {
            Better::Higher => self.value >= self.limit,
            Better::Lower => self.value <= self.limit,
        }
    }
}

impl Machine {
    /// This machine.
    pub(crate) fn this(threads: usize) -> Self {
        let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        Self {
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            processor: model.map_or("unknown", |(_, name)| name).to_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            threads,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::figure::Spread;
    use super::*;

    #[test]
    fn a_report_survives_json() {
        let report = Report {
            version: REPORT_VERSION,
            machine: Machine::this(2),
            quick: true,
            seconds: 1.5,
            goals: vec![Goal {
                goal: "≥ 2".into(),
                measured: "2.1 MB/s".into(),
                value: 2.1,
                limit: 2.0,
                better: Better::Higher,
            }],
            figures: vec![Figure {
                scenario: "flush-throughput".into(),
                case: "64 KiB rows".into(),
                stack: "batcher, lz4".into(),
                quantity: "throughput".into(),
                unit: "MB/s".into(),
                better: Better::Higher,
                spread: Spread::of(&[0.1, 0.2, 1.0 / 3.0]),
            }],
        };
        let json = serde_json::to_string_pretty(&report).unwrap();
        assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
    }

    #[test]
    fn a_goal_is_met_on_its_side_of_the_limit() {
        let goal =
            |value, better| Goal { goal: String::new(), measured: String::new(), value, limit: 1.0, better };
        assert!(goal(1.0, Better::Higher).is_met() && goal(1.0, Better::Lower).is_met());
        assert!(goal(1.1, Better::Higher).is_met() && !goal(1.1, Better::Lower).is_met());
        assert!(!goal(0.9, Better::Higher).is_met() && goal(0.9, Better::Lower).is_met());
    }
}
