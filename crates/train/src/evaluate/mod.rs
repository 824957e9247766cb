//! How good a model is: metrics, their bootstrap intervals, and curves as data.
//!
//! Definitions are scikit-learn's, to 1e-9. Where a figure is undefined, scikit-learn gives a number and a warning
//! (precision 0/0 → 0, average precision without positives → 0, R² of a constant target → 0 or 1, anything of one
//! class → NaN); here it is [`Metric::undefined`] in words instead, so that nobody compares what cannot be compared.
//! What a metric is, is said at [`MetricName`].

mod binary;
mod bootstrap;
mod curves;
mod detection;
mod multiclass;
mod regression;

use std::collections::BTreeMap;

use meuse_core::evaluation::{Detected, Metric};
use meuse_core::recipe::MetricName;

pub use binary::confusion;
pub use bootstrap::{Resampling, binary_intervals, detection_intervals, multiclass_intervals, regression_intervals};
pub use curves::curves;
pub use detection::{Looked, MOST_BOXES, TrueArea};
pub(crate) use multiclass::most_probable;
pub use multiclass::{classes, softmax};

/// All metrics by name.
pub type Metrics = BTreeMap<String, Metric>;

/// A value, or why there is none.
type Figure = Result<f64, &'static str>;

/// The metrics of a binary task: `positive[i]` is whether row i is of the positive class, `probability[i]` what was
/// predicted, `threshold` the least probability that is predicted positive.
///
/// # Panics
/// When the slices differ in length: both were made from one set of rows.
pub fn binary(positive: &[bool], probability: &[f64], threshold: f64) -> Metrics {
    let ranked = binary::Ranked::new(positive, probability, threshold);
    named(&MetricName::BINARY, &ranked.figures(|_| 1))
}

/// The metrics of a task of several classes: `truth[i]` is the class of row i, `probabilities` has `classes` numbers for
/// each row.
///
/// # Panics
/// When the slices do not fit together: both were made from one set of rows.
pub fn multiclass(truth: &[u32], probabilities: &[f64], classes: usize) -> Metrics {
    named(&MetricName::MULTICLASS, &multiclass::Told::new(truth, probabilities, classes).figures(|_| 1))
}

/// The metrics of a detection, and the figures of each class; `score_threshold` is the one from which on boxes are told.
pub fn detection(pictures: &[Looked], labels: &[String], score_threshold: f64) -> (Metrics, Detected) {
    let matched = detection::Matched::new(pictures, labels.len(), score_threshold);
    (named(&MetricName::DETECTION, &matched.figures(|_| 1)), matched.detected(labels))
}

/// The metrics of a regression: the true and the predicted numbers.
///
/// # Panics
/// When the slices differ in length: both were made from one set of rows.
pub fn regression(truth: &[f64], predicted: &[f64]) -> Metrics {
    let errors = regression::Errors::new(truth, predicted);
    named(&MetricName::REGRESSION, &errors.figures(|_| 1))
}

fn named(names: &[MetricName], figures: &[Figure]) -> Metrics {
    let metric = |figure: &Figure| match figure {
        Ok(value) if value.is_finite() => Metric { value: Some(*value), ..Metric::default() },
        Ok(_) => Metric { undefined: Some("the value is too large to be written".into()), ..Metric::default() },
        Err(reason) => Metric { undefined: Some((*reason).to_owned()), ..Metric::default() },
    };
    names.iter().zip(figures).map(|(name, figure)| (name.word().to_owned(), metric(figure))).collect()
}

/// Log-odds to probability.
pub fn probability(raw_score: f64) -> f64 {
    if raw_score >= 0.0 {
        1.0 / (1.0 + (-raw_score).exp())
    } else {
        let odds = raw_score.exp();
        odds / (1.0 + odds)
    }
}
