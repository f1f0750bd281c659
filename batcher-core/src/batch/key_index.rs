//! The pages of an object's keys: they need the lengths of its blocks and no frame, so that they are made while the last
//! blocks are still being encoded.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;

use super::Cut;
use super::block::Encoding;
use super::page::{PutPage, Section};
use super::run::{Indexed, LaneRuns, SortedRun, live};
use crate::executor::hand_over;
use crate::format::{Binding, KeyEntry, KeyPageBuilder, KeyPageRef, Kind, shared_len};
use crate::waiter::Answer;
use crate::{Codec, CodecError};

/// Bytes before compression to which a key page is filled at least.
const KEY_PAGE_LEN: usize = 16 * 1024;

/// Key pages in large batches are larger, so that there are about this many of them: their separators, one a page, have to
/// fit into the first read.
const KEY_PAGES: usize = 512;

/// The longest that a key page may grow, so that with one more entry it stays below what readers accept.
const MAX_KEY_PAGE_LEN: usize = 32 * 1024 * 1024;

/// About what an entry takes when most of its key is shared.
const TYPICAL_ENTRY_LEN: usize = 8;

/// Entries that a page has at least, however long its keys: their separators, one a page, must not outgrow the directory.
const MIN_PAGE_ENTRIES: u64 = 128;

/// Bytes of keys in full at which a page ends, however much of them is shared and so cut.
const UNFOLDED_LEN: usize = 16 * 1024 * 1024;

/// Bytes of entries in memory, keys included, from which on making the pages is worth a job: some 300 entries with short
/// keys, which take about as long as waking up a thread.
const JOB_LEN: usize = 16 * 1024;

/// Up to so many pages are indexed along with little else, ...
const FEW_PAGES: usize = 64;

/// ... if their separators have at most so many bytes.
const SHORT_SEPARATORS_LEN: usize = 16 * 1024;

/// The key pages of one object: made by a job or, where it did not, by whoever takes them.
#[derive(Debug)]
pub(crate) struct KeyIndex {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Wanted(Entries),
    Made(KeySection),
    Taken,
}

/// What the pages are made of.
#[derive(Debug)]
struct Entries {
    lanes: Vec<LaneRuns>,
    /// How many, those included that a later add of the same key replaces.
    added: u64,
    /// Bytes that they take in memory.
    held: usize,
    /// Where each block begins in the stream, and where the last one ends.
    starts: Vec<u64>,
    binding: Binding,
}

/// All key pages, and what was counted on the way.
#[derive(Debug, Default)]
pub(crate) struct KeySection {
    pub(crate) bytes: Vec<u8>,
    /// Their offsets are counted from the section's own start.
    pub(crate) pages: Vec<KeyPageRef>,
    pub(crate) blobs: u64,
    pub(crate) blob_bytes: u64,
    pub(crate) first: String,
    pub(crate) last: String,
}

/// Key pages that are being made.
#[derive(Debug)]
pub(crate) struct KeyJob {
    pub(crate) index: Arc<KeyIndex>,
    /// Ends when the job is over, whatever became of it: who takes the pages makes them if need be.
    pub(crate) over: oneshot::Receiver<()>,
}

impl KeyJob {
    /// Has the pages of these entries made, unless that is too little for a job.
    pub(crate) fn submit(cut: &Cut, binding: Binding, encoding: &Arc<Encoding>) -> Self {
        let mut end = 0;
        let mut starts = Vec::with_capacity(cut.blocks.len() + 1);
        starts.push(0);
        starts.extend(cut.blocks.iter().map(|block| {
            end += block.len() as u64;
            end
        }));
        let (lanes, added, held) = (cut.lanes.clone(), cut.blobs, cut.entries_held);
        let entries = Entries { lanes, added, held, starts, binding };
        let index = Arc::new(KeyIndex { state: Mutex::new(State::Wanted(entries)) });
        let (is_over, over) = Answer::channel();
        if held >= JOB_LEN {
            let (made, context) = (Arc::clone(&index), Arc::clone(encoding));
            let job = move || {
                made.make(&*context.codec);
                // In this order: whoever waits may want the memory back.
                drop(made);
                drop(is_over);
            };
            hand_over(&*encoding.executor, job);
        }
        Self { index, over }
    }
}

