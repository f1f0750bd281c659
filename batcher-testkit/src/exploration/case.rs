//! One run of a scenario.

use std::any::Any;
use std::fmt;
use std::pin::pin;

use super::Exploration;
use super::report::{CaseReport, Report, Tally};
use crate::fault::FaultPlan;
use crate::judge::{Judge, Violation};
use crate::world::{Behind, Chooser, Ended, FiredFault, History, InjectedPanic, World};

pub(super) struct Case {
    pub(super) store_calls: u32,
    pub(super) fired: Vec<FiredFault>,
    /// The calls whose faults come about, if ever, at a crash or a restart.
    pub(super) armed: Vec<Behind>,
    pub(super) violations: Vec<Violation>,
    pub(super) history: History,
    /// What was to go wrong.
    pub(super) plan: FaultPlan,
}

impl Case {
    /// Ends a world, and says what has come of it.
    fn of(world: &World) -> Self {
        let mut state = world.state();
        let case = Self {
            store_calls: state.store_calls,
            fired: std::mem::take(&mut state.fired),
            armed: std::mem::take(&mut state.armed),
            violations: std::mem::take(&mut state.violations),
            history: state.take_history(),
            plan: state.take_faults(),
        };
        let under_way = state.end();
        drop(state);
        drop(under_way);
        case
    }

    pub(super) fn into_report(self) -> CaseReport {
        CaseReport { violations: self.violations, fired: self.fired, history: self.history, plan: self.plan }
    }
}

impl<S, F, E> Exploration<S>
where
    S: Fn(World) -> F + Sync,
    F: Future<Output = Result<(), E>>,
    E: fmt::Display,
{
    /// The run in which nothing goes wrong, and the count that it begins; a report where it fails already.
    pub(super) fn clean(&self) -> Result<(Case, Tally), Box<Report>> {
        let case = self.planned(FaultPlan::new());
        let mut tally = Tally::new(&self.kinds, case.store_calls);
        tally.add(&FaultPlan::new(), &case);
        if case.violations.is_empty() {
            return Ok((case, tally));
        }
        Err(Box::new(tally.report(vec![self.failure(FaultPlan::new(), case)])))
    }

    pub(super) fn planned(&self, plan: FaultPlan) -> Case {
        self.case(Chooser::planned(plan))
    }

    pub(super) fn case(&self, chooser: Chooser) -> Case {
        // Within are all of the world's beginning, end and drop: a store may need a runtime for each.
        let (mut chooser, mut cases) = (Some(chooser), Vec::new());
        let mut run = || cases.push(self.judged(chooser.take().unwrap_or_default()));
        match &self.within {
            Some(within) => within(&mut run),
            None => run(),
        }
        let runs = cases.len();
        let mut case = cases.into_iter().next().unwrap_or_else(|| Case::of(&World::default()));
        if runs != 1 {
            let message = format!("what the runs are within made {runs} runs of one");
            case.violations.push(Violation { judge: Judge::Failed, message });
        }
        case
    }

    fn judged(&self, chooser: Chooser) -> Case {
        let world = World::choosing(chooser);
        self.measured(&world);
        Case::of(&world)
    }

    fn measured(&self, world: &World) {
        match self.memory {
            None => self.run_in(world),
            Some((probe, limit)) => {
                let used = probe(&mut || self.run_in(world));
                if used > limit {
                    world.report(Judge::Memory, format!("{used} bytes, over the limit of {limit}"));
                }
            }
        }
    }

    fn run_in(&self, world: &World) {
        let scenario = async { (self.scenario)(world.clone()).await.map_err(|error| error.to_string()) };
        match world.drive(pin!(scenario), self.limits) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => world.report(Judge::Failed, error),
            Err(ended) => report_end(world, ended, "the scenario"),
        }
        // Nothing can crash or be given up any longer.
        let judged = async {
            world.settle().await;
            world.judge_stores().await;
        };
        if let Err(ended) = world.drive(pin!(judged), self.limits) {
            report_end(world, ended, "what is under way at the end");
        }
    }
}

fn report_end(world: &World, ended: Ended, what: &str) {
    match ended {
        Ended::Stuck => world.report(Judge::Stuck, format!("{what} waits for something that never comes")),
        Ended::Limit(limit) => world.report(Judge::Time, format!("{what} is over the limit of {limit}")),
        Ended::Panicked(payload) => world.report(Judge::Panicked, panic_message(&*payload)),
    }
}

fn panic_message(payload: &(dyn Any + Send)) -> String {
    if payload.is::<InjectedPanic>() {
        return "a fault's panic came through, outside of any attempt".to_owned();
    }
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a message".to_owned())
}
