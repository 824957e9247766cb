//! The algorithms of a recipe and their parameters, under the names that their field or library gives them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::network::Network;

/// How the model is learnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "name", rename_all = "snake_case", deny_unknown_fields)]
pub enum Algorithm {
    /// Logistic regression with L1 and L2 penalties; binary.
    LogisticRegression(Linear),
    /// Linear regression with L1 and L2 penalties.
    LinearRegression(Linear),
    /// A points-based scorecard: logistic regression on weights of evidence; binary.
    Scorecard(ScorecardParameters),
    /// Gradient-boosted trees by LightGBM.
    // Its table may be long, so it is boxed.
    Lightgbm(Box<Lightgbm>),
    /// Word vectors by skip-gram with negative sampling; for `task = "embedding"`.
    SkipGram(SkipGram),
    /// A neural network, by libtorch; needs `meuse-deep`.
    Network(Box<Network>),
}

impl Algorithm {
    /// The name as a recipe writes it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::LogisticRegression(_) => "logistic_regression",
            Self::LinearRegression(_) => "linear_regression",
            Self::Scorecard(_) => "scorecard",
            Self::Lightgbm(_) => "lightgbm",
            Self::SkipGram(_) => "skip_gram",
            Self::Network(_) => "network",
        }
    }
}

/// Parameters of a linear model. The objective is
/// mean loss + (`l1` · ‖w‖₁ + `l2` / 2 · ‖w‖²) / rows, intercept not penalised; scikit-learn's `C` is 1 / `l2`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Linear {
    /// Strength of the L1 penalty.
    #[serde(default)]
    #[schemars(range(min = 0.0))]
    pub l1: f64,
    /// Strength of the L2 penalty.
    #[serde(default = "default_l2")]
    #[schemars(range(min = 0.0))]
    pub l2: f64,
    /// Weights of the classes (logistic regression).
    #[serde(default)]
    pub class_weight: ClassWeight,
    /// The most iterations.
    #[serde(default = "default_iterations")]
    #[schemars(range(min = 1, max = 100_000))]
    pub max_iterations: u32,
    /// Stop when no partial derivative of the objective (with the penalty's subgradient) exceeds this.
    #[serde(default = "default_tolerance")]
    #[schemars(range(min = 1e-12, max = 1.0))]
    pub tolerance: f64,
}

fn default_l2() -> f64 {
    1.0
}

fn default_iterations() -> u32 {
    1000
}

fn default_tolerance() -> f64 {
    1e-7
}

impl Default for Linear {
    fn default() -> Self {
        Self {
            l1: 0.0,
            l2: default_l2(),
            class_weight: ClassWeight::None,
            max_iterations: default_iterations(),
            tolerance: default_tolerance(),
        }
    }
}

/// Weights of the two classes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClassWeight {
    /// Every row weighs 1.
    #[default]
    None,
    /// rows / (2 · rows of the class), so that both classes weigh the same; probabilities are then not calibrated.
    Balanced,
}

/// Parameters of a scorecard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScorecardParameters {
    /// The score at `base_odds`.
    #[serde(default = "default_base_score")]
    pub base_score: f64,
    /// Odds positive : negative at `base_score`, as in 0.0526 for 1 : 19.
    #[serde(default = "default_base_odds")]
    #[schemars(range(min = 1e-9, max = 1e9))]
    pub base_odds: f64,
    /// How many points halve the odds of the positive class.
    #[serde(default = "default_pdo")]
    #[schemars(range(min = 1.0, max = 10_000.0))]
    pub points_to_double_odds: f64,
    /// Columns with a smaller information value are left out. Default: 0.02.
    #[serde(default = "default_information_value")]
    #[schemars(range(min = 0.0))]
    pub min_information_value: f64,
    /// Strength of the L2 penalty of the regression on weights of evidence.
    #[serde(default = "default_scorecard_l2")]
    #[schemars(range(min = 0.0))]
    pub l2: f64,
}

fn default_base_score() -> f64 {
    600.0
}

fn default_base_odds() -> f64 {
    1.0 / 19.0
}

fn default_pdo() -> f64 {
    50.0
}

fn default_information_value() -> f64 {
    0.02
}

fn default_scorecard_l2() -> f64 {
    1.0
}

