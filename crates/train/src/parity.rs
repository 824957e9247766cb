//! The last check of a training: the engine must answer what the trainer's own model answers, on the rows where the two
//! could differ.
//!
//! These are the held-out rows, and per feature, in a row that is otherwise an ordinary one: missing, ±infinity, a
//! category that was never seen, and every threshold of a split with its two neighbours among 32-bit floats.

use meuse_core::table::Matrix;
use meuse_engine::Session;
use meuse_prep::{Feature, FeatureKind, Fitted};

use crate::{Error, Model};

/// |a − b| ≤ `ABSOLUTE` + `RELATIVE` · |b|, b being the trainer's score.
pub const ABSOLUTE: f64 = 1e-5;
/// See [`ABSOLUTE`].
pub const RELATIVE: f64 = 1e-4;
/// How many rows are compared at a time.
const BATCH: usize = 4096;

/// What was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ParityReport {
    /// Held-out rows.
    pub held_out: usize,
    /// Rows made up of missing, infinite and unseen values, and of thresholds and their neighbours.
    pub made_up: usize,
    /// The largest |a − b| seen.
    pub largest_difference: f64,
}

impl std::fmt::Display for ParityReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { held_out, made_up, largest_difference } = self;
        write!(
            f,
            "the ONNX model answers as the trainer's own on {held_out} held-out rows and {made_up} made up of missing, \
             infinite and unseen values and thresholds; the largest difference is {largest_difference:.1e}"
        )
    }
}

/// Compares the engine's scores with the trainer's.
///
/// # Errors
/// [`Error::Parity`] names the first feature and row that differ, with both scores.
pub fn check(model: &Model, session: &Session, fitted: &Fitted, rows: &Matrix) -> Result<ParityReport, Error> {
    compare(model, session, &fitted.features(), rows)
}

/// [`check`] for features that need not come from preprocessing.
pub(crate) fn compare(
    model: &Model,
    session: &Session,
    features: &[Feature],
    rows: &Matrix,
) -> Result<ParityReport, Error> {
    let mut comparison = Comparison { model, session, report: ParityReport::default() };
    for start in (0..rows.rows).step_by(BATCH) {
        let batch: Vec<u32> = (start as u32..rows.rows.min(start + BATCH) as u32).collect();
        comparison.batch(&rows.take(&batch), |row| format!("held-out row {}", start + row))?;
    }
    comparison.report.held_out = rows.rows;
    let ordinary = ordinary_row(rows, features.len());
    for (index, feature) in features.iter().enumerate() {
        let values = values_to_try(model, index, feature);
        for values in values.chunks(BATCH) {
            let mut matrix = Matrix { data: ordinary.repeat(values.len()), rows: values.len(), width: ordinary.len() };
            for (row, value) in values.iter().enumerate() {
                matrix.data[row * ordinary.len() + index] = *value;
            }
            let name = |row: usize| format!("feature `{}` at {:?}", feature.name, values[row]);
            comparison.batch(&matrix, name)?;
        }
        comparison.report.made_up += values.len();
    }
    Ok(comparison.report)
}

struct Comparison<'a> {
    model: &'a Model,
    session: &'a Session,
    report: ParityReport,
}

impl Comparison<'_> {
    fn batch(&mut self, x: &Matrix, name: impl Fn(usize) -> String) -> Result<(), Error> {
        let expected = self.model.raw_scores(x)?;
        let scores = self.session.scores(x)?;
        for (row, (engine, trainer)) in scores.raw.iter().zip(&expected).enumerate() {
            let engine = f64::from(*engine);
            if !agree(engine, *trainer) {
                let name = name(row);
                return Err(Error::Parity(format!("{name}: ONNX Runtime says {engine}, the trainer {trainer}")));
            }
            let difference = (engine - trainer).abs();
            if difference > self.report.largest_difference {
                self.report.largest_difference = difference;
            }
        }
        let Some(probabilities) = scores.probability else { return Ok(()) };
        for (row, (probability, trainer)) in probabilities.iter().zip(&expected).enumerate() {
            let expected = 1.0 / (1.0 + (-trainer).exp());
            let probability = f64::from(*probability);
            if !agree(probability, expected) {
                let name = name(row);
                let message = format!("{name}: ONNX Runtime says probability {probability}, the trainer {expected}");
                return Err(Error::Parity(message));
            }
        }
        Ok(())
    }
}

/// Within tolerance, or the same infinity, or both not a number.
fn agree(engine: f64, trainer: f64) -> bool {
    engine == trainer
        || (engine.is_nan() && trainer.is_nan())
        || (engine - trainer).abs() <= ABSOLUTE + RELATIVE * trainer.abs() && trainer.is_finite()
}

/// Of each feature, the median of the rows, missing values apart; zero where there is none.
fn ordinary_row(rows: &Matrix, width: usize) -> Vec<f32> {
    (0..width)
        .map(|column| {
            let mut values: Vec<f32> = rows.data.iter().skip(column).step_by(rows.width.max(1)).copied().collect();
            values.retain(|value| !value.is_nan());
            let middle = values.len() / 2;
            if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f32::total_cmp).1 }
        })
        .collect()
}

fn values_to_try(model: &Model, index: usize, feature: &Feature) -> Vec<f32> {
    let mut values = vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    if let FeatureKind::Category { count } = feature.kind {
        values.extend((0..count).map(|code| code as f32));
        values.extend([count as f32, (count + 7) as f32, -1.0]);
    }
    for (_, threshold) in model.thresholds().iter().filter(|(of, _)| *of == index) {
        values.extend([threshold.next_down(), *threshold, threshold.next_up()]);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_agree_within_the_tolerance_and_not_beyond() {
        assert!(agree(1.000_05, 1.0));
        assert!(!agree(1.000_2, 1.0));
        assert!(agree(f64::INFINITY, f64::INFINITY));
        assert!(!agree(f64::INFINITY, f64::NEG_INFINITY));
        assert!(!agree(3.0, f64::INFINITY));
        assert!(agree(f64::NAN, f64::NAN));
        assert!(!agree(f64::NAN, 0.0));
        assert!(!agree(0.0, f64::NAN));
    }
}
