//! The recipe: what to make from which dataset version. TOML or JSON, with a published JSON Schema.
//!
//! The schema (made from the types here) is also what [`parse`] checks a document against, so that what is published
//! and what is enforced cannot differ. [`check`] then compares a recipe with the dataset's columns.

mod algorithm;
mod check;
mod detection;
mod document;
mod edit;
mod edit_json;
mod image;
pub mod network;
mod parse;
mod starter;
mod starter_pictures;
mod text;
mod unique;
mod validate;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use algorithm::{Algorithm, Capacity, ClassWeight, Lightgbm, Linear, Monotone, ScorecardParameters, SkipGram};
pub use check::{Plan, PlannedColumn, Treatment, check, warnings};
pub use detection::DetectionRule;
pub use edit::{EditError, edit};
pub use image::{Augmentation, Background, BadSetting, Colour, Filter, ImageRule, Mode, PictureFill};
pub use parse::{Parsed, Problem, Problems, Reading, parse, read};
pub use starter::{StarterOptions, starter};
pub use text::{Normalise, Sentence, Sequence, Side, Tfidf, Tokens};

use self::network::{Graph, Network};
use crate::bundle::Task;
use crate::names::DatasetRef;
use crate::schema::Schema;

/// A recipe, as its author means it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The dataset, with version or alias: `credit`, `credit:3`, `credit@gold`. Without either, the newest version.
    #[schemars(with = "String")]
    pub dataset: DatasetRef,
    /// What is predicted.
    pub task: Task,
    /// The column to predict. Every task but an embedding has one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub target: String,
    /// For a binary task, the target's value whose probability is predicted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub positive: Option<String>,
    /// Columns to leave out.
    #[serde(default)]
    pub drop: Vec<String>,
    /// The only columns to learn from; without any, all that `drop` leaves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
    /// The metric by which versions are chosen. Default: `roc_auc` for a binary task, `accuracy` for several classes,
    /// `rmse` for regression, `map_50_95` for detection, `loss` for an embedding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricName>,
    /// For a binary task: at or above this probability the label is the positive one.
    #[serde(default = "default_threshold")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub threshold: f64,
    /// For a detection: which boxes are told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detection: Option<DetectionRule>,
    /// Every random choice follows from it: same data, same recipe, same seed, same model.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Which rows are learnt from, chosen by, and reported on.
    #[serde(default)]
    pub split: Split,
    /// What happens to a value before the model sees it.
    #[serde(default)]
    pub preprocessing: Preprocessing,
    /// How the model is learnt.
    pub algorithm: Algorithm,
}

fn default_threshold() -> f64 {
    0.5
}

fn default_seed() -> u64 {
    42
}

impl Recipe {
    /// The columns that a model reads as people do, long texts and pictures, and whose duplicates the recipe keeps.
    pub fn read_columns(&self) -> impl Iterator<Item = &str> {
        let of_numbers = [Encode::None, Encode::Standardise, Encode::QuantileBins, Encode::Woe];
        let of_categories = [Encode::OneHot, Encode::Ordinal, Encode::Embedding];
        let is_read = move |rule: &ColumnRule| match rule.encode {
            None => rule.image.is_some(),
            Some(encode) => !of_numbers.contains(&encode) && !of_categories.contains(&encode),
        };
        let rules = self.preprocessing.columns.iter();
        let rules = rules.filter(move |(_, rule)| is_read(rule) && rule.drop_duplicates != Some(true));
        rules.map(|(name, _)| name.as_str()).filter(|name| !self.drop.iter().any(|dropped| dropped == name))
    }

    /// Of a network: its layers, shapes, parameters and estimated memory, as a table for people.
    pub fn network_summary(&self, plan: &Plan, schema: &Schema) -> Option<String> {
        self.of_network(plan, schema, Graph::summary)
    }

    /// Of a network: the bytes that its training takes, estimated, without its data.
    pub fn network_memory(&self, plan: &Plan, schema: &Schema) -> Option<u64> {
        self.of_network(plan, schema, Graph::estimated_memory)
    }

    fn of_network<T>(&self, plan: &Plan, schema: &Schema, tell: impl FnOnce(&Graph, &Network) -> T) -> Option<T> {
        let Algorithm::Network(network) = &self.algorithm else { return None };
        let classes = schema.column(&self.target).and_then(|column| column.categories.as_ref()).map_or(2, Vec::len);
        let outputs = if matches!(self.task, Task::Multiclass | Task::Detection) { classes } else { 1 };
        let given = plan.network_inputs(schema);
        let network = network.prepared(&given);
        let graph = network.graph(&given, outputs, network.loss_of(self.task)).ok()?;
        Some(tell(&graph, &network))
    }

