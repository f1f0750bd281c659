//! A codec with at most one defect: a mark, a shape, a spare byte, the length, and the content or the one byte that it
//! consists of.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};

use batcher_core::{Codec, CodecError, CodecId};

use crate::learned;

const MARK: u8 = b'M';
const STORED: u8 = 0;
const RUN: u8 = 1;
const HEADER: usize = 11;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodecDefect {
    None,
    LeavesAByteUndecoded,
    FillsTheBufferUp,
    EmptyFrameOfOneByte,
    LeavesAByteUnwritten,
    PanicsInASmallBuffer,
    ClaimsToHaveWritten,
    ErrorsAreRemembered,
    BlocksAreRemembered,
    ThreadsDiffer,
    DecodesABeginning,
    FillsUpWithZeros,
    IgnoresTheRest,
    RunsFitAnyBlock,
    PanicsAtAnUnknownShape,
    PanicsAtALongLength,
    PanicsWithoutAMark,
    FailsAsALibrary,
    StopsBehindTheEnd,
    BelievesTheLength,
    BoundWrapsAround,
    IdChanges,
    ParamsAreLong,
    ParamsChange,
    KnowsOnlyItsOwn,
    FramesAreNew,
    KnowsSomeDictionaries,
    TrainsAndKnowsNone,
    TrainsByItsNumber,
    TrainsAByteTooMuch,
    PanicsWithoutSamples,
    LosesWhatIsInTheDictionary,
    DictionariesMakeLonger,
    DictionariesAreParams,
    BlocksAreRememberedBesides,
    BelievesDictionaries,
    DictionariesFailAsALibrary,
    BelievesThePrefix,
    /// No defect: it trains none and takes any bytes for one.
    TakesAnyDictionary,
    /// Nor this.
    KnowsNoDictionaries,
}

#[derive(Debug)]
pub(crate) struct BrokenCodec {
    defect: CodecDefect,
    thread: ThreadId,
    number: u8,
    /// What it remembers and should not.
    memory: AtomicU64,
    params: Vec<u8>,
    scratch: Mutex<Vec<u8>>,
}

impl BrokenCodec {
    /// `numbers` tells codecs of a kind apart.
    pub(crate) fn new(defect: CodecDefect, numbers: &Arc<AtomicU8>) -> Self {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let params = match defect {
            CodecDefect::ParamsAreLong => vec![0; 5000],
            CodecDefect::ParamsChange => vec![number],
            _ => b"p".to_vec(),
        };
        let memory = AtomicU64::new(0);
        Self { defect, thread: thread::current().id(), number, memory, params, scratch: Mutex::default() }
    }

    fn is(&self, defect: CodecDefect) -> bool {
        self.defect == defect
    }

    fn spare(&self) -> u8 {
        match self.defect {
            CodecDefect::FramesAreNew => 1,
            CodecDefect::ErrorsAreRemembered => u8::from(self.memory.load(Ordering::Relaxed) > 0),
            CodecDefect::BlocksAreRemembered => u8::from(self.memory.fetch_add(1, Ordering::Relaxed) > 0),
            CodecDefect::ThreadsDiffer => u8::from(thread::current().id() != self.thread),
            CodecDefect::KnowsOnlyItsOwn => self.number,
            _ => 0,
        }
    }

    fn malformed(&self, frame: &[u8], reason: &'static str) -> CodecError {
        if self.is(CodecDefect::ErrorsAreRemembered) {
            self.memory.store(1, Ordering::Relaxed);
        }
        match self.defect {
            CodecDefect::FailsAsALibrary => CodecError::Library(reason.into()),
            CodecDefect::StopsBehindTheEnd => CodecError::Malformed { offset: frame.len() + 1, reason },
            _ => CodecError::Malformed { offset: 0, reason },
        }
    }
}

impl Codec for BrokenCodec {
    fn id(&self) -> CodecId {
        let used = self.is(CodecDefect::IdChanges) && self.memory.load(Ordering::Relaxed) > 0;
        CodecId::new(CodecId::FIRST_PRIVATE + u16::from(used))
    }

    fn params(&self) -> &[u8] {
        &self.params
    }

