//! Random numbers that a seed repeats.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A SplitMix64 sequence.
#[derive(Debug)]
pub(crate) struct Luck {
    state: u64,
}

/// A seed that nobody chose.
pub(crate) fn fresh_seed() -> u64 {
    // Short enough to be typed again.
    RandomState::new().build_hasher().finish() % 1_000_000
}

impl Luck {
    /// The sequence of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to `limit`.
    pub(crate) fn up_to(&mut self, limit: u64) -> u64 {
        self.next() % (limit + 1)
    }

    /// An index of `count` things.
    pub(crate) fn below(&mut self, count: u8) -> usize {
        usize::try_from(self.next() % u64::from(count.max(1))).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn luck_of_one_seed_is_always_the_same() {
        let draw = |seed| {
            let mut luck = Luck::new(seed);
            [luck.up_to(1000), luck.up_to(1000), luck.up_to(1000)]
        };
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn luck_stays_below_its_limit() {
        let mut luck = Luck::new(3);
        assert!((0..1000).all(|_| luck.below(3) < 3));
        assert!((0..1000).all(|_| luck.up_to(5) <= 5));
    }
}