    /// The metric by which versions are chosen.
    pub fn chosen_metric(&self) -> MetricName {
        self.metric.unwrap_or(match self.task {
            Task::Binary => MetricName::RocAuc,
            Task::Multiclass => MetricName::Accuracy,
            Task::Regression => MetricName::Rmse,
            Task::Detection => MetricName::Map5095,
            Task::Embedding => MetricName::Loss,
        })
    }
}

/// A headline metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MetricName {
    /// Share of rows with the right label.
    Accuracy,
    /// Share of those predicted positive that are positive.
    Precision,
    /// Share of positives predicted positive.
    Recall,
    /// Harmonic mean of precision and recall.
    F1,
    /// Area under the ROC curve.
    RocAuc,
    /// Average precision: area under the precision-recall curve by steps.
    PrAuc,
    /// Kolmogorov-Smirnov: largest distance between the classes' cumulative shares.
    Ks,
    /// 2 · `roc_auc` − 1.
    Gini,
    /// Mean squared error of the probability.
    Brier,
    /// Mean negative log-likelihood, natural logarithm.
    LogLoss,
    /// Share of rows whose label is among the five most probable ones.
    #[serde(rename = "top_5_accuracy")]
    Top5Accuracy,
    /// Mean of the classes' F1, each class weighing the same.
    MacroF1,
    /// Mean of the classes' F1, each class weighing as many as it has rows.
    WeightedF1,
    /// Root of the mean squared error.
    Rmse,
    /// Mean absolute error.
    Mae,
    /// Mean absolute percentage error, as a share.
    Mape,
    /// Coefficient of determination.
    R2,
    /// Mean average precision of boxes: over the classes, and over the overlaps 0.5, 0.55 … 0.95 from which on a box
    /// counts as found. COCO's AP.
    #[serde(rename = "map_50_95")]
    Map5095,
    /// Mean average precision of boxes that overlap by half or more with the true ones. COCO's AP50.
    #[serde(rename = "map_50")]
    Map50,
    /// Of word vectors: mean loss of a pair of words.
    Loss,
    /// Of word vectors: share of all words of the texts that have one.
    Coverage,
}

impl MetricName {
    /// All metrics of a binary task, in the order they are shown.
    pub const BINARY: [Self; 10] = [
        Self::RocAuc,
        Self::PrAuc,
        Self::Ks,
        Self::Gini,
        Self::LogLoss,
        Self::Brier,
        Self::Accuracy,
        Self::Precision,
        Self::Recall,
        Self::F1,
    ];
    /// All metrics of a task of several classes, in the order they are shown.
    pub const MULTICLASS: [Self; 5] =
        [Self::Accuracy, Self::Top5Accuracy, Self::MacroF1, Self::WeightedF1, Self::LogLoss];
    /// All metrics of a regression, in the order they are shown.
    pub const REGRESSION: [Self; 4] = [Self::Rmse, Self::Mae, Self::Mape, Self::R2];

    /// All metrics of a detection, in the order they are shown. Precision and recall are those of the boxes that are told
    /// at the score threshold, which are right when they overlap by half or more with a true one of their class.
    pub const DETECTION: [Self; 4] = [Self::Map5095, Self::Map50, Self::Precision, Self::Recall];
    /// All metrics of an embedding, in the order they are shown.
    pub const EMBEDDING: [Self; 2] = [Self::Loss, Self::Coverage];

