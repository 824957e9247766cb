//! One call, computed: a table from what the caller gave, features by `prep`, scores by the engine, then labels,
//! points and notes. Synchronous; which thread it runs on is decided in [`super`].

use std::time::{Duration, Instant};

use meuse_core::api::{ClassProbability, FoundBox, Prediction, Timings};
use meuse_core::bundle::{Manifest, Task};
use meuse_core::recipe::network::BOX_SIDES;
use meuse_core::table::Table;
use meuse_core::tensor::Tensor;
use meuse_engine::Scores;
use meuse_prep::{RowNote, Step, Transformed, boxes};
use serde_json::{Map, Value};

use super::columns;
use super::pool::Loaded;
use super::stats::milliseconds;
use crate::Error;

/// What a caller gave.
pub(super) enum Given {
    /// Rows as people have them: column name to value.
    Rows(Vec<Map<String, Value>>),
    /// One tensor per column.
    Tensors(Vec<Tensor>),
}

impl Given {
    /// How many rows this claims to be; the claim is checked when the table is made.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Rows(rows) => rows.len(),
            Self::Tensors(tensors) => tensors.first().and_then(|tensor| tensor.shape.first()).copied().unwrap_or(0),
        }
    }

    fn table(self, loaded: &Loaded) -> Result<Table, Error> {
        let Manifest { inputs, ignored, .. } = &loaded.manifest;
        match self {
            Self::Tensors(tensors) => columns::table(inputs, ignored, tensors),
            Self::Rows(rows) => meuse_prep::rows::table(inputs, ignored, &rows)
                .map_err(|error| Error::invalid(error.path(), error.reason, error.hint)),
        }
    }
}

/// The answers, and what each stage took; `queue` and `total` are the caller's to fill in.
pub(super) fn compute(loaded: &Loaded, given: Given) -> Result<(Vec<Prediction>, Timings), Error> {
    let mut watch = Watch(Instant::now());
    let table = given.table(loaded)?;
    let transformed = loaded.fitted.transform(&table).map_err(refused)?;
    let prep = watch.lap();
    let scores = loaded.session.scores(&transformed.matrix);
    let scores = scores.map_err(|error| Error::Internal(format!("the engine failed: {error}")))?;
    let compute = watch.lap();
    let predictions = predictions(loaded, &table, &transformed, &scores)?;
    let post = watch.lap();
    loaded.costs.record(table.rows, prep + compute + post);
    let [prep, compute, post] = [prep, compute, post].map(milliseconds);
    Ok((predictions, Timings { prep, compute, post, ..Timings::default() }))
}

struct Watch(Instant);

impl Watch {
    fn lap(&mut self) -> Duration {
        let now = Instant::now();
        now - std::mem::replace(&mut self.0, now)
    }
}

fn refused(error: meuse_prep::Error) -> Error {
    match error {
        meuse_prep::Error::Refused { row, column, reason, hint } => {
            Error::invalid(format!("rows[{row}].{column}"), reason, hint)
        }
        // The table was made by the signature, so what is left is a bundle that contradicts itself.
        other => Error::Internal(format!("preprocessing failed: {other}")),
    }
}

