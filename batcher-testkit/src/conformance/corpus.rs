//! Content to store and to encode, the same in every run and on every machine.

/// Blocks to encode, of three kinds and any length up to a longest one. Digests of frames that codecs keep in their
/// repositories are of these bytes: they must never change, as those of [`BlobKind`](crate::corpus::BlobKind) may.
#[derive(Clone)]
pub(crate) struct Corpus {
    zeros: Vec<u8>,
    rows: Vec<u8>,
    noise: Vec<u8>,
}

impl Corpus {
    /// Blocks of up to `max_len` bytes, which takes three times that.
    pub(crate) fn new(max_len: usize) -> Self {
        Self { zeros: vec![0; max_len], rows: make_rows(max_len), noise: Noise::new(2).bytes(max_len) }
    }

    /// Rows as a stream processor keeps them, which compress to about half.
    pub(crate) fn rows(&self, len: usize) -> &[u8] {
        &self.rows[..len]
    }

    /// Bytes that do not compress.
    pub(crate) fn noise(&self, len: usize) -> &[u8] {
        &self.noise[..len]
    }

    /// One block of each kind, with the kind's name; zeros compress to next to nothing.
    pub(crate) fn kinds(&self, len: usize) -> [(&'static str, &[u8]); 3] {
        [("zeros", &self.zeros[..len]), ("rows", self.rows(len)), ("noise", self.noise(len))]
    }
}

impl std::fmt::Debug for Corpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Corpus").field("max_len", &self.rows.len()).finish_non_exhaustive()
    }
}

fn make_rows(len: usize) -> Vec<u8> {
    let mut noise = Noise::new(1);
    let mut rows = Vec::with_capacity(len + 64);
    let mut key = 0_u64;
    while rows.len() < len {
        key += 1 + noise.next() % 3;
        rows.extend(format!("user-{key:010}:").as_bytes());
        rows.extend((noise.next() % 1000).to_le_bytes());
        rows.extend((1_700_000_000_000 + noise.next() % 60_000).to_le_bytes());
    }
    rows.truncate(len);
    rows
}

/// A xorshift generator: bytes that do not compress.
#[derive(Clone, Debug)]
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) fn new(seed: u64) -> Self {
        // Of nought nothing but nought would come.
        Self(seed.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `end`, which is not nought.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap_or_default()
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }
}
