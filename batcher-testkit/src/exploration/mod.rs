//! Runs a scenario with everything going wrong that can go wrong.

mod case;
mod report;
mod sample;
mod shrink;
mod sweep;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

pub use self::report::{CaseReport, Failure, FaultCount, Progress, Report};
use crate::fault::{FaultKind, FaultPlan, ParseError};
use crate::world::{Limits, World};

/// Runs a closure and gives the most bytes that this thread had allocated at a time meanwhile.
///
/// The testkit has no allocator of its own; crates that count allocations by thread give such a function in a line.
pub type AllocationProbe = fn(&mut dyn FnMut()) -> u64;

/// Calls what it is given.
type Around = Box<dyn Fn(&mut dyn FnMut()) + Sync + Send>;

/// Is told how far an exploration has come.
type Tell = Box<dyn Fn(&Progress) + Sync + Send>;

/// Runs a scenario again and again: once with nothing going wrong, then with each fault in each call that it can happen to,
/// then with each two of them, and so on, and judges every run.
///
/// The scenario is a function from a [`World`] to a future. It wraps its stores with [`World::store`], says what it
/// [wrote](World::wrote) and what was [acknowledged](World::acknowledged), reads everything back and lets the world
/// [judge](World::judge_read) it; a panic or an error is a defect, too. It must do the same each time but for what
/// goes wrong: no clock, no randomness of its own, no order of a hash map.
///
/// Runs of one exploration are spread over threads; each has a world of its own and needs no runtime. A store that does, a client
/// of HTTP for instance, finds none on those threads, not even from `#[tokio::test]`; see [`within`](Self::within).
///
/// With a loop as recovery has one:
///
/// ```
/// use batcher_core::{BlobSink, BlobSource, PutMode, ReadRange};
/// use batcher_testkit::{Exploration, FaultKind, MemoryStore, World};
/// use bytes::Bytes;
///
/// let report = Exploration::new(|world: World| async move {
///     let store = world.store(MemoryStore::new());
///     world.wrote("state", "1");
///     // However often it fails: put the same again until it is acknowledged.
///     loop {
///         let put = store.put("state", Bytes::from_static(b"1").into(), PutMode::Replace);
///         if let Some(Ok(())) = world.attempt("put", put).await {
///             break;
///         }
///         world.heal();
///     }
///     world.acknowledged();
///     world.settle().await;
///     let read = store.inner().read("state", ReadRange::Bounded(0..9)).await?;
///     world.judge_read([("state", read.bytes)]);
///     Ok::<(), batcher_core::StoreError>(())
/// })
/// .faults([FaultKind::AckLost, FaultKind::RequestLost, FaultKind::Late, FaultKind::Cancel])
/// .depth(2)
/// .run();
/// report.assert_clean();
/// assert!(report.cases() > 20);
/// ```
///
/// A flush, with everything wrapped that it calls, so that all can go wrong:
///
/// ```
/// use batcher_codecs::{Lz4, registry};
/// use batcher_core::{BatchReader, Batcher, Inline};
/// use batcher_testkit::{Exploration, FaultKind::*, MemoryStore, World};
///
/// async fn flush(world: World) -> Result<(), Box<dyn std::error::Error>> {
///     let store = world.store(MemoryStore::new()); // Or a store of one's own.
///     let batcher = Batcher::builder(world.codec(Lz4::default()), store.clone());
///     let mut batcher = batcher.executor(world.executor(Inline)).build()?;
///     batcher.add("counts", "1")?;
///     world.wrote("counts", "1");
///     let report = loop {
///         match world.attempt("flush", batcher.flush(7)).await {
///             Some(Ok(report)) => break report,
///             _ => world.judge_held(batcher.len()),
///         }
///         world.heal();
///     };
///     world.acknowledged();
///     world.settle().await;
///     let inner = store.inner().clone();
///     let reader = BatchReader::open(inner, &report.receipts[0].object, &registry()).await?;
///     world.judge_read(reader.get("counts").await?.map(|blob| ("counts", blob)));
///     Ok(())
/// }
///
/// let never = [ListMisses, ListRepeats, ListReversed, ListBreaksOff, Oversleeps, ClockJumps];
/// let no_process = [CrashBefore, CrashAfter];
/// // What is put is read back only after an answer that left its outcome open: reads go wrong in pairs alone.
/// Exploration::new(flush).without(never).without(no_process).depth(2).run().assert_clean();
/// ```
#[must_use]
pub struct Exploration<S> {
    scenario: S,
    kinds: Arc<[FaultKind]>,
    depth: usize,
    involved: Option<Vec<FaultKind>>,
    lasting: bool,
    late_window: u32,
    threads: usize,
    most_failures: usize,
    limits: Limits,
    memory: Option<(AllocationProbe, u64)>,
    within: Option<Around>,
    progress: Option<Tell>,
}

