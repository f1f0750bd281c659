//! What a world consists of.

use std::collections::HashMap;
use std::iter::successors;
use std::sync::Arc;
use std::task::Waker;
use std::thread::Thread;

use batcher_core::BlobStore;

use super::attendance::{Attendance, Attendants};
use super::clock::Clock;
use super::detached::Detached;
use super::ledger::{Ledger, Wreck};
use super::model::Model;
use super::record::{Behind, CallRecord, EventKind, FiredFault, History};
use crate::fault::{
    Call, CallInfo, Chosen, Depth, Entry, Fate, Fault, FaultKind, FaultPlan, PendingPoint, Plan, Site, Span,
};
use crate::judge::Violation;

/// How often something may be pending of which that is not known.
const UNKNOWN: u32 = 22;

/// Decides what goes wrong.
#[derive(Debug, Default)]
pub(crate) struct Chooser {
    plan: Plan,
    chance: Option<Chance>,
}

/// Faults by seed: each call is decided by the seed and its site, whatever else happens.
#[derive(Clone, Debug)]
pub(crate) struct Chance {
    pub(crate) seed: u64,
    pub(crate) odds: Arc<Odds>,
    pub(crate) most: usize,
    pub(crate) kinds: Arc<[FaultKind]>,
    pub(crate) lasting: bool,
    pub(crate) late_window: u32,
}

/// How likely calls are to go wrong.
#[derive(Debug, Default)]
pub(crate) struct Odds {
    /// Of a million calls of a kind, how many.
    pub(crate) per_million: [u64; Call::ALL.len()],
    /// How often each attempt and process is pending, about, by its label.
    pub(crate) pendings: HashMap<Arc<str>, u32>,
}

impl Chooser {
    pub(crate) fn planned(plan: FaultPlan) -> Self {
        Self { plan: Plan::new(plan), chance: None }
    }

    pub(crate) fn by_chance(chance: Chance) -> Self {
        Self { plan: Plan::default(), chance: Some(chance) }
    }

    fn choose(&mut self, site: &Site, total: u32, info: &CallInfo) -> Option<Chosen> {
        let planned = self.plan.fault(site, total, info);
        let chance = self.chance.as_ref().filter(|chance| self.plan.len() < chance.most);
        let (None, Some(chance)) = (planned, chance) else { return planned };
        let (fault, span) = chance.choose(site, info)?;
        Some(self.plan.begin(Entry::at(site, span, fault)))
    }

    /// The faults that were planned or chosen, and not those that have come about. One changes what happens even where it has not come about, as
    /// when the caller of a request that is to be lost goes away before.
    fn into_faults(self) -> FaultPlan {
        self.plan.into_faults()
    }
}

impl Chance {
    fn choose(&self, site: &Site, info: &CallInfo) -> Option<(Fault, Span)> {
        let mut hash = crate::digest::Digest::seeded(self.seed);
        hash.update(&[u8::try_from(site.call.index()).unwrap_or_default()]);
        hash.update(site.key.as_bytes());
        hash.update(&site.nth.to_le_bytes());
        let draw = hash.finish();
        if draw % 1_000_000 >= self.odds.per_million[site.call.index()] {
            return None;
        }
        let mut info = info.clone();
        // How long an answer will be nobody knows yet, nor how often the future will be pending in this case.
        if matches!(site.call, Call::Attempt | Call::Process) {
            let point = |nth| PendingPoint { nth, moments: 0, open_writes: true };
            let about = self.odds.pendings.get(&site.key).copied().unwrap_or(UNKNOWN);
            info.pendings = (0..about + 2).map(point).collect();
        }
        if info.len == 0 {
            info.len = 64;
        }
        info.present = true;
        let mut faults = Vec::new();
        for kind in self.kinds.iter() {
            let mut of_kind = Vec::new();
            kind.variants(
                site.call,
                &info,
                Depth { late_window: self.late_window, coarse: false },
                &mut |fault| {
                    of_kind.push(fault);
                },
            );
            if let Some(fault) = pick(&of_kind, draw >> 32) {
                faults.push(fault);
            }
        }
        let fault = pick(&faults, draw >> 20)?;
        let spans: Vec<Span> = fault.kind().spans(self.lasting).collect();
        Some((fault, pick(&spans, draw >> 44)?))
    }
}