    /// The metrics of a task.
    pub fn of(task: Task) -> &'static [Self] {
        match task {
            Task::Binary => &Self::BINARY,
            Task::Multiclass => &Self::MULTICLASS,
            Task::Regression => &Self::REGRESSION,
            Task::Detection => &Self::DETECTION,
            Task::Embedding => &Self::EMBEDDING,
        }
    }

    /// The metric's name in snake case.
    pub fn word(self) -> &'static str {
        match self {
            Self::Accuracy => "accuracy",
            Self::Precision => "precision",
            Self::Recall => "recall",
            Self::F1 => "f1",
            Self::RocAuc => "roc_auc",
            Self::PrAuc => "pr_auc",
            Self::Ks => "ks",
            Self::Gini => "gini",
            Self::Brier => "brier",
            Self::LogLoss => "log_loss",
            Self::Top5Accuracy => "top_5_accuracy",
            Self::MacroF1 => "macro_f1",
            Self::WeightedF1 => "weighted_f1",
            Self::Rmse => "rmse",
            Self::Mae => "mae",
            Self::Mape => "mape",
            Self::R2 => "r2",
            Self::Map5095 => "map_50_95",
            Self::Map50 => "map_50",
            Self::Loss => "loss",
            Self::Coverage => "coverage",
        }
    }

    /// Whether a larger value is better.
    pub fn larger_is_better(self) -> bool {
        !matches!(self, Self::Brier | Self::LogLoss | Self::Rmse | Self::Mae | Self::Mape | Self::Loss)
    }
}

/// How rows are divided into a training, a validation and a test part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "method", rename_all = "snake_case", deny_unknown_fields)]
pub enum Split {
    /// Each row by chance.
    Random(Shares),
    /// By chance within each class of the target, so that every part has the same share of positives.
    Stratified(Shares),
    /// As a column says; that column is not a feature.
    Column(SplitColumn),
}

impl Default for Split {
    fn default() -> Self {
        Self::Random(Shares::default())
    }
}

/// The shares of rows that are not trained on; what is left is the training part.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Shares {
    /// Share of rows to choose by. 0: none, choices are made by cross-validation inside the training part.
    #[serde(default = "default_share")]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub validation: f64,
    /// Share of rows to report on.
    #[serde(default = "default_share")]
    #[schemars(range(min = 0.0, max = 0.9))]
    pub test: f64,
}

fn default_share() -> f64 {
    0.2
}

impl Default for Shares {
    fn default() -> Self {
        Self { validation: default_share(), test: default_share() }
    }
}

/// A column that says which part a row belongs to. A row with any other value is left out, and the job says how many.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SplitColumn {
    /// The column's name.
    pub column: String,
    /// Values that mean the training part.
    #[serde(default = "default_training")]
    pub training: Vec<String>,
    /// Values that mean the validation part. None: choices are made by cross-validation inside the training part.
    #[serde(default = "default_validation")]
    pub validation: Vec<String>,
    /// Values that mean the test part.
    #[serde(default = "default_test")]
    pub test: Vec<String>,
}

fn default_training() -> Vec<String> {
    vec!["train".into(), "training".into()]
}

fn default_validation() -> Vec<String> {
    vec!["valid".into(), "validation".into()]
}

fn default_test() -> Vec<String> {
    vec!["test".into()]
}

/// What happens to values, by type of column, and by name where a column differs from its type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Preprocessing {
    /// Columns of numbers, booleans, dates.
    #[serde(default)]
    pub numeric: NumericRule,
    /// Columns of text.
    #[serde(default)]
    pub text: TextRule,
    /// Columns that differ, by name.
    #[serde(default)]
    pub columns: BTreeMap<String, ColumnRule>,
}

/// What happens to a number. What is absent follows the algorithm: LightGBM keeps numbers and missing cells as they
/// are, linear models impute the median and standardise, a scorecard takes weights of evidence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumericRule {
    /// What stands in for a missing cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impute: Option<NumericImpute>,
    /// The number for `impute = "constant"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<f64>,
    /// What the model sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encode: Option<NumericEncode>,
    /// The most bins for `quantile_bins` and `woe`. Default: 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 100))]
    pub bins: Option<u32>,
}

/// What stands in for a missing number; fitted on the training part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumericImpute {
    /// Nothing: the model (or a bin of its own) takes missing as it is. Linear models without bins refuse it.
    Keep,
    /// The mean.
    Mean,
    /// The median.
    Median,
    /// The number in `fill`.
    Constant,
    /// A row with a missing cell is refused, in training and in serving.
    Refuse,
}

/// What the model sees of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NumericEncode {
    /// The number itself.
    None,
    /// (number − mean) / standard deviation, of the training part.
    Standardise,
    /// One indicator per bin between the training part's quantiles, and one for missing cells when they are kept.
    QuantileBins,
    /// The weight of evidence of the number's bin; needs a binary task.
    Woe,
}

