//! Dictionaries: trained from samples, and what of one must hold before the library digests it.

use ::zstd::zstd_safe::train_from_buffer;
use batcher_core::CodecError;

/// What a dictionary begins with, and behind it the id that frames name it by.
const MAGIC: [u8; 4] = 0xEC30_A437_u32.to_le_bytes();

/// Bytes of magic and id; what is no longer than that the library takes for content.
const HEAD_LEN: usize = 8;

/// The shortest dictionary that the library trains.
const MIN_LEN: usize = 256;

/// A dictionary for blobs like these, as short as is worth it; `None` where the library finds that they have too little in common.
pub(super) fn train(samples: &[&[u8]], longest: usize) -> Option<Vec<u8>> {
    if longest < MIN_LEN {
        return None;
    }
    let lens: Vec<usize> = samples.iter().map(|sample| sample.len()).collect();
    let mut dictionary = vec![0; longest];
    let len = train_from_buffer(&mut dictionary[..], &samples.concat(), &lens).ok()?;
    dictionary.truncate(len);
    // The library's ids take four bytes in each frame. One of one byte still lets tools say which dictionary they miss.
    let (magic, rest) = dictionary.split_first_chunk_mut::<4>()?;
    let id = rest.first_chunk_mut::<4>()?;
    let short = (u32::from_le_bytes(*id) % 255) + 1;
    *id = short.to_le_bytes();
    (*magic == MAGIC).then_some(dictionary)
}

/// Makes sure that these bytes say that they are a dictionary: the library takes any others for one without tables.
pub(super) fn check(dictionary: &[u8]) -> Result<(), CodecError> {
    if dictionary.starts_with(&MAGIC) && dictionary.len() > HEAD_LEN {
        Ok(())
    } else {
        Err(CodecError::Malformed { offset: 0, reason: "not a Zstandard dictionary" })
    }
}
