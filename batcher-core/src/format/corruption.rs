//! Where and how an object contradicts itself.

use std::fmt;

use thiserror::Error;

use crate::CodecError;

/// A part of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Section {
    /// The header frame.
    Header,
    /// The data frame of this number.
    Block(u64),
    /// The key page of this number.
    KeyPage(u64),
    /// The block page of this number.
    BlockPage(u64),
    /// The dictionary of this number.
    Dictionary(u64),
    /// The root frame.
    Root,
    /// The trailer frame.
    Trailer,
    /// Anything of an object of the starting point's format.
    Legacy,
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("header"),
            Self::Block(number) => write!(f, "block {number}"),
            Self::KeyPage(number) => write!(f, "key page {number}"),
            Self::BlockPage(number) => write!(f, "block page {number}"),
            Self::Dictionary(number) => write!(f, "dictionary {number}"),
            Self::Root => f.write_str("root"),
            Self::Trailer => f.write_str("trailer"),
            Self::Legacy => f.write_str("LCB1 object"),
        }
    }
}

/// What is wrong with a part of an object.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The bytes are not those that were written, or stand in another place.
    #[error("checksum is {actual:#010x}, not {expected:#010x}")]
    Checksum {
        /// The checksum that the object states.
        expected: u32,
        /// The checksum of the bytes at hand.
        actual: u32,
    },
    /// There are more or fewer bytes or things than were stated.
    #[error("length is {actual}, not {expected}")]
    Length {
        /// The length stated.
        expected: u64,
        /// The length found.
        actual: u64,
    },
    /// A length or count over what the format or the reader's limits allow.
    #[error("{what} is {claimed}, over the limit of {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How large it claims to be.
        claimed: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The bytes break a rule of the format.
    #[error("{0}")]
    Malformed(&'static str),
    /// The codec cannot decode a frame whose checksum is right.
    #[error("frame cannot be decoded")]
    Codec(#[from] CodecError),
}

/// A contradiction in an object: which part, where it begins, and what is wrong with it.
#[derive(Debug, Error)]
#[error("{section} at byte {offset}: {problem}")]
pub struct Corruption {
    /// The part of the object.
    pub section: Section,
    /// Where in the object the part begins.
    pub offset: u64,
    /// What is wrong with it.
    #[source]
    pub problem: Problem,
}

impl Problem {
    /// Says of which part of the object this is the problem.
    pub(crate) fn at(self, section: Section, offset: u64) -> Corruption {
        Corruption { section, offset, problem: self }
    }
}
