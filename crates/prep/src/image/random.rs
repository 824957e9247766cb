//! Chance that can be repeated: numbers that depend on nothing but what they are drawn for.
//!
//! SplitMix64 (G. L. Steele and others, Fast splittable pseudorandom number generators, 2014), started from a mix of the
//! seed, the epoch and the picture. So the order of pictures and the number of threads change nothing.

/// A source of numbers.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// The numbers for one picture in one epoch.
    pub(crate) fn of(seed: u64, epoch: u64, picture: u64) -> Self {
        let mixed = |state: u64, part: u64| Self(state ^ part).next();
        Self(mixed(mixed(mixed(0x6d65_7573_6500_0001, seed), epoch), picture))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut value = self.0;
        value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ (value >> 31)
    }

    /// From 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From −`reach` to `reach`.
    pub(crate) fn within(&mut self, reach: f64) -> f64 {
        (self.unit() * 2.0 - 1.0) * reach
    }

    /// Heads or tails.
    pub(crate) fn coin(&mut self) -> bool {
        self.next() >> 63 == 1
    }

    /// By the normal law (Box and Muller).
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// By the gamma law of this shape (G. Marsaglia and W. W. Tsang, A simple method for generating gamma variables,
    /// 2000).
    fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = (1.0 - self.unit()).powf(1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = (1.0 + c * x).powi(3);
            if v > 0.0 && (1.0 - self.unit()).ln() < 0.5 * x * x + d - d * v + d * v.ln() {
                return d * v;
            }
        }
    }

    /// By the beta law with two equal parameters.
    pub(crate) fn beta(&mut self, alpha: f64) -> f64 {
        let (a, b) = (self.gamma(alpha), self.gamma(alpha));
        // Both can be zero when alpha is tiny: then either picture alone is as likely.
        if a + b > 0.0 { a / (a + b) } else { f64::from(u8::from(self.coin())) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beta_law_has_its_mean_and_its_variance() {
        for alpha in [0.2, 1.0, 4.0] {
            let draws: Vec<f64> = (0..20_000).map(|picture| Random::of(7, 1, picture).beta(alpha)).collect();
            let mean = draws.iter().sum::<f64>() / draws.len() as f64;
            let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / draws.len() as f64;
            let expected = 1.0 / (4.0 * (2.0 * alpha + 1.0));
            assert!((mean - 0.5).abs() < 0.01, "{alpha}: mean {mean}");
            assert!((variance / expected - 1.0).abs() < 0.05, "{alpha}: variance {variance}, not {expected}");
        }
    }
}
