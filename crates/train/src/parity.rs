//! The last check of a training: the engine must answer what the trainer's own model answers, on the rows where the two
//! could differ.
//!
//! These are the held-out rows, and per feature, in a row that is otherwise an ordinary one: missing, ±infinity, a
//! category that was never seen, and every threshold of a split with its two neighbours among 32-bit floats.

use meuse_core::table::{Matrix, Sparse};
use meuse_engine::Session;
use meuse_prep::{Feature, FeatureKind};

use crate::{Error, Model, evaluate};

/// |a − b| ≤ `ABSOLUTE` + `RELATIVE` · |b|, b being the trainer's score.
pub const ABSOLUTE: f64 = 1e-5;
/// See [`ABSOLUTE`].
pub const RELATIVE: f64 = 1e-4;
/// For a network, whose sums of 32-bit floats are made in another order: both tolerances.
pub const OF_NETWORKS: f64 = 1e-3;
/// How many rows are compared at a time.
pub const BATCH: usize = 4096;
/// The same for a network, whose layers make many numbers of each row.
pub const BATCH_OF_NETWORKS: usize = 64;

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

/// A comparison of the engine's scores with the trainer's: [`Check::held_out`] for all rows that were not learnt from,
/// then [`Check::made_up`].
pub struct Check<'a> {
    model: &'a Model,
    session: &'a Session,
    report: ParityReport,
    /// The first held-out rows, of which the ordinary row is made.
    first: Option<Matrix>,
}

impl<'a> Check<'a> {
    /// Nothing has been compared yet.
    pub fn new(model: &'a Model, session: &'a Session) -> Self {
        Self { model, session, report: ParityReport::default(), first: None }
    }

    /// Compares on rows, at most [`BATCH`] at a time, that the trainer has scored already.
    ///
    /// # Errors
    /// [`Error::Parity`] names the first row that differs, with both scores.
    pub fn held_out(&mut self, rows: &Matrix, trainer: &[f64]) -> Result<(), Error> {
        let before = self.report.held_out;
        self.compare(rows, trainer, |row| format!("held-out row {}", before + row))?;
        self.report.held_out += rows.rows;
        self.first.get_or_insert_with(|| rows.clone());
        Ok(())
    }

    /// Compares on values that rows seldom have, and gives the report.
    ///
    /// # Errors
    /// [`Error::Parity`] names the first feature and value that differ, with both scores.
    pub fn made_up(mut self, features: &[Feature]) -> Result<ParityReport, Error> {
        if matches!(self.model, Model::Network(_) | Model::Sentences { .. }) {
            // Preprocessing lets no missing number through to a network, and what it makes of infinity is nobody's
            // promise. What stands behind a text's vector is the graph of a linear model, which others try out.
            return Ok(self.report);
        }
        let ordinary = ordinary_row(self.first.as_ref(), features.len());
        let thresholds = self.model.thresholds();
        for (index, feature) in features.iter().enumerate() {
            let values = values_to_try(&thresholds, index, feature);
            for values in values.chunks(BATCH) {
                let mut matrix = self.ordinary_rows(&ordinary, values.len());
                for (row, value) in values.iter().enumerate() {
                    matrix.data[row * ordinary.len() + index] = *value;
                }
                let trainer = self.model.raw_scores(&matrix)?;
                let name = |row: usize| format!("feature `{}` at {:?}", feature.name, values[row]);
                self.compare(&matrix, &trainer, name)?;
            }
            self.report.made_up += values.len();
        }
        self.single_terms(&ordinary)?;
        Ok(self.report)
    }

    /// So many ordinary rows, without any term.
    fn ordinary_rows(&self, ordinary: &[f32], rows: usize) -> Matrix {
        let mut matrix = Matrix { data: ordinary.repeat(rows), rows, width: ordinary.len(), sparse: None };
        if self.model.terms() > 0 {
            let none = Sparse { starts: vec![0; rows + 1], ..Sparse::new(self.model.terms()) };
            matrix.sparse = Some(none);
        }
        matrix
    }

