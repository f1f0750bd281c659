//! The one shape of LZ4 frame that this crate writes and reads.
//!
//! The LZ4 frame format leaves much open: linked blocks, checksums of blocks and of the content, dictionaries,
//! frames of unknown length. A reader that takes all of it needs buffers as large as the frame asks for. Here the
//! length of the content decides every byte of the header, and the length of every LZ4 block in it once decoded,
//! so that the decoder has nothing to believe. There is no content checksum: whoever stores frames has a checksum
//! of the stored bytes already, and a second one costs about a tenth of the speed of compression.

use batcher_core::CodecError;
use twox_hash::XxHash32;

const MAGIC: [u8; 4] = 0x184D_2204_u32.to_le_bytes();
/// Version 01, blocks independent, content size present; no block checksum, content checksum or dictionary.
const FLAGS: u8 = 0b0110_1000;
/// Magic, flags, block size code, content size, header checksum.
const HEADER_LEN: usize = 15;
/// In front of every LZ4 block, and as [`END_MARK`] behind the last.
const SIZE_LEN: usize = 4;
const END_MARK: [u8; SIZE_LEN] = [0; SIZE_LEN];
/// The bit of an LZ4 block's size which says that the block is stored as it is.
const STORED: u32 = 1 << 31;
/// The longest LZ4 block, once decoded.
const MAX_CHUNK_LEN: usize = 4 << 20;
/// The lengths that a frame can choose from as the longest of its LZ4 blocks, with their codes.
const CHUNK_LENS: [(usize, u8); 4] = [(64 << 10, 4), (256 << 10, 5), (1 << 20, 6), (MAX_CHUNK_LEN, 7)];

/// Packs the LZ4 blocks of a frame.
pub(crate) trait Packer {
    /// The packed bytes of `chunk`; `None` where there is nothing to be gained and it is to be stored as it is.
    fn pack(&mut self, chunk: &[u8]) -> Option<&[u8]>;
}

/// Unpacks one LZ4 block into the front of a buffer and says how long it is, or why it is none.
pub(crate) type Unpack = fn(&[u8], &mut [u8]) -> Result<usize, &'static str>;

/// Why an [`Unpack`] fails that cannot tell more.
pub(crate) const NOT_PACKED: &str =
    "not a packed block, or one of more content than its place in the frame has";

/// The length of the longest frame of `content_len` bytes: that in which every LZ4 block is stored.
pub(crate) fn max_frame_len(content_len: usize) -> usize {
    let sizes = content_len.div_ceil(chunk_len(content_len).0) + 1;
    content_len.saturating_add(HEADER_LEN + sizes * SIZE_LEN)
}

/// Writes the frame of `content` to the front of `frame` and returns its length.
pub(crate) fn encode(
    content: &[u8],
    frame: &mut [u8],
    packer: &mut impl Packer,
) -> Result<usize, CodecError> {
    let mut out = Out { frame, len: 0 };
    out.put(&header(content.len()))?;
    for chunk in content.chunks(chunk_len(content.len()).0) {
        let (body, stored) = match packer.pack(chunk) {
            Some(packed) if packed.len() < chunk.len() => (packed, 0),
            _ => (chunk, STORED),
        };
        #[expect(clippy::cast_possible_truncation, reason = "no chunk is longer than MAX_CHUNK_LEN")]
        let size = body.len() as u32 | stored;
        out.put(&size.to_le_bytes())?;
        out.put(body)?;
    }
    out.put(&END_MARK)?;
    Ok(out.len)
}

/// The part of a buffer that is written.
struct Out<'a> {
    frame: &'a mut [u8],
    len: usize,
}

impl Out<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        let end = self.len + bytes.len();
        let room = self.frame.len();
        let place = self.frame.get_mut(self.len..end);
        copy(bytes, place.ok_or(CodecError::WrongLength { expected: end, actual: room })?);
        self.len = end;
        Ok(())
    }
}

/// Copies in pieces that glibc does not copy by `rep movsb`, as it may from 2 KiB on. AMD's Zen 3 and 4 do that 15 to 20 times
/// slower where the place that is copied to lies 1 to some 30 bytes behind the one that is copied from, counted within a
/// page, as that of a body behind a frame's head does: large buffers all begin at the same place of a page.
/// (<https://lunnova.dev/articles/ryzen-slow-short-rep-mov/>)
fn copy(from: &[u8], to: &mut [u8]) {
    const PIECE_LEN: usize = 1024;
    debug_assert_eq!(from.len(), to.len(), "a part would be left out");
    for (from, to) in from.chunks(PIECE_LEN).zip(to.chunks_mut(PIECE_LEN)) {
        to.copy_from_slice(from);
    }
}