impl Default for ScorecardParameters {
    fn default() -> Self {
        Self {
            base_score: default_base_score(),
            base_odds: default_base_odds(),
            points_to_double_odds: default_pdo(),
            min_information_value: default_information_value(),
            l2: default_scorecard_l2(),
        }
    }
}

/// Parameters of LightGBM, under its own names. With `capacity = "auto"` the parameters that say how large the model
/// gets are chosen by cross-validation inside the training part, and those given here are not allowed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lightgbm {
    /// Who chooses the size of the model.
    #[serde(default)]
    pub capacity: Capacity,
    /// The most boosting rounds. Default (manual): 500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000))]
    pub num_iterations: Option<u32>,
    /// Shrinkage. Default (manual): 0.05.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1e-4, max = 1.0))]
    pub learning_rate: Option<f64>,
    /// The most leaves of a tree. Default (manual): 31.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 4096))]
    pub num_leaves: Option<u32>,
    /// The deepest tree; −1: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_depth: Option<i32>,
    /// The fewest rows of a leaf. Default (manual): 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub min_data_in_leaf: Option<u32>,
    /// Share of features tried per tree. Default (manual): 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 1.0))]
    pub feature_fraction: Option<f64>,
    /// Share of rows used per tree. Default (manual): 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 1.0))]
    pub bagging_fraction: Option<f64>,
    /// L1 penalty of leaf values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub lambda_l1: Option<f64>,
    /// L2 penalty of leaf values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0))]
    pub lambda_l2: Option<f64>,
    /// The most bins that a feature's values are put in. Default: 255.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 65_535))]
    pub max_bin: Option<u32>,
    /// Stop when the validation part's loss has not fallen for this many rounds; 0: never. Default: 50.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_stopping_round: Option<u32>,
    /// Weights of the classes.
    #[serde(default)]
    pub class_weight: ClassWeight,
    /// Columns of numbers whose rise may only raise or only lower the prediction.
    #[serde(default)]
    pub monotone_constraints: BTreeMap<String, Monotone>,
}

/// Who chooses the size of a LightGBM model.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Capacity {
    /// Meuse, by cross-validation inside the training part.
    #[default]
    Auto,
    /// The recipe.
    Manual,
}

/// The direction of a monotone constraint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Monotone {
    /// A larger value never lowers the prediction.
    Increasing,
    /// A larger value never raises the prediction.
    Decreasing,
}

/// Parameters of skip-gram with negative sampling, under word2vec's meanings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SkipGram {
    /// Numbers of a vector.
    #[serde(default = "default_dimensions")]
    #[schemars(range(min = 2, max = 2048))]
    pub dimensions: u32,
    /// How many words to either side are neighbours at most; at each place a width up to it is drawn.
    #[serde(default = "default_window")]
    #[schemars(range(min = 1, max = 100))]
    pub window: u32,
    /// Words that are drawn beside each neighbour, by their frequency to the power 3/4.
    #[serde(default = "default_negatives")]
    #[schemars(range(min = 1, max = 100))]
    pub negatives: u32,
    /// Words that stand less often in the training part get no vector.
    #[serde(default = "default_min_count")]
    #[schemars(range(min = 1))]
    pub min_count: u32,
    /// Above this frequency places of a word are left out by chance, the more the more frequent it is; 0: none is.
    #[serde(default = "default_subsample")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub subsample: f64,
    /// How often all texts are read.
    #[serde(default = "default_epochs")]
    #[schemars(range(min = 1, max = 1000))]
    pub epochs: u32,
    /// The rate at the beginning; it falls evenly to nothing.
    #[serde(default = "default_rate")]
    #[schemars(range(min = 1e-6, max = 1.0))]
    pub learning_rate: f64,
}

fn default_dimensions() -> u32 {
    100
}

fn default_window() -> u32 {
    5
}

fn default_negatives() -> u32 {
    5
}

fn default_min_count() -> u32 {
    5
}

fn default_subsample() -> f64 {
    1e-3
}

fn default_epochs() -> u32 {
    5
}

fn default_rate() -> f64 {
    0.025
}

impl Default for SkipGram {
    fn default() -> Self {
        Self {
            dimensions: default_dimensions(),
            window: default_window(),
            negatives: default_negatives(),
            min_count: default_min_count(),
            subsample: default_subsample(),
            epochs: default_epochs(),
            learning_rate: default_rate(),
        }
    }
}
