//! Chance that can be repeated: ChaCha8, seeded by the recipe, with shuffles of our own so that no release of a library
//! changes a split.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of chance.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    /// The stream of this number for a seed; streams of one seed are independent of each other.
    pub(crate) fn new(seed: u64, stream: u64) -> Self {
        let mut generator = ChaCha8Rng::seed_from_u64(seed);
        generator.set_stream(stream);
        Self(generator)
    }

    /// A whole number from 0 to `bound` − 1, as even as 64 bits allow.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.0.next_u64()) * bound as u128) >> 64) as usize
    }

    /// Like [`Random::below`] with half the work, as even as 32 bits allow: for bounds below 2²⁴.
    pub(crate) fn below_small(&mut self, bound: u32) -> usize {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as usize
    }

    /// Puts the items in an order by chance (Fisher-Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
