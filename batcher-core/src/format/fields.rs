//! Integers and byte strings in the format's encodings.

use super::Problem;

/// Reads fields from front to back; every read is bounded by the bytes at hand.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// All that has not been read.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// The number of bytes that have not been read.
    pub(crate) fn remaining(&self) -> usize {
        self.rest.len()
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Result<&'a [u8], Problem> {
        let (bytes, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(Problem::Length { expected: len as u64, actual: self.rest.len() as u64 })?;
        self.rest = rest;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let (bytes, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(Problem::Length { expected: N as u64, actual: self.rest.len() as u64 })?;
        self.rest = rest;
        Ok(*bytes)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Problem> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Problem> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Problem> {
        self.array().map(u64::from_le_bytes)
    }

    pub(crate) fn uvarint(&mut self) -> Result<u64, Problem> {
        // Most are short.
        if let [byte, rest @ ..] = self.rest
            && *byte < 0x80
        {
            self.rest = rest;
            return Ok((*byte).into());
        }
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                return Err(Problem::Malformed("integer over 64 bits"));
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(Problem::Malformed("integer in more bytes than it needs"));
                }
                return Ok(value);
            }
        }
        Err(Problem::Malformed("integer over 64 bits"))
    }

    /// A `uvarint` that counts bytes or things in memory.
    pub(crate) fn length(&mut self) -> Result<usize, Problem> {
        usize::try_from(self.uvarint()?).map_err(|_| Problem::Malformed("length over the address space"))
    }

    /// A signed difference, as the number to add modulo 2^64.
    pub(crate) fn svarint(&mut self) -> Result<u64, Problem> {
        let folded = self.uvarint()?;
        Ok((folded >> 1) ^ (folded & 1).wrapping_neg())
    }

    /// How many leading bytes a key has in common with the one before it, of `before` bytes, and its others; no key is longer
    /// than `max`.
    pub(crate) fn shared(&mut self, before: usize, max: usize) -> Result<(usize, &'a [u8]), Problem> {
        let shared = self.length()?;
        if shared > before {
            return Err(Problem::Malformed("shares more than the key before it has"));
        }
        let suffix_len = self.length()?;
        if suffix_len > max - shared.min(max) {
            return Err(Problem::Limit {
                what: "key length",
                claimed: (shared as u64).saturating_add(suffix_len as u64),
                limit: max as u64,
            });
        }
        Ok((shared, self.bytes(suffix_len)?))
    }

    pub(crate) fn shared_key(&mut self, key: &mut Vec<u8>, max: usize) -> Result<(), Problem> {
        let (shared, suffix) = self.shared(key.len(), max)?;
        key.truncate(shared);
        key.extend_from_slice(suffix);
        Ok(())
    }
}

pub(crate) fn put_uvarint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

fn low_byte(value: u64) -> u8 {
    value.to_le_bytes()[0]
}

/// Writes a difference modulo 2^64 as a signed number.
pub(crate) fn put_svarint(out: &mut Vec<u8>, difference: u64) {
    let sign = (difference >> 63).wrapping_neg();
    put_uvarint(out, (difference << 1) ^ sign);
}

/// Writes `key` as what it shares with `before` and the rest.
pub(crate) fn put_shared_key(out: &mut Vec<u8>, before: &[u8], key: &[u8]) {
    let shared = shared_len(before, key);
    put_uvarint(out, shared as u64);
    put_uvarint(out, (key.len() - shared) as u64);
    out.extend_from_slice(&key[shared..]);
}

/// How many leading bytes two keys have in common.
pub(crate) fn shared_len(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_integer_comes_back_and_takes_the_fewest_bytes() {
        let edges = (0..64).flat_map(|bit| [1u64 << bit, (1 << bit) - 1, (1 << bit) + 1]).chain([u64::MAX]);
        for value in edges {
            let mut out = Vec::new();
            put_uvarint(&mut out, value);
            assert_eq!(out.len(), (64 - value.leading_zeros()).div_ceil(7).max(1) as usize);
            assert_eq!(Fields::new(&out).uvarint().unwrap(), value);
            let mut out = Vec::new();
            put_svarint(&mut out, value);
            assert_eq!(Fields::new(&out).svarint().unwrap(), value);
        }
    }

    #[test]
    fn signed_integers_are_folded_as_the_document_says() {
        for (value, folded) in [(0i64, 0u8), (-1, 1), (1, 2), (-2, 3), (2, 4)] {
            let mut out = Vec::new();
            put_svarint(&mut out, value.cast_unsigned());
            assert_eq!(out, [folded]);
        }
    }

    #[test]
    fn long_and_overlong_integers_are_refused() {
        for bytes in [&[0x80, 0x00][..], &[0xFF; 10], &[0x80; 11], &[0x80], &[]] {
            assert!(Fields::new(bytes).uvarint().is_err(), "{bytes:?}");
        }
    }
}
