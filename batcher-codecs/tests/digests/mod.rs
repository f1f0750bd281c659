//! What frames were when they were looked at last. A change is one of the format's, or of a library's version, and is to
//! be meant: retried flushes must write the same bytes. The failing test prints those of today.

#![allow(dead_code, reason = "not every feature is on")]

/// Name of the block, digest of its frame.
pub(crate) type Digests = [(&'static str, &'static str); 18];

/// Frames of [`Raw`](batcher_codecs::Raw).
pub(crate) const RAW: Digests = [
    ("zeros-0", "010d781c853de361"),
    ("rows-0", "010d781c853de361"),
    ("noise-0", "010d781c853de361"),
    ("zeros-1", "f6ba63d9e11d9fe8"),
    ("rows-1", "a9a1711780ec2887"),
    ("noise-1", "8494675b7952e26d"),
    ("zeros-100", "8dbb2058cecac41f"),
    ("rows-100", "8c6074d607cf27e5"),
    ("noise-100", "3cfea8080daa6c9d"),
    ("zeros-1000", "9850b95a0ab06fcb"),
    ("rows-1000", "25fb4a7c67188dcf"),
    ("noise-1000", "a32dee900665cb14"),
    ("zeros-65536", "10ddb05af3e89f87"),
    ("rows-65536", "2a5ad26c99fcc8e8"),
    ("noise-65536", "f410835e14c7bd3f"),
    ("zeros-300000", "58c015fe91d7b98e"),
    ("rows-300000", "6b8ff8f2cc4014c3"),
    ("noise-300000", "5bd941ffd35f0b46"),
];

/// Frames of `Lz4`. Where a pointer has 32 bits, the library makes others.
pub(crate) const LZ4: Digests = [
    ("zeros-0", "010d781c853de361"),
    ("rows-0", "010d781c853de361"),
    ("noise-0", "010d781c853de361"),
    ("zeros-1", "f6ba63d9e11d9fe8"),
    ("rows-1", "a9a1711780ec2887"),
    ("noise-1", "8494675b7952e26d"),
    ("zeros-100", "28a09c5a082a282b"),
    ("rows-100", "69738d2fb1d266f3"),
    ("noise-100", "3cfea8080daa6c9d"),
    ("zeros-1000", "eee3b484520743cf"),
    ("rows-1000", "a603a3d72c4087af"),
    ("noise-1000", "a32dee900665cb14"),
    ("zeros-65536", "2abcaebc7f565acd"),
    ("rows-65536", "7b3549719de62c95"),
    ("noise-65536", "f410835e14c7bd3f"),
    ("zeros-300000", "eb04ae959f579957"),
    ("rows-300000", "55737bb39bbe2a33"),
    ("noise-300000", "5bd941ffd35f0b46"),
];

/// Blocks of `Lz4Block`, likewise.
pub(crate) const LZ4_BLOCK: Digests = [
    ("zeros-0", "af63bd4c8601b7df"),
    ("rows-0", "af63bd4c8601b7df"),
    ("noise-0", "af63bd4c8601b7df"),
    ("zeros-1", "0868e807b519a27d"),
    ("rows-1", "08695307b51a584e"),
    ("noise-1", "0868f107b519b1c8"),
    ("zeros-100", "03175e5cc0288489"),
    ("rows-100", "2a74cc2e0a296f03"),
    ("noise-100", "9621cd65df507390"),
    ("zeros-1000", "90806b76c2880f5b"),
    ("rows-1000", "337dba2452d9bcfc"),
    ("noise-1000", "a3495fe4163e642d"),
    ("zeros-65536", "620e91cdb3ddb5a5"),
    ("rows-65536", "1041e6d420df9aef"),
    ("noise-65536", "94ae8982baa3120a"),
    ("zeros-300000", "aa407569fb9b98d5"),
    ("rows-300000", "d7ba281f67097356"),
    ("noise-300000", "ce8bad08a536ce0a"),
];

/// Frames of `Zstd` at its default level.
pub(crate) const ZSTD: Digests = [
    ("zeros-0", "608d6184a88329b1"),
    ("rows-0", "608d6184a88329b1"),
    ("noise-0", "608d6184a88329b1"),
    ("zeros-1", "5ff550c6d971ad8c"),
    ("rows-1", "5ff53dc6d9718d43"),
    ("noise-1", "5ff55fc6d971c709"),
    ("zeros-100", "76feb33632448292"),
    ("rows-100", "fa8f531ea28b561a"),
    ("noise-100", "ddea357c9c7f6258"),
    ("zeros-1000", "58eb807e2ba1bda9"),
    ("rows-1000", "171f7025df20674d"),
    ("noise-1000", "974d96be27c7be4f"),
    ("zeros-65536", "9df80cc320611b23"),
    ("rows-65536", "cb52ff453b2e572c"),
    ("noise-65536", "e70deb8acc97289a"),
    ("zeros-300000", "9dcd46f94b4d514d"),
    ("rows-300000", "3b1c29847581bb94"),
    ("noise-300000", "06c8cbc630a74ed5"),
];