fn predictions(loaded: &Loaded, table: &Table, seen: &Transformed, scores: &Scores) -> Result<Vec<Prediction>, Error> {
    let mut predictions = match (&loaded.manifest.labels, &scores.probability) {
        (Some(labels), _) if loaded.manifest.task == Task::Detection => found_boxes(loaded, labels, seen, scores)?,
        (Some(labels), Some(probabilities)) if loaded.manifest.task == Task::Multiclass => {
            told_apart(labels, probabilities)
        }
        (Some(labels), Some(probabilities)) => classified(loaded, labels, probabilities),
        (None, _) if loaded.manifest.task == Task::Embedding => {
            let embedded = |row: &[f32]| Prediction { embedding: row.to_vec(), ..Prediction::default() };
            scores.raw.chunks_exact(loaded.session.outputs()).map(embedded).collect()
        }
        (None, _) => {
            scores.raw.iter().map(|raw| Prediction { value: Some(f64::from(*raw)), ..Prediction::default() }).collect()
        }
        (Some(_), None) => {
            return Err(Error::Internal("the model of a task with classes answered no probability".into()));
        }
    };
    if predictions.len() != table.rows {
        return Err(Error::Internal("the model answered for another number of rows".into()));
    }
    if let Some(row) = predictions.iter().position(|prediction| !is_finite(prediction)) {
        return Err(Error::Internal(format!("the model answered no number for rows[{row}]")));
    }
    if let Some(card) = &loaded.scorecard {
        let points = meuse_prep::points(&loaded.fitted, card, table);
        for (prediction, points) in predictions.iter_mut().zip(points) {
            prediction.points = Some(points);
        }
    }
    for RowNote { row, note } in &seen.notes {
        predictions[*row].notes.push(note.clone());
    }
    Ok(predictions)
}

/// The boxes of each picture.
fn found_boxes(
    loaded: &Loaded,
    labels: &[String],
    seen: &Transformed,
    scores: &Scores,
) -> Result<Vec<Prediction>, Error> {
    let inconsistent = || Error::Internal("the bundle of a detection does not say how scores become boxes".into());
    let detector = loaded.manifest.detector.as_ref().ok_or_else(inconsistent)?;
    let cells = detector.rows as usize * detector.columns as usize;
    if loaded.session.outputs() != (labels.len() + BOX_SIDES) * cells {
        return Err(inconsistent());
    }
    let steps = loaded.fitted.columns.iter().find_map(|column| match &column.step {
        Step::Picture { steps } => Some(steps),
        _ => None,
    });
    let steps = steps.ok_or_else(inconsistent)?;
    let mut predictions = Vec::with_capacity(seen.sizes.len());
    for (row, (raw, size)) in scores.raw.chunks_exact(loaded.session.outputs()).zip(&seen.sizes).enumerate() {
        if raw.iter().any(|number| !number.is_finite()) {
            return Err(Error::Internal(format!("the model answered no number for rows[{row}]")));
        }
        let placement = steps.placement(size.map(|side| side as f64)).ok_or_else(inconsistent)?;
        let boxes = boxes::found(raw, detector, &placement).into_iter().filter_map(|found| {
            let label = labels.get(found.class as usize)?.clone();
            Some(FoundBox { label, score: found.score, area: found.area })
        });
        predictions.push(Prediction { boxes: Some(boxes.collect()), ..Prediction::default() });
    }
    Ok(predictions)
}

/// The most probable class of several, and all of them.
fn told_apart(labels: &[String], probabilities: &[f32]) -> Vec<Prediction> {
    let answer = |row: &[f32]| {
        let mut classes: Vec<ClassProbability> = labels
            .iter()
            .zip(row)
            .map(|(label, probability)| ClassProbability { label: label.clone(), probability: f64::from(*probability) })
            .collect();
        classes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        let best = classes.first().cloned();
        Prediction {
            label: best.as_ref().map(|best| best.label.clone()),
            probability: best.map(|best| best.probability),
            classes,
            ..Prediction::default()
        }
    };
    probabilities.chunks_exact(labels.len().max(1)).map(answer).collect()
}

fn classified(loaded: &Loaded, labels: &[String], probabilities: &[f32]) -> Vec<Prediction> {
    let threshold = loaded.manifest.threshold.unwrap_or(0.5);
    let classify = |probability: &f32| {
        let probability = f64::from(*probability);
        let label = labels.get(usize::from(probability >= threshold)).cloned();
        Prediction { label, probability: Some(probability), ..Prediction::default() }
    };
    probabilities.iter().map(classify).collect()
}

fn is_finite(prediction: &Prediction) -> bool {
    let one = prediction.probability.or(prediction.value);
    one.map_or(prediction.boxes.is_some() || !prediction.embedding.is_empty(), f64::is_finite)
        && prediction.embedding.iter().all(|one| one.is_finite())
}
