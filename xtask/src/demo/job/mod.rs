//! A stateful job over NEXMark events, whose state is a function of the events alone.
//!
//! It knows nothing of checkpoints: it hands its state out as blobs and takes them back.

mod auctions;
mod categories;
mod events;
mod hot_items;
mod output;
mod partition;
mod row;
mod sellers;

use nexmark::event::Event;
use serde::{Deserialize, Serialize};
use twox_hash::XxHash3_64;

pub(crate) use events::events;
pub(crate) use output::Output;
pub(crate) use row::RowError;
use row::{RowReader, RowWriter};

use auctions::Auctions;
use categories::Categories;
use hot_items::HotItems;
use partition::PARTITIONS;
use sellers::Sellers;

/// The key of the blob that belongs to no partition.
const PROGRESS: &str = "progress";

/// Four stateful operators over 64 partitions.
#[derive(Debug, Default)]
pub(crate) struct Job {
    auctions: Auctions,
    hot_items: HotItems,
    categories: Categories,
    sellers: Sellers,
    processed: u64,
    /// The time up to which everything has happened, in milliseconds.
    watermark: u64,
}

/// What a job has come to, for comparison with another run of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) events: u64,
    pub(crate) open_auctions: u64,
    /// The output of every operator.
    pub(crate) outputs: Vec<(String, Output)>,
    pub(crate) unmatched_bids: u64,
    /// Digest, number and bytes of the blobs of the final state.
    pub(crate) state_digest: u64,
    pub(crate) state_blobs: u64,
    pub(crate) state_bytes: u64,
}

impl Job {
    /// The number of events processed.
    pub(crate) fn processed(&self) -> u64 {
        self.processed
    }

    pub(crate) fn process(&mut self, event: &Event) {
        let now = event.timestamp();
        if now > self.watermark {
            self.advance(now);
        }
        match event {
            Event::Person(person) => self.sellers.register(person),
            Event::Auction(auction) => self.auctions.open(auction),
            Event::Bid(bid) => {
                self.auctions.bid(bid);
                self.hot_items.bid(bid);
            }
        }
        self.processed += 1;
    }

    fn advance(&mut self, now: u64) {
        while let Some(sale) = self.auctions.close_next(now) {
            if let Some(sale) = sale {
                self.categories.sold(&sale);
                self.sellers.sold(&sale);
            }
        }
        self.hot_items.advance(self.watermark, now);
        self.watermark = now;
    }

    /// Into how many independent shares [`snapshot`](Self::snapshot) divides the state.
    pub(crate) const SHARES: usize = PARTITIONS + 1;

    /// Hands out one share of the state. The same events give the same blobs.
    pub(crate) fn snapshot(&self, share: usize, blob: &mut dyn FnMut(String, Vec<u8>)) {
        if share < PARTITIONS {
            self.auctions.snapshot(share, blob);
            self.hot_items.snapshot(share, blob);
            self.categories.snapshot(share, blob);
            self.sellers.snapshot(share, blob);
        } else {
            let mut row = RowWriter::default();
            row.u64(self.processed);
            row.u64(self.watermark);
            row.u64(self.auctions.unmatched);
            for output in self.outputs() {
                output.1.write(&mut row);
            }
            blob(PROGRESS.to_owned(), row.finish());
        }
    }

    /// Takes a blob of a snapshot back. A job is restored when it has all of them, in whatever order.
    pub(crate) fn restore(&mut self, key: &str, blob: &[u8]) -> Result<(), RowError> {
        let mut parts = key.split('/');
        parts.next();
        match (parts.next(), parts.next()) {
            (None, _) if key == PROGRESS => self.restore_progress(blob),
            (Some("auctions"), Some("bids")) => self.auctions.restore_bids(blob),
            (Some("auctions"), Some(_)) => self.auctions.restore_rows(blob),
            (Some("hot-items"), Some(start)) => self.hot_items.restore(start, blob),
            (Some("categories"), Some(category)) => self.categories.restore(category, blob),
            (Some("sellers"), Some(_)) => self.sellers.restore(blob),
            _ => Err(RowError),
        }
    }

