//! What a frame must look like before the library sees it.

use ::zstd::zstd_safe::{find_frame_compressed_size, get_frame_content_size};
use batcher_core::CodecError;

use super::malformed;

const MAGIC: [u8; 4] = 0xFD2F_B528_u32.to_le_bytes();
/// Where the frame header descriptor stands, and behind it the window descriptor where there is one.
const DESCRIPTOR: usize = 4;
const SINGLE_SEGMENT: u8 = 1 << 5;
/// What standard tools accept without being told to use more memory; no level needs more.
const MAX_WINDOW_LEN: u64 = 1 << 27;

/// Makes sure, before anything is decoded, that there is one frame, that it is all there is, and that it states the
/// length of its content. The library would take several, and skip some.
pub(super) fn check_shape(frame: &[u8], content_len: usize) -> Result<(), CodecError> {
    if !frame.starts_with(&MAGIC) {
        return Err(CodecError::Malformed { offset: 0, reason: "not a Zstandard frame" });
    }
    let at_header = |reason| CodecError::Malformed { offset: DESCRIPTOR, reason };
    let size = get_frame_content_size(frame).map_err(|_| at_header("damaged frame header"))?;
    let size = size.ok_or_else(|| at_header("frame does not state the length of its content"))?;
    if size != content_len as u64 {
        let actual = usize::try_from(size).unwrap_or(usize::MAX);
        return Err(CodecError::WrongLength { expected: content_len, actual });
    }
    if window_len(frame, size) > MAX_WINDOW_LEN {
        return Err(at_header("frame asks for a window of more than 128 MiB"));
    }
    let frame_len = find_frame_compressed_size(frame).map_err(malformed)?;
    if frame_len != frame.len() {
        return Err(CodecError::Malformed { offset: frame_len, reason: "bytes after the frame" });
    }
    Ok(())
}

/// How far back matches may reach.
fn window_len(frame: &[u8], content_len: u64) -> u64 {
    match frame.get(DESCRIPTOR..) {
        Some([descriptor, window, ..]) if descriptor & SINGLE_SEGMENT == 0 => {
            let base = 1_u64 << (10 + (window >> 3));
            base + base / 8 * u64::from(window & 7)
        }
        // No window is stated where all of the content is in it.
        _ => content_len,
    }
}
