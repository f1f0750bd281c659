//! Rounds in which all contenders take turns, so that whatever changes with time, such as the clock rate, hits all alike.

use std::time::{Duration, Instant};

use super::figure::{Better, Spread};
use crate::failure::Failure;
use crate::progress::Progress;

/// Does once what is measured, and answers how long the part of it took that counts.
type Turn<'a> = Box<dyn FnMut() -> Result<Duration, Failure> + 'a>;

/// Contenders that are measured in turns.
pub(crate) struct Contest<'a> {
    title: String,
    contenders: Vec<(String, Turn<'a>)>,
}

impl<'a> Contest<'a> {
    /// The title is shown while the contest runs.
    pub(crate) fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), contenders: Vec::new() }
    }

    /// Adds a contender, whose turn prepares what need not count before it takes the time.
    pub(crate) fn add(
        &mut self,
        name: impl Into<String>,
        turn: impl FnMut() -> Result<Duration, Failure> + 'a,
    ) {
        self.contenders.push((name.into(), Box::new(turn)));
    }

    /// Runs a round for warming up and then those that count; answers seconds.
    pub(crate) fn run(
        mut self,
        rounds: usize,
        progress: &mut Progress,
    ) -> Result<Vec<(String, Spread)>, Failure> {
        let mut seconds = vec![Vec::with_capacity(rounds); self.contenders.len()];
        for round in 0..=rounds {
            for ((name, turn), seconds) in self.contenders.iter_mut().zip(&mut seconds) {
                progress.status(|| format!("{}: round {round} of {rounds}, {name}", self.title));
                let took = turn().map_err(|error| format!("{}, {name}: {error}", self.title))?;
                if round > 0 {
                    seconds.push(took.as_secs_f64());
                }
            }
        }
        let names = self.contenders.into_iter().map(|(name, _)| name);
        Ok(names.zip(seconds.iter().map(|seconds| Spread::of(seconds))).collect())
    }
}

/// The median of a contender; 0 where it did not take part.
pub(crate) fn median(results: &[(String, Spread)], name: &str) -> f64 {
    results.iter().find(|(other, _)| other == name).map_or(0.0, |(_, spread)| spread.median)
}

/// The best first.
pub(crate) fn ranked(results: &[(String, Spread)], better: Better) -> Vec<&(String, Spread)> {
    let mut ranked: Vec<_> = results.iter().collect();
    ranked.sort_by(|(_, one), (_, other)| match better {
        Better::Higher => other.median.total_cmp(&one.median),
        Better::Lower => one.median.total_cmp(&other.median),
    });
    ranked
}

/// How long it takes.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let result = work();
    (result, begun.elapsed())
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[test]
    fn contenders_take_turns_and_the_first_round_does_not_count() {
        let order = RefCell::new(Vec::new());
        let mut contest = Contest::new("test");
        for name in ["a", "b"] {
            let order = &order;
            let mut turns = 0;
            contest.add(name, move || {
                order.borrow_mut().push(name);
                turns += 1;
                Ok(Duration::from_secs(if turns == 1 { 1000 } else { turns }))
            });
        }
        let results = contest.run(3, &mut Progress::new()).unwrap();
        assert_eq!(*order.borrow(), ["a", "b", "a", "b", "a", "b", "a", "b"]);
        assert_eq!(results[1], ("b".to_owned(), Spread::of(&[2.0, 3.0, 4.0])));
    }

    #[test]
    fn a_failure_ends_the_contest() {
        let mut contest = Contest::new("test");
        contest.add("a", || Err("broken".into()));
        assert!(contest.run(1, &mut Progress::new()).is_err());
    }
}
