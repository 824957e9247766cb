//! What a model version is made of: a folder of files that describes itself and holds no code.
//!
//! | file | what it is |
//! | --- | --- |
//! | `meuse.json` | the [`Manifest`] |
//! | `prep.json` | fitted preprocessing (crate `prep`) |
//! | `model.onnx` | input `features` f32 \[rows, width\] (\[1, width\] where rows must be computed one by one) and, where texts become terms, `terms` i64 \[rows, most\] and `term_values` f32 \[rows, most\]; outputs `raw_score` f32 \[rows, 1\] and, for a binary task, `probability` f32 \[rows, 1\]; for several classes both \[rows, classes\]; for a detection `raw_score` \[rows, (labels + 4) · cells\], see [`Detector`]; of an embedding `raw_score` f32 \[rows, dimensions\] from the constant `vectors` f32 \[ids, dimensions\] |
//! | `evaluation.json` | the [`crate::evaluation::Evaluation`] |
//! | `explain.json` | the [`Explanation`]: points table, coefficients, split gains |

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::job::{DatasetIdentity, StartedFrom};
use crate::schema::ColumnType;
use crate::time::Micros;

/// The version of the bundle format that this program writes.
pub const SCHEMA_VERSION: u32 = 1;
/// The manifest's file name.
pub const MANIFEST: &str = "meuse.json";
/// The fitted preprocessing's file name.
pub const PREP: &str = "prep.json";
/// The network's or trees' file name.
pub const MODEL: &str = "model.onnx";
/// The evaluation's file name.
pub const EVALUATION: &str = "evaluation.json";
/// The explanation's file name.
pub const EXPLANATION: &str = "explain.json";
/// All files of a bundle, manifest first.
pub const FILES: [&str; 5] = [MANIFEST, PREP, MODEL, EVALUATION, EXPLANATION];

/// The name of the ONNX graph's input.
pub const INPUT: &str = "features";
/// The name of the ONNX graph's input for the terms of each row: indices, filled up with 0.
pub const TERMS: &str = "terms";
/// The name of the ONNX graph's input for the values of [`TERMS`], filled up with 0.
pub const TERM_VALUES: &str = "term_values";
/// The name of the ONNX graph's raw output: log-odds, or the predicted value of a regression.
pub const RAW_SCORE: &str = "raw_score";
/// The name of the ONNX graph's probability output, for a binary task.
pub const PROBABILITY: &str = "probability";
/// The name of an embedding's constant in the ONNX graph: a row of 32-bit floats for each word id, row 0 for padding.
pub const VECTORS: &str = "vectors";

/// What a bundle is: `meuse.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Manifest {
    /// The version of this format.
    pub schema_version: u32,
    /// How it is run; `onnx` is the one kind so far.
    pub kind: BundleKind,
    /// What it predicts.
    pub task: Task,
    /// The algorithm's name as the recipe says it.
    pub algorithm: String,
    /// What a caller gives.
    pub inputs: Vec<Input>,
    /// Columns of the dataset that the model does not use. A caller may give them; they change nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ignored: Vec<String>,
    /// The column that was learnt; empty for an embedding, which has none.
    pub target: String,
    /// For a binary task, the two labels: negative, positive; for several classes, and for a detection, all of
    /// them, in the order of the model's outputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Vec<String>>,
    /// For a binary task: at or above this probability the label is the positive one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// For a detection: how raw scores become boxes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detector: Option<Detector>,
    /// Width of the matrix that preprocessing emits, terms of texts included.
    pub features: u32,
    /// For an embedding, which vectors it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vectors: Option<VectorTable>,
    /// Columns that the training left out, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<LeftOut>,
    /// What the training said about itself: convergence, rounds, capacity chosen.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Where it came from.
    pub lineage: Lineage,
}

/// How the raw scores of a detection become boxes. `raw_score` holds of each picture, channel after channel, a grid of
/// cells: for each label the log-odds that the middle of such a thing is there, then the logarithms of how far the box
/// reaches left, up, right and down of the cell's middle, in units of two cells. A class's score is the probability of
/// its log-odds. Boxes of one class that overlap by more than `iou_threshold` with one of a higher score are left out
/// (non-maximum suppression).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Detector {
    /// Rows of cells.
    pub rows: u32,
    /// Cells of a row.
    pub columns: u32,
    /// Boxes of a lower score are not told.
    pub score_threshold: f64,
    /// The most that two boxes of one class share: intersection over union.
    pub iou_threshold: f64,
    /// The most boxes of one picture.
    pub most_boxes: u32,
}

