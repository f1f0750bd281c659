//! Pages side by side: each an encoded frame within a skippable one, and bound to its object and number.

use crate::codec::append_frame;
use crate::format::{Binding, Kind, SKIPPABLE_HEAD, finish_skippable};
use crate::{Codec, CodecError};

/// Pages of the index that are put one behind the other.
pub(super) struct Section<'a> {
    pub(super) codec: &'a dyn Codec,
    pub(super) binding: Binding,
    pub(super) bytes: Vec<u8>,
}

/// A page that was put: its frame's length and checksum.
pub(super) struct PutPage {
    pub(super) frame_len: u64,
    pub(super) checksum: u32,
}

impl Section<'_> {
    pub(super) fn put(&mut self, kind: Kind, number: usize, content: &[u8]) -> Result<PutPage, CodecError> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(&[0; SKIPPABLE_HEAD]);
        append_frame(self.codec, content, &mut self.bytes)?;
        let frame = &mut self.bytes[start..];
        finish_skippable(frame)?;
        Ok(PutPage { frame_len: frame.len() as u64, checksum: self.binding.of(kind, number as u64, frame) })
    }
}
