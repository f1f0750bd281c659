//! One rule being checked on one codec.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, OnceLock, PoisonError};

use batcher_core::{Codec, CodecError};

use super::options::CodecOptions;
use crate::conformance::corpus::Corpus;
use crate::conformance::unmet::{Checked, Unmet, broken, ensure, ensure_eq, panic_message, show};

/// The longest block: three of the longest blocks of an LZ4 frame.
pub(super) const MAX_LEN: usize = 9 << 20;

/// The longest block that most rules need.
const SHORT_LEN: usize = 300_000;

/// Blocks of which every damage can be tried.
const SMALL: [usize; 4] = [0, 1, 50, 1000];

/// The name of a block, the block and its frame.
pub(super) type Framed<'a> = (String, &'a [u8], Vec<u8>);

/// A codec, more of its kind, what it is held to, and blocks to give it.
pub(super) struct CodecTrial<'a> {
    pub(super) codec: Box<dyn Codec>,
    make: &'a (dyn Fn() -> Box<dyn Codec> + Sync),
    pub(super) options: &'a CodecOptions,
    short: OnceLock<Corpus>,
    long: OnceLock<Corpus>,
    notes: Mutex<Vec<String>>,
}

impl<'a> CodecTrial<'a> {
    pub(super) fn new(make: &'a (dyn Fn() -> Box<dyn Codec> + Sync), options: &'a CodecOptions) -> Self {
        Self {
            codec: make(),
            make,
            options,
            short: OnceLock::new(),
            long: OnceLock::new(),
            notes: Mutex::default(),
        }
    }

    /// Blocks of up to a length; the longest take their time to make, and few rules need them.
    pub(super) fn corpus(&self, len: usize) -> &Corpus {
        if len <= SHORT_LEN {
            self.short.get_or_init(|| Corpus::new(SHORT_LEN))
        } else {
            self.long.get_or_init(|| Corpus::new(MAX_LEN))
        }
    }

    /// Another one that has not been used.
    pub(super) fn fresh(&self) -> Box<dyn Codec> {
        (self.make)()
    }

    pub(super) fn note(&self, note: String) {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).push(note);
    }

    pub(super) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Blocks of every kind and these lengths, with what to call them.
    pub(super) fn blocks(&self, lengths: &[usize]) -> Vec<(String, &[u8])> {
        let kinds = |len: &usize| {
            self.corpus(*len).kinds(*len).map(|(kind, block)| (format!("{kind}-{}", block.len()), block))
        };
        lengths.iter().flat_map(kinds).collect()
    }

    /// Blocks whose frames are short, and the frames.
    pub(super) fn small_frames(&self) -> Checked<Vec<Framed<'_>>> {
        framed(&*self.codec, self.blocks(&SMALL))
    }

    /// The frame of a block, which must work.
    pub(super) fn encode(&self, block: &[u8]) -> Checked<Vec<u8>> {
        encode_with(&*self.codec, block, 0xA5, 0)
    }

    /// As [`decode_with`], of the codec.
    pub(super) fn decode(&self, step: &str, frame: &[u8], len: usize) -> Checked<Option<Vec<u8>>> {
        decode_with(&*self.codec, step, frame, len)
    }

    /// That the codec does not decode bytes into a block of `len` bytes.
    pub(super) fn is_refused(&self, step: &str, frame: &[u8], len: usize) -> Checked {
        is_refused_by(&*self.codec, step, frame, len)
    }

    /// That a frame is decoded to the last byte, whatever stood in the block before.
    pub(super) fn comes_back(&self, codec: &dyn Codec, name: &str, frame: &[u8], block: &[u8]) -> Checked {
        for before in [0x00, 0xFF] {
            let mut decoded = vec![before; block.len()];
            if let Err(error) = codec.decode(frame, &mut decoded) {
                return broken!("decoding the frame of {name}: expected success, got {error:?}");
            }
            ensure!(
                decoded == block,
                "decoding the frame of {name} into a block of {before:#04x}: expected {}, got {}",
                show(block),
                show(&decoded)
            );
        }
        Ok(())
    }
}

/// Encodes into a buffer that holds `before` and is `more` bytes longer than needed.
pub(super) fn encode_with(codec: &dyn Codec, block: &[u8], before: u8, more: usize) -> Checked<Vec<u8>> {
    let longest = codec.max_frame_len(block.len());
    let mut frame = vec![before; longest.saturating_add(more)];
    let step = || format!("encoding {} bytes into {}", block.len(), longest.saturating_add(more));
    let len = codec.encode(block, &mut frame);
    let len = len.map_err(|error| Unmet::Broken(format!("{}: expected success, got {error:?}", step())))?;
    ensure!(len <= frame.len(), "{}: expected a length within, got {len}", step());
    frame.truncate(len);
    Ok(frame)
}

/// Blocks with their frames.
pub(super) fn framed<'a>(codec: &dyn Codec, blocks: Vec<(String, &'a [u8])>) -> Checked<Vec<Framed<'a>>> {
    let framed = |(name, block)| {
        let frame = encode_with(codec, block, 0xA5, 0)?;
        Ok((name, block, frame))
    };
    blocks.into_iter().map(framed).collect()
}

/// What decoding bytes from outside gives: the block where it succeeds, nothing where it fails in a way in which it may.
pub(super) fn decode_with(
    codec: &dyn Codec,
    step: &str,
    frame: &[u8],
    len: usize,
) -> Checked<Option<Vec<u8>>> {
    let mut block = vec![0xA5; len];
    let decoded = catch_unwind(AssertUnwindSafe(|| codec.decode(frame, &mut block)));
    match decoded {
        Ok(Ok(())) => Ok(Some(block)),
        Ok(Err(CodecError::Malformed { offset, .. })) => {
            ensure!(
                offset <= frame.len(),
                "{step}: expected Malformed within {} bytes, got offset {offset}",
                frame.len()
            );
            Ok(None)
        }
        Ok(Err(CodecError::WrongLength { expected, actual })) => {
            ensure_eq!(expected, len, "{step}: length that WrongLength says was asked for");
            ensure!(
                actual != len,
                "{step}: expected WrongLength to tell another length than {len}, got the same"
            );
            Ok(None)
        }
        Ok(Err(other)) => broken!("{step}: expected Malformed or WrongLength, got {other:?}"),
        Err(panic) => {
            broken!("{step}: expected an error or a block, got a codec that {}", panic_message(&*panic))
        }
    }
}

/// That a codec does not decode bytes into a block of `len` bytes.
pub(super) fn is_refused_by(codec: &dyn Codec, step: &str, frame: &[u8], len: usize) -> Checked {
    let decoded = decode_with(codec, step, frame, len)?;
    ensure!(decoded.is_none(), "{step}: expected Malformed or WrongLength, got success");
    Ok(())
}