/// What happens to a text. What is absent follows the algorithm: LightGBM takes category codes, linear models take
/// one-hot indicators, a scorecard takes weights of evidence.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TextRule {
    /// What stands in for a missing cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impute: Option<TextImpute>,
    /// The text for `impute = "constant"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<String>,
    /// What the model sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encode: Option<TextEncode>,
    /// What happens to a text that the training part does not hold. Default: `missing`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
}

/// What stands in for a missing text; fitted on the training part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextImpute {
    /// Nothing: missing is a state of its own (all indicators zero, a missing code, a missing bin).
    Keep,
    /// The most frequent text.
    MostFrequent,
    /// The text in `fill`.
    Constant,
    /// A row with a missing cell is refused, in training and in serving.
    Refuse,
}

/// What the model sees of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TextEncode {
    /// One indicator per category.
    OneHot,
    /// A code per category, in ascending order of the text; LightGBM treats it as a category, linear models as a number.
    Ordinal,
    /// A learnt vector per category; networks only. Missing and unknown ones have a vector of their own.
    Embedding,
    /// The weight of evidence of the category's bin; needs a binary task.
    Woe,
}

/// What happens to a text that the training part does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unknown {
    /// It is taken as missing, and the answer says so.
    Missing,
    /// The row is refused.
    Refuse,
}

/// What happens to one column, where it differs from its type.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnRule {
    /// `text` treats a column of numbers as categories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub treat_as: Option<TreatAs>,
    /// What stands in for a missing cell: `keep`, `mean`, `median`, `most_frequent`, `constant` or `refuse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub impute: Option<Impute>,
    /// The number or text for `impute = "constant"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fill: Option<Fill>,
    /// What the model sees: `none`, `standardise`, `quantile_bins`, `woe`, `one_hot`, `ordinal`; `embedding`, a learnt
    /// vector per category (networks); `tfidf`, `sequence` or `sentence` for a column of long texts; `image` for pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encode: Option<Encode>,
    /// What happens to a text that the training part does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<Unknown>,
    /// The most bins for `quantile_bins` and `woe`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2, max = 100))]
    pub bins: Option<u32>,
    /// The inner edges of a number's bins, ascending: `[26, 35]` makes (−∞, 26), [26, 35), [35, ∞).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub breaks: Option<Vec<f64>>,
    /// The bins of a text column, each a list of categories; categories not listed follow `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub groups: Option<Vec<Vec<String>>>,
    /// The order of the categories for `ordinal`; default: ascending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Vec<String>>,
    /// How a long text becomes weights of terms, for `encode = "tfidf"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tfidf: Option<Tfidf>,
    /// How a long text becomes a sequence of word ids, for `encode = "sequence"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<Sequence>,
    /// How a text becomes one vector, for `encode = "sentence"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sentence: Option<Sentence>,
    /// How a picture becomes numbers, for `encode = "image"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageRule>,
    /// What may happen to pictures of the training part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// Whether only the first row of those that hold the same text, or the same picture byte for byte, is used, and none
    /// where the target contradicts itself between them. The job says how many rows were left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drop_duplicates: Option<bool>,
}

/// How a column is treated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TreatAs {
    /// As numbers.
    Numeric,
    /// As categories.
    Text,
}

/// What stands in for a missing cell of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Impute {
    /// Nothing.
    Keep,
    /// The mean (numbers).
    Mean,
    /// The median (numbers).
    Median,
    /// The most frequent value (text).
    MostFrequent,
    /// The value in `fill`.
    Constant,
    /// A row with a missing cell is refused.
    Refuse,
}

/// What the model sees of one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Encode {
    /// The number itself.
    None,
    /// (number − mean) / standard deviation.
    Standardise,
    /// Indicators of quantile bins.
    QuantileBins,
    /// Weight of evidence.
    Woe,
    /// One indicator per category.
    OneHot,
    /// A code per category.
    Ordinal,
    /// Weights of the terms of a long text.
    Tfidf,
    /// The ids of the words of a long text, in order.
    Sequence,
    /// The vector of a text, by a published model.
    Sentence,
    /// A learnt vector per category.
    Embedding,
    /// The numbers of a picture.
    Image,
}

/// A number or a text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Fill {
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
}

/// The JSON Schema of a recipe (draft 2020-12).
pub fn json_schema() -> serde_json::Value {
    let mut schema = schemars::schema_for!(Recipe).to_value();
    if let Some(object) = schema.as_object_mut() {
        object.insert("title".into(), "Meuse recipe".into());
    }
    schema
}
