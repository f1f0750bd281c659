//! Which reads get a set of frames: neighbours together, up to a length.

use std::ops::Range;

use super::object::Object;
use crate::format::{BlockPlace, SKIPPABLE_HEAD, Section};

/// Where one frame of an object stands, and what it decodes to.
pub(super) trait Place {
    /// What the frame is.
    fn section(&self) -> Section;
    /// Its bytes in the object.
    fn range(&self) -> Range<u64>;
    /// Bytes that it decodes to.
    fn decoded_len(&self) -> usize;
    /// Bytes before the codec's frame.
    fn head_len(&self) -> usize;
}

impl Place for BlockPlace {
    fn section(&self) -> Section {
        Section::Block(self.number)
    }
    fn range(&self) -> Range<u64> {
        self.frame_offset..self.frame_end()
    }
    fn decoded_len(&self) -> usize {
        self.block_len
    }
    fn head_len(&self) -> usize {
        0
    }
}

/// The place of a page.
#[derive(Clone, Debug)]
pub(super) struct PagePlace {
    pub(super) section: Section,
    pub(super) number: usize,
    pub(super) range: Range<u64>,
    pub(super) decoded_len: usize,
    pub(super) checksum: u32,
}

impl Place for PagePlace {
    fn section(&self) -> Section {
        self.section
    }
    fn range(&self) -> Range<u64> {
        self.range.clone()
    }
    fn decoded_len(&self) -> usize {
        self.decoded_len
    }
    fn head_len(&self) -> usize {
        SKIPPABLE_HEAD
    }
}

/// One read, and the frames that are cut out of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Joined<P> {
    pub(super) range: Range<u64>,
    pub(super) places: Vec<P>,
}

/// Joins frames, given in ascending order without repetition, into reads. What the first read has brought already is not
/// joined with anything that it has not: the gap between them would be read for nothing.
pub(super) fn join<P: Place>(places: impl IntoIterator<Item = P>, object: &Object) -> Vec<Joined<P>> {
    let options = &object.options;
    let mut reads: Vec<Joined<P>> = Vec::new();
    for place in places {
        let range = place.range();
        match reads.last_mut() {
            Some(read)
                if range.start.saturating_sub(read.range.end) <= options.max_gap
                    && range.end - read.range.start <= options.max_read_len
                    && object.holds(&range) == object.holds(&read.range) =>
            {
                read.range.end = range.end;
                read.places.push(place);
            }
            _ => reads.push(Joined { range, places: vec![place] }),
        }
    }
    reads
}
