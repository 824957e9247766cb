//! The evaluation of a fit: test figures to report, validation figures to choose by, training figures to compare with.

use meuse_core::bundle::Task;
use meuse_core::evaluation::{Bootstrap, Evaluation, Mistake, Validation};
use meuse_core::events::Level;

use crate::evaluate::{self, Metrics, Resampling};
use crate::fitting::{Fit, Workshop, stop_if_cancelled};
use crate::learner::{Model, Watch};
use crate::mistakes::{Told, most_confident};
use crate::split::Parts;
use crate::{Error, detection};

/// What a reader of `evaluation.json` finds under `validation.source`.
pub(crate) const OF_VALIDATION: &str = "validation part";
const OF_FOLDS: &str = "cross-validation inside the training part";

/// The trainer's own raw scores of the rows that it did not learn from, computed once: figures and the parity check
/// both need them.
#[derive(Default)]
pub(crate) struct Scores {
    pub(crate) validation: Vec<f64>,
    pub(crate) test: Vec<f64>,
}

impl Scores {
    pub(crate) fn of(shop: &Workshop, parts: &Parts, fit: &Fit) -> Result<Self, Error> {
        if shop.target.boxes.is_some() {
            // A grid of cells for each picture is too much to hold; boxes are found a few pictures at a time.
            return Ok(Self::default());
        }
        let [validation, test] = [&parts.validation, &parts.test].map(|rows| shop.raw_scores(fit, rows));
        Ok(Self { validation: validation?, test: test? })
    }
}

/// The true and the predicted values of some rows.
struct Outcome {
    truth: Vec<f64>,
    /// Probabilities for a binary task, and of each class of each row for several.
    predicted: Vec<f64>,
}

impl Outcome {
    fn positive(&self) -> Vec<bool> {
        self.truth.iter().map(|y| *y == 1.0).collect()
    }

    fn classes(&self) -> Vec<u32> {
        self.truth.iter().map(|y| *y as u32).collect()
    }
}

/// Measures a fit on every part.
pub(crate) fn appraise(
    shop: &Workshop,
    parts: &Parts,
    fit: &Fit,
    scores: &Scores,
    watch: &dyn Watch,
) -> Result<Evaluation, Error> {
    if let Some(boxes) = &shop.target.boxes {
        return detection::appraise(shop, boxes, parts, fit, watch);
    }
    let metric = shop.spec.recipe.chosen_metric();
    let mut warnings = parts.warnings.clone();
    let validation = match validate(shop, parts, fit, scores, watch)? {
        Ok(validation) => Some(validation),
        Err(reason) => {
            watch.log(Level::Warning, &reason);
            warnings.push(reason);
            None
        }
    };
    watch.progress("evaluate", 0, 3);
    let training = match fit.learnt.model.in_sample() {
        Some(predicted) => Outcome { truth: shop.target.take(&parts.training), predicted: predicted.to_vec() },
        None => shop.outcome(&parts.training, shop.raw_scores(fit, &parts.training)?),
    };
    let training = shop.metrics(&training);
    stop_if_cancelled(watch)?;
    watch.progress("evaluate", 1, 3);
    let test = shop.outcome(&parts.test, scores.test.clone());
    let (metrics, bootstrap) = shop.metrics_with_intervals(&test, watch)?;
    watch.progress("evaluate", 2, 3);
    let binary = (shop.spec.recipe.task == Task::Binary).then(|| test.positive());
    let several = shop.target.labels.as_ref().filter(|_| shop.target.several);
    let threshold = shop.spec.recipe.threshold;
    let evaluation = Evaluation {
        metric: metric.word().to_owned(),
        larger_is_better: metric.larger_is_better(),
        metrics,
        rows: parts.named().into_iter().map(|(part, rows)| (part.to_owned(), rows.len() as u64)).collect(),
        validation,
        training,
        confusion: binary.as_ref().map(|positive| evaluate::confusion(positive, &test.predicted, threshold)),
        classes: several.map(|labels| evaluate::classes(labels, &test.classes(), &test.predicted)),
        detection: None,
        mistakes: shop.mistakes(fit, &parts.test, &test),
        curves: binary.as_ref().map(|positive| evaluate::curves(positive, &test.predicted)),
        bootstrap: Some(bootstrap),
        warnings,
    };
    watch.progress("evaluate", 3, 3);
    Ok(evaluation)
}

