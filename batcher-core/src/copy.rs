//! Copies that are equally fast wherever in memory they go.
//!
//! From 2 KiB on, glibc may let the processor copy by `rep movsb`, which AMD's Zen 3 and 4 do 15 to 20 times slower where the
//! place that is copied to lies 1 to some 30 bytes behind the one that is copied from, counted within a page: 2.0 to
//! 2.8 GB/s beside 40 in the cache of an EPYC with glibc 2.36, and
//! <https://lunnova.dev/articles/ryzen-slow-short-rep-mov/> has the like. Large buffers all begin at the same place of a page, so
//! that a short head is enough for that: frames go into segments just so. Pieces below that length are copied otherwise,
//! as quickly everywhere.

/// Below what glibc copies by `rep movsb`.
const PIECE_LEN: usize = 1024;

/// Copies all of `from` to `to`, which is as long.
pub(crate) fn copy(from: &[u8], to: &mut [u8]) {
    debug_assert_eq!(from.len(), to.len(), "a part would be left out");
    for (from, to) in from.chunks(PIECE_LEN).zip(to.chunks_mut(PIECE_LEN)) {
        to.copy_from_slice(from);
    }
}

/// Appends a copy of `bytes`.
pub(crate) fn append(bytes: &[u8], to: &mut Vec<u8>) {
    to.reserve(bytes.len());
    for piece in bytes.chunks(PIECE_LEN) {
        to.extend_from_slice(piece);
    }
}
