//! Dictionaries: what the frames of small blocks may refer to besides themselves.

/// The bit of the required features that says that there are dictionaries.
pub(crate) const DICTIONARIES: u32 = 1;

/// The longest dictionary in bytes.
pub const MAX_DICTIONARY_LEN: usize = 1 << 20;

/// A dictionary as the root knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DictionaryRef {
    pub(crate) offset: u64,
    pub(crate) frame_len: u64,
    pub(crate) decoded_len: usize,
    pub(crate) checksum: u32,
}
