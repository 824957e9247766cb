//! The metrics of a task of several classes. What a row adds is known once; a bootstrap resample is a weight per row.

use meuse_core::evaluation::{ClassFigures, Classes};
use meuse_core::recipe::MetricName;

use super::Figure;

const COUNT: usize = MetricName::MULTICLASS.len();
const NO_ROWS: &str = "there are no rows";
const FEW_CLASSES: &str = "there are five classes or fewer, so all are among the first five";
const NOT_PROBABILITIES: &str = "a predicted probability is not a number from 0 to 1";
/// How many of the most probable classes count.
const FIRST: usize = 5;

/// What became of each row.
pub(super) struct Told {
    truth: Vec<u32>,
    predicted: Vec<u32>,
    /// Whether the right class is among the first five.
    among_first: Vec<bool>,
    log_loss: Vec<f64>,
    classes: usize,
    all_are_probabilities: bool,
}

impl Told {
    /// `truth[i]` is the class of row i, `probabilities` has `classes` numbers for each row.
    pub(super) fn new(truth: &[u32], probabilities: &[f64], classes: usize) -> Self {
        assert_eq!(truth.len() * classes, probabilities.len(), "one probability per row and class");
        let rows = || truth.iter().zip(probabilities.chunks_exact(classes.max(1)));
        Self {
            truth: truth.to_vec(),
            predicted: rows().map(|(_, row)| most_probable(row) as u32).collect(),
            among_first: rows().map(|(truth, row)| rank(row, *truth as usize) < FIRST).collect(),
            log_loss: rows().map(|(truth, row)| log_loss(row, *truth as usize)).collect(),
            classes,
            all_are_probabilities: probabilities.iter().all(|p| (-1e-6..=1.0 + 1e-6).contains(p)),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.truth.len()
    }

    /// The metrics in the order of [`MetricName::MULTICLASS`], with row i counted `weight(i)` times.
    pub(super) fn figures(&self, weight: impl Fn(usize) -> u16) -> [Figure; COUNT] {
        if self.truth.is_empty() {
            return [Err(NO_ROWS); COUNT];
        }
        if !self.all_are_probabilities {
            return [Err(NOT_PROBABILITIES); COUNT];
        }
        let mut counts = vec![Counts::default(); self.classes];
        let (mut rows, mut right, mut first, mut loss) = (0.0, 0.0, 0.0, 0.0);
        for row in 0..self.truth.len() {
            let weight = f64::from(weight(row));
            let (truth, predicted) = (self.truth[row] as usize, self.predicted[row] as usize);
            counts[truth].rows += weight;
            counts[predicted].told += weight;
            if truth == predicted {
                counts[truth].right += weight;
                right += weight;
            }
            first += weight * f64::from(u8::from(self.among_first[row]));
            loss += weight * self.log_loss[row];
            rows += weight;
        }
        let seen = counts.iter().filter(|count| count.rows + count.told > 0.0).count().max(1) as f64;
        let macro_f1 = counts.iter().map(Counts::f1).sum::<f64>() / seen;
        let weighted_f1 = counts.iter().map(|count| count.f1() * count.rows).sum::<f64>() / rows;
        let top = if self.classes > FIRST { Ok(first / rows) } else { Err(FEW_CLASSES) };
        [Ok(right / rows), top, Ok(macro_f1), Ok(weighted_f1), Ok(loss / rows)]
    }
}

/// Rows of one class, told as one class, and both.
#[derive(Clone, Copy, Default)]
struct Counts {
    rows: f64,
    told: f64,
    right: f64,
}

impl Counts {
    /// 0 where it is undefined, as scikit-learn counts it in a mean.
    fn f1(&self) -> f64 {
        if self.rows + self.told > 0.0 { 2.0 * self.right / (self.rows + self.told) } else { 0.0 }
    }
}

/// The class with the largest probability; of equal ones the first.
pub(crate) fn most_probable(row: &[f64]) -> usize {
    let mut best = 0;
    for (class, probability) in row.iter().enumerate() {
        if *probability > row[best] {
            best = class;
        }
    }
    best
}

/// How many classes come before this one; of equal ones the later, as in scikit-learn's `top_k_accuracy_score`.
fn rank(row: &[f64], class: usize) -> usize {
    let own = row[class];
    row.iter().enumerate().filter(|(other, p)| **p > own || (**p == own && *other > class)).count()
}

/// A probability of 0 counts as 2⁻⁵² away from it, and probabilities are made to sum to 1, as in scikit-learn.
fn log_loss(row: &[f64], class: usize) -> f64 {
    let clipped = |p: &f64| p.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    -(clipped(&row[class]) / row.iter().map(clipped).sum::<f64>()).ln()
}

/// The confusion matrix and the figures of each class.
pub fn classes(labels: &[String], truth: &[u32], probabilities: &[f64]) -> Classes {
    let count = labels.len();
    let mut confusion = vec![vec![0_u64; count]; count];
    for (truth, row) in truth.iter().zip(probabilities.chunks_exact(count.max(1))) {
        confusion[*truth as usize][most_probable(row)] += 1;
    }
    let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
    let figures = labels.iter().enumerate().map(|(class, label)| {
        let right = confusion[class][class];
        let support: u64 = confusion[class].iter().sum();
        let told: u64 = confusion.iter().map(|row| row[class]).sum();
        ClassFigures {
            label: label.clone(),
            support,
            precision: ratio(right, told),
            recall: ratio(right, support),
            f1: ratio(2 * right, support + told),
        }
    });
    Classes { labels: labels.to_vec(), figures: figures.collect(), confusion }
}

/// Raw scores of each row as probabilities that sum to 1.
pub fn softmax(raw_scores: &[f64], classes: usize) -> Vec<f64> {
    let mut probabilities = Vec::with_capacity(raw_scores.len());
    for row in raw_scores.chunks_exact(classes.max(1)) {
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let start = probabilities.len();
        probabilities.extend(row.iter().map(|score| (score - largest).exp()));
        let sum: f64 = probabilities[start..].iter().sum();
        probabilities[start..].iter_mut().for_each(|p| *p /= sum);
    }
    probabilities
}
