//! The descriptor, which says what an object is, and the header frame that begins with it.

use super::fields::Fields;
use super::{FORMAT_VERSION, MAX_WRITER_LEN, Problem, SKIPPABLE_HEAD, TAG, crc, finish_skippable};
use crate::{CodecId, MAX_CODEC_PARAMS};

/// Bytes of a header frame besides the descriptor.
const HEADER_OVERHEAD: usize = SKIPPABLE_HEAD + TAG.len() + 4;

/// What an object is: stands in its header and again in its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Descriptor {
    pub(crate) codec: CodecId,
    pub(crate) required_features: u32,
    pub(crate) optional_features: u32,
    pub(crate) epoch: u64,
    pub(crate) part: u64,
    pub(crate) writer: String,
    pub(crate) params: Vec<u8>,
}

impl Descriptor {
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        out.extend_from_slice(&self.codec.get().to_le_bytes());
        out.extend_from_slice(&self.required_features.to_le_bytes());
        out.extend_from_slice(&self.optional_features.to_le_bytes());
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.part.to_le_bytes());
        put_short(out, self.writer.as_bytes());
        put_short(out, &self.params);
    }

    pub(crate) fn take(fields: &mut Fields<'_>) -> Result<Self, Problem> {
        if fields.u16()? != FORMAT_VERSION {
            return Err(Problem::Malformed("descriptor of another version than the trailer"));
        }
        let codec = CodecId::new(fields.u16()?);
        let required_features = fields.u32()?;
        let optional_features = fields.u32()?;
        let epoch = fields.u64()?;
        let part = fields.u64()?;
        let writer = take_short(fields, "writer length", MAX_WRITER_LEN)?;
        let writer =
            std::str::from_utf8(writer).map_err(|_| Problem::Malformed("writer is not UTF-8"))?.to_owned();
        let params = take_short(fields, "codec parameter length", MAX_CODEC_PARAMS)?.to_vec();
        Ok(Self { codec, required_features, optional_features, epoch, part, writer, params })
    }

    /// The length in bytes of the header frame.
    pub(crate) fn header_len(&self) -> usize {
        let mut descriptor = Vec::new();
        self.put(&mut descriptor);
        HEADER_OVERHEAD + descriptor.len()
    }

    /// The header frame.
    pub(crate) fn header(&self) -> Vec<u8> {
        let mut frame = vec![0; SKIPPABLE_HEAD];
        frame.extend_from_slice(TAG);
        self.put(&mut frame);
        frame.extend_from_slice(&[0; 4]);
        // Bounded by the limits on writer and parameters, so that the length always fits.
        let fits = finish_skippable(&mut frame);
        debug_assert!(fits.is_ok());
        let end = frame.len() - 4;
        let checksum = crc(&frame[..end]);
        frame[end..].copy_from_slice(&checksum.to_le_bytes());
        frame
    }
}

fn put_short(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    debug_assert_eq!(usize::from(len), bytes.len(), "checked where the batcher is built");
    out.extend_from_slice(&len.to_le_bytes());
    out.extend_from_slice(bytes);
}

fn take_short<'a>(fields: &mut Fields<'a>, what: &'static str, max: usize) -> Result<&'a [u8], Problem> {
    let len = usize::from(fields.u16()?);
    if len > max {
        return Err(Problem::Limit { what, claimed: len as u64, limit: max as u64 });
    }
    fields.bytes(len)
}