fn pick<T: Copy>(choices: &[T], draw: u64) -> Option<T> {
    let count = choices.len() as u64;
    let index = draw.checked_rem(count)?;
    choices.get(usize::try_from(index).ok()?).copied()
}

/// Calls by kind on one key, and the key once more, to be shared.
type Counts = (Arc<str>, [u32; Call::ALL.len()]);

/// Everything about one world, behind its lock. Nothing of the code under test is called while it is locked.
#[derive(Debug)]
pub(crate) struct State {
    chooser: Chooser,
    totals: [u32; Call::ALL.len()],
    counts: HashMap<Arc<str>, Counts>,
    pub(crate) calls: Vec<CallRecord>,
    events: Vec<(u32, EventKind)>,
    pub(crate) fired: Vec<FiredFault>,
    /// Calls to stores so far, by which lateness is measured.
    pub(crate) store_calls: u32,
    /// The latest of all calls that were answered, by when they were submitted.
    pub(crate) latest_answered: Option<u32>,
    pub(crate) detached: Vec<Detached>,
    pub(crate) attendants: Arc<Attendants>,
    /// What threads are polling right now, what is within behind what it is in.
    pub(crate) attendances: Vec<Attendance>,
    pub(crate) clock: Clock,
    /// Calls that wait until a later one is answered, or until nothing else can happen.
    pub(crate) overtaken: Vec<Waker>,
    pub(crate) idle_rounds: u32,
    /// Writes that were submitted and not begun by the wrapped store, and whose callers still wait.
    pub(crate) open_writes: u32,
    /// Futures of wrapped stores that were polled and have not ended.
    pub(crate) in_stores: u32,
    /// How often effects are being polled that nobody waits for, until whoever waits for that has been woken.
    pub(crate) attending: u32,
    /// Calls that will never be answered, and whose callers still wait.
    pub(crate) hanging: u32,
    /// Jobs handed to wrapped executors that have neither run nor been dropped.
    pub(crate) jobs: u32,
    /// The thread that waits until they have.
    pub(crate) driver: Option<Thread>,
    /// How often something has ended that the driver waits for.
    pub(crate) progress: u64,
    pub(crate) late_jobs: Vec<LateJob>,
    /// Attempts and processes that have begun and not ended, with whom to wake once they have been pending.
    pub(crate) regions: Vec<(u32, Option<Waker>)>,
    /// Those that are being polled right now, what is within behind what it is in. Threads that work meanwhile work for
    /// them: whoever polls may wait for a thread.
    polled: Vec<(Call, u32)>,
    /// Whether the innermost attempt is to give up.
    pub(crate) give_up: bool,
    /// Whether the process is to die.
    pub(crate) crash: bool,
    /// What becomes of effects under way while a future is being dropped by a fault.
    pub(crate) fate: Option<Fate>,
    pub(crate) stores: Vec<(Arc<dyn BlobStore>, Ledger)>,
    pub(crate) doomed: Vec<(usize, String, u32, Wreck)>,
    /// Calls whose faults are to come about later, at a crash or a restart.
    pub(crate) armed: Vec<Behind>,
    /// Whether a store holds something else than it should.
    pub(crate) damaged: bool,
    pub(crate) model: Model,
    pub(crate) rewritable: Vec<String>,
    pub(crate) violations: Vec<Violation>,
    /// Whether the case has ended, and nothing is to hold the world any longer.
    pub(crate) ended: bool,
}

/// Hands a job to the executor that it was meant for.
pub(crate) struct LateJob(pub(crate) Box<dyn FnOnce() + Send>);

impl std::fmt::Debug for LateJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LateJob")
    }
}

/// A call that was made.
#[derive(Clone, Debug)]
pub(crate) struct Submitted {
    /// Its place among all calls.
    pub(crate) id: u32,
    /// Its place among the calls to stores.
    pub(crate) store_call: u32,
    pub(crate) fault: Option<Fault>,
    pub(crate) key: Arc<str>,
}

