//! The auctions with the most bids in each sliding window.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use nexmark::event::Bid;

use super::output::Output;
use super::partition::{PARTITIONS, place};
use super::row::{RowError, RowReader, RowWriter};

/// Milliseconds that a window covers, and by which each begins after the one before.
const WINDOW: u64 = 10_000;
const SLIDE: u64 = 2_000;
/// How many auctions are put out for each window.
const TOP: usize = 10;

/// Bids of each auction in each pane: the stretch between two beginnings of windows.
#[derive(Debug, Default)]
pub(super) struct HotItems {
    panes: BTreeMap<u64, Pane>,
    /// The windows' hottest auctions.
    pub(super) windows: Output,
}

#[derive(Debug)]
struct Pane {
    partitions: Vec<BTreeMap<u64, u64>>,
}

impl Default for Pane {
    fn default() -> Self {
        Self { partitions: (0..PARTITIONS).map(|_| BTreeMap::new()).collect() }
    }
}

impl HotItems {
    pub(super) fn bid(&mut self, bid: &Bid) {
        let pane = self.panes.entry(bid.date_time / SLIDE * SLIDE).or_default();
        let id = bid.auction as u64;
        *pane.partitions[place(id, 1).partition].entry(id).or_default() += 1;
    }

    /// Closes the windows that end after `from` and not after `to`.
    pub(super) fn advance(&mut self, from: u64, to: u64) {
        let mut end = (from / SLIDE + 1) * SLIDE;
        while end <= to && !self.panes.is_empty() {
            self.close(end);
            end += SLIDE;
        }
    }

    fn close(&mut self, end: u64) {
        let start = end.saturating_sub(WINDOW);
        let mut counts: HashMap<u64, u64> = HashMap::new();
        for pane in self.panes.range(start..end).map(|(_, pane)| pane) {
            for (id, count) in pane.partitions.iter().flatten() {
                *counts.entry(*id).or_default() += count;
            }
        }
        let mut hottest: Vec<(Reverse<u64>, u64)> =
            counts.into_iter().map(|(id, count)| (Reverse(count), id)).collect();
        hottest.sort_unstable();
        for (Reverse(count), id) in hottest.into_iter().take(TOP) {
            self.windows.put(&[end, id, count]);
        }
        self.panes = self.panes.split_off(&(start + SLIDE));
    }

    pub(super) fn snapshot(&self, partition: usize, blob: &mut dyn FnMut(String, Vec<u8>)) {
        for (start, pane) in &self.panes {
            let mut row = RowWriter::default();
            for (id, count) in &pane.partitions[partition] {
                row.u64(*id);
                row.u64(*count);
            }
            if !row.is_empty() {
                blob(format!("{partition:02}/hot-items/{start}"), row.finish());
            }
        }
    }

    pub(super) fn restore(&mut self, start: &str, blob: &[u8]) -> Result<(), RowError> {
        let pane = self.panes.entry(start.parse().map_err(|_| RowError)?).or_default();
        let mut row = RowReader::new(blob);
        while !row.is_empty() {
            let id = row.u64()?;
            pane.partitions[place(id, 1).partition].insert(id, row.u64()?);
        }
        Ok(())
    }
}
