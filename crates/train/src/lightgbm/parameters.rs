//! A recipe's parameters in LightGBM's own words.

use std::fmt::Write as _;

use meuse_core::bundle::Task;
use meuse_core::recipe::{self, ClassWeight, Monotone};
use meuse_prep::{Feature, FeatureKind};

use super::Reading;
use crate::Error;

/// The most categories in the set of one split; LightGBM's default, stated because the ONNX writer makes a chain of it.
const MAX_CATEGORIES_OF_A_SPLIT: u32 = 32;

/// `name=value` pairs.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Parameters(Vec<(&'static str, String)>);

impl Parameters {
    /// What every training has in common: the task, the features' kinds, and that the same seed gives the same bytes.
    pub(super) fn common(recipe: &recipe::Lightgbm, context: &Reading<'_>) -> Result<Self, Error> {
        let (objective, metric) = match context.task {
            Task::Binary => ("binary", "binary_logloss"),
            Task::Multiclass | Task::Detection | Task::Embedding => {
                let message = format!("`lightgbm` cannot do a {} task", context.task.word());
                return Err(Error::input("algorithm.name", message, "use another algorithm"));
            }
            Task::Regression => ("regression", "l2"),
        };
        let mut parameters = Self(Vec::new());
        parameters.set("objective", objective);
        parameters.set("metric", metric);
        parameters.set("verbosity", -1);
        parameters.set("deterministic", true);
        parameters.set("force_row_wise", true);
        parameters.set("seed", context.seed % (i32::MAX as u64));
        parameters.set("num_threads", threads(context));
        // Otherwise features are dropped for good by the smallest leaf of the first parameters that a dataset sees.
        parameters.set("feature_pre_filter", false);
        parameters.set("max_cat_threshold", MAX_CATEGORIES_OF_A_SPLIT);
        let categories = indices(&context.training.features, |kind| matches!(kind, FeatureKind::Category { .. }));
        if !categories.is_empty() {
            parameters.set("categorical_feature", categories.join(","));
        }
        if let Some(constraints) = constraints(recipe, &context.training.features)? {
            parameters.set("monotone_constraints", constraints);
        }
        Ok(parameters)
    }

    /// The recipe's own numbers, with the defaults that its schema states.
    pub(super) fn manual(recipe: &recipe::Lightgbm, context: &Reading<'_>) -> Result<Self, Error> {
        let mut parameters = Self::common(recipe, context)?;
        let bagging = recipe.bagging_fraction.unwrap_or(1.0);
        parameters.set("learning_rate", recipe.learning_rate.unwrap_or(0.05));
        parameters.set("num_leaves", recipe.num_leaves.unwrap_or(31));
        parameters.set("max_depth", recipe.max_depth.unwrap_or(-1));
        parameters.set("min_data_in_leaf", recipe.min_data_in_leaf.unwrap_or(20));
        parameters.set("feature_fraction", recipe.feature_fraction.unwrap_or(1.0));
        parameters.set("bagging_fraction", bagging);
        parameters.set("bagging_freq", i32::from(bagging < 1.0));
        parameters.set("lambda_l1", recipe.lambda_l1.unwrap_or(0.0));
        parameters.set("lambda_l2", recipe.lambda_l2.unwrap_or(0.0));
        parameters.set("max_bin", recipe.max_bin.unwrap_or(255));
        Ok(parameters)
    }

    /// Sets a parameter, in place of an earlier value.
    pub(super) fn set(&mut self, name: &'static str, value: impl ToString) {
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value.to_string()));
    }

    /// The text that LightGBM reads.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.0 {
            let _ = write!(text, "{name}={value} ");
        }
        text
    }
}

/// One thread per so many rows: on fewer, LightGBM's threads mostly wait for each other, by spinning.
const ROWS_PER_THREAD: usize = 10_000;

fn threads(context: &Reading<'_>) -> usize {
    context.threads.clamp(1, 1 + context.training.y.len() / ROWS_PER_THREAD)
}

/// The weight of each training row, when classes are weighted: the same for every row of a class.
pub(super) fn weights(class_weight: ClassWeight, training_y: &[f64], y: &[f64]) -> Option<Vec<f32>> {
    if class_weight == ClassWeight::None {
        return None;
    }
    let rows = training_y.len() as f64;
    let positives = training_y.iter().filter(|y| **y > 0.5).count() as f64;
    let weight = |count: f64| (rows / (2.0 * count.max(1.0))) as f32;
    let (negative, positive) = (weight(rows - positives), weight(positives));
    Some(y.iter().map(|y| if *y > 0.5 { positive } else { negative }).collect())
}

fn indices(features: &[Feature], wanted: impl Fn(&FeatureKind) -> bool) -> Vec<String> {
    let features = features.iter().enumerate();
    features.filter(|(_, feature)| wanted(&feature.kind)).map(|(index, _)| index.to_string()).collect()
}

/// −1, 0 or 1 per feature. A constrained column that preprocessing left out constrains nothing.
fn constraints(recipe: &recipe::Lightgbm, features: &[Feature]) -> Result<Option<String>, Error> {
    if recipe.monotone_constraints.is_empty() {
        return Ok(None);
    }
    for column in recipe.monotone_constraints.keys() {
        let mut constrained = features.iter().filter(|feature| feature.column == *column);
        if constrained.any(|feature| feature.kind != FeatureKind::Number) {
            return Err(Error::input(
                &format!("algorithm.monotone_constraints.{column}"),
                format!("`{column}` is not given to the model as a number"),
                "take the constraint away, or keep the column a number (`encode = \"none\"`)",
            ));
        }
    }
    let signs = features.iter().map(|feature| match recipe.monotone_constraints.get(&feature.column) {
        None => "0",
        Some(Monotone::Increasing) => "1",
        Some(Monotone::Decreasing) => "-1",
    });
    Ok(Some(signs.collect::<Vec<_>>().join(",")))
}
