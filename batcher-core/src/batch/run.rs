//! Entries in sorted runs: sorted in the background while blobs still come in, so that a flush only has to merge them.

use std::cmp::Ordering;
use std::collections::binary_heap::PeekMut;
use std::collections::{BTreeSet, BinaryHeap};
use std::iter::Peekable;
use std::slice;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

use super::block::Encoding;
use super::entries::{Entries, Entry};
use crate::executor::hand_over;

/// Entries of a run: about as many as a core's own cache holds with their keys.
pub(crate) const RUN_LEN: usize = 1 << 15;

/// Entries from which on a run that is not full is worth a job of its own.
pub(crate) const JOB_LEN: usize = 1 << 12;

/// Entries to which nothing is added any longer.
#[derive(Debug)]
pub(crate) struct Run {
    content: RwLock<Content>,
}

#[derive(Debug)]
struct Content {
    entries: Entries,
    sorted: bool,
}

impl Run {
    pub(crate) fn new(entries: Entries) -> Arc<Self> {
        Arc::new(Self { content: RwLock::new(Content { entries, sorted: false }) })
    }

    /// Has the run sorted. Whatever becomes of that job: who reads the run sorts it if need be.
    pub(crate) fn submit(self: &Arc<Self>, encoding: &Encoding) {
        let run = Arc::clone(self);
        hand_over(&*encoding.executor, move || run.sort());
    }

    fn sort(&self) {
        // Not by writing: it would wait for all who read, who may be about to run a codec.
        if self.content.read().unwrap_or_else(PoisonError::into_inner).sorted {
            return;
        }
        let mut content = self.content.write().unwrap_or_else(PoisonError::into_inner);
        if !content.sorted {
            content.entries.sort();
            content.sorted = true;
        }
    }

    /// The entries, for as long as they are looked at.
    pub(crate) fn sorted(&self) -> SortedRun<'_> {
        self.sort();
        SortedRun(self.content.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The memory, where nobody else has the run.
    pub(crate) fn into_entries(self: Arc<Self>) -> Option<Entries> {
        let run = Arc::into_inner(self)?;
        Some(run.content.into_inner().unwrap_or_else(PoisonError::into_inner).entries)
    }
}

/// A run that is being read.
pub(crate) struct SortedRun<'a>(RwLockReadGuard<'a, Content>);

/// The runs of one lane, and the numbers that the blocks of the lane have in the batch, with one more for its very end.
#[derive(Clone, Debug)]
pub(crate) struct LaneRuns {
    pub(crate) runs: Vec<Arc<Run>>,
    pub(crate) numbers: Vec<u32>,
}

/// An entry as the index wants it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Indexed<'a> {
    pub(crate) key: &'a [u8],
    /// The number of the block in the batch.
    pub(crate) block: u32,
    pub(crate) start: u32,
    pub(crate) len: u64,
}

/// All entries in the order of their keys, and the adds of one key by their turns.
struct Merge<'a> {
    heads: BinaryHeap<Head<'a>>,
}

/// Runs that lie one behind the other, and the first entry that is left of them.
struct Head<'a> {
    key: &'a [u8],
    entry: &'a Entry,
    rest: slice::Iter<'a, Entry>,
    run: Source<'a>,
    /// The next run last.
    later: Vec<Source<'a>>,
}

/// A run and the numbers of its lane's blocks.
#[derive(Clone, Copy)]
struct Source<'a> {
    entries: &'a Entries,
    numbers: &'a [u32],
}

impl<'a> Source<'a> {
    fn first(self) -> &'a [u8] {
        self.entries.list().first().map_or(&[], |entry| self.entries.key(entry))
    }

    fn last(self) -> &'a [u8] {
        self.entries.list().last().map_or(&[], |entry| self.entries.key(entry))
    }
}

