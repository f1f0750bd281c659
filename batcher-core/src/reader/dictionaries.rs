//! The dictionaries that blocks need, read when the first block that needs one is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::ReadError;
use super::batch::Batch;
use super::object::Object;
use crate::Codec;
use crate::format::{BlockPlace, DictionaryRef, Kind, Problem, Section};

/// How many decoders with dictionaries are kept; an object that no failed epoch went into has one.
const KEPT: usize = 4;

/// The decoders with dictionaries that were used last, newest first.
#[derive(Debug, Default)]
pub(super) struct Dictionaries {
    kept: Mutex<Vec<(usize, Arc<dyn Codec>)>>,
}

impl Dictionaries {
    fn get(&self, number: usize) -> Option<Arc<dyn Codec>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let index = kept.iter().position(|(kept, _)| *kept == number)?;
        kept[..=index].rotate_right(1);
        Some(Arc::clone(&kept[0].1))
    }

    fn keep(&self, number: usize, decoder: &Arc<dyn Codec>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|(kept, _)| *kept != number);
        kept.insert(0, (number, Arc::clone(decoder)));
        kept.truncate(KEPT);
    }
}

/// The decoders of a set of blocks.
#[derive(Debug)]
pub(super) struct Decoders {
    plain: Arc<dyn Codec>,
    with_dictionary: BTreeMap<usize, Arc<dyn Codec>>,
}

impl Decoders {
    /// The decoder of one of the blocks.
    pub(super) fn of(&self, place: &BlockPlace) -> Arc<dyn Codec> {
        let decoder = place.dictionary.and_then(|number| self.with_dictionary.get(&number));
        Arc::clone(decoder.unwrap_or(&self.plain))
    }
}

impl Batch {
    /// What decodes these blocks. Takes one read for each dictionary that neither is kept nor stands in the first read.
    pub(super) async fn decoders(
        &self,
        object: &Object,
        blocks: &[BlockPlace],
    ) -> Result<Decoders, ReadError> {
        let mut decoders = Decoders { plain: Arc::clone(&self.codec), with_dictionary: BTreeMap::new() };
        let mut bytes = 0;
        for number in blocks.iter().filter_map(|block| block.dictionary) {
            if decoders.with_dictionary.contains_key(&number) {
                continue;
            }
            // Each of them is bounded; an awkward object can have any number.
            bytes += self.root.dictionaries[number].decoded_len as u64;
            object.allow("dictionaries", bytes)?;
            decoders.with_dictionary.insert(number, self.dictionary(object, number).await?);
        }
        Ok(decoders)
    }

    /// The decoder with the dictionary of this number.
    pub(super) async fn dictionary(
        &self,
        object: &Object,
        number: usize,
    ) -> Result<Arc<dyn Codec>, ReadError> {
        if let Some(decoder) = self.dictionaries.get(number) {
            return Ok(decoder);
        }
        let section = Section::Dictionary(number as u64);
        let DictionaryRef { offset, frame_len, decoded_len, checksum } = self.root.dictionaries[number];
        let frame = self.page_frame(object, section, offset, frame_len, decoded_len).await?;
        let decode = || {
            self.binding.check(Kind::Dictionary, number as u64, &frame, checksum)?;
            let dictionary = self.decode_page(&frame, decoded_len)?;
            Ok(self.codec.with_dictionary(&dictionary)?)
        };
        let decoder = decode().map_err(|problem: Problem| object.corrupt(problem.at(section, offset)))?;
        self.dictionaries.keep(number, &decoder);
        Ok(decoder)
    }
}
