//! The codecs under test and blocks to give them.

#![allow(dead_code, reason = "each test file uses some of it")]

use std::sync::OnceLock;

use batcher_core::Codec;

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

/// Rows as a processor keeps them: they compress to about half.
pub(crate) fn rows(len: usize) -> &'static [u8] {
    static ROWS: OnceLock<Vec<u8>> = OnceLock::new();
    let rows = ROWS.get_or_init(|| {
        let mut noise = Noise(1);
        let mut rows = Vec::new();
        let mut key = 0_u64;
        while rows.len() < MAX_LEN {
            key += 1 + noise.next() % 3;
            rows.extend(format!("user-{key:010}:").as_bytes());
            rows.extend((noise.next() % 1000).to_le_bytes());
            rows.extend((1_700_000_000_000 + noise.next() % 60_000).to_le_bytes());
        }
        rows
    });
    &rows[..len]
}

/// Bytes that do not compress.
pub(crate) fn noise(len: usize) -> &'static [u8] {
    static NOISE: OnceLock<Vec<u8>> = OnceLock::new();
    let noise = NOISE.get_or_init(|| {
        let mut noise = Noise(2);
        (0..MAX_LEN / 8).flat_map(|_| noise.next().to_le_bytes()).collect()
    });
    &noise[..len]
}

/// One block of each kind.
pub(crate) fn kinds(len: usize) -> [&'static [u8]; 3] {
    static ZEROS: [u8; MAX_LEN] = [0; MAX_LEN];
    [&ZEROS[..len], rows(len), noise(len)]
}

/// A xorshift generator.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

pub(crate) fn encode(codec: &dyn Codec, block: &[u8]) -> Vec<u8> {
    // What stands in the buffer before must make no difference.
    let mut frame = vec![0xA5; codec.max_frame_len(block.len())];
    let len = codec.encode(block, &mut frame).unwrap();
    frame.truncate(len);
    frame
}