impl<S> fmt::Debug for Exploration<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exploration")
            .field("kinds", &self.kinds)
            .field("depth", &self.depth)
            .finish_non_exhaustive()
    }
}

impl<S, F, E> Exploration<S>
where
    S: Fn(World) -> F + Sync,
    F: Future<Output = Result<(), E>>,
    E: fmt::Display,
{
    /// An exploration of a scenario: single faults of every kind that the code under test must get over without losing
    /// anything, which come once.
    pub fn new(scenario: S) -> Self {
        Self {
            scenario,
            kinds: FaultKind::survivable().into(),
            depth: 1,
            involved: None,
            lasting: false,
            late_window: 3,
            threads: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            most_failures: 4,
            limits: Limits { polls: 200_000, calls: 5_000, time: Duration::from_secs(30 * 24 * 3600) },
            memory: None,
            within: None,
            progress: None,
        }
    }

    /// The kinds of faults. Default: all that are [survivable](FaultKind::survivable). One that comes about in no run fails
    /// the exploration: leave out what cannot happen to the scenario with [`without`](Self::without).
    pub fn faults(mut self, kinds: impl IntoIterator<Item = FaultKind>) -> Self {
        self.kinds = kinds.into_iter().collect();
        self
    }

    /// Leaves out kinds of faults, as those that cannot happen to a scenario:
    ///
    /// | where it | nothing comes of |
    /// | --- | --- |
    /// | has no [`World::process`] | [`CrashBefore`](FaultKind::CrashBefore), [`CrashAfter`](FaultKind::CrashAfter) |
    /// | has no [`World::attempt`] either | `Cancel`, `Hang`, `HangAfter`, `PanicBefore`, `PanicAfter` |
    /// | has no process that dies, nor [restarts](World::restart) | `Vanishes`, `Blanked` |
    /// | only replaces | `OwnExists`, `PhantomExists` |
    /// | reads nothing through a wrapped store | `ShortRead`, `FlipBit`, `ZeroedRead`, `Misdirected`, `Stale`, `Absent` |
    /// | lists nothing there | `ListMisses`, `ListRepeats`, `ListReversed`, `ListBreaksOff` |
    /// | wraps no codec | `CodecFails`, `CodecPanics`, `CodecLies` |
    /// | wraps no executor | `JobDropped`, `JobLate`, `ExecutorPanics` |
    /// | pauses on no [`World::timer`] | `Oversleeps`, `ClockJumps` |
    pub fn without(mut self, kinds: impl IntoIterator<Item = FaultKind>) -> Self {
        let out: Vec<_> = kinds.into_iter().collect();
        self.kinds = self.kinds.iter().copied().filter(|kind| !out.contains(kind)).collect();
        self
    }

    /// The most faults in one run, all combinations of which are tried, each in a call behind those of the others. Default: 1.
    /// An attempt is dropped also before anything else is called; not, though, before anything else has happened, which is the same as if
    /// the call before had not gone wrong.
    ///
    /// A fault that is not the first has one parameter where the first has several that make little difference: an effect is late by one
    /// call or until the world is settled, one byte of a reply is missing or the bit in its middle is flipped, half of an object is left.
    pub fn depth(mut self, faults: usize) -> Self {
        self.depth = faults;
        self
    }

    /// Of the combinations of as many faults as there may be in one run, tries only those with a fault of these kinds; with
    /// fewer faults, all. Default: all.
    ///
    /// So one exploration becomes two that can run apart: all combinations without these kinds, by
    /// [`without`](Self::without), and all with one of them.
    pub fn involving(mut self, kinds: impl IntoIterator<Item = FaultKind>) -> Self {
        self.involved = Some(kinds.into_iter().collect());
        self
    }

    /// Has faults also last, from a call on until the scenario [heals](World::heal) the world. Default: each comes once.
    ///
    /// | kinds | also befall |
    /// | --- | --- |
    /// | `Reject`, `RequestLost`, `AckLost`, `OwnExists`, `PhantomExists`, `Hang`, `SlowAnswer`, `ShortRead`, `FlipBit`, `Absent`, `CodecFails`, `JobDropped`, `JobLate` | all further calls of the [same operation](crate::Span::Persistent) |
    /// | `Reject` with `Throttled`, `Unavailable` or `Denied`, and `RequestLost` | all further calls of [all stores](crate::Span::Outage), as when credentials expire or a network is away |
    pub fn lasting(mut self, lasting: bool) -> Self {
        self.lasting = lasting;
        self
    }

    /// By how many calls an effect can be late, besides coming when the world is [settled](World::settle). Default: 3. Of several
    /// faults that are [combined](Self::depth) this holds for the first; the others are late by one call or until then.
    pub fn late_window(mut self, calls: u32) -> Self {
        self.late_window = calls;
        self
    }

    /// Number of threads. Default: as many as there are cores.
    pub fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads.get();
        self
    }

    /// The most cases that fail after which the exploration ends; of those that shrink to the same, the report has one. Default: 4.
    pub fn most_failures(mut self, failures: NonZeroUsize) -> Self {
        self.most_failures = failures.get();
        self
    }

    /// The most calls in one run, and the most of the world's time; a run that takes more, or 200,000 polls, counts as one that never ends.
    /// Default: 5,000 and 30 days.
    pub fn limits(mut self, calls: u32, time: Duration) -> Self {
        self.limits.calls = calls;
        self.limits.time = time;
        self
    }

    /// The most bytes that a run may have allocated at a time. Default: not measured.
    pub fn memory_limit(mut self, probe: AllocationProbe, bytes: u64) -> Self {
        self.memory = Some((probe, bytes));
        self
    }

    /// Has each run take place within this, which must call once what it is given: where a runtime has been entered, for a store
    /// that spawns tasks or waits by the runtime's timers. Default: it is just called.
    ///
    /// A scenario that entered the runtime itself would leave it at its end, when late effects are still to come about and
    /// the stores are read to be judged.
    ///
    /// ```
    /// use batcher_core::{BlobSink, PutMode};
    /// use batcher_testkit::{Exploration, FaultKind, MemoryStore, World};
    /// use bytes::Bytes;
    ///
    /// let runtime = tokio::runtime::Runtime::new()?;
    /// let handle = runtime.handle().clone();
    /// let report = Exploration::new(|world: World| async move {
    ///     let store = world.store(MemoryStore::new()); // Or a client of HTTP.
    ///     let _ = store.put("state", Bytes::from_static(b"1").into(), PutMode::Replace).await;
    ///     Ok::<(), String>(())
    /// })
    /// .within(move |run| {
    ///     let _entered = handle.enter();
    ///     run();
    /// })
    /// .faults([FaultKind::AckLost])
    /// .run();
    /// report.assert_clean();
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn within(mut self, around: impl Fn(&mut dyn FnMut()) + Sync + Send + 'static) -> Self {
        self.within = Some(Box::new(around));
        self
    }

    /// Is called now and then, from whichever thread, with how far it has come. Default: nothing is said.
    pub fn progress(mut self, progress: impl Fn(&Progress) + Sync + Send + 'static) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Runs all cases.
    pub fn run(&self) -> Report {
        sweep::sweep(self)
    }

    /// Runs one case for each seed, with up to this many faults, each decided by the seed and the call it happens to:
    /// for combinations that are too many to try them all. Faults [last](Self::lasting) as in all other runs, and all of them are
    /// as [late](Self::late_window), and have as many parameters, as elsewhere the first; [`depth`](Self::depth) and
    /// [`involving`](Self::involving) have no say.
    ///
    /// What is chosen may not come about, as where an object that is to be missing was not there:
    /// [`cases_that_fired`](Report::cases_that_fired) counts by what did.
    pub fn sample(&self, seeds: std::ops::Range<u64>, faults: usize) -> Report {
        sample::sample(self, seeds, faults)
    }

    /// Runs the one case that a line names, as a [`Failure`] shows it. What was mended is kept so by
    /// [`assert_clean`](CaseReport::assert_clean), which fails, too, where the line names no call of the scenario any longer, as where one of
    /// two calls that went wrong has gone with what was mended:
    ///
    /// ```
    /// # use batcher_core::{BlobSink, PutMode};
    /// # use batcher_testkit::{Exploration, MemoryStore, World};
    /// # use bytes::Bytes;
    /// # let exploration = Exploration::new(|world: World| async move {
    /// #     let store = world.store(MemoryStore::new());
    /// #     let put = || store.put("state", Bytes::from_static(b"1").into(), PutMode::Replace);
    /// #     if put().await.is_err() { put().await?; }
    /// #     Ok::<(), batcher_core::StoreError>(())
    /// # });
    /// exploration.replay("put:state#0=ack-lost")?.assert_clean();
    /// assert_eq!(exploration.replay("put:stale#0=ack-lost")?.never_fired().len(), 1);
    /// # Ok::<(), batcher_testkit::ParseError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ParseError`] where the line is none.
    pub fn replay(&self, line: &str) -> Result<CaseReport, ParseError> {
        let plan: FaultPlan = line.parse()?;
        Ok(self.planned(plan).into_report())
    }
}