/// Figures to choose by: of the validation part or, without one, of folds of the training part; or why there are none.
fn validate(
    shop: &Workshop,
    parts: &Parts,
    fit: &Fit,
    scores: &Scores,
    watch: &dyn Watch,
) -> Result<Result<Validation, String>, Error> {
    let (source, outcome) = if parts.validation.is_empty() {
        if matches!(fit.learnt.model, Model::Network(_)) {
            let message = "no figures to choose by: a network is not trained anew for each fold; give the split a \
                           validation part";
            return Ok(Err(message.to_owned()));
        }
        let out_of_fold = match &fit.learnt.out_of_fold {
            Some(scores) => Ok(scores.clone()),
            None => shop.cross_validate(&parts.training, watch),
        };
        match out_of_fold {
            Ok(scores) => (OF_FOLDS, shop.outcome(&parts.training, scores)),
            // The model stands all the same; only a choice between versions has nothing to rest on.
            Err(error @ (Error::Input(_) | Error::Prep(_))) => {
                return Ok(Err(format!("no figures to choose by, cross-validation failed: {error}")));
            }
            Err(error) => return Err(error),
        }
    } else {
        (OF_VALIDATION, shop.outcome(&parts.validation, scores.validation.clone()))
    };
    let (metrics, _) = shop.metrics_with_intervals(&outcome, watch)?;
    Ok(Ok(Validation { source: source.to_owned(), metrics }))
}

impl Workshop<'_> {
    /// The test rows that were told wrongly with the most confidence.
    fn mistakes(&self, fit: &Fit, rows: &[u32], test: &Outcome) -> Vec<Mistake> {
        let Some(labels) = &self.target.labels else { return Vec::new() };
        let (width, threshold) = (self.target.outputs(), self.spec.recipe.threshold);
        let told = rows.iter().zip(test.predicted.chunks_exact(width)).zip(&test.truth).map(|((row, told), truth)| {
            let (predicted, probability) = if self.target.several {
                let best = evaluate::most_probable(told);
                (best, told[best])
            } else {
                let positive = told[0] >= threshold;
                (usize::from(positive), if positive { told[0] } else { 1.0 - told[0] })
            };
            Told { row: *row, truth: *truth as usize, predicted, probability }
        });
        most_confident(told, labels, &fit.fitted, self.table)
    }

    fn outcome(&self, rows: &[u32], raw_scores: Vec<f64>) -> Outcome {
        let predicted = match self.target.labels {
            Some(_) if self.target.several => evaluate::softmax(&raw_scores, self.target.outputs()),
            Some(_) => raw_scores.into_iter().map(evaluate::probability).collect(),
            None => raw_scores,
        };
        Outcome { truth: self.target.take(rows), predicted }
    }

    fn metrics(&self, outcome: &Outcome) -> Metrics {
        match self.target.labels {
            Some(_) if self.target.several => {
                evaluate::multiclass(&outcome.classes(), &outcome.predicted, self.target.outputs())
            }
            Some(_) => evaluate::binary(&outcome.positive(), &outcome.predicted, self.spec.recipe.threshold),
            None => evaluate::regression(&outcome.truth, &outcome.predicted),
        }
    }

    fn metrics_with_intervals(&self, outcome: &Outcome, watch: &dyn Watch) -> Result<(Metrics, Bootstrap), Error> {
        let mut metrics = self.metrics(outcome);
        let resampling = Resampling { seed: self.spec.recipe.seed, threads: self.spec.limits.threads, watch };
        let Outcome { truth, predicted } = outcome;
        let bootstrap = match self.target.labels {
            Some(_) if self.target.several => {
                let classes = self.target.outputs();
                evaluate::multiclass_intervals((&outcome.classes(), predicted), classes, &mut metrics, &resampling)?
            }
            Some(_) => {
                let rows = (outcome.positive(), predicted);
                let threshold = self.spec.recipe.threshold;
                evaluate::binary_intervals((&rows.0, rows.1), threshold, &mut metrics, &resampling)?
            }
            None => evaluate::regression_intervals(truth, predicted, &mut metrics, &resampling)?,
        };
        Ok((metrics, bootstrap))
    }
}
