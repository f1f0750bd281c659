//! Integers in as many bytes as they need.

/// Appends `number` in groups of seven bits, lowest first, each but the last with its highest bit set.
pub(super) fn put_uvarint(out: &mut Vec<u8>, number: u64) {
    let mut rest = number;
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}