impl KeyIndex {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn make(&self, codec: &dyn Codec) {
        let mut state = self.state();
        let State::Wanted(entries) = &*state else { return };
        if let Ok(Ok(section)) = catch_unwind(AssertUnwindSafe(|| entries.section(codec))) {
            *state = State::Made(section);
        }
    }

    /// Lets go of what nobody wants any longer, unless a job is at it at this moment.
    pub(crate) fn cancel(&self) {
        if let Ok(mut state) = self.state.try_lock() {
            *state = State::Taken;
        }
    }

    /// Whether taking the pages and indexing them is little work. To be asked once the job is over, for whose lock it waits.
    pub(crate) fn is_short(&self) -> bool {
        match &*self.state() {
            State::Wanted(entries) => entries.held < JOB_LEN,
            State::Made(section) => {
                let separators: usize = section.pages.iter().map(|page| page.separator.len()).sum();
                section.pages.len() <= FEW_PAGES && separators <= SHORT_SEPARATORS_LEN
            }
            State::Taken => true,
        }
    }

    /// The pages, once; by then nothing is left here of what they are made of.
    pub(crate) fn take(&self, codec: &dyn Codec) -> Result<KeySection, CodecError> {
        let mut state = self.state();
        match std::mem::replace(&mut *state, State::Taken) {
            State::Wanted(entries) => entries.section(codec),
            State::Made(section) => Ok(section),
            State::Taken => Err(CodecError::Abandoned),
        }
    }
}

/// A key as it was added: keys come in as strings.
fn text(key: &[u8]) -> String {
    String::from_utf8_lossy(key).into_owned()
}

impl Entries {
    /// Sorts what is not sorted yet, and else leaves the entries as they are.
    ///
    /// An error of a job is not kept: whoever takes the pages tries again, and answers for what comes of it then.
    fn section(&self, codec: &dyn Codec) -> Result<KeySection, CodecError> {
        let runs: Vec<(SortedRun<'_>, &[u32])> = self
            .lanes
            .iter()
            .flat_map(|lane| lane.runs.iter().map(|run| (run.sorted(), lane.numbers.as_slice())))
            .collect();
        let live = live(runs.iter().map(|(run, numbers)| (run, *numbers)));
        let pages = Section { codec, binding: self.binding, bytes: Vec::new() };
        self.put(live, pages)
    }

    fn place(&self, entry: &Indexed<'_>) -> KeyEntry {
        // An empty blob at the very end begins where the last block ends.
        let block = self.starts.get(entry.block as usize).copied().unwrap_or(0);
        KeyEntry { offset: block + u64::from(entry.start), len: entry.len }
    }

    /// Puts entries that come in the order of their keys.
    fn put<'a>(
        &self,
        live: impl Iterator<Item = Indexed<'a>>,
        mut pages: Section<'_>,
    ) -> Result<KeySection, CodecError> {
        let added = usize::try_from(self.added).unwrap_or(usize::MAX);
        let page_len =
            (added.saturating_mul(TYPICAL_ENTRY_LEN) / KEY_PAGES).clamp(KEY_PAGE_LEN, MAX_KEY_PAGE_LEN);
        let mut section = KeySection::default();
        let mut builder = KeyPageBuilder::default();
        let mut separator = Vec::new();
        let mut unfolded = 0;
        let mut live = live.peekable();
        while let Some(entry) = live.next() {
            let key = entry.key;
            if section.blobs == 0 {
                section.first = text(key);
            }
            builder.push(key, self.place(&entry));
            unfolded += key.len();
            section.blobs += 1;
            section.blob_bytes += entry.len;
            let next = live.peek().map(|next| next.key);
            let full = builder.len() >= page_len && builder.entries() >= MIN_PAGE_ENTRIES;
            if !full && unfolded < UNFOLDED_LEN && next.is_some() {
                continue;
            }
            let count = builder.entries();
            let content = builder.take();
            let offset = pages.bytes.len() as u64;
            let PutPage { frame_len, checksum } = pages.put(Kind::KeyPage, section.pages.len(), &content)?;
            section.pages.push(KeyPageRef {
                offset,
                frame_len,
                decoded_len: content.len(),
                checksum,
                entries: count,
                separator: std::mem::take(&mut separator),
            });
            unfolded = 0;
            match next {
                // The shortest prefix of the next key that is greater than this one.
                Some(next) => separator = next[..=shared_len(key, next)].to_vec(),
                None => section.last = text(key),
            }
        }
        section.bytes = pages.bytes;
        Ok(section)
    }
}
