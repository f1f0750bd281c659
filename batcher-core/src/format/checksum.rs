//! Checksums that bind a frame to its object and its place.

use crc_fast::CrcAlgorithm::Crc32Iscsi;
use crc_fast::Digest;

use super::{Descriptor, Problem};

/// CRC-32C of `bytes`.
pub(crate) fn crc(bytes: &[u8]) -> u32 {
    append(0, bytes)
}

/// CRC-32C of bytes of which `crc` is that of the first, and `bytes` are the others.
fn append(crc: u32, bytes: &[u8]) -> u32 {
    let mut digest = Digest::new_with_init_state(Crc32Iscsi, (!crc).into());
    digest.update(bytes);
    narrow(digest.finalize())
}

/// The crate has one type for sums of all lengths.
fn narrow(crc: u64) -> u32 {
    let [a, b, c, d, ..] = crc.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// What a bound frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Block = 1,
    KeyPage = 2,
    BlockPage = 3,
    Dictionary = 4,
}

/// The checksum of an object's descriptor, from which those of its frames go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    descriptor: u32,
}

impl Binding {
    pub(crate) fn new(descriptor: &Descriptor) -> Self {
        let mut bytes = Vec::new();
        descriptor.put(&mut bytes);
        Self { descriptor: crc(&bytes) }
    }

    fn place(self, kind: Kind, number: u64) -> u32 {
        let [a, b, c, d, e, f, g, h] = number.to_le_bytes();
        append(self.descriptor, &[kind as u8, a, b, c, d, e, f, g, h])
    }

    /// The bound checksum of a frame.
    pub(crate) fn of(self, kind: Kind, number: u64, frame: &[u8]) -> u32 {
        append(self.place(kind, number), frame)
    }

    /// The bound checksum of a frame of which only the unbound checksum and the length are known: blocks are summed
    /// where they are compressed, before their number and their object's epoch are known.
    pub(crate) fn of_summed(self, kind: Kind, number: u64, frame_crc: u32, frame_len: usize) -> u32 {
        over(self.place(kind, number), frame_len) ^ frame_crc
    }

    /// Compares the bound checksum of a frame with what the object states.
    pub(crate) fn check(self, kind: Kind, number: u64, frame: &[u8], expected: u32) -> Result<(), Problem> {
        same(expected, self.of(kind, number, frame))
    }
}

/// CRC-32C's polynomial, lowest power in the highest bit.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// x to the power of 2^n, for each n, modulo the polynomial.
const POWERS: [u32; 67] = {
    let mut powers = [1 << 30; 67];
    let mut n = 1;
    while n < powers.len() {
        powers[n] = product(powers[n - 1], powers[n - 1]);
        n += 1;
    }
    powers
};

/// The product of two polynomials, modulo CRC-32C's.
const fn product(a: u32, mut b: u32) -> u32 {
    let (mut sum, mut bit) = (0, 1 << 31);
    while bit != 0 {
        if a & bit != 0 {
            sum ^= b;
        }
        b = (b >> 1) ^ if b & 1 == 0 { 0 } else { POLYNOMIAL };
        bit >>= 1;
    }
    sum
}

/// What a checksum becomes over so many further bytes, but for those bytes' own checksum: its product with x^(8 len), by
/// squaring. The method is that of zlib's `crc32_combine`. Those of the `crc32c` and `crc-fast` crates (1.10) take 10 µs and more a block.
fn over(crc: u32, len: usize) -> u32 {
    let mut shifted = crc;
    let (mut rest, mut n) = (len, 3);
    while rest != 0 {
        if rest & 1 == 1 {
            shifted = product(POWERS[n], shifted);
        }
        rest >>= 1;
        n += 1;
    }
    shifted
}

/// Compares two checksums.
pub(crate) fn same(expected: u32, actual: u32) -> Result<(), Problem> {
    // A fuzzer does not guess checksums; what stands behind them has to hold without them, too.
    if expected == actual || cfg!(fuzzing) { Ok(()) } else { Err(Problem::Checksum { expected, actual }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checksum_goes_on_over_a_summed_frame_as_over_its_bytes() {
        let bytes: Vec<u8> = (0..100_000u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect();
        let binding = Binding { descriptor: 0x1234_5678 };
        for len in (0..300).chain([4095, 4096, 65_537, 99_999, 100_000]) {
            let frame = &bytes[..len];
            assert_eq!(
                binding.of_summed(Kind::Block, 7, crc(frame), len),
                binding.of(Kind::Block, 7, frame),
                "{len}"
            );
        }
        assert_eq!(over(1, usize::MAX), crc32c::crc32c_combine(1, 0, usize::MAX));
    }
}
