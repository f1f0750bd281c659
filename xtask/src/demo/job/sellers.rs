//! Everybody's profile, and the average price of what they sold last.

use std::collections::{BTreeMap, VecDeque};

use nexmark::event::Person;

use super::auctions::Sale;
use super::output::Output;
use super::partition::{PARTITIONS, place};
use super::row::{RowError, RowReader, RowWriter};

/// Pages a partition.
const BUCKETS: usize = 4;
/// How many sales the average is over.
const LAST: usize = 10;

/// Profiles and last sales by person.
#[derive(Debug)]
pub(super) struct Sellers {
    partitions: Vec<BTreeMap<u64, Seller>>,
    /// The average after each sale.
    pub(super) averages: Output,
}

#[derive(Debug, Default)]
struct Seller {
    /// Name, address, town and remarks, as rows; empty for who sells before having registered.
    profile: Vec<u8>,
    last_prices: VecDeque<u64>,
}

impl Default for Sellers {
    fn default() -> Self {
        let partitions = (0..PARTITIONS).map(|_| BTreeMap::new()).collect();
        Self { partitions, averages: Output::default() }
    }
}

impl Sellers {
    fn seller(&mut self, id: u64) -> &mut Seller {
        self.partitions[place(id, BUCKETS).partition].entry(id).or_default()
    }

    pub(super) fn register(&mut self, person: &Person) {
        let mut profile = RowWriter::default();
        for text in [&person.name, &person.email_address, &person.city, &person.state, &person.extra] {
            profile.str(text);
        }
        self.seller(person.id as u64).profile = profile.finish();
    }

    pub(super) fn sold(&mut self, sale: &Sale) {
        let prices = &mut self.seller(sale.seller).last_prices;
        if prices.len() == LAST {
            prices.pop_front();
        }
        prices.push_back(sale.price);
        let average = prices.iter().sum::<u64>() / prices.len() as u64;
        self.averages.put(&[sale.seller, average]);
    }

    pub(super) fn snapshot(&self, partition: usize, blob: &mut dyn FnMut(String, Vec<u8>)) {
        let mut rows: [RowWriter; BUCKETS] = Default::default();
        for (id, seller) in &self.partitions[partition] {
            let row = &mut rows[place(*id, BUCKETS).bucket];
            row.u64(*id);
            row.bytes(&seller.profile);
            row.u64(seller.last_prices.len() as u64);
            seller.last_prices.iter().for_each(|price| row.u64(*price));
        }
        for (bucket, row) in rows.into_iter().enumerate().filter(|(_, row)| !row.is_empty()) {
            blob(format!("{partition:02}/sellers/{bucket}"), row.finish());
        }
    }

    pub(super) fn restore(&mut self, blob: &[u8]) -> Result<(), RowError> {
        let mut row = RowReader::new(blob);
        while !row.is_empty() {
            let id = row.u64()?;
            let profile = row.bytes()?.to_vec();
            let count = usize::try_from(row.u64()?).ok().filter(|count| *count <= LAST).ok_or(RowError)?;
            let last_prices = (0..count).map(|_| row.u64()).collect::<Result<_, _>>()?;
            *self.seller(id) = Seller { profile, last_prices };
        }
        Ok(())
    }
}
