//! The only source of chance.

/// The SplitMix64 generator of Steele, Lea and Flood ("Fast Splittable Pseudorandom Number Generators", OOPSLA 2014), with
/// the constants of Vigna's reference implementation. Eight bytes of state, every 64-bit number once in a period, no
/// use for secrets.
///
/// ```
/// use batcher_testkit::corpus::SplitMix64;
/// // The reference implementation's first two numbers for this seed.
/// let mut random = SplitMix64::new(1_234_567);
/// assert_eq!(random.next_u64(), 6_457_827_717_110_365_317);
/// assert_eq!(random.next_u64(), 3_203_168_211_198_807_973);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitMix64 {
    state: u64,
}

/// 2^64 divided by the golden ratio, made odd.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

impl SplitMix64 {
    /// The generator of this seed; every number is as good as any other.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The generator of a seed and of a place, such as a blob's number: generators of different places do not follow
    /// each other.
    #[must_use]
    pub fn at(seed: u64, place: u64) -> Self {
        Self { state: mix(seed.wrapping_add(GAMMA)) ^ mix(!place) }
    }

    /// The next number, all 64 bits of it by chance.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GAMMA);
        mix(self.state)
    }

    /// A number below `bound`, or 0 where that is 0. Small numbers come up more often by a share of at most
    /// `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number of 0 to `max`, small ones more often: half as often for each doubling, beginning with 0, 1 to 2, 3 to 6.
    /// So are Zipf's law's frequencies for ranks, but in steps.
    pub fn skewed(&mut self, max: u64) -> u64 {
        let octaves = u64::from((u128::from(max) + 1).ilog2()) + 1;
        loop {
            let size = 1u128 << self.below(octaves);
            let number = size - 1 + ((u128::from(self.next_u64()) * size) >> 64);
            // The last octave may be cut off; more than half of all numbers are outside of it or small enough, but for
            // a maximum below 3.
            if let Ok(number) = u64::try_from(number)
                && number <= max
            {
                return number;
            }
        }
    }

    /// One of `choices`.
    ///
    /// # Panics
    ///
    /// Where there is none.
    pub fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        let number = self.below(choices.len() as u64);
        choices[usize::try_from(number).unwrap_or(0)]
    }
}

/// A bijection of 64-bit numbers in which every bit of the one depends on all of the other.
pub(super) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}
