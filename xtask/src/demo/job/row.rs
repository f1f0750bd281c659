//! The row encoding of the job's state: varints, and strings with their length in front.
//!
//! One value has one encoding, so that equal states give equal bytes.

use std::fmt;

/// Appends values to a row.
#[derive(Debug, Default)]
pub(super) struct RowWriter {
    bytes: Vec<u8>,
}

impl RowWriter {
    pub(super) fn u64(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(low_seven_bits(value) | 0x80);
            value >>= 7;
        }
        self.bytes.push(low_seven_bits(value));
    }

    pub(super) fn bytes(&mut self, value: &[u8]) {
        self.u64(value.len() as u64);
        self.bytes.extend_from_slice(value);
    }

    pub(super) fn str(&mut self, value: &str) {
        self.bytes(value.as_bytes());
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

fn low_seven_bits(value: u64) -> u8 {
    (value & 0x7f).to_le_bytes()[0]
}

/// Takes values from a row, in the order in which they were written.
#[derive(Debug)]
pub(super) struct RowReader<'a> {
    rest: &'a [u8],
}

/// The bytes are not a row of the kind that was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RowError;

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("malformed state row")
    }
}

impl std::error::Error for RowError {}

impl<'a> RowReader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn u64(&mut self) -> Result<u64, RowError> {
        let mut value = 0_u64;
        for place in 0..10 {
            let (byte, rest) = self.rest.split_first().ok_or(RowError)?;
            self.rest = rest;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit, and a last byte of zero bits would be a second way to say the same.
            if (place == 9 && bits > 1) || (place > 0 && *byte == 0) {
                return Err(RowError);
            }
            value |= bits << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(RowError)
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8], RowError> {
        let len = usize::try_from(self.u64()?).map_err(|_| RowError)?;
        let (value, rest) = self.rest.split_at_checked(len).ok_or(RowError)?;
        self.rest = rest;
        Ok(value)
    }

    /// Asserts that nothing is left.
    pub(super) fn finish(self) -> Result<(), RowError> {
        if self.is_empty() { Ok(()) } else { Err(RowError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_back_and_every_cut_row_is_an_error() {
        let numbers: Vec<u64> =
            (0..64).flat_map(|bit| [(1 << bit) - 1, 1 << bit]).chain([u64::MAX]).collect();
        for number in numbers {
            let mut row = RowWriter::default();
            row.u64(number);
            row.str("état");
            row.bytes(&[0xff, 0]);
            let bytes = row.finish();
            let mut reader = RowReader::new(&bytes);
            assert_eq!(reader.u64(), Ok(number));
            assert_eq!(reader.bytes(), Ok("état".as_bytes()));
            assert_eq!(reader.bytes(), Ok(&[0xff, 0][..]));
            assert_eq!(reader.finish(), Ok(()));
            for cut in 0..bytes.len() {
                let mut reader = RowReader::new(&bytes[..cut]);
                let read = reader.u64().and_then(|_| reader.bytes()).and_then(|_| reader.bytes());
                assert_eq!(read, Err(RowError), "cut to {cut} bytes");
            }
        }
    }

    #[test]
    fn a_number_has_one_encoding_only() {
        for bytes in
            [&[0x80, 0x00][..], &[0xff; 11], &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2]]
        {
            assert_eq!(RowReader::new(bytes).u64(), Err(RowError), "{bytes:x?}");
        }
    }

    #[test]
    fn a_length_beyond_the_row_is_an_error() {
        let mut row = RowWriter::default();
        row.u64(u64::MAX);
        assert_eq!(RowReader::new(&row.finish()).bytes(), Err(RowError));
    }
}
