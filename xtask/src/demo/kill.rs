//! When the worker is to be killed.

use std::fmt;
use std::time::Duration;

use super::options::{Kills, Plan};

/// A point at which to kill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KillAt {
    /// When this many events have been processed.
    Event(u64),
    /// In the checkpoint of this epoch, when it has run for so many thousandths of the time that the one before took.
    Checkpoint { epoch: u64, thousandths: u32 },
}

impl KillAt {
    pub(super) fn middle_of(epoch: u64) -> Self {
        Self::Checkpoint { epoch, thousandths: 500 }
    }

    /// The number of events at which it will be.
    fn position(&self, plan: &Plan) -> u64 {
        match self {
            Self::Event(event) => *event,
            Self::Checkpoint { epoch, .. } => plan.events_before(*epoch),
        }
    }
}

impl fmt::Display for KillAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Event(event) => write!(f, "event {event}"),
            Self::Checkpoint { epoch, .. } => write!(f, "in the checkpoint of epoch {epoch}"),
        }
    }
}

/// The points that are still to come, the next one last.
#[derive(Debug)]
pub(super) struct KillPlan {
    left: Vec<KillAt>,
}

impl KillPlan {
    pub(super) fn new(kills: &Kills, plan: &Plan) -> Self {
        let mut left = match kills {
            Kills::At(points) => points.clone(),
            Kills::Random(count) => random(*count, plan),
        };
        left.sort_by_key(|at| std::cmp::Reverse(at.position(plan)));
        Self { left }
    }

    /// In the order in which they will be.
    pub(super) fn points(&self) -> impl Iterator<Item = &KillAt> {
        self.left.iter().rev()
    }

    /// Whether to kill at once, now that so many events have been processed.
    pub(super) fn at_event(&mut self, processed: u64) -> Option<KillAt> {
        self.left.pop_if(|next| matches!(next, KillAt::Event(event) if *event <= processed))
    }

    /// Whether, and after what time, to kill, now that this epoch's checkpoint has begun; the last one took `took`.
    pub(super) fn in_checkpoint(&mut self, epoch: u64, took: Duration) -> Option<(KillAt, Duration)> {
        let next =
            self.left.pop_if(|next| matches!(next, KillAt::Checkpoint { epoch: at, .. } if *at <= epoch))?;
        let KillAt::Checkpoint { thousandths, .. } = next else { return None };
        Some((next, took * thousandths / 1000))
    }
}

/// Every second one in a checkpoint, the first one included: those are the hard ones.
fn random(count: u32, plan: &Plan) -> Vec<KillAt> {
    let mut state = plan.seed;
    let mut below = |bound: u64| {
        // SplitMix64.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut hash = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (hash ^ (hash >> 31)) % bound
    };
    (0..count)
        .map(|kill| {
            if kill % 2 == 0 {
                let epoch = 1 + below(plan.epochs());
                KillAt::Checkpoint { epoch, thousandths: u32::try_from(100 + below(700)).unwrap_or(500) }
            } else {
                KillAt::Event(1 + below(plan.events))
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::options::CodecName;

    fn plan(seed: u64) -> Plan {
        Plan {
            events: 1000,
            every: 100,
            codec: CodecName::Lz4,
            store: String::new(),
            store_options: Vec::new(),
            prefix: String::new(),
            keep: 1,
            seed,
        }
    }

    #[test]
    fn random_points_follow_from_the_seed_and_are_possible() {
        for seed in 0..500 {
            let points = random(4, &plan(seed));
            assert_eq!(points, random(4, &plan(seed)));
            for point in points {
                assert!((1..=1000).contains(&point.position(&plan(seed))), "{point}");
            }
        }
        assert_ne!(random(4, &plan(1)), random(4, &plan(2)));
    }

    #[test]
    fn each_point_is_met_once_and_in_order() {
        let points = vec![KillAt::Event(700), KillAt::middle_of(3), KillAt::Event(50)];
        let mut kills = KillPlan::new(&Kills::At(points), &plan(0));
        assert_eq!(kills.at_event(49), None);
        assert_eq!(kills.in_checkpoint(3, Duration::ZERO), None);
        assert_eq!(kills.at_event(60), Some(KillAt::Event(50)));
        assert_eq!(kills.at_event(60), None);
        assert_eq!(kills.in_checkpoint(2, Duration::ZERO), None);
        let second = Duration::from_secs(1);
        assert_eq!(kills.in_checkpoint(3, second), Some((KillAt::middle_of(3), second / 2)));
        assert_eq!(kills.in_checkpoint(3, second), None);
        assert_eq!(kills.at_event(1000), Some(KillAt::Event(700)));
        assert_eq!(kills.at_event(1000), None);
    }
}