    fn max_frame_len(&self, block_len: usize) -> usize {
        if self.is(CodecDefect::BoundWrapsAround) {
            block_len.wrapping_add(HEADER)
        } else {
            block_len.saturating_add(HEADER)
        }
    }

    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        if self.is(CodecDefect::IdChanges) {
            self.memory.store(1, Ordering::Relaxed);
        }
        if self.is(CodecDefect::EmptyFrameOfOneByte) && block.len() == 1 {
            *self.scratch.lock().unwrap() = block.to_vec();
            return Ok(0);
        }
        let run = block.len() > 1 && block.iter().all(|byte| *byte == block[0]);
        let body = if run { &block[..1] } else { block };
        let (expected, actual) = (HEADER + body.len(), frame.len());
        let written = match frame.get_mut(..expected) {
            Some(written) => written,
            None if self.is(CodecDefect::PanicsInASmallBuffer) => panic!("no room"),
            None if self.is(CodecDefect::ClaimsToHaveWritten) => return Ok(expected),
            None => return Err(CodecError::WrongLength { expected, actual }),
        };
        written[0] = MARK;
        written[1] = if run { RUN } else { STORED };
        if !self.is(CodecDefect::LeavesAByteUnwritten) {
            written[2] = self.spare();
        }
        written[3..HEADER].copy_from_slice(&(block.len() as u64).to_le_bytes());
        written[HEADER..].copy_from_slice(body);
        Ok(if self.is(CodecDefect::FillsTheBufferUp) { actual } else { expected })
    }

    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        if self.is(CodecDefect::EmptyFrameOfOneByte) && frame.is_empty() && block.len() == 1 {
            block.copy_from_slice(&self.scratch.lock().unwrap());
            return Ok(());
        }
        if self.is(CodecDefect::PanicsWithoutAMark) {
            assert_eq!(frame.first().unwrap_or(&MARK), &MARK);
        }
        let Some((header, mut body)) = frame.split_at_checked(HEADER) else {
            return Err(self.malformed(frame, "no header"));
        };
        let (mark, shape, spare) = (header[0], header[1], header[2]);
        if mark != MARK || self.is(CodecDefect::KnowsOnlyItsOwn) && spare != self.number {
            return Err(self.malformed(frame, "no mark"));
        }
        if shape > RUN {
            assert!(!self.is(CodecDefect::PanicsAtAnUnknownShape), "unknown shape");
            return Err(self.malformed(frame, "unknown shape"));
        }
        let len = u64::from_le_bytes(header[3..].try_into().unwrap());
        assert!(!self.is(CodecDefect::PanicsAtALongLength) || len < 1 << 48, "{len} bytes");
        let len = usize::try_from(len).unwrap_or(usize::MAX);
        if self.is(CodecDefect::BelievesTheLength) {
            drop(std::hint::black_box(Vec::<u8>::with_capacity(len.min(64 << 20))));
        }
        let lenient = match self.defect {
            CodecDefect::DecodesABeginning => block.len() < len,
            CodecDefect::RunsFitAnyBlock => shape == RUN,
            _ => false,
        };
        if len != block.len() && !lenient {
            return Err(CodecError::WrongLength { expected: block.len(), actual: len });
        }
        let wanted = if shape == RUN { 1 } else { block.len() };
        if (self.is(CodecDefect::IgnoresTheRest) || lenient) && body.len() > wanted {
            body = &body[..wanted];
        }
        if self.is(CodecDefect::FillsUpWithZeros) && shape == STORED && body.len() < wanted {
            block.fill(0);
            block[..body.len()].copy_from_slice(body);
            return Ok(());
        }
        if self.is(CodecDefect::FillsTheBufferUp) {
            body = body.get(..wanted).unwrap_or(body);
        }
        if body.len() != wanted {
            return Err(self.malformed(frame, "another length"));
        }
        if shape == RUN {
            block.fill(body[0]);
        } else if self.is(CodecDefect::LeavesAByteUndecoded) && wanted == 4097 {
            block[..4096].copy_from_slice(&body[..4096]);
        } else {
            block.copy_from_slice(body);
        }
        Ok(())
    }

    fn train_dictionary(&self, samples: &[&[u8]], longest: usize) -> Option<Vec<u8>> {
        learned::train(self.defect, self.number, samples, longest)
    }

    fn with_dictionary(&self, dictionary: &[u8]) -> Result<Arc<dyn Codec>, CodecError> {
        learned::learn(self.defect, &self.params, dictionary)
    }
}