    /// A row without terms, and one per term that holds nothing else: every weight is where it belongs.
    fn single_terms(&mut self, ordinary: &[f32]) -> Result<(), Error> {
        let count = self.model.terms() as u32;
        for start in (0..count).step_by(BATCH) {
            let terms: Vec<u32> = (start..count.min(start + BATCH as u32)).collect();
            let mut matrix = self.ordinary_rows(ordinary, terms.len() + 1);
            if let Some(sparse) = &mut matrix.sparse {
                sparse.starts = std::iter::once(0).chain(0..=terms.len()).collect();
                sparse.values = vec![1.0; terms.len()];
                sparse.columns.clone_from(&terms);
            }
            let trainer = self.model.raw_scores(&matrix)?;
            self.compare(&matrix, &trainer, |row| match row.checked_sub(1) {
                None => "a row without terms".to_owned(),
                Some(index) => format!("a row of term {} alone", terms[index]),
            })?;
            self.report.made_up += terms.len();
        }
        Ok(())
    }

    fn compare(&mut self, x: &Matrix, expected: &[f64], name: impl Fn(usize) -> String) -> Result<(), Error> {
        let [absolute, relative] = match self.model {
            Model::Network(_) => [OF_NETWORKS; 2],
            Model::Linear(_) | Model::Sentences { .. } | Model::Trees(_) => [ABSOLUTE, RELATIVE],
        };
        let agree = |engine: f64, trainer: f64| agree(engine, trainer, absolute, relative);
        let scores = self.session.scores(x)?;
        let outputs = self.session.outputs().max(1);
        for (place, (engine, trainer)) in scores.raw.iter().zip(expected).enumerate() {
            let engine = f64::from(*engine);
            if !agree(engine, *trainer) {
                let name = name(place / outputs);
                return Err(Error::Parity(format!("{name}: ONNX Runtime says {engine}, the trainer {trainer}")));
            }
            let difference = (engine - trainer).abs();
            if difference > self.report.largest_difference {
                self.report.largest_difference = difference;
            }
        }
        let Some(probabilities) = scores.probability else { return Ok(()) };
        let own = match outputs {
            1 => expected.iter().map(|score| evaluate::probability(*score)).collect(),
            outputs => evaluate::softmax(expected, outputs),
        };
        for (place, (probability, expected)) in probabilities.iter().zip(own).enumerate() {
            let probability = f64::from(*probability);
            if !agree(probability, expected) {
                let name = name(place / outputs);
                let message = format!("{name}: ONNX Runtime says probability {probability}, the trainer {expected}");
                return Err(Error::Parity(message));
            }
        }
        Ok(())
    }
}

/// Within tolerance, or the same infinity, or both not a number.
pub(crate) fn agree(engine: f64, trainer: f64, absolute: f64, relative: f64) -> bool {
    engine == trainer
        || (engine.is_nan() && trainer.is_nan())
        || (engine - trainer).abs() <= absolute + relative * trainer.abs() && trainer.is_finite()
}

/// Of each feature, the median of the rows, missing values apart; zero where there is none.
fn ordinary_row(rows: Option<&Matrix>, width: usize) -> Vec<f32> {
    let Some(rows) = rows else { return vec![0.0; width] };
    (0..width)
        .map(|column| {
            let mut values: Vec<f32> = rows.data.iter().skip(column).step_by(rows.width.max(1)).copied().collect();
            values.retain(|value| !value.is_nan());
            let middle = values.len() / 2;
            if values.is_empty() { 0.0 } else { *values.select_nth_unstable_by(middle, f32::total_cmp).1 }
        })
        .collect()
}

fn values_to_try(thresholds: &[(usize, f32)], index: usize, feature: &Feature) -> Vec<f32> {
    let mut values = vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
    if let FeatureKind::Category { count } = feature.kind {
        values.extend((0..count).map(|code| code as f32));
        values.extend([count as f32, (count + 7) as f32, -1.0]);
    }
    for (_, threshold) in thresholds.iter().filter(|(of, _)| *of == index) {
        values.extend([threshold.next_down(), *threshold, threshold.next_up()]);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agree(engine: f64, trainer: f64) -> bool {
        super::agree(engine, trainer, ABSOLUTE, RELATIVE)
    }

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
