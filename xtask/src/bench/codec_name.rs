//! The codecs that are compared.

use std::str::FromStr;

/// A codec that compresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CodecName {
    Lz4,
    /// Encodes as `Lz4` does, so that it is of interest only where state is read back.
    Lz4C,
    Zstd,
}

impl CodecName {
    pub(crate) const ALL: [Self; 3] = [Self::Lz4, Self::Lz4C, Self::Zstd];
    /// What is compared where nothing is said.
    pub(crate) const DEFAULT: [Self; 2] = [Self::Lz4, Self::Zstd];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lz4 => "lz4",
            Self::Lz4C => "lz4-c",
            Self::Zstd => "zstd",
        }
    }
}

impl FromStr for CodecName {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|codec| codec.name() == name)
            .ok_or_else(|| "must be lz4, lz4-c or zstd".to_owned())
    }
}
