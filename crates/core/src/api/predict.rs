//! Asking a model.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A call: rows as people have them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictRequest {
    /// One object per row, column name to value; null or absent is missing.
    pub rows: Vec<serde_json::Map<String, serde_json::Value>>,
}

/// The answer to a call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PredictResponse {
    /// The model's name.
    pub model: String,
    /// The version that answered.
    pub version: u32,
    /// The request's id, as in the header `x-request-id` and the server's log.
    pub request_id: String,
    /// One answer per row, in order.
    pub predictions: Vec<Prediction>,
    /// Milliseconds per stage.
    pub timings_ms: Timings,
}

/// The answer for one row.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Prediction {
    /// The predicted class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The probability of the positive class, for a binary task; of the predicted one, for several classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// For several classes, all of them with their probabilities, the most probable first, at most 1000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<ClassProbability>,
    /// For a detection, the boxes that were found, the highest score first; an empty list when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boxes: Option<Vec<FoundBox>>,
    /// The predicted number, for a regression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// The mean vector of the text's known words, for an embedding; zeros where it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embedding: Vec<f32>,
    /// The score of a scorecard: the sum of whole points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<i64>,
    /// What was done about missing and unknown values, as the recipe says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// A box around a thing that was found in a picture.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FoundBox {
    /// What it is.
    pub label: String,
    /// How sure the model is, from 0 to 1.
    pub score: f64,
    /// Left, top, width, height, in pixels of the picture that was sent, as it is to be seen.
    #[serde(rename = "box")]
    pub area: [f64; 4],
}

/// The words nearest to a word.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Neighbours {
    /// The model's name.
    pub model: String,
    /// The version that answered.
    pub version: u32,
    /// The word, as it was asked for.
    pub word: String,
    /// Its neighbours, the nearest first.
    pub neighbours: Vec<Neighbour>,
}

/// A word near to another one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Neighbour {
    /// The word.
    pub word: String,
    /// The cosine of the angle between the vectors: 1 in the same direction, 0 across.
    pub similarity: f64,
}

/// A class and how probable it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ClassProbability {
    /// The class.
    pub label: String,
    /// Its probability.
    pub probability: f64,
}

/// A value that needed a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Note {
    /// The column.
    pub field: String,
    /// `missing`, `unknown_category` or `unknown_text`.
    pub kind: NoteKind,
    /// What was done, as in `missing: the median 2.5 stands in`.
    pub message: String,
}

/// Which rule was needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// The value is missing.
    Missing,
    /// The text was not seen in training.
    UnknownCategory,
    /// Nothing in a long text was seen in training.
    UnknownText,
}

/// Milliseconds per stage of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Timings {
    /// Waiting for a permit and a thread.
    pub queue: f64,
    /// Reading values and preprocessing.
    pub prep: f64,
    /// The model itself.
    pub compute: f64,
    /// Labels, points, notes.
    pub post: f64,
    /// All of it, encoding apart.
    pub total: f64,
}
