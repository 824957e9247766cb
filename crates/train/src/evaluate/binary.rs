//! The metrics of a binary task, counted in one pass over the rows in descending order of probability.
//!
//! The order is made once; a bootstrap resample is then a weight per row, and costs one pass without sorting.

use meuse_core::evaluation::Confusion;
use meuse_core::recipe::MetricName;

use super::Figure;

const COUNT: usize = MetricName::BINARY.len();

const NO_ROWS: &str = "there are no rows";
const ONE_CLASS: &str = "only one class is present";
const NO_POSITIVES: &str = "no row is positive";
const NONE_PREDICTED: &str = "no row is predicted positive";
const NO_POSITIVES_AT_ALL: &str = "no row is positive and none is predicted positive";
const NOT_A_PROBABILITY: &str = "a predicted probability is not a number from 0 to 1";

/// Rows in descending order of probability, with what each adds to the sums.
pub(super) struct Ranked {
    positive: Vec<bool>,
    /// Whether the next row has a lower probability: counts are read only where a run of equal ones ends.
    ends_tie: Vec<bool>,
    log_loss: Vec<f64>,
    squared_error: Vec<f64>,
    /// How many rows, from the first, are predicted positive.
    predicted_positive: usize,
    all_are_probabilities: bool,
}

/// Counts of rows at or above some probability.
#[derive(Clone, Copy, Default)]
struct Counts {
    positives: u64,
    negatives: u64,
}

impl Ranked {
    pub(super) fn new(positive: &[bool], probability: &[f64], threshold: f64) -> Self {
        assert_eq!(positive.len(), probability.len(), "one probability per row");
        let order = descending(probability);
        let at = |position: usize| probability[order[position] as usize];
        let rows = || order.iter().map(|row| (positive[*row as usize], probability[*row as usize]));
        Self {
            positive: rows().map(|(positive, _)| positive).collect(),
            ends_tie: (0..order.len()).map(|i| i + 1 == order.len() || at(i + 1) != at(i)).collect(),
            log_loss: rows().map(|(positive, probability)| log_loss(positive, probability)).collect(),
            squared_error: rows().map(|(positive, p)| (p - f64::from(u8::from(positive))).powi(2)).collect(),
            predicted_positive: rows().filter(|(_, probability)| *probability >= threshold).count(),
            all_are_probabilities: probability.iter().all(|p| (0.0..=1.0).contains(p)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.positive.len()
    }

    /// The metrics in the order of [`MetricName::BINARY`], with row i (by descending probability) counted
    /// `weight(i)` times.
    pub(super) fn figures(&self, weight: impl Fn(usize) -> u16) -> [Figure; COUNT] {
        if self.positive.is_empty() {
            return [Err(NO_ROWS); COUNT];
        }
        if !self.all_are_probabilities {
            return [Err(NOT_A_PROBABILITY); COUNT];
        }
        let (all, predicted) = self.counts(&weight);
        let [roc_auc, pr_auc, ks] = self.ranking(all, &weight);
        let rows = (all.positives + all.negatives) as f64;
        let mean = |values: &[f64]| {
            values.iter().enumerate().map(|(i, value)| f64::from(weight(i)) * value).sum::<f64>() / rows
        };
        let [accuracy, precision, recall, f1] = decisions(all, predicted);
        let gini = roc_auc.map(|area| 2.0 * area - 1.0);
        let (log_loss, brier) = (Ok(mean(&self.log_loss)), Ok(mean(&self.squared_error)));
        [roc_auc, pr_auc, ks, gini, log_loss, brier, accuracy, precision, recall, f1]
    }

    /// Counts of all rows, and of those predicted positive.
    fn counts(&self, weight: impl Fn(usize) -> u16) -> (Counts, Counts) {
        let mut counts = Counts::default();
        let mut predicted = counts;
        for (i, positive) in self.positive.iter().enumerate() {
            if i == self.predicted_positive {
                predicted = counts;
            }
            counts.add(*positive, weight(i));
        }
        if self.predicted_positive == self.positive.len() {
            predicted = counts;
        }
        (counts, predicted)
    }

    /// Areas under both curves and the largest distance between the classes.
    fn ranking(&self, all: Counts, weight: impl Fn(usize) -> u16) -> [Figure; 3] {
        let (positives, negatives) = (all.positives as f64, all.negatives as f64);
        let mut above = Counts::default();
        let mut here = Counts::default();
        let (mut doubled_area, mut average_precision, mut distance) = (0.0, 0.0, 0.0_f64);
        for (i, positive) in self.positive.iter().enumerate() {
            here.add(*positive, weight(i));
            if !self.ends_tie[i] {
                continue;
            }
            let step = (here.positives - above.positives) as f64;
            doubled_area += (here.negatives - above.negatives) as f64 * (above.positives + here.positives) as f64;
            if step > 0.0 {
                average_precision += step * here.positives as f64 / (here.positives + here.negatives) as f64;
            }
            distance = distance.max((here.positives as f64 / positives - here.negatives as f64 / negatives).abs());
            above = here;
        }
        let two_classes = all.positives > 0 && all.negatives > 0;
        let ranked = |value: f64| if two_classes { Ok(value) } else { Err(ONE_CLASS) };
        let precision = if all.positives > 0 { Ok(average_precision / positives) } else { Err(NO_POSITIVES) };
        [ranked(doubled_area / (2.0 * positives * negatives)), precision, ranked(distance)]
    }
}

impl Counts {
    fn add(&mut self, positive: bool, weight: u16) {
        // Without a branch: the classes come in no order that a processor could foresee.
        self.positives += u64::from(weight) * u64::from(positive);
        self.negatives += u64::from(weight) * u64::from(!positive);
    }
}

/// Accuracy, precision, recall and F1.
fn decisions(all: Counts, predicted: Counts) -> [Figure; 4] {
    let ratio = |part: u64, whole: u64, reason| if whole == 0 { Err(reason) } else { Ok(part as f64 / whole as f64) };
    let (hits, false_alarms) = (predicted.positives, predicted.negatives);
    let right = hits + all.negatives - false_alarms;
    [
        ratio(right, all.positives + all.negatives, NO_ROWS),
        ratio(hits, hits + false_alarms, NONE_PREDICTED),
        ratio(hits, all.positives, NO_POSITIVES),
        ratio(2 * hits, hits + false_alarms + all.positives, NO_POSITIVES_AT_ALL),
    ]
}

/// The loss of one row; a probability of 0 or 1 counts as 2⁻⁵² away from it, as in scikit-learn.
fn log_loss(positive: bool, probability: f64) -> f64 {
    let of_the_class = if positive { probability } else { 1.0 - probability };
    -of_the_class.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

/// Row numbers by descending probability; equal ones in the order of the rows.
pub(super) fn descending(probability: &[f64]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..probability.len() as u32).collect();
    order.sort_by(|a, b| probability[*b as usize].total_cmp(&probability[*a as usize]));
    order
}

/// Counts at a threshold: predicted positive is a probability at or above it.
pub fn confusion(positive: &[bool], probability: &[f64], threshold: f64) -> Confusion {
    let mut confusion = Confusion { threshold, ..Confusion::default() };
    for (positive, probability) in positive.iter().zip(probability) {
        let cell = match (positive, *probability >= threshold) {
            (true, true) => &mut confusion.true_positive,
            (false, true) => &mut confusion.false_positive,
            (false, false) => &mut confusion.true_negative,
            (true, false) => &mut confusion.false_negative,
        };
        *cell += 1;
    }
    confusion
}
