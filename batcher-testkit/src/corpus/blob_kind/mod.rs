//! What is in a blob.

mod counters;
mod json;
mod log_lines;
mod messages;
mod noise;
mod repeats;
mod rows;
mod sorted_pages;

use bytes::Bytes;

use super::SplitMix64;

/// What a blob holds.
///
/// The ratios are of length to compressed length for a mebibyte in blocks of 256 KiB with the `Lz4` codec of
/// `batcher-codecs`, as a test of this crate measures them (`cargo test -p batcher-testkit --test corpus_blobs ratios --
/// --nocapture` prints them); for blobs of some hundred bytes alone they are lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum BlobKind {
    /// Binary rows of 40 bytes, as window aggregates are kept: ascending key, window, count, maximum, sum and time of
    /// the last change, all little-endian. Ratio 1.65.
    Rows,
    /// Variable-length integers: distance to the key before, a count, mostly small, and a difference of timestamps. Ratio
    /// 1.00: LZ4 cuts repeats only, and there are none.
    Counters,
    /// One JSON document a line, as sessions or user profiles are kept. Ratio 3.88.
    Json,
    /// Lines of a log, buffered by a sink or an operator that sorts them. Ratio 3.92.
    LogLines,
    /// Pages of a sorted string table, as embedded stores such as RocksDB keep them: ascending keys with shared prefixes
    /// cut and restart points, short values. Ratio 1.66.
    SortedPages,
    /// Messages of tags and length-delimited fields, as Protocol Buffers write them: identifiers, names, floating-point
    /// bits, packed lists, a message within the message and an incompressible token. Ratio 1.82.
    Messages,
    /// Bytes by chance, as encrypted or compressed state looks. Ratio 1.00: codecs store it.
    Noise,
    /// A pattern of 24 bytes over and over, as freshly initialised accumulators are. Ratio 241.
    Repeats,
    /// Zeros. Ratio 247.
    Zeros,
}

/// Writes records one after the other and never comes to an end.
trait Records {
    fn put_next(&mut self, out: &mut Vec<u8>);
}

impl BlobKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Rows,
        Self::Counters,
        Self::Json,
        Self::LogLines,
        Self::SortedPages,
        Self::Messages,
        Self::Noise,
        Self::Repeats,
        Self::Zeros,
    ];

    /// A blob of exactly `len` bytes; the last record is cut there. Of two blobs of one seed, the shorter is how the longer
    /// begins. Different seeds give different bytes, once there are more than a few, but for [`Zeros`](Self::Zeros).
    ///
    /// ```
    /// use batcher_testkit::corpus::BlobKind;
    /// let line = BlobKind::LogLines.blob(1, 100);
    /// assert!(line.starts_with(b"2026-03-01T"));
    /// assert_eq!(line, BlobKind::LogLines.blob(1, 100));
    /// ```
    #[must_use]
    pub fn blob(self, seed: u64, len: usize) -> Bytes {
        let mut records = self.records(seed);
        // Exactly as large as the blob, however many of them are held.
        let mut blob = Vec::with_capacity(len);
        let mut record = Vec::new();
        while blob.len() < len {
            record.clear();
            records.put_next(&mut record);
            record.truncate(len - blob.len());
            blob.extend_from_slice(&record);
        }
        blob.into()
    }

    fn records(self, seed: u64) -> Box<dyn Records> {
        let random = |place| SplitMix64::at(seed, place);
        match self {
            Self::Rows => Box::new(rows::Rows::new(random(1))),
            Self::Counters => Box::new(counters::Counters::new(random(2))),
            Self::Json => Box::new(json::Documents::new(random(3))),
            Self::LogLines => Box::new(log_lines::Lines::new(random(4))),
            Self::SortedPages => Box::new(sorted_pages::Pages::new(random(5))),
            Self::Messages => Box::new(messages::Messages::new(random(6))),
            Self::Noise => Box::new(noise::Noise::new(random(7))),
            Self::Repeats => Box::new(repeats::Repeats::new(random(8))),
            Self::Zeros => Box::new(repeats::Repeats::zeros()),
        }
    }
}
