//! Chance for word vectors, drawn dozens of times a word: SplitMix64 and an alias table, of which
//! `tests/fixtures/make_skip_gram.py` has the same in Python.

/// What the state grows by: 2⁶⁴ divided by the golden ratio.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64 (G. Steele, D. Lea, C. Flood, 2014): a multiplication or two for each number, and enough for draws that
/// nobody guards. What is split into parts is drawn by [`crate::random`].
#[derive(Debug, Clone)]
pub(super) struct Chance(u64);

impl Chance {
    /// The stream of this number for a seed.
    pub(super) fn new(seed: u64, stream: u64) -> Self {
        Self(mixed(mixed(seed).wrapping_add(stream.wrapping_mul(STEP))))
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mixed(self.0)
    }

    /// A whole number from 0 to `bound` − 1, as even as 32 bits allow.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * u64::from(bound)) >> 32) as u32
    }

    /// From 0 to below 1, of 24 bits.
    pub(super) fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Puts the items in an order by chance (Fisher-Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u32 + 1) as usize);
        }
    }
}

fn mixed(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// Draws places by their weights in constant time (M. Vose, 1991).
#[derive(Debug)]
pub(super) struct Alias {
    /// Of each place, how often of 2³² it stands for itself.
    own: Vec<u64>,
    /// Of each place, which other one it stands for else.
    other: Vec<u32>,
}

impl Alias {
    /// Of weights that are not all zero.
    pub(super) fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let mut share: Vec<f64> = weights.iter().map(|weight| weight / total * weights.len() as f64).collect();
        let (mut small, mut large): (Vec<u32>, Vec<u32>) =
            (0..weights.len() as u32).partition(|place| share[*place as usize] < 1.0);
        let mut own = vec![1_u64 << 32; weights.len()];
        let mut other: Vec<u32> = (0..weights.len() as u32).collect();
        while let (Some(low), Some(high)) = (small.pop(), large.pop()) {
            own[low as usize] = (share[low as usize] * (1_u64 << 32) as f64) as u64;
            other[low as usize] = high;
            share[high as usize] -= 1.0 - share[low as usize];
            if share[high as usize] < 1.0 { small.push(high) } else { large.push(high) }
        }
        Self { own, other }
    }

    /// A place.
    pub(super) fn draw(&self, chance: &mut Chance) -> u32 {
        let number = chance.next();
        let place = (((number >> 32) * self.own.len() as u64) >> 32) as usize;
        if number & 0xffff_ffff < self.own[place] { place as u32 } else { self.other[place] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_drawn_as_often_as_they_weigh() {
        let weights = [0.0, 1.0, 2.0, 5.0];
        let alias = Alias::new(&weights);
        let mut chance = Chance::new(7, 1);
        let mut drawn = [0_u32; 4];
        for _ in 0..80_000 {
            drawn[alias.draw(&mut chance) as usize] += 1;
        }
        assert_eq!(drawn[0], 0);
        for (count, weight) in drawn.iter().zip(weights) {
            // Four deviations of a binomial law.
            assert!((f64::from(*count) - weight * 10_000.0).abs() < 600.0, "{drawn:?}");
        }
    }
}