    fn restore_progress(&mut self, blob: &[u8]) -> Result<(), RowError> {
        let mut row = RowReader::new(blob);
        self.processed = row.u64()?;
        self.watermark = row.u64()?;
        self.auctions.unmatched = row.u64()?;
        self.auctions.closed = Output::read(&mut row)?;
        self.hot_items.windows = Output::read(&mut row)?;
        self.categories.averages = Output::read(&mut row)?;
        self.sellers.averages = Output::read(&mut row)?;
        row.finish()
    }

    fn outputs(&self) -> [(&'static str, Output); 4] {
        [
            ("closed auctions", self.auctions.closed),
            ("hot items", self.hot_items.windows),
            ("category averages", self.categories.averages),
            ("seller averages", self.sellers.averages),
        ]
    }

    pub(crate) fn summary(&self) -> Summary {
        let (mut digest, mut blobs, mut bytes) = (0, 0, 0);
        for share in 0..Self::SHARES {
            self.snapshot(share, &mut |key, blob| {
                digest = XxHash3_64::oneshot_with_seed(digest, key.as_bytes());
                digest = XxHash3_64::oneshot_with_seed(digest, &blob);
                blobs += 1;
                bytes += blob.len() as u64;
            });
        }
        Summary {
            events: self.processed,
            open_auctions: self.auctions.open_count(),
            outputs: self.outputs().map(|(name, output)| (name.to_owned(), output)).into(),
            unmatched_bids: self.auctions.unmatched,
            state_digest: digest,
            state_blobs: blobs,
            state_bytes: bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const EVENTS: u64 = 60_000;

    fn run(job: &mut Job, until: u64) {
        let count = usize::try_from(until - job.processed()).unwrap();
        events(3, job.processed()).take(count).for_each(|event| job.process(&event));
    }

    fn blobs(job: &Job) -> BTreeMap<String, Vec<u8>> {
        let mut blobs = BTreeMap::new();
        for share in 0..Job::SHARES {
            job.snapshot(share, &mut |key, blob| {
                assert!(blobs.insert(key, blob).is_none(), "a key was given twice");
            });
        }
        blobs
    }

    #[test]
    fn a_job_restored_at_any_point_ends_as_if_nothing_had_happened() {
        let mut whole = Job::default();
        run(&mut whole, EVENTS);
        let expected = whole.summary();
        assert!(expected.outputs.iter().all(|(_, output)| output.rows > 20), "{expected:?}");
        for at in [0, 1, 1234, 25_000, EVENTS] {
            let mut before = Job::default();
            run(&mut before, at);
            let saved = blobs(&before);
            // Keys in both orders: nothing says in which they come back.
            for reverse in [false, true] {
                let mut restored = Job::default();
                let mut saved: Vec<_> = saved.iter().collect();
                if reverse {
                    saved.reverse();
                }
                for (key, blob) in saved {
                    restored.restore(key, blob).unwrap();
                }
                assert_eq!(blobs(&restored), blobs(&before), "state after {at} events");
                run(&mut restored, EVENTS);
                assert_eq!(restored.summary(), expected, "restored after {at} events");
            }
        }
    }

    #[test]
    fn blobs_are_many_and_of_all_sizes() {
        let mut job = Job::default();
        run(&mut job, EVENTS);
        let blobs = blobs(&job);
        let longest = blobs.values().map(Vec::len).max().unwrap();
        let shortest = blobs.values().map(Vec::len).min().unwrap();
        assert!(
            blobs.len() > 1000 && shortest < 20 && longest > 50_000,
            "{} {shortest} {longest}",
            blobs.len()
        );
    }

    #[test]
    fn damaged_state_is_refused_or_differs_and_never_panics() {
        let mut job = Job::default();
        run(&mut job, 2000);
        for (key, blob) in blobs(&job) {
            for cut in 0..blob.len().min(40) {
                let _ = Job::default().restore(&key, &blob[..cut]);
            }
            Job::default().restore(&format!("{key}/"), &[0xff; 12]).unwrap_err();
        }
        for key in ["", "progress/x", "00", "00/nothing/1", "00/hot-items/x", "00/categories"] {
            Job::default().restore(key, &[]).unwrap_err();
        }
    }
}
