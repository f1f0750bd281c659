//! Open auctions, joined with their bids until they close.

use std::collections::{BTreeMap, BTreeSet};

use nexmark::event::{Auction, Bid};

use super::output::Output;
use super::partition::{PARTITIONS, place};
use super::row::{RowError, RowReader, RowWriter};

/// Pages of auction rows a partition; its bids are one page.
const BUCKETS: usize = 16;

/// The join's state: every open auction with all its bids.
#[derive(Debug)]
pub(super) struct Auctions {
    partitions: Vec<BTreeMap<u64, OpenAuction>>,
    /// When which auction closes; follows from the auctions and is not part of the state that is kept.
    closing: BTreeSet<(u64, u64)>,
    /// Auctions that closed, with what became of them.
    pub(super) closed: Output,
    /// Bids for auctions that are not open, because they have closed or are announced only later.
    pub(super) unmatched: u64,
}

#[derive(Debug, Default)]
struct OpenAuction {
    opened: u64,
    expires: u64,
    seller: u64,
    category: u64,
    reserve: u64,
    /// Name, description and remarks, as rows.
    detail: Vec<u8>,
    best: Option<Best>,
    bid_count: u64,
    /// All bids in order, as rows; rows rather than structs, because there are millions of them.
    bids: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Best {
    price: u64,
    bidder: u64,
}

/// An auction that has closed with a sale.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sale {
    pub(super) seller: u64,
    pub(super) category: u64,
    pub(super) price: u64,
}

impl Default for Auctions {
    fn default() -> Self {
        Self {
            partitions: (0..PARTITIONS).map(|_| BTreeMap::new()).collect(),
            closing: BTreeSet::new(),
            closed: Output::default(),
            unmatched: 0,
        }
    }
}

impl Auctions {
    pub(super) fn open(&mut self, auction: &Auction) {
        let mut detail = RowWriter::default();
        detail.str(&auction.item_name);
        detail.str(&auction.description);
        detail.str(&auction.extra);
        let open = OpenAuction {
            opened: auction.date_time,
            expires: auction.expires,
            seller: auction.seller as u64,
            category: auction.category as u64,
            reserve: auction.reserve as u64,
            detail: detail.finish(),
            ..OpenAuction::default()
        };
        self.insert(auction.id as u64, open);
    }

    fn insert(&mut self, id: u64, auction: OpenAuction) {
        self.closing.insert((auction.expires, id));
        self.partitions[place(id, BUCKETS).partition].insert(id, auction);
    }

    pub(super) fn bid(&mut self, bid: &Bid) {
        let id = bid.auction as u64;
        let Some(auction) = self.partitions[place(id, BUCKETS).partition].get_mut(&id) else {
            self.unmatched += 1;
            return;
        };
        let (price, bidder) = (bid.price as u64, bid.bidder as u64);
        if auction.best.is_none_or(|best| price > best.price) {
            auction.best = Some(Best { price, bidder });
        }
        let mut row = RowWriter::default();
        row.u64(bid.date_time.saturating_sub(auction.opened));
        row.u64(bidder);
        row.u64(price);
        row.str(&bid.channel);
        row.str(&bid.url);
        row.str(&bid.extra);
        auction.bids.extend(row.finish());
        auction.bid_count += 1;
    }

    /// Closes the next auction that has expired by `now`, if there is one; `Some(None)` where nobody offered enough.
    pub(super) fn close_next(&mut self, now: u64) -> Option<Option<Sale>> {
        let (expires, id) = *self.closing.first().filter(|(expires, _)| *expires <= now)?;
        self.closing.pop_first();
        let auction = self.partitions[place(id, BUCKETS).partition].remove(&id)?;
        let sold = auction.best.filter(|best| best.price >= auction.reserve);
        let (price, bidder) = sold.map_or((0, 0), |best| (best.price, best.bidder));
        self.closed.put(&[expires, id, auction.bid_count, price, bidder]);
        Some(sold.map(|_| Sale { seller: auction.seller, category: auction.category, price }))
    }

    pub(super) fn snapshot(&self, partition: usize, blob: &mut dyn FnMut(String, Vec<u8>)) {
        let mut rows: [RowWriter; BUCKETS] = Default::default();
        let mut bids = RowWriter::default();
        for (id, auction) in &self.partitions[partition] {
            auction.write(*id, &mut rows[place(*id, BUCKETS).bucket]);
            bids.u64(*id);
            bids.u64(auction.bid_count);
            bids.bytes(&auction.bids);
        }
        for (bucket, row) in rows.into_iter().enumerate().filter(|(_, row)| !row.is_empty()) {
            blob(format!("{partition:02}/auctions/rows-{bucket:02}"), row.finish());
        }
        if !bids.is_empty() {
            blob(format!("{partition:02}/auctions/bids"), bids.finish());
        }
    }

    pub(super) fn restore_rows(&mut self, blob: &[u8]) -> Result<(), RowError> {
        let mut row = RowReader::new(blob);
        while !row.is_empty() {
            let (id, auction) = OpenAuction::read(&mut row)?;
            // Bids may have been there first.
            let partition = place(id, BUCKETS).partition;
            let bids = self.partitions[partition].remove(&id).unwrap_or_default();
            self.insert(id, OpenAuction { bid_count: bids.bid_count, bids: bids.bids, ..auction });
        }
        Ok(())
    }

    pub(super) fn restore_bids(&mut self, blob: &[u8]) -> Result<(), RowError> {
        let mut row = RowReader::new(blob);
        while !row.is_empty() {
            let id = row.u64()?;
            let auction = self.partitions[place(id, BUCKETS).partition].entry(id).or_default();
            auction.bid_count = row.u64()?;
            auction.bids = row.bytes()?.to_vec();
        }
        Ok(())
    }

    pub(super) fn open_count(&self) -> u64 {
        self.closing.len() as u64
    }
}

impl OpenAuction {
    fn write(&self, id: u64, row: &mut RowWriter) {
        let best = self.best.map_or([0, 0], |best| [best.price + 1, best.bidder]);
        let head = [id, self.opened, self.expires - self.opened, self.seller, self.category, self.reserve];
        head.into_iter().chain(best).for_each(|value| row.u64(value));
        row.bytes(&self.detail);
    }

    fn read(row: &mut RowReader<'_>) -> Result<(u64, Self), RowError> {
        let id = row.u64()?;
        let opened = row.u64()?;
        let expires = opened.checked_add(row.u64()?).ok_or(RowError)?;
        let (seller, category, reserve) = (row.u64()?, row.u64()?, row.u64()?);
        let (price, bidder) = (row.u64()?, row.u64()?);
        let best = price.checked_sub(1).map(|price| Best { price, bidder });
        let detail = row.bytes()?.to_vec();
        let auction = Self { opened, expires, seller, category, reserve, detail, best, ..Self::default() };
        Ok((id, auction))
    }
}
