//! Block pages: how long each data frame is, what it decodes to, and its checksum.

use super::fields::{Fields, put_uvarint};
use super::{BlockPageRef, MAX_BLOCK_LEN, Problem};

/// Where one block stands, in the object and in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockPlace {
    pub(crate) number: u64,
    pub(crate) frame_offset: u64,
    pub(crate) frame_len: u64,
    pub(crate) stream_offset: u64,
    pub(crate) block_len: usize,
    pub(crate) checksum: u32,
    /// Number of the dictionary that its frame needs.
    pub(crate) dictionary: Option<usize>,
}

impl BlockPlace {
    pub(crate) fn stream_end(&self) -> u64 {
        self.stream_offset + self.block_len as u64
    }

    pub(crate) fn frame_end(&self) -> u64 {
        self.frame_offset + self.frame_len
    }

    /// Writes the entry; of an object `with_dictionaries` it says which of them the frame needs.
    pub(crate) fn put(&self, out: &mut Vec<u8>, with_dictionaries: bool) {
        put_uvarint(out, self.frame_len);
        put_uvarint(out, self.block_len as u64);
        out.extend_from_slice(&self.checksum.to_le_bytes());
        if with_dictionaries {
            put_uvarint(out, self.dictionary.map_or(0, |number| number as u64 + 1));
        }
    }
}

/// A decoded and checked block page.
#[derive(Debug)]
pub(crate) struct BlockPage {
    blocks: Vec<BlockPlace>,
}

impl BlockPage {
    /// Checks that the page holds exactly the `count` blocks that the root says, from `reference` on.
    pub(crate) fn decode(bytes: &[u8], reference: &BlockPageRef) -> Result<Self, Problem> {
        let mut fields = Fields::new(bytes);
        let mut blocks = Vec::with_capacity(usize::try_from(reference.count).unwrap_or(0).min(bytes.len()));
        let mut frame_offset = reference.first_frame_offset;
        let mut stream_offset = reference.first_stream_offset;
        for number in (reference.first_block..).take(usize::try_from(reference.count).unwrap_or(usize::MAX)) {
            let frame_len = fields.uvarint()?;
            let block_len = fields.length()?;
            if block_len == 0 || frame_len == 0 {
                return Err(Problem::Malformed("block without any bytes"));
            }
            if block_len > MAX_BLOCK_LEN {
                return Err(Problem::Limit {
                    what: "block length",
                    claimed: block_len as u64,
                    limit: MAX_BLOCK_LEN as u64,
                });
            }
            let checksum = fields.u32()?;
            let dictionary = take_dictionary(&mut fields, reference.dictionaries)?;
            let place = BlockPlace {
                number,
                frame_offset,
                frame_len,
                stream_offset,
                block_len,
                checksum,
                dictionary,
            };
            let (frame_end, stream_end) =
                (frame_offset.checked_add(frame_len), stream_offset.checked_add(block_len as u64));
            let (Some(frame_end), Some(stream_end)) = (frame_end, stream_end) else {
                return Err(Problem::Malformed("blocks over 64 bits"));
            };
            (frame_offset, stream_offset) = (frame_end, stream_end);
            blocks.push(place);
        }
        if !fields.is_empty() {
            return Err(Problem::Length { expected: reference.count, actual: reference.count + 1 });
        }
        if frame_offset != reference.first_frame_offset + reference.data_bytes {
            return Err(Problem::Malformed("frame lengths do not sum to what the root says"));
        }
        if stream_offset != reference.first_stream_offset + reference.stream_bytes {
            return Err(Problem::Malformed("block lengths do not sum to what the root says"));
        }
        Ok(Self { blocks })
    }

    /// The blocks, in order.
    pub(crate) fn blocks(&self) -> &[BlockPlace] {
        &self.blocks
    }
}

/// Which of an object's so many dictionaries a frame needs.
fn take_dictionary(fields: &mut Fields<'_>, dictionaries: usize) -> Result<Option<usize>, Problem> {
    let number = if dictionaries == 0 { 0 } else { fields.length()? };
    if number > dictionaries {
        return Err(Problem::Malformed("block with a dictionary that there is not"));
    }
    Ok(number.checked_sub(1))
}
