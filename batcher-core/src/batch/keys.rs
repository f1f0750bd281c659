//! Keys by the million: side by side in a few large chunks instead of one allocation each.

/// Length of a chunk in bytes, unless a single key is longer.
const CHUNK_LEN: usize = 256 * 1024;

/// Where a key stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct KeyRef {
    chunk: u32,
    start: u32,
    len: u32,
}

impl KeyRef {
    /// The key's length in bytes.
    pub(crate) fn len(self) -> u64 {
        self.len.into()
    }
}

/// Chunks of keys, appended to and never changed.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    chunks: Vec<Vec<u8>>,
}

impl Keys {
    pub(crate) fn push(&mut self, key: &str) -> KeyRef {
        let fits = self.chunks.last().is_some_and(|chunk| chunk.capacity() - chunk.len() >= key.len());
        if !fits {
            // Small batches stay small: the first chunk grows from 4 KiB, the later ones are whole.
            let len = if self.chunks.is_empty() { 4096 } else { CHUNK_LEN };
            self.chunks.push(Vec::with_capacity(len.max(key.len())));
        }
        let index = self.chunks.len() - 1;
        let chunk = &mut self.chunks[index];
        let start = chunk.len();
        chunk.extend_from_slice(key.as_bytes());
        KeyRef { chunk: narrow(index), start: narrow(start), len: narrow(key.len()) }
    }

    pub(crate) fn get(&self, key: KeyRef) -> &[u8] {
        let start = key.start as usize;
        &self.chunks[key.chunk as usize][start..start + key.len as usize]
    }

    /// Takes over the chunks of `other` and returns how its keys are to be found from now on.
    pub(crate) fn absorb(&mut self, other: Self) -> impl Fn(KeyRef) -> KeyRef + use<> {
        let shift = narrow(self.chunks.len());
        self.chunks.extend(other.chunks);
        move |key| KeyRef { chunk: key.chunk + shift, ..key }
    }
}

/// Chunks are numbered and measured in 32 bits: 2^32 chunks of 256 KiB are more than any memory holds.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