/// Puts runs that do not overlap behind one another: of a producer that adds in order there is one chain, and nothing to
/// merge.
fn chains(mut sources: Vec<Source<'_>>) -> Vec<Vec<Source<'_>>> {
    sources.sort_by_key(|source| source.first());
    let mut chains: Vec<Vec<Source<'_>>> = Vec::new();
    // The last key of each chain: many producers may overlap in many runs, so that not every chain can be looked at for each.
    let mut ends: BTreeSet<(&[u8], usize)> = BTreeSet::new();
    for source in sources {
        let fitting = ends.range(..(source.first(), 0)).next_back().copied();
        let chain = match fitting {
            Some(end) => {
                ends.remove(&end);
                end.1
            }
            None => {
                chains.push(Vec::new());
                chains.len() - 1
            }
        };
        ends.insert((source.last(), chain));
        chains[chain].push(source);
    }
    chains
}

impl<'a> Head<'a> {
    fn new(mut chain: Vec<Source<'a>>) -> Option<Self> {
        chain.reverse();
        let run = chain.pop()?;
        let mut rest = run.entries.list().iter();
        let entry = rest.next()?;
        Some(Self { key: run.entries.key(entry), entry, rest, run, later: chain })
    }

    /// Goes on to the next entry; whether there is one.
    fn advance(&mut self) -> bool {
        loop {
            if let Some(next) = self.rest.next() {
                self.key = self.run.entries.key(next);
                self.entry = next;
                return true;
            }
            match self.later.pop() {
                Some(run) => {
                    self.rest = run.entries.list().iter();
                    self.run = run;
                }
                None => return false,
            }
        }
    }
}

impl Head<'_> {
    fn place(&self) -> (&[u8], u64) {
        (self.key, self.entry.turn)
    }
}

impl PartialEq for Head<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for Head<'_> {}

impl PartialOrd for Head<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Head<'_> {
    /// The heap gives the greatest first.
    fn cmp(&self, other: &Self) -> Ordering {
        other.place().cmp(&self.place())
    }
}

/// The entries of these runs that no later add of the same key replaces, in the order of their keys.
pub(crate) fn live<'a>(
    runs: impl IntoIterator<Item = (&'a SortedRun<'a>, &'a [u32])>,
) -> impl Iterator<Item = Indexed<'a>> {
    let sources = runs.into_iter().map(|(run, numbers)| Source { entries: &run.0.entries, numbers });
    let heads = chains(sources.collect()).into_iter().filter_map(Head::new).collect();
    Live { merged: Merge { heads }.peekable() }
}

struct Live<'a> {
    merged: Peekable<Merge<'a>>,
}

impl<'a> Iterator for Live<'a> {
    type Item = Indexed<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = self.merged.next()?;
            if self.merged.peek().is_none_or(|next| next.key != entry.key) {
                return Some(entry);
            }
        }
    }
}

impl<'a> Iterator for Merge<'a> {
    type Item = Indexed<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut head = self.heads.peek_mut()?;
        let (entry, numbers) = (head.entry, head.run.numbers);
        let block = numbers.get(entry.block as usize).copied().unwrap_or(u32::MAX);
        let first = Indexed { key: head.key, block, start: entry.start, len: entry.len };
        if !head.advance() {
            PeekMut::pop(head);
        }
        Some(first)
    }
}

/// Memory of runs that are done with, up to a sum of their lengths.
#[derive(Debug)]
pub(crate) struct SpareRuns {
    idle: Mutex<Vec<Entries>>,
    most_bytes: usize,
}

impl SpareRuns {
    pub(crate) fn new(most_bytes: usize) -> Self {
        Self { idle: Mutex::default(), most_bytes }
    }

    pub(crate) fn take(&self) -> Entries {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    pub(crate) fn give_back(&self, mut entries: Entries) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // All of them are about as long as this one.
        if idle.len().saturating_mul(entries.capacity()) < self.most_bytes {
            entries.clear();
            idle.push(entries);
        }
    }
}
