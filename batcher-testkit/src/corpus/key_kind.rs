//! Keys of every kind.

use batcher_core::MAX_KEY_LEN;

use super::SplitMix64;
use super::split_mix::mix;

/// What keys look like.
///
/// A kind is a sequence of keys without an end, no two of them the same for one seed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum KeyKind {
    /// `partition-00012/operator-3`, eight operators a partition, ascending for the first 800,000: what most engines would
    /// use.
    Sequential,
    /// `partition-` and twenty digits, descending: everything is sorted the wrong way round.
    Descending,
    /// 400 bytes that all keys share, then a number, as tenant, job and vertex names in front make it.
    SharedPrefix,
    /// Version-4 UUIDs in no order.
    Uuid,
    /// Letters of one to four bytes, combining marks, right-to-left text and emoji.
    Unicode,
    /// Slashes, dots, spaces, quotes, NUL and other control characters in all places.
    Separators,
    /// Each key but every 64th is the one before and one letter more.
    Prefixes,
    /// Runs of 64 keys that differ in the last byte only, and there from NUL upwards.
    LastByte,
    /// 200 letters by chance: neither prefix compression nor a codec finds much in them.
    LongRandom,
    /// Runs of three keys that share 1000 letters by chance and differ in the last: the shortest prefix that tells them
    /// from each other is as long as they are, so that separators in an index are, too, wherever it parts a run.
    LongSeparators,
}

/// Eight segments of scripts and symbols of all lengths in UTF-8.
const SCRIPTS: [&str; 8] =
    ["zustand", "größe", "состояние", "状態", "سجل", "🗝\u{fe0f}🪣", "e\u{301}tat", "\u{10FFFF}"];

/// Eight segments that a parser or a path may stumble over.
const AWKWARD: [&str; 8] = ["/", "\0", "..", "\r\n", " ", "\"'\\", "%2F", "\u{7f}\u{1}"];

const LETTERS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";

impl KeyKind {
    /// All kinds.
    pub const ALL: [Self; 10] = [
        Self::Sequential,
        Self::Descending,
        Self::SharedPrefix,
        Self::Uuid,
        Self::Unicode,
        Self::Separators,
        Self::Prefixes,
        Self::LastByte,
        Self::LongRandom,
        Self::LongSeparators,
    ];

    /// The key of this number. No key is longer than 1100 bytes.
    ///
    /// ```
    /// use batcher_testkit::corpus::KeyKind;
    /// assert_eq!(KeyKind::Sequential.key(0, 19), "partition-00002/operator-3");
    /// let uuid = KeyKind::Uuid.key(7, 0);
    /// assert_eq!((uuid.len(), &uuid[14..15]), (36, "4"));
    /// ```
    #[must_use]
    pub fn key(self, seed: u64, number: u64) -> String {
        let (run, place) = (number / 64, number % 64);
        let place_len = usize::try_from(place).unwrap_or(0);
        match self {
            Self::Sequential => format!("partition-{:05}/operator-{}", number / 8, number % 8),
            Self::Descending => format!("partition-{:020}", u64::MAX - number),
            Self::SharedPrefix => {
                format!("tenant-{seed:016x}/{}{number:010}", "job-checkout/vertex-window/".repeat(14))
            }
            Self::Uuid => uuid(seed, number),
            Self::Unicode => segments(&SCRIPTS, number, "·"),
            Self::Separators => segments(&AWKWARD, number, "/"),
            Self::Prefixes => format!("{run:x}.{}", "x".repeat(place_len)),
            Self::LastByte => {
                let last = char::from_u32(u32::try_from(place).unwrap_or(0)).unwrap_or_default();
                format!("run-{run}-{last}")
            }
            Self::LongRandom => {
                let mut key = letters(seed, number, 184);
                // A bijection keeps keys apart whatever chance does.
                key.push_str(&format!("{:016x}", mix(seed ^ number)));
                key
            }
            Self::LongSeparators => {
                let mut key = letters(seed, number / 3, 984);
                key.push_str(&format!("{:016x}{}", mix(seed ^ (number / 3)), number % 3));
                key
            }
        }
    }
}

/// `number` in base 8, with segments for digits.
fn segments(digits: &[&str; 8], number: u64, separator: &str) -> String {
    let mut key = String::new();
    let mut rest = number;
    loop {
        key.push_str(digits[usize::try_from(rest % 8).unwrap_or(0)]);
        rest /= 8;
        if rest == 0 {
            return key;
        }
        key.push_str(separator);
    }
}

fn uuid(seed: u64, number: u64) -> String {
    let first = mix(number ^ mix(seed));
    // Four bits of the first number have to make room for the version.
    let second = SplitMix64::at(seed, number).next_u64() >> 6 << 4 | first & 0xF;
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        first >> 32,
        first >> 16 & 0xFFFF,
        first >> 4 & 0xFFF,
        0x8000 | second >> 48 & 0x3FFF,
        second & 0xFFFF_FFFF_FFFF
    )
}

fn letters(seed: u64, number: u64, len: usize) -> String {
    let mut random = SplitMix64::at(seed, number);
    (0..len).map(|_| char::from(LETTERS[usize::try_from(random.below(64)).unwrap_or(0)])).collect()
}

/// Keys that often break something, each once, in no order: the empty one, the longest, neighbours of both, single
/// characters from first to last, and text that is equal only to a human eye.
///
/// ```
/// use batcher_core::MAX_KEY_LEN;
/// use batcher_testkit::corpus::edge_keys;
/// let keys = edge_keys();
/// assert!(keys.iter().any(String::is_empty));
/// assert_eq!(keys.iter().map(String::len).max(), Some(MAX_KEY_LEN));
/// ```
#[must_use]
pub fn edge_keys() -> Vec<String> {
    let longest = "k".repeat(MAX_KEY_LEN);
    let mut keys = vec![
        longest[1..].to_owned(),
        format!("{}l", &longest[1..]),
        // Characters of four bytes: none may be cut in half.
        "🗝".repeat(MAX_KEY_LEN / 4),
        "\0".repeat(MAX_KEY_LEN),
        longest,
    ];
    let short = [
        "",
        "\0",
        "\0\0",
        "a",
        "a\0",
        "aa",
        "b",
        "/",
        "//",
        "a/",
        "/a",
        ".",
        "..",
        " ",
        "\n",
        "\u{7f}",
        "\u{80}",
        "é",
        "e\u{301}",
        "\u{feff}",
        "\u{feff}a",
        "\u{fffd}",
        "\u{d7ff}",
        "\u{e000}",
        "\u{10ffff}",
        "k",
        "A",
        "ß",
        "SS",
    ];
    keys.extend(short.map(str::to_owned));
    keys
}
