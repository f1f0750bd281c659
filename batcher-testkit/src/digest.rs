//! A small hash that is the same on every machine, for names of blocks and for decisions by seed.

/// FNV-1a of 64 bits with the finalizer of MurmurHash3, whose low bits are as good as the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest(u64);

impl Digest {
    pub(crate) fn seeded(seed: u64) -> Self {
        let mut digest = Self(0xcbf2_9ce4_8422_2325);
        digest.update(&seed.to_le_bytes());
        digest
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    pub(crate) fn finish(self) -> u64 {
        let mut hash = self.0;
        hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        hash ^ hash >> 33
    }
}
