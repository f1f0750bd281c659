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

/// Chunks of keys, appended to and never changed.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    chunks: Vec<Vec<u8>>,
    /// Empty, for later.
    spare: Vec<Vec<u8>>,
}

impl Keys {
    pub(crate) fn push(&mut self, key: &[u8]) -> KeyRef {
        let fits = self.chunks.last().is_some_and(|chunk| chunk.capacity() - chunk.len() >= key.len());
        if !fits {
            // Small batches stay small: the first chunk grows from 4 KiB, the later ones are whole.
            let len = if self.chunks.is_empty() { 4096 } else { CHUNK_LEN };
            let spare = self.spare.pop_if(|spare| spare.capacity() >= key.len());
            self.chunks.push(spare.unwrap_or_else(|| Vec::with_capacity(len.max(key.len()))));
        }
        let index = self.chunks.len() - 1;
        let chunk = &mut self.chunks[index];
        let start = chunk.len();
        chunk.extend_from_slice(key);
        KeyRef { chunk: narrow(index), start: narrow(start), len: narrow(key.len()) }
    }

    pub(crate) fn get(&self, key: KeyRef) -> &[u8] {
        let start = key.start as usize;
        &self.chunks[key.chunk as usize][start..start + key.len as usize]
    }

    /// Forgets all keys and keeps the memory of the chunks that were whole.
    pub(crate) fn clear(&mut self) {
        self.spare.append(&mut self.chunks);
        self.spare.retain(|chunk| chunk.capacity() == CHUNK_LEN);
        self.spare.iter_mut().for_each(Vec::clear);
    }

    /// Bytes of memory, used or not.
    pub(crate) fn capacity(&self) -> usize {
        self.chunks.iter().chain(&self.spare).map(Vec::capacity).sum()
    }
}

/// Chunks are numbered and measured in 32 bits: 2^32 chunks of 256 KiB are more than any memory holds.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
