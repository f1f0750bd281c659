//! The codecs under test and blocks to give them.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::sync::LazyLock;

use batcher_core::Codec;
use batcher_testkit::corpus::BlobKind;
use bytes::Bytes;

/// The longest of [`lengths`]: three LZ4 blocks.
const MAX_LEN: usize = 9 << 20;

/// All codecs of the features that are on.
pub(crate) fn codecs() -> Vec<Box<dyn Codec>> {
    #[cfg_attr(not(any(feature = "lz4", feature = "zstd")), expect(unused_mut, reason = "nothing to add"))]
    let mut codecs: Vec<Box<dyn Codec>> = vec![Box::new(batcher_codecs::Raw)];
    #[cfg(feature = "lz4")]
    codecs.push(Box::new(batcher_codecs::Lz4::default()));
    #[cfg(feature = "lz4")]
    codecs.push(Box::new(batcher_codecs::Lz4Block::default()));
    #[cfg(feature = "lz4-c")]
    codecs.push(Box::new(batcher_codecs::Lz4C::default()));
    #[cfg(feature = "zstd")]
    for level in [-7, 1, 3, 9] {
        codecs.push(Box::new(batcher_codecs::Zstd::new(level).unwrap()));
    }
    codecs
}

/// The small lengths one by one, and those on either side of every length at which a frame changes its shape.
pub(crate) fn lengths() -> Vec<usize> {
    let edges = [64 << 10, 128 << 10, 256 << 10, 1 << 20, 4 << 20];
    (0..40).chain(edges.into_iter().flat_map(|edge| [edge - 1, edge, edge + 1])).chain([MAX_LEN]).collect()
}

/// Rows as a processor keeps them: they compress to less than two thirds.
pub(crate) fn rows(len: usize) -> &'static [u8] {
    static ROWS: LazyLock<Bytes> = LazyLock::new(|| BlobKind::Rows.blob(1, MAX_LEN));
    &ROWS[..len]
}

/// Bytes that do not compress.
pub(crate) fn noise(len: usize) -> &'static [u8] {
    static NOISE: LazyLock<Bytes> = LazyLock::new(|| BlobKind::Noise.blob(2, MAX_LEN));
    &NOISE[..len]
}

/// One block of each kind.
pub(crate) fn kinds(len: usize) -> [&'static [u8]; 3] {
    static ZEROS: [u8; MAX_LEN] = [0; MAX_LEN];
    [&ZEROS[..len], rows(len), noise(len)]
}

pub(crate) fn encode(codec: &dyn Codec, block: &[u8]) -> Vec<u8> {
    // What stands in the buffer before must make no difference.
    let mut frame = vec![0xA5; codec.max_frame_len(block.len())];
    let len = codec.encode(block, &mut frame).unwrap();
    frame.truncate(len);
    frame
}
