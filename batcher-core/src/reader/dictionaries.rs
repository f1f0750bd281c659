//! The dictionaries that blocks need, read before the first of these blocks is.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::stream::TryStreamExt;

use super::ReadError;
use super::batch::Batch;
use super::object::Object;
use super::pages::{Kept, Page};
use super::plan::PagePlace;
use super::read_plan::ObjectPart;
use crate::Codec;
use crate::format::{BlockPlace, DictionaryRef, Kind, Problem, Root, Section};

/// About what a decoder takes besides its dictionary's bytes, however short: Zstandard's context and tables, 122 KB in
/// version 1.5.7.
const DECODER_LEN: usize = 128 * 1024;

/// The decoder with a dictionary.
#[derive(Debug)]
pub(super) struct Dictionary(Arc<dyn Codec>);

impl Page for Dictionary {
    const KIND: Kind = Kind::Dictionary;
    const PART: ObjectPart = ObjectPart::Dictionaries;

    fn place(root: &Root, number: usize) -> PagePlace {
        let DictionaryRef { offset, frame_len, decoded_len, checksum } = root.dictionaries[number];
        PagePlace {
            section: Section::Dictionary(number as u64),
            number,
            range: offset..offset + frame_len,
            decoded_len,
            checksum,
        }
    }

    fn decode(content: &[u8], _root: &Root, codec: &dyn Codec, _number: usize) -> Result<Self, Problem> {
        Ok(Self(codec.with_dictionary(content)?))
    }

    fn kept(batch: &Batch) -> &Kept<Self> {
        &batch.dictionaries
    }

    fn kept_len(place: &PagePlace) -> usize {
        place.decoded_len + DECODER_LEN
    }
}

/// The decoders of a set of blocks.
#[derive(Debug)]
pub(super) struct Decoders {
    plain: Arc<dyn Codec>,
    with_dictionary: BTreeMap<usize, Arc<Dictionary>>,
}

impl Decoders {
    /// The decoder of one of the blocks.
    pub(super) fn of(&self, place: &BlockPlace) -> Arc<dyn Codec> {
        let dictionary = place.dictionary.and_then(|number| self.with_dictionary.get(&number));
        Arc::clone(dictionary.map_or(&self.plain, |dictionary| &dictionary.0))
    }
}

/// The numbers of the dictionaries that these blocks need, in order.
pub(super) fn dictionaries_of(blocks: &[BlockPlace]) -> Vec<usize> {
    let numbers: BTreeSet<usize> = blocks.iter().filter_map(|block| block.dictionary).collect();
    numbers.into_iter().collect()
}

impl Batch {
    /// The numbers of all dictionaries.
    pub(super) fn all_dictionaries(&self) -> Vec<usize> {
        (0..self.root.dictionaries.len()).collect()
    }

    /// Bytes of memory that the decoders with the dictionaries of these numbers take.
    pub(super) fn decoder_bytes(&self, numbers: &[usize]) -> u64 {
        numbers
            .iter()
            .map(|number| Dictionary::kept_len(&Dictionary::place(&self.root, *number)) as u64)
            .sum()
    }

    /// What decodes blocks that need no dictionaries but those of these numbers, which ascend. Where only a few are wanted,
    /// they should be `keep`-t for the next call.
    pub(super) async fn decoders(
        &self,
        object: &Object,
        numbers: Vec<usize>,
        keep: bool,
    ) -> Result<Decoders, ReadError> {
        // Each of them is bounded; an awkward object can have any number.
        object.allow("dictionaries", self.decoder_bytes(&numbers))?;
        let with_dictionary = self.pages::<Dictionary>(object, numbers, keep).try_collect().await?;
        Ok(Decoders { plain: Arc::clone(&self.codec), with_dictionary })
    }
}
