//! The size of a target: a network learns numbers around 0 of the size of 1, and answers in the target's own.

/// target = answer · `factor` + `offset`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    factor: f64,
    offset: f64,
}

impl Scale {
    /// The answer is the target.
    pub const NONE: Self = Self { factor: 1.0, offset: 0.0 };

    /// Mean and deviation of these.
    pub fn of(targets: &[f64]) -> Self {
        let count = targets.len().max(1) as f64;
        let offset = targets.iter().sum::<f64>() / count;
        let variance = targets.iter().map(|value| (value - offset).powi(2)).sum::<f64>() / count;
        let factor = variance.sqrt();
        Self { factor: if factor > 0.0 && factor.is_finite() { factor } else { 1.0 }, offset }
    }

    /// What a network is to answer for a target.
    pub fn shrink(self, target: f64) -> f64 {
        (target - self.offset) / self.factor
    }

    /// The target that a network's answer stands for.
    pub fn grow(self, answer: f64) -> f64 {
        answer * self.factor + self.offset
    }

    /// Factor and offset, as 32-bit floats; none where the answer is the target.
    pub(crate) fn numbers(self) -> Option<[f32; 2]> {
        (self != Self::NONE).then_some([self.factor as f32, self.offset as f32])
    }
}
