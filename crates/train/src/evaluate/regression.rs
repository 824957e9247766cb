//! The metrics of a regression, as weighted sums over rows.

use meuse_core::recipe::MetricName;

use super::Figure;

const COUNT: usize = MetricName::REGRESSION.len();

const NO_ROWS: &str = "there are no rows";
const NOT_A_NUMBER: &str = "a true or predicted value is not a finite number";
const TOO_FEW: &str = "fewer than two rows";
const CONSTANT: &str = "the target is the same in every row";

/// What each row adds to the sums.
pub(super) struct Errors {
    /// The target less its mean, so that its variance loses no digits.
    centred: Vec<f64>,
    squared: Vec<f64>,
    absolute: Vec<f64>,
    /// |error| / max(|target|, 2⁻⁵²), as in scikit-learn: a target of zero gives a huge share, not an infinite one.
    relative: Vec<f64>,
    all_are_finite: bool,
}

impl Errors {
    pub(super) fn new(truth: &[f64], predicted: &[f64]) -> Self {
        assert_eq!(truth.len(), predicted.len(), "one prediction per row");
        let mean = truth.iter().sum::<f64>() / truth.len().max(1) as f64;
        let absolute: Vec<f64> =
            truth.iter().zip(predicted).map(|(truth, predicted)| (truth - predicted).abs()).collect();
        Self {
            centred: truth.iter().map(|truth| truth - mean).collect(),
            squared: absolute.iter().map(|error| error * error).collect(),
            relative: absolute.iter().zip(truth).map(|(error, truth)| error / truth.abs().max(f64::EPSILON)).collect(),
            absolute,
            all_are_finite: truth.iter().chain(predicted).all(|value| value.is_finite()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.absolute.len()
    }

    /// The metrics in the order of [`MetricName::REGRESSION`], with row i counted `weight(i)` times.
    pub(super) fn figures(&self, weight: impl Fn(usize) -> u16) -> [Figure; COUNT] {
        if self.absolute.is_empty() {
            return [Err(NO_ROWS); COUNT];
        }
        if !self.all_are_finite {
            return [Err(NOT_A_NUMBER); COUNT];
        }
        let rows: f64 = (0..self.len()).map(|i| f64::from(weight(i))).sum();
        let sum =
            |value: &dyn Fn(usize) -> f64| -> f64 { (0..self.len()).map(|i| f64::from(weight(i)) * value(i)).sum() };
        let squared = sum(&|i| self.squared[i]);
        [
            Ok((squared / rows).sqrt()),
            Ok(sum(&|i| self.absolute[i]) / rows),
            Ok(sum(&|i| self.relative[i]) / rows),
            self.determination(squared, rows, &weight),
        ]
    }

    /// 1 − squared errors / squared distances from the mean.
    fn determination(&self, squared: f64, rows: f64, weight: impl Fn(usize) -> u16) -> Figure {
        if rows < 2.0 {
            return Err(TOO_FEW);
        }
        let drawn = |i: &usize| weight(*i) > 0;
        let first = (0..self.len()).find(drawn).map_or(0.0, |i| self.centred[i]);
        if (0..self.len()).filter(drawn).all(|i| self.centred[i] == first) {
            return Err(CONSTANT);
        }
        let sum = |value: &dyn Fn(f64) -> f64| -> f64 {
            self.centred.iter().enumerate().map(|(i, centred)| f64::from(weight(i)) * value(*centred)).sum()
        };
        let mean = sum(&|centred| centred) / rows;
        let spread = sum(&|centred| (centred - mean) * (centred - mean));
        if spread == 0.0 { Err(CONSTANT) } else { Ok(1.0 - squared / spread) }
    }
}
