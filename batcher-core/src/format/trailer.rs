//! The trailer frame: fixed in size, at the very end, where every reader starts.

use super::checksum::same;
use super::fields::Fields;
use super::{Descriptor, FORMAT_VERSION, Problem, SKIPPABLE_HEAD, SKIPPABLE_MAGIC, TAG, crc};

/// Where the root is and what its checksum is, and which version and features the object has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trailer {
    pub(crate) object_len: u64,
    pub(crate) root_offset: u64,
    pub(crate) root_crc: u32,
    pub(crate) header_crc: u32,
    pub(crate) version: u16,
    pub(crate) required_features: u32,
    pub(crate) optional_features: u32,
}

impl Trailer {
    /// Bytes of the frame.
    pub(crate) const LEN: usize = 56;

    pub(crate) fn new(descriptor: &Descriptor, root_offset: u64, root: &[u8], header: &[u8]) -> Self {
        Self {
            object_len: root_offset + root.len() as u64 + Self::LEN as u64,
            root_offset,
            root_crc: crc(root),
            header_crc: crc(header),
            version: FORMAT_VERSION,
            required_features: descriptor.required_features,
            optional_features: descriptor.optional_features,
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(Self::LEN);
        frame.extend_from_slice(&SKIPPABLE_MAGIC.to_le_bytes());
        frame.extend_from_slice(&PAYLOAD_LEN.to_le_bytes());
        frame.extend_from_slice(&self.object_len.to_le_bytes());
        frame.extend_from_slice(&self.root_offset.to_le_bytes());
        frame.extend_from_slice(&self.root_crc.to_le_bytes());
        frame.extend_from_slice(&self.header_crc.to_le_bytes());
        frame.extend_from_slice(&self.version.to_le_bytes());
        frame.extend_from_slice(&0u16.to_le_bytes());
        frame.extend_from_slice(&self.required_features.to_le_bytes());
        frame.extend_from_slice(&self.optional_features.to_le_bytes());
        frame.extend_from_slice(&crc(&frame).to_le_bytes());
        frame.extend_from_slice(TAG);
        debug_assert_eq!(frame.len(), Self::LEN);
        frame
    }

    /// Whether these last bytes of an object end like one of this format.
    pub(crate) fn ends(tail: &[u8]) -> bool {
        tail.len() >= Self::LEN && tail.ends_with(TAG)
    }

    /// Reads the frame that these last bytes of an object end with. The version is whatever stands there; it is for the
    /// caller to judge.
    pub(crate) fn decode(tail: &[u8]) -> Result<Self, Problem> {
        let mut fields = Fields::new(&tail[tail.len().saturating_sub(Self::LEN)..]);
        let summed = fields.bytes(Self::LEN - TAG.len() - 4)?;
        same(fields.u32()?, crc(summed))?;
        let mut fields = Fields::new(summed);
        if fields.u32()? != SKIPPABLE_MAGIC || fields.u32()? != PAYLOAD_LEN {
            return Err(Problem::Malformed("head of another frame"));
        }
        let object_len = fields.u64()?;
        let root_offset = fields.u64()?;
        let root_crc = fields.u32()?;
        let header_crc = fields.u32()?;
        let version = fields.u16()?;
        if fields.u16()? != 0 && version == FORMAT_VERSION {
            return Err(Problem::Malformed("reserved bytes are not 0"));
        }
        let required_features = fields.u32()?;
        let optional_features = fields.u32()?;
        Ok(Self {
            object_len,
            root_offset,
            root_crc,
            header_crc,
            version,
            required_features,
            optional_features,
        })
    }

    /// The length of the root frame, where the trailer is believable at all.
    pub(crate) fn root_len(&self) -> Option<u64> {
        self.object_len.checked_sub(Self::LEN as u64)?.checked_sub(self.root_offset).filter(|len| *len > 0)
    }
}

const PAYLOAD_LEN: u32 = 48;
const _: () = assert!(PAYLOAD_LEN as usize + SKIPPABLE_HEAD == Trailer::LEN);