impl State {
    pub(crate) fn new(chooser: Chooser) -> Self {
        Self {
            chooser,
            totals: [0; Call::ALL.len()],
            counts: HashMap::new(),
            calls: Vec::new(),
            events: Vec::new(),
            fired: Vec::new(),
            store_calls: 0,
            latest_answered: None,
            detached: Vec::new(),
            attendants: Arc::default(),
            attendances: Vec::new(),
            clock: Clock::default(),
            overtaken: Vec::new(),
            idle_rounds: 0,
            open_writes: 0,
            in_stores: 0,
            attending: 0,
            hanging: 0,
            jobs: 0,
            driver: None,
            progress: 0,
            late_jobs: Vec::new(),
            regions: Vec::new(),
            polled: Vec::new(),
            give_up: false,
            crash: false,
            fate: None,
            stores: Vec::new(),
            doomed: Vec::new(),
            armed: Vec::new(),
            damaged: false,
            model: Model::default(),
            rewritable: Vec::new(),
            violations: Vec::new(),
            ended: false,
        }
    }

    pub(crate) fn add_store(&mut self, store: Arc<dyn BlobStore>) -> usize {
        self.stores.push((store, Ledger::default()));
        self.stores.len() - 1
    }

    pub(crate) fn ledger(&mut self, store: usize) -> &mut Ledger {
        &mut self.stores[store].1
    }

    pub(crate) fn total(&self, call: Call) -> u32 {
        self.totals[call.index()]
    }

    /// Counts a call and decides what goes wrong with it.
    pub(crate) fn submit(&mut self, call: Call, key: &str, mut info: CallInfo) -> Submitted {
        for (region, id) in &self.polled {
            info.in_attempt = true;
            info.region = Some(*id);
            if *region == Call::Process {
                info.process = Some(*id);
            }
        }
        let total = self.totals[call.index()];
        self.totals[call.index()] += 1;
        let (key, counts) = match self.counts.get_mut(key) {
            Some((key, counts)) => (Arc::clone(key), counts),
            None => {
                let key: Arc<str> = key.into();
                let (_, counts) = self.counts.entry(Arc::clone(&key)).or_insert((Arc::clone(&key), [0; _]));
                (key, counts)
            }
        };
        let site = Site { call, key, nth: counts[call.index()] };
        counts[call.index()] += 1;
        let chosen = self.chooser.choose(&site, total, &info);
        if call.is_store() {
            self.store_calls += 1;
        }
        let id = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        info.submitted = self.events.len() + 1;
        let key = Arc::clone(&site.key);
        self.calls.push(CallRecord { site, info, fault: chosen });
        self.event(id, EventKind::Invoked);
        Submitted { id, store_call: self.store_calls, fault: chosen.map(|chosen| chosen.fault), key }
    }

    /// Notes that the fault of a call has come about.
    pub(crate) fn fire(&mut self, id: u32) {
        let Some(record) = self.calls.get(id as usize) else { return };
        if let Some(Chosen { fault, span, entry }) = record.fault {
            let behind = self.behind(id, record);
            self.fired.push(FiredFault { site: record.site.clone(), fault, span, entry, behind });
        }
    }

    /// What is behind the fault of a call, which comes about now.
    fn behind(&self, of: u32, record: &CallRecord) -> Behind {
        let (call, moments) = (record.site.call, self.events.len());
        if call.is_region() {
            let submitted = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
            return Behind { of, call: submitted, within: moments + 1, beside: moments };
        }
        // Codecs and executors have gone wrong when their call is over, which is no moment.
        let within = moments + usize::from(call.is_store());
        Behind { of, call: of + 1, within, beside: record.info.submitted }
    }

    /// What is called from now on is called within this attempt or process.
    pub(crate) fn enter(&mut self, call: Call, id: u32) {
        self.polled.push((call, id));
    }

    /// It is no longer being polled.
    pub(crate) fn leave(&mut self, id: u32) {
        if let Some(place) = self.polled.iter().rposition(|(_, polled)| *polled == id) {
            self.polled.remove(place);
        }
    }

    pub(crate) fn event(&mut self, id: u32, kind: EventKind) {
        self.events.push((id, kind));
    }

