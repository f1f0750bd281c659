//! What bounds every stack: the codec alone on one thread, and copying memory.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use lz4::block::decompress_to_buffer;
use lz4_flex::block::{CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size};
use zstd::bulk::{Compressor, Decompressor};

use super::codec_name::CodecName;
use super::contest::timed;
use crate::failure::Failure;

/// What the codec alone is called.
pub(crate) fn raw_name(codec: CodecName) -> String {
    format!("raw {}, 1 thread", codec.name())
}

/// The codec's library alone, on one thread, block by block into one buffer that is used again and again.
pub(crate) struct RawCodec<'a> {
    stream: &'a [u8],
    block_len: usize,
    library: Library,
    buffer: Vec<u8>,
    /// The compressed blocks, for decoding; empty until [`prepare`](Self::prepare).
    frames: Vec<(Vec<u8>, usize)>,
}

enum Library {
    Lz4(Box<CompressTable>),
    Lz4C(Box<CompressTable>),
    Zstd(Compressor<'static>, Decompressor<'static>),
}

impl Library {
    fn new(codec: CodecName) -> Result<Self, Failure> {
        Ok(match codec {
            CodecName::Lz4 => Self::Lz4(Box::default()),
            CodecName::Lz4C => Self::Lz4C(Box::default()),
            CodecName::Zstd => {
                Self::Zstd(Compressor::new(batcher::Zstd::DEFAULT_LEVEL)?, Decompressor::new()?)
            }
        })
    }

    fn compress(&mut self, block: &[u8], frame: &mut [u8]) -> Result<usize, Failure> {
        Ok(match self {
            Self::Lz4(table) | Self::Lz4C(table) => compress_into_with_table(block, frame, table)?,
            Self::Zstd(compressor, _) => compressor.compress_to_buffer(block, frame)?,
        })
    }

    fn decompress(&mut self, frame: &[u8], block: &mut [u8]) -> Result<usize, Failure> {
        Ok(match self {
            Self::Lz4(_) => decompress_into(frame, block)?,
            Self::Lz4C(_) => decompress_to_buffer(frame, Some(i32::try_from(block.len())?), block)?,
            Self::Zstd(_, decompressor) => decompressor.decompress_to_buffer(frame, block)?,
        })
    }
}

impl<'a> RawCodec<'a> {
    pub(crate) fn new(codec: CodecName, stream: &'a [u8], block_len: usize) -> Result<Self, Failure> {
        // Enough for either: the larger of both bounds.
        let buffer =
            vec![0; get_maximum_output_size(block_len).max(zstd::zstd_safe::compress_bound(block_len))];
        Ok(Self { stream, block_len, library: Library::new(codec)?, buffer, frames: Vec::new() })
    }

    /// Compresses all blocks once.
    pub(crate) fn encode(&mut self) -> Result<Duration, Failure> {
        let (result, took) = timed(|| {
            self.stream.chunks(self.block_len).try_for_each(|block| {
                black_box(self.library.compress(block, &mut self.buffer)?);
                Ok(())
            })
        });
        result.map(|()| took)
    }

    /// Keeps the compressed blocks, so that [`decode`](Self::decode) has something to do.
    pub(crate) fn prepare(&mut self) -> Result<(), Failure> {
        for block in self.stream.chunks(self.block_len) {
            let len = self.library.compress(block, &mut self.buffer)?;
            self.frames.push((self.buffer[..len].to_vec(), block.len()));
        }
        Ok(())
    }

    /// Decompresses all blocks once.
    pub(crate) fn decode(&mut self) -> Result<Duration, Failure> {
        let (result, took) = timed(|| {
            self.frames.iter().try_for_each(|(frame, block_len)| {
                let len = self.library.decompress(frame, &mut self.buffer[..*block_len])?;
                if black_box(len) == *block_len { Ok(()) } else { Err("decoded to another length".into()) }
            })
        });
        result.map(|()| took)
    }
}

/// What the codec alone is called on several threads at once.
pub(crate) fn raw_threads_name(codec: CodecName, threads: usize) -> String {
    format!("raw {}, {threads} threads", codec.name())
}

/// The codec's library alone on several threads, each with blocks of its own: what this machine's cores give together, which
/// is less than their number times what one gives.
pub(crate) struct RawThreads<'a> {
    threads: Vec<RawCodec<'a>>,
}

impl<'a> RawThreads<'a> {
    pub(crate) fn new(
        codec: CodecName,
        stream: &'a [u8],
        block_len: usize,
        threads: usize,
    ) -> Result<Self, Failure> {
        let blocks = stream.len().div_ceil(block_len).div_ceil(threads).max(1);
        let threads = stream
            .chunks(blocks * block_len)
            .map(|stream| RawCodec::new(codec, stream, block_len))
            .collect::<Result<_, Failure>>()?;
        Ok(Self { threads })
    }

    /// Compresses all blocks once.
    pub(crate) fn encode(&mut self) -> Result<Duration, Failure> {
        self.together(RawCodec::encode)
    }

    /// Keeps the compressed blocks, so that [`decode`](Self::decode) has something to do.
    pub(crate) fn prepare(&mut self) -> Result<(), Failure> {
        self.threads.iter_mut().try_for_each(RawCodec::prepare)
    }

    /// Decompresses all blocks once.
    pub(crate) fn decode(&mut self) -> Result<Duration, Failure> {
        self.together(RawCodec::decode)
    }

    fn together(
        &mut self,
        work: fn(&mut RawCodec<'a>) -> Result<Duration, Failure>,
    ) -> Result<Duration, Failure> {
        let (done, took) = timed(|| {
            thread::scope(|scope| {
                let threads: Vec<_> =
                    self.threads.iter_mut().map(|raw| scope.spawn(move || work(raw).is_ok())).collect();
                threads.into_iter().all(|thread| thread.join().unwrap_or(false))
            })
        });
        if done { Ok(took) } else { Err("the codec failed on one of the threads".into()) }
    }
}

/// Copies all bytes into a buffer that is used again and again.
pub(crate) struct MemoryCopy<'a> {
    stream: &'a [u8],
    buffer: Vec<u8>,
}

impl<'a> MemoryCopy<'a> {
    pub(crate) fn new(stream: &'a [u8]) -> Self {
        Self { stream, buffer: vec![0; stream.len()] }
    }

    pub(crate) fn copy(&mut self) -> Duration {
        let ((), took) = timed(|| self.buffer.copy_from_slice(black_box(self.stream)));
        black_box(&self.buffer);
        took
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_codecs_decode_what_they_encode() {
        let stream: Vec<u8> = (0..100_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect();
        for codec in CodecName::ALL {
            let mut raw = RawCodec::new(codec, &stream, 64 << 10).unwrap();
            raw.encode().unwrap();
            raw.prepare().unwrap();
            assert_eq!(raw.frames.len(), stream.len().div_ceil(64 << 10));
            raw.decode().unwrap();
            raw.frames[1].0.truncate(9);
            assert!(raw.decode().is_err());
        }
    }
}
