//! Key pages: sorted keys, each with its blob's place in the stream.

use std::ops::Range;

use super::fields::{Fields, put_shared_key, put_svarint, put_uvarint};
use super::{MAX_KEY_LEN, Problem};

/// Where a blob stands in the stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyEntry {
    pub(crate) offset: u64,
    pub(crate) len: u64,
}

impl KeyEntry {
    pub(crate) fn end(self) -> u64 {
        self.offset.wrapping_add(self.len)
    }
}

/// Encodes the entries of one page.
#[derive(Debug, Default)]
pub(crate) struct KeyPageBuilder {
    bytes: Vec<u8>,
    entries: u64,
    last_key: Vec<u8>,
    last_end: u64,
}

impl KeyPageBuilder {
    pub(crate) fn push(&mut self, key: &[u8], entry: KeyEntry) {
        put_shared_key(&mut self.bytes, &self.last_key, key);
        put_uvarint(&mut self.bytes, entry.len);
        put_svarint(&mut self.bytes, entry.offset.wrapping_sub(self.last_end));
        self.last_key.clear();
        self.last_key.extend_from_slice(key);
        self.last_end = entry.end();
        self.entries += 1;
    }

    /// Bytes so far, before the codec.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn entries(&self) -> u64 {
        self.entries
    }

    /// The page's bytes before the codec; the builder is then empty.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(self).bytes
    }
}

/// A decoded and checked key page.
#[derive(Debug)]
pub(crate) struct KeyPage {
    keys: String,
    ends: Vec<usize>,
    entries: Vec<KeyEntry>,
}

impl KeyPage {
    /// Checks that there are exactly `count` entries in ascending order, from `first` on and below `next`, within the
    /// stream.
    pub(crate) fn decode(
        bytes: &[u8],
        count: u64,
        first: &[u8],
        next: Option<&[u8]>,
        stream_len: u64,
    ) -> Result<Self, Problem> {
        // An entry takes four bytes at least, so that a count that lies allocates no more than the page's length.
        let capacity = usize::try_from(count).unwrap_or(usize::MAX).min(bytes.len() / 4 + 1);
        let (mut keys, mut ends, mut entries) =
            (Vec::new(), Vec::with_capacity(capacity), Vec::with_capacity(capacity));
        let mut fields = Fields::new(bytes);
        let mut previous: Option<Range<usize>> = None;
        let mut last_end = 0u64;
        while !fields.is_empty() {
            let before = previous.clone().unwrap_or(0..0);
            let (shared, suffix) = fields.shared(before.len(), MAX_KEY_LEN)?;
            let len = fields.uvarint()?;
            let offset = last_end.wrapping_add(fields.svarint()?);
            last_end = match offset.checked_add(len) {
                Some(end) if end <= stream_len => end,
                _ => return Err(Problem::Malformed("blob reaches past the end of the stream")),
            };
            let ascending = match &previous {
                Some(previous) => keys[previous.start + shared..previous.end] < *suffix,
                None => first <= suffix,
            };
            if !ascending {
                return Err(Problem::Malformed("keys are not in ascending order"));
            }
            let start = keys.len();
            // Shared prefixes unfold here, so that a page can hold more than it decoded to; the limit is per page.
            let end = start + shared + suffix.len();
            if end > MAX_UNFOLDED {
                return Err(Problem::Limit {
                    what: "length of a page's keys",
                    claimed: end as u64,
                    limit: MAX_UNFOLDED as u64,
                });
            }
            keys.extend_from_within(before.start..before.start + shared);
            keys.extend_from_slice(suffix);
            previous = Some(start..end);
            ends.push(end);
            entries.push(KeyEntry { offset, len });
        }
        // All at once, and then that none of them begins within a character.
        let keys = String::from_utf8(keys).ok();
        let keys = keys.filter(|keys| ends.iter().all(|end| keys.is_char_boundary(*end)));
        let page = Self { keys: keys.ok_or(Problem::Malformed("key is not UTF-8"))?, ends, entries };
        if page.entries.len() as u64 != count {
            return Err(Problem::Length { expected: count, actual: page.entries.len() as u64 });
        }
        if let (Some(last), Some(next)) = (previous, next)
            && page.keys[last].as_bytes() >= next
        {
            return Err(Problem::Malformed("keys belong into a later page"));
        }
        Ok(page)
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Bytes that it takes in memory.
    pub(crate) fn memory(&self) -> u64 {
        (self.keys.len() + size_of_val(&self.ends[..]) + size_of_val(&self.entries[..])) as u64
    }

    pub(crate) fn key(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.keys[start..self.ends[index]]
    }

    pub(crate) fn entry(&self, index: usize) -> KeyEntry {
        self.entries[index]
    }

    pub(crate) fn find(&self, key: &str) -> Option<KeyEntry> {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.key(middle).cmp(key) {
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
                std::cmp::Ordering::Equal => return Some(self.entry(middle)),
            }
        }
        None
    }
}

/// A page of these entries, whose keys ascend.
impl<K: AsRef<str>> FromIterator<(K, KeyEntry)> for KeyPage {
    fn from_iter<T: IntoIterator<Item = (K, KeyEntry)>>(entries: T) -> Self {
        let mut page = Self { keys: String::new(), ends: Vec::new(), entries: Vec::new() };
        for (key, entry) in entries {
            page.keys.push_str(key.as_ref());
            page.ends.push(page.keys.len());
            page.entries.push(entry);
        }
        page
    }
}

/// The most bytes that the keys of one page may take when their shared prefixes are unfolded.
const MAX_UNFOLDED: usize = super::MAX_BLOCK_LEN;
