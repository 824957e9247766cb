//! Logistic and linear regression with L1 and L2 penalties.
//!
//! The objective is that of [`meuse_core::recipe::Linear`]: mean loss + (l1 · ‖w‖₁ + l2 / 2 · ‖w‖²) / rows, intercept
//! not penalised. The loss is −ln p(class), or half the squared error. In scikit-learn's words, on the same matrix:
//! `LogisticRegression(C=1/l2)`, `Ridge(alpha=l2)`, `Lasso(alpha=l1/rows)`.
//!
//! Columns are centred and scaled inside, so that features from 1e-8 to 1e8 converge; the penalties still act on the
//! weights as they are reported. Without L1 it is Newton's method with a line search, with L1 proximal Newton, each
//! step by coordinate descent (J. D. Lee, Y. Sun, M. A. Saunders, 2014; as glmnet does it). It has converged when no
//! partial derivative of the objective, per standard deviation of the feature (and of a regression's target), exceeds
//! the tolerance. Where texts become terms, [`sparse`] does it instead, on the features as they are. All arithmetic is in 64 bits, and sums have a fixed order whatever the number of threads.

mod cholesky;
mod parts;
mod problem;
mod solver;
mod sparse;
mod terms;

use meuse_core::bundle::{Coefficient, Explanation, Task};
use meuse_core::recipe::{ClassWeight, Linear};
use meuse_core::table::Matrix;
use meuse_prep::FeatureKind;

use crate::{Context, Error, Learnt, Model, Sample};
use problem::{Loss, Problem};
pub(crate) use solver::Ending;
pub(crate) use terms::strongest;

/// A weight per feature and an intercept.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LinearModel {
    /// One weight per column of the matrix.
    pub weights: Vec<f64>,
    /// One weight per term of the matrix's sparse part.
    pub terms: Vec<f64>,
    /// The raw score of a row of zeros.
    pub intercept: f64,
}

impl LinearModel {
    /// intercept + Σ weight · feature, in 64 bits, one per row.
    pub fn raw_scores(&self, x: &Matrix) -> Vec<f64> {
        let terms = |row: usize| x.sparse.as_ref().map_or(0.0, |sparse| self.of_terms(sparse.row(row)));
        (0..x.rows).map(|row| self.raw_score(x.row(row)) + terms(row)).collect()
    }

    fn of_terms(&self, (columns, values): (&[u32], &[f32])) -> f64 {
        columns.iter().zip(values).map(|(term, value)| self.terms[*term as usize] * f64::from(*value)).sum()
    }

    fn raw_score(&self, features: &[f32]) -> f64 {
        let terms = self.weights.iter().zip(features).map(|(weight, feature)| weight * f64::from(*feature));
        terms.fold(self.intercept, |sum, term| sum + term)
    }
}

/// The widest matrix: above it the second derivatives (width² numbers, width³ work) cost more than a job should.
const WIDEST: usize = 3000;

/// Learns a logistic regression (binary task) or a linear regression.
///
/// # Errors
/// A feature is missing or infinite in the training rows, there are too many features, only one class is there, or
/// the training was cancelled.
pub fn learn(parameters: &Linear, context: &Context<'_>) -> Result<Learnt, Error> {
    let fit = fit(parameters, context.training, context)?;
    // Of a text's vector no number means anything by itself, and there are hundreds.
    let named = context.training.features.iter().zip(&fit.model.weights);
    let named = named.filter(|(feature, _)| feature.kind != FeatureKind::Embedded);
    let intercept = Coefficient { feature: "intercept".to_owned(), value: fit.model.intercept };
    let weights = named.map(|(feature, value)| Coefficient { feature: feature.name.clone(), value: *value });
    let explanation =
        Explanation { coefficients: std::iter::once(intercept).chain(weights).collect(), ..Explanation::default() };
    let notes = vec![fit.note()];
    Ok(Learnt { model: Model::Linear(fit.model), notes, explanation, out_of_fold: None })
}

/// A fitted model and how the fitting ended.
#[derive(Debug)]
pub(crate) struct Fit {
    pub(crate) model: LinearModel,
    pub(crate) ending: Ending,
    pub(crate) iterations: u32,
    /// The largest partial derivative of the objective at the end.
    pub(crate) gradient: f64,
}

impl Fit {
    /// How it ended, for a person.
    pub(crate) fn note(&self) -> String {
        let Self { iterations, gradient, .. } = self;
        let plural = if *iterations == 1 { "iteration" } else { "iterations" };
        let steps = format!("{iterations} {plural}; the largest partial derivative of the objective is {gradient:.1e}");
        match self.ending {
            Ending::Converged => format!("converged after {steps}"),
            Ending::Separable => {
                format!("not converged: the classes are perfectly separable, use l2 > 0 (stopped after {steps})")
            }
            Ending::Limit => format!("not converged: max_iterations reached, raise it or l2 ({steps})"),
            Ending::Stalled => {
                format!("converged as far as 64-bit arithmetic goes, short of the tolerance, after {steps}")
            }
        }
    }
}

/// Fits on the given sample; `context` says the task, the threads and who watches.
pub(crate) fn fit(parameters: &Linear, sample: &Sample, context: &Context<'_>) -> Result<Fit, Error> {
    check(sample)?;
    let loss = if context.task == Task::Binary { Loss::Logistic } else { Loss::Squared };
    let row_weights = row_weights(parameters.class_weight, sample, loss)?;
    if sample.x.sparse.is_some() {
        return sparse::fit(parameters, sample, loss, row_weights, context);
    }
    let problem = Problem::new(sample, loss, row_weights, parameters, context);
    let solution = solver::solve(&problem, parameters)?;
    let (weights, intercept) = problem.unscaled(&solution.point);
    Ok(Fit {
        model: LinearModel { weights, terms: Vec::new(), intercept },
        ending: solution.ending,
        iterations: solution.iterations,
        gradient: solution.gradient,
    })
}

fn check(sample: &Sample) -> Result<(), Error> {
    let width = sample.x.width;
    if width > WIDEST {
        let message = format!("preprocessing makes {width} features, and a linear model takes at most {WIDEST}");
        let hint = "drop texts with many categories, or encode them as `woe` or `ordinal`";
        return Err(Error::input("preprocessing", message, hint));
    }
    let Some(cell) = sample.x.data.iter().position(|value| !value.is_finite()) else { return Ok(()) };
    let (row, feature) = (cell / width, &sample.features[cell % width]);
    let field = format!("preprocessing.columns.{}", feature.column);
    let (what, hint) = if sample.x.data[cell].is_nan() {
        ("missing", "use impute = \"median\", or encode = \"quantile_bins\"")
    } else {
        ("infinite", "use encode = \"standardise\" or \"quantile_bins\"")
    };
    let message = format!("`{}` is {what} in training row {row}, and a linear model needs numbers", feature.name);
    Err(Error::input(&field, message, hint))
}

fn row_weights(class_weight: ClassWeight, sample: &Sample, loss: Loss) -> Result<Option<[f64; 2]>, Error> {
    if loss == Loss::Squared {
        return Ok(None);
    }
    let rows = sample.y.len() as f64;
    let positives = sample.y.iter().filter(|y| **y > 0.5).count() as f64;
    if positives == 0.0 || positives == rows {
        let message = "the training part has one class only";
        return Err(Error::input("target", message, "check the split, or use method = \"stratified\""));
    }
    Ok(match class_weight {
        ClassWeight::None => None,
        ClassWeight::Balanced => Some([rows / (2.0 * (rows - positives)), rows / (2.0 * positives)]),
    })
}
