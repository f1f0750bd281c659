//! Frames that do not change from version to version.

use std::fmt::Write;

use batcher_core::{Codec, CodecError};

use super::trial::CodecTrial;
use crate::conformance::corpus::Corpus;
use crate::conformance::unmet::{Checked, Unmet, broken, ensure_eq};

/// Short, long, and beyond what codecs put into one piece.
const LENGTHS: [usize; 6] = [0, 1, 100, 1000, 65_536, 300_000];

/// The digests of a codec's frames of the built-in blocks, by the name of the block: what
/// [`CodecOptions::with_digests`](super::CodecOptions::with_digests) takes. A digest is the 64-bit FNV-1a hash of the
/// frame in hexadecimal digits.
///
/// To see those of today, print them, or give none that is right: the broken rule's message has them all.
///
/// # Errors
///
/// What the codec says of a block that it cannot encode.
pub fn frame_digests(codec: &dyn Codec) -> Result<Vec<(String, String)>, CodecError> {
    digests(codec, &Corpus::new(300_000))
}

fn digests(codec: &dyn Codec, corpus: &Corpus) -> Result<Vec<(String, String)>, CodecError> {
    let mut digests = Vec::new();
    for (kind, block) in LENGTHS.into_iter().flat_map(|len| corpus.kinds(len)) {
        let mut frame = vec![0; codec.max_frame_len(block.len())];
        let len = codec.encode(block, &mut frame)?;
        let frame = frame.get(..len).ok_or(CodecError::WrongLength { expected: frame.len(), actual: len })?;
        digests.push((format!("{kind}-{}", block.len()), format!("{:016x}", fnv(frame))));
    }
    Ok(digests)
}

/// FNV-1a, of 64 bits.
fn fnv(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3))
}

pub(super) fn frames_are_as_they_were(trial: &CodecTrial<'_>) -> Checked {
    let given = &trial.options.digests;
    if given.is_empty() {
        return Err(Unmet::NotApplicable("no digests are given".to_owned()));
    }
    let now = digests(&*trial.codec, trial.corpus(300_000));
    let now = now.map_err(|error| Unmet::Broken(format!("encoding: expected success, got {error:?}")))?;
    for (name, digest) in given {
        let Some((_, actual)) = now.iter().find(|(known, _)| known == name) else {
            return broken!("digests: expected names of blocks, got {name:?}; today's are{}", list(&now));
        };
        let today = if actual == digest { String::new() } else { list(&now) };
        ensure_eq!(actual, digest, "digest of the frame of {name}; today's are{today}\n");
    }
    Ok(())
}

/// As they are written into a test.
fn list(digests: &[(String, String)]) -> String {
    digests.iter().fold(String::new(), |mut list, (name, digest)| {
        let _ = write!(list, "\n({name:?}, {digest:?}),");
        list
    })
}

#[cfg(test)]
mod tests {
    use super::fnv;

    /// From the description of the hash.
    #[test]
    fn the_hash_is_the_standard_one() {
        assert_eq!(fnv(b""), 0xCBF2_9CE4_8422_2325);
        assert_eq!(fnv(b"a"), 0xAF63_DC4C_8601_EC8C);
        assert_eq!(fnv(b"foobar"), 0x8594_4171_F739_67E8);
    }
}
