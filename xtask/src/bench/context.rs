//! What all scenarios have at hand.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use super::figure::{Better, Figure, Spread};
use super::options::Options;
use super::report::Goal;
use super::stack::{Session, Stack};
use super::state::State;
use super::store::{Place, Places};
use crate::failure::Failure;
use crate::progress::Progress;

/// A run on its way.
pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) runtime: Runtime,
    pub(crate) progress: Progress,
    pub(crate) goals: Vec<Goal>,
    pub(crate) figures: Vec<Figure>,
    /// Tables of the scenarios so far.
    pub(crate) text: String,
}

/// In which quantity figures are, and where they belong.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Quantity<'a> {
    pub(crate) scenario: &'a str,
    pub(crate) name: &'a str,
    pub(crate) unit: &'a str,
    pub(crate) better: Better,
}

impl Bench {
    /// Keeps one quantity of all contenders.
    pub(crate) fn figures(&mut self, quantity: Quantity<'_>, case: &str, results: &[(String, Spread)]) {
        for (stack, spread) in results {
            self.figure(quantity, case, stack, *spread);
        }
    }

    /// Judges what was measured against a limit.
    pub(crate) fn goal(&mut self, goal: &str, measured: String, better: Better, value: f64, limit: f64) {
        self.goals.push(Goal { goal: goal.to_owned(), measured, value, limit, better });
    }

    /// Keeps a figure.
    pub(crate) fn figure(&mut self, quantity: Quantity<'_>, case: &str, stack: &str, spread: Spread) {
        self.figures.push(Figure {
            scenario: quantity.scenario.to_owned(),
            case: case.to_owned(),
            stack: stack.to_owned(),
            quantity: quantity.name.to_owned(),
            unit: quantity.unit.to_owned(),
            better: quantity.better,
            spread,
        });
    }

    /// The user's own state, or a corpus of about so many bytes.
    pub(crate) fn state(&self, blob_len: usize, bytes: u64) -> Result<Arc<State>, Failure> {
        Ok(Arc::new(match &self.options.input {
            Some(directory) => State::directory(directory)?,
            None => State::of_bytes(self.options.corpus(), blob_len, bytes),
        }))
    }
}

/// Has a stack write a state again and again, an epoch a time, into a store that is empty each time.
pub(crate) struct Writer<'a> {
    runtime: &'a Runtime,
    places: &'a Places,
    stack: &'a dyn Stack,
    state: &'a Arc<State>,
    /// Of a stack that writes epoch after epoch.
    kept: Option<(Place, Box<dyn Session>)>,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(
        runtime: &'a Runtime,
        places: &'a Places,
        stack: &'a dyn Stack,
        state: &'a Arc<State>,
    ) -> Self {
        Self { runtime, places, stack, state, kept: None }
    }

    /// The time of all adds and the flush, and how many bytes are stored then.
    pub(crate) fn once(&mut self, stored: &Cell<u64>) -> Result<Duration, Failure> {
        let (place, mut session) = match self.kept.take() {
            Some(kept) => kept,
            None => {
                let place = self.places.fresh()?;
                let session = self.stack.session(self.state, Arc::clone(&place.store))?;
                (place, session)
            }
        };
        let begun = Instant::now();
        session.add_all()?;
        self.runtime.block_on(session.flush())?;
        let took = begun.elapsed();
        stored.set(self.runtime.block_on(place.bytes())?);
        self.runtime.block_on(place.clear())?;
        if session.goes_on() {
            self.kept = Some((place, session));
        }
        Ok(took)
    }
}

/// A place that a stack has written a state into, ready to be read.
pub(crate) fn written(
    runtime: &Runtime,
    place: Place,
    stack: &dyn Stack,
    state: &Arc<State>,
) -> Result<Place, Failure> {
    let mut session = stack.session(state, Arc::clone(&place.store))?;
    session.add_all()?;
    runtime.block_on(session.flush())?;
    place.settle();
    Ok(place)
}