/// Decodes a frame that [`encode`] may have written, and none other, into exactly `content`.
pub(crate) fn decode(frame: &[u8], content: &mut [u8], unpack: Unpack) -> Result<(), CodecError> {
    check_header(frame, content.len())?;
    let mut rest = Rest { frame, offset: HEADER_LEN };
    let chunk_len = chunk_len(content.len()).0;
    for chunk in content.chunks_mut(chunk_len) {
        let start = rest.offset;
        let size = rest.size()?;
        let malformed = |reason| CodecError::Malformed { offset: start, reason };
        let body_len = (size & !STORED) as usize;
        if size & STORED != 0 {
            if body_len != chunk.len() {
                return Err(malformed("stored block of another length than its place in the frame has"));
            }
            copy(rest.take(body_len)?, chunk);
        } else {
            if body_len == 0 {
                return Err(malformed("end mark before the end of the content"));
            }
            if body_len >= chunk.len() {
                return Err(malformed("packed block that is not shorter than its content"));
            }
            if unpack(rest.take(body_len)?, chunk).map_err(malformed)? != chunk.len() {
                return Err(malformed("packed block of less content than its place in the frame has"));
            }
        }
    }
    let end = rest.offset;
    if rest.size()? != 0 {
        return Err(CodecError::Malformed { offset: end, reason: "no end mark after the content" });
    }
    if rest.offset != frame.len() {
        return Err(CodecError::Malformed { offset: rest.offset, reason: "bytes after the frame" });
    }
    Ok(())
}

/// The length of a frame's LZ4 blocks, the last one excepted, and its code: the shortest that holds all of the
/// content in one, or else the longest that there is.
fn chunk_len(content_len: usize) -> (usize, u8) {
    let mut chosen = CHUNK_LENS[0];
    for candidate in CHUNK_LENS {
        if chosen.0 < content_len {
            chosen = candidate;
        }
    }
    chosen
}

fn header(content_len: usize) -> [u8; HEADER_LEN] {
    let mut header = [0; HEADER_LEN];
    header[..4].copy_from_slice(&MAGIC);
    header[4] = FLAGS;
    header[5] = chunk_len(content_len).1 << 4;
    header[6..14].copy_from_slice(&(content_len as u64).to_le_bytes());
    // The format takes the second lowest byte of the hash of all that stands between magic and checksum.
    header[14] = XxHash32::oneshot(0, &header[4..14]).to_le_bytes()[1];
    header
}

/// Compares with the only header that content of this length can have; looks closer only to say what is wrong.
fn check_header(frame: &[u8], content_len: usize) -> Result<(), CodecError> {
    let expected = header(content_len);
    if frame.starts_with(&expected) {
        return Ok(());
    }
    let size = frame.get(6..14).and_then(|size| size.try_into().ok()).map(u64::from_le_bytes);
    if let Some(actual) = size.and_then(|size| usize::try_from(size).ok())
        && frame.starts_with(&header(actual))
    {
        return Err(CodecError::WrongLength { expected: content_len, actual });
    }
    let offset = frame.iter().zip(&expected).take_while(|(actual, expected)| actual == expected).count();
    let reason = match offset {
        _ if offset == frame.len() => "frame ends within its header",
        0..4 => "not an LZ4 frame",
        4 => "frame options other than independent blocks and a content size",
        5 => "block size other than the content's length calls for",
        6..14 => "content size of another length, in a damaged header",
        _ => "wrong header checksum",
    };
    Err(CodecError::Malformed { offset, reason })
}

/// What is left of a frame.
struct Rest<'a> {
    frame: &'a [u8],
    offset: usize,
}

impl<'a> Rest<'a> {
    fn take(&mut self, len: usize) -> Result<&'a [u8], CodecError> {
        let taken = self.frame.get(self.offset..).and_then(|rest| rest.get(..len));
        let taken = taken
            .ok_or(CodecError::Malformed { offset: self.frame.len(), reason: "frame ends too early" })?;
        self.offset += len;
        Ok(taken)
    }

    fn size(&mut self) -> Result<u32, CodecError> {
        let mut size = [0; SIZE_LEN];
        size.copy_from_slice(self.take(SIZE_LEN)?);
        Ok(u32::from_le_bytes(size))
    }
}