    /// Notes that an attempt or a process is pending; once for each state of the calls in it.
    pub(crate) fn pending(&mut self, id: u32, nth: u32, events_before: &mut usize) {
        if nth > 0 && std::mem::replace(events_before, self.events.len()) == self.events.len() {
            return;
        }
        let (moments, open_writes) = (self.events.len(), self.open_writes > 0);
        if let Some(record) = self.calls.get_mut(id as usize) {
            record.info.pendings.push(PendingPoint { nth, moments, open_writes });
        }
    }

    /// Notes an answer; whom it wakes, once the lock is no longer held.
    #[must_use]
    pub(crate) fn answer(&mut self, id: u32, kind: EventKind) -> Vec<Waker> {
        self.latest_answered = self.latest_answered.max(Some(id));
        self.event(id, kind);
        std::mem::take(&mut self.overtaken)
    }

    /// Whether threads are at something that may wake somebody.
    pub(crate) fn waits_for_threads(&self) -> bool {
        self.in_stores > 0 || self.jobs > 0 || self.attending > 0
    }

    /// Something has ended that the driver waits for. It need not wake anybody: that it has ended may be all that the world
    /// waits for.
    pub(crate) fn progressed(&mut self) {
        self.progress += 1;
        if let Some(driver) = self.driver.as_ref().filter(|_| !self.waits_for_threads()) {
            driver.unpark();
        }
    }

    pub(crate) fn heal(&mut self) {
        self.chooser.plan.heal();
    }

    /// Keeps a job until nothing else can happen, or gives it back where the case has ended: it holds the world.
    #[must_use]
    pub(crate) fn keep_job(&mut self, late: LateJob) -> Option<LateJob> {
        if self.ended {
            return Some(late);
        }
        self.late_jobs.push(late);
        None
    }

    /// What is under way holds the world; without this a world whose case has ended would hold itself.
    pub(crate) fn end(&mut self) -> impl Sized + use<> {
        self.ended = true;
        (std::mem::take(&mut self.detached), std::mem::take(&mut self.late_jobs), self.attendants.take())
    }

    /// A process has died: nobody is left who could end its uploads, and those of processes within it.
    pub(crate) fn die(&mut self, process: u32) {
        self.crash = false;
        let process_of = |call: u32| self.calls.get(call as usize)?.info.process;
        for (_, ledger) in &mut self.stores {
            for (start, upload) in &mut ledger.uploads {
                let mut within = successors(process_of(*start), |call| process_of(*call));
                upload.excused |= within.any(|around| around == process);
            }
        }
    }

    /// Somebody was told that they have written this object, by a call that they made after they had given up waiting for an
    /// upload to become it: it is not needed any longer. Of other processes' uploads they need not know.
    pub(crate) fn stands(&mut self, store: usize, name: &str, told: u32) {
        let process_of = |call: u32| self.calls.get(call as usize).map(|record| record.info.process);
        let (_, ledger) = &mut self.stores[store];
        for (start, upload) in ledger.uploads.iter_mut().filter(|(_, upload)| upload.name == name) {
            let given_up = upload.doubt.is_some_and(|doubt| !doubt.waits && doubt.call < told);
            if given_up && process_of(*start) == process_of(told) {
                upload.doubt = None;
            }
        }
    }

    pub(crate) fn history(&self) -> History {
        History::new(self.calls.clone(), self.events.clone())
    }

    /// What was planned to go wrong or was chosen to; nothing is any longer.
    pub(crate) fn take_faults(&mut self) -> FaultPlan {
        std::mem::take(&mut self.chooser).into_faults()
    }

    pub(crate) fn take_history(&mut self) -> History {
        History::new(std::mem::take(&mut self.calls), std::mem::take(&mut self.events))
    }

    /// Has what a call wrote be lost at the next crash or restart.
    pub(crate) fn doom(&mut self, store: usize, name: &str, call: u32, wreck: Wreck) {
        if let Some(record) = self.calls.get(call as usize) {
            self.armed.push(self.behind(call, record));
        }
        self.doomed.push((store, name.to_owned(), call, wreck));
    }
}
