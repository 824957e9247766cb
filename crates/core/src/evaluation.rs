//! The record of how good a model is: `evaluation.json` of a bundle.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Metrics, intervals and curves of one model version.
///
/// `metrics` holds the test part's figures, which choose nothing. `validation` holds those that a choice between
/// versions may rest on: of the validation part or, where the recipe has none, of cross-validation inside the training
/// part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evaluation {
    /// The metric by which versions are chosen, in snake case.
    pub metric: String,
    /// Whether a larger value of that metric is better.
    pub larger_is_better: bool,
    /// Figures on the test part, by metric in snake case.
    pub metrics: BTreeMap<String, Metric>,
    /// Number of rows of each part: `training`, `validation`, `test`.
    pub rows: BTreeMap<String, u64>,
    /// Figures to choose by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
    /// Figures on the training part; far better ones than on the test part are a sign of overfitting.
    pub training: BTreeMap<String, Metric>,
    /// The confusion matrix on the test part, for a binary task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Confusion>,
    /// Counts and figures of each class on the test part, for a task of several classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<Classes>,
    /// Figures of each class on the test part, for a detection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<Detected>,
    /// Test rows that were told wrongly with the most confidence, most confident first; where people can look at the
    /// inputs, as at pictures and texts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mistakes: Vec<Mistake>,
    /// Curves on the test part, for a binary task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curves: Option<Curves>,
    /// The bootstrap behind the intervals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bootstrap: Option<Bootstrap>,
    /// What makes the figures look better or worse than they are, and what to do, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// Figures that a choice may rest on.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Validation {
    /// Where they come from: `validation part` or `cross-validation inside the training part`.
    pub source: String,
    /// The figures.
    pub metrics: BTreeMap<String, Metric>,
}

/// One figure.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Metric {
    /// The value; absent when it is undefined on this data.
    pub value: Option<f64>,
    /// Lower end of the 95 % bootstrap interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f64>,
    /// Upper end of the 95 % bootstrap interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f64>,
    /// Why there is no value, as in `only one class is present`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undefined: Option<String>,
}

/// How the intervals were made: percentile bootstrap over rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Bootstrap {
    /// Number of resamples.
    pub resamples: u32,
    /// The seed.
    pub seed: u64,
}

/// Counts at a threshold: a row is predicted positive when its probability is at or above it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Confusion {
    /// The threshold.
    pub threshold: f64,
    /// Positive rows predicted positive.
    pub true_positive: u64,
    /// Negative rows predicted positive.
    pub false_positive: u64,
    /// Negative rows predicted negative.
    pub true_negative: u64,
    /// Positive rows predicted negative.
    pub false_negative: u64,
}

/// What became of each class on the test part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Classes {
    /// The classes, in the order of the model's outputs.
    pub labels: Vec<String>,
    /// How many rows of a class (outer) were told as which (inner).
    pub confusion: Vec<Vec<u64>>,
    /// The figures of each class, in the same order.
    pub figures: Vec<ClassFigures>,
}

/// The figures of one class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClassFigures {
    /// The class.
    pub label: String,
    /// Its rows.
    pub support: u64,
    /// Share of those told as this class that are; absent when none was.
    pub precision: Option<f64>,
    /// Share of its rows that were told as it; absent when it has none.
    pub recall: Option<f64>,
    /// Harmonic mean of both; absent when the class has no row and was never told.
    pub f1: Option<f64>,
}

/// What became of the boxes of each class on the test part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Detected {
    /// The score from which on boxes are told; precision and recall are those of boxes that are told.
    pub score_threshold: f64,
    /// The figures of each class, in the order of the model's outputs.
    pub figures: Vec<BoxFigures>,
}

/// The figures of the boxes of one class.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BoxFigures {
    /// The class.
    pub label: String,
    /// Its true boxes, crowds apart.
    pub support: u64,
    /// Its boxes that were told.
    pub told: u64,
    /// Average precision, the mean over the overlaps 0.5, 0.55 … 0.95; absent when it has no true box.
    pub ap_50_95: Option<f64>,
    /// Average precision at an overlap of 0.5; absent when it has no true box.
    pub ap_50: Option<f64>,
    /// Share of its boxes told that overlap by half or more with a true one; absent when none was told.
    pub precision: Option<f64>,
    /// Share of its true boxes that were told; absent when it has none.
    pub recall: Option<f64>,
}

/// A row that was told wrongly.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Mistake {
    /// The row of the dataset version, from 0.
    pub row: u64,
    /// Its class.
    pub truth: String,
    /// The class that was told.
    pub predicted: String,
    /// The probability of that class.
    pub probability: f64,
    /// The beginning of its text, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// Curves as data, at most 200 points each; the thinning keeps the ends and the largest steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Curves {
    /// Receiver operating characteristic.
    pub roc: Vec<RocPoint>,
    /// Precision against recall.
    pub precision_recall: Vec<PrecisionRecallPoint>,
    /// Mean predicted probability against observed share, in bins of equal count.
    pub calibration: Vec<CalibrationPoint>,
    /// Cumulative shares of both classes by score.
    pub ks: Vec<KsPoint>,
}

/// A point of the ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RocPoint {
    /// Rows at or above this probability are predicted positive; absent at the origin, where none is.
    pub threshold: Option<f64>,
    /// Share of negatives predicted positive.
    pub false_positive_rate: f64,
    /// Share of positives predicted positive.
    pub true_positive_rate: f64,
}

/// A point of the precision-recall curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PrecisionRecallPoint {
    /// Rows at or above this probability are predicted positive; absent at recall 0.
    pub threshold: Option<f64>,
    /// Share of those predicted positive that are positive.
    pub precision: f64,
    /// Share of positives predicted positive.
    pub recall: f64,
}

/// A bin of the calibration curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CalibrationPoint {
    /// Mean predicted probability.
    pub predicted: f64,
    /// Share of positives.
    pub observed: f64,
    /// Rows in the bin.
    pub count: u64,
}

/// A point of the Kolmogorov-Smirnov curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct KsPoint {
    /// The probability.
    pub threshold: f64,
    /// Share of negatives below it.
    pub negatives_below: f64,
    /// Share of positives below it.
    pub positives_below: f64,
}