/// The vectors of an embedding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VectorTable {
    /// How many words have one.
    pub words: u32,
    /// Numbers of one.
    pub dimensions: u32,
}

/// How a bundle is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BundleKind {
    /// By ONNX Runtime, after `prep`.
    Onnx,
}

/// What is predicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One of two classes.
    Binary,
    /// One of several classes.
    Multiclass,
    /// A number.
    Regression,
    /// Where things are in a picture, and what they are.
    Detection,
    /// Nothing: words become vectors, by the company they keep.
    Embedding,
}

impl Task {
    /// The word in recipes and records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Multiclass => "multiclass",
            Self::Regression => "regression",
            Self::Detection => "detection",
            Self::Embedding => "embedding",
        }
    }
}

/// One input of a model, as the caller knows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Input {
    /// The column's name.
    pub name: String,
    /// The column's type.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// The values seen in training, for text columns; others follow `unknown`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Vec<String>>,
    /// What happens to a missing value, in words.
    pub missing: String,
    /// Whether a missing value is refused.
    #[serde(default)]
    pub required: bool,
    /// What happens to a value outside `allowed`, in words; empty for numbers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unknown: String,
    /// A value from the training data, for examples and forms: the median, or the most frequent one.
    pub example: serde_json::Value,
}

/// A column that the training left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LeftOut {
    /// The column's name.
    pub column: String,
    /// Why, as in `has one value only`.
    pub reason: String,
}

/// Where a bundle came from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Lineage {
    /// The dataset version.
    pub dataset: DatasetIdentity,
    /// The versions of models whose word vectors it began with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub started_from: Vec<StartedFrom>,
    /// The recipe as its author wrote it.
    pub recipe: String,
    /// SHA-256 of `recipe`, hexadecimal.
    pub recipe_sha256: String,
    /// The seed.
    pub seed: u64,
    /// Programs and libraries with their versions, as in `meuse 0.1.0`, `LightGBM 4.7.0`.
    pub software: Vec<String>,
    /// Processor, threads and memory.
    pub hardware: String,
    /// Who asked for it.
    pub operator: String,
    /// When training began.
    pub started_at: Micros,
    /// When training ended.
    pub finished_at: Micros,
}

/// What explains a model: `explain.json`. Each part is there when the algorithm has it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// The points table of a scorecard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scorecard: Option<Scorecard>,
    /// The coefficients of a linear model, intercept first (feature `intercept`); of a text's terms the strongest, as
    /// `column=term`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub coefficients: Vec<Coefficient>,
    /// Total split gain per feature of a tree model, largest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gains: Vec<Gain>,
}

/// One coefficient of a linear model, on the scale of the preprocessed feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Coefficient {
    /// The feature.
    pub feature: String,
    /// Its weight in the raw score.
    pub value: f64,
}

/// The split gain of a feature.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Gain {
    /// The feature.
    pub feature: String,
    /// Sum of the loss reductions of its splits.
    pub gain: f64,
    /// Number of its splits.
    pub splits: u64,
}

/// A points-based scorecard. A higher score is a lower risk of the positive class.
///
/// score = offset − factor · log-odds(positive), factor = points_to_double_odds / ln 2; spread over the columns and
/// rounded to whole points per bin. Source: N. Siddiqi, Credit Risk Scorecards (2006), chapter 6.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Scorecard {
    /// The score at `base_odds`.
    pub base_score: f64,
    /// The odds of the positive class, positive : negative, at `base_score`.
    pub base_odds: f64,
    /// How many points halve the odds of the positive class.
    pub points_to_double_odds: f64,
    /// Points that every row starts with (the intercept's share), rounded.
    pub base_points: i64,
    /// The columns, each with its bins.
    pub columns: Vec<ScorecardColumn>,
}

/// One column of a scorecard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScorecardColumn {
    /// The column's name.
    pub column: String,
    /// Its coefficient in the logistic regression on weights of evidence.
    pub coefficient: f64,
    /// Its information value on the training part.
    pub information_value: f64,
    /// Its bins.
    pub bins: Vec<ScorecardBin>,
}

/// One bin of a scorecard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScorecardBin {
    /// The bin in words: `[26, 35)`, `own, rent`, `missing`.
    pub label: String,
    /// Rows of the training part in it.
    pub count: u64,
    /// How many of them are positive.
    pub positives: u64,
    /// Weight of evidence: ln(share of positives / share of negatives).
    pub woe: f64,
    /// Whole points.
    pub points: i64,
}
