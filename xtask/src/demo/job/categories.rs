//! The average price of what is sold in each category.

use std::collections::BTreeMap;

use super::auctions::Sale;
use super::output::Output;
use super::partition::place;
use super::row::{RowError, RowReader, RowWriter};

/// Number and sum of the prices of each category: a few bytes each, the smallest state of the job.
#[derive(Debug, Default)]
pub(super) struct Categories {
    prices: BTreeMap<u64, Prices>,
    /// The average after each sale.
    pub(super) averages: Output,
}

#[derive(Clone, Copy, Debug, Default)]
struct Prices {
    count: u64,
    sum: u64,
}

impl Categories {
    pub(super) fn sold(&mut self, sale: &Sale) {
        let prices = self.prices.entry(sale.category).or_default();
        prices.count += 1;
        prices.sum += sale.price;
        self.averages.put(&[sale.category, prices.sum / prices.count]);
    }

    pub(super) fn snapshot(&self, partition: usize, blob: &mut dyn FnMut(String, Vec<u8>)) {
        for (category, prices) in self.prices.iter().filter(|(id, _)| place(**id, 1).partition == partition) {
            let mut row = RowWriter::default();
            row.u64(prices.count);
            row.u64(prices.sum);
            blob(format!("{partition:02}/categories/{category}"), row.finish());
        }
    }

    pub(super) fn restore(&mut self, category: &str, blob: &[u8]) -> Result<(), RowError> {
        let mut row = RowReader::new(blob);
        let prices = Prices { count: row.u64()?, sum: row.u64()? };
        self.prices.insert(category.parse().map_err(|_| RowError)?, prices);
        row.finish()
    }
}
