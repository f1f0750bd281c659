//! The codec with a dictionary: a mark, how many bytes of the block are the dictionary's first, and the frame of the rest.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use batcher_core::{Codec, CodecError, CodecId};

use crate::codec::{BrokenCodec, CodecDefect};

/// What a dictionary begins with; its length follows.
const MAGIC: [u8; 2] = *b"DY";
const HEAD: usize = 4;
const MARK: u8 = b'D';
const PREFIX: usize = 9;

pub(crate) fn train(defect: CodecDefect, number: u8, samples: &[&[u8]], longest: usize) -> Option<Vec<u8>> {
    match defect {
        CodecDefect::TakesAnyDictionary | CodecDefect::KnowsNoDictionaries => return None,
        CodecDefect::PanicsWithoutSamples => assert!(!samples.is_empty(), "no samples"),
        _ => {}
    }
    let longest = longest + usize::from(defect == CodecDefect::TrainsAByteTooMuch);
    let mut content = samples.concat();
    content.truncate(longest.checked_sub(HEAD)?.min(60_000));
    let last = content.last_mut()?;
    if defect == CodecDefect::TrainsByItsNumber {
        *last = number;
    }
    let len = u16::try_from(content.len()).unwrap();
    Some([&MAGIC[..], &len.to_le_bytes(), &content].concat())
}

pub(crate) fn learn(
    defect: CodecDefect,
    params: &[u8],
    dictionary: &[u8],
) -> Result<Arc<dyn Codec>, CodecError> {
    let reason = "no dictionary";
    let refused = || match defect {
        CodecDefect::KnowsSomeDictionaries => CodecError::NoDictionaries,
        CodecDefect::DictionariesFailAsALibrary => CodecError::Library(reason.into()),
        _ => CodecError::Malformed { offset: 0, reason },
    };
    let content = match defect {
        CodecDefect::TrainsAndKnowsNone | CodecDefect::KnowsNoDictionaries => {
            return Err(CodecError::NoDictionaries);
        }
        CodecDefect::TakesAnyDictionary => dictionary,
        _ => {
            let rest = dictionary.strip_prefix(&MAGIC).ok_or_else(refused)?;
            let (len, content) = rest.split_first_chunk().ok_or_else(refused)?;
            let len = usize::from(u16::from_le_bytes(*len));
            match defect {
                CodecDefect::BelievesDictionaries => &content[..len],
                _ if content.len() != len => return Err(refused()),
                _ => content,
            }
        }
    };
    let params = if defect == CodecDefect::DictionariesAreParams { content } else { params };
    Ok(Arc::new(Learned {
        defect,
        plain: BrokenCodec::new(CodecDefect::None, &Arc::default()),
        params: params.to_vec(),
        content: content.to_vec(),
        used: AtomicBool::new(false),
    }))
}

#[derive(Debug)]
struct Learned {
    defect: CodecDefect,
    plain: BrokenCodec,
    params: Vec<u8>,
    content: Vec<u8>,
    /// What it remembers and should not.
    used: AtomicBool,
}

impl Codec for Learned {
    fn id(&self) -> CodecId {
        self.plain.id()
    }

    fn params(&self) -> &[u8] {
        &self.params
    }

    fn max_frame_len(&self, block_len: usize) -> usize {
        let more = if self.defect == CodecDefect::DictionariesMakeLonger { PREFIX } else { 0 };
        self.plain.max_frame_len(block_len).saturating_add(more)
    }

    fn encode(&self, block: &[u8], frame: &mut [u8]) -> Result<usize, CodecError> {
        let mut shared = block.iter().zip(&self.content).take_while(|(byte, known)| byte == known).count();
        let used = self.used.swap(true, Ordering::Relaxed);
        if used && self.defect == CodecDefect::BlocksAreRememberedBesides {
            shared = 0;
        }
        if shared < PREFIX && self.defect != CodecDefect::DictionariesMakeLonger {
            return self.plain.encode(block, frame);
        }
        let (expected, actual) = (PREFIX, frame.len());
        let (prefix, rest) =
            frame.split_at_mut_checked(PREFIX).ok_or(CodecError::WrongLength { expected, actual })?;
        prefix[0] = MARK;
        prefix[1..].copy_from_slice(&(shared as u64).to_le_bytes());
        Ok(PREFIX + self.plain.encode(&block[shared..], rest)?)
    }

    fn decode(&self, frame: &[u8], block: &mut [u8]) -> Result<(), CodecError> {
        let Some(marked) = frame.strip_prefix(&[MARK]) else { return self.plain.decode(frame, block) };
        let malformed = |reason| CodecError::Malformed { offset: 0, reason };
        let (shared, rest) = marked.split_first_chunk().ok_or_else(|| malformed("no prefix"))?;
        let shared = usize::try_from(u64::from_le_bytes(*shared)).unwrap_or(usize::MAX);
        let known = match self.content.get(..shared) {
            Some(known) => known,
            None if self.defect == CodecDefect::BelievesThePrefix => panic!("not in the dictionary"),
            None => return Err(malformed("more than the dictionary")),
        };
        let expected = block.len();
        let (first, others) =
            block.split_at_mut_checked(shared).ok_or(CodecError::WrongLength { expected, actual: shared })?;
        first.copy_from_slice(known);
        if self.defect == CodecDefect::LosesWhatIsInTheDictionary {
            first.fill(0);
        }
        self.plain.decode(rest, others).map_err(|error| match error {
            CodecError::WrongLength { actual, .. } => {
                CodecError::WrongLength { expected, actual: actual.saturating_add(shared) }
            }
            other => other,
        })
    }
}
