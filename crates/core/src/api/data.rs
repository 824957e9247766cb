//! Datasets and their versions.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Job;
use crate::job::ImportOptions;
use crate::media::LabelledBox;
use crate::schema::Schema;
use crate::time::Micros;

/// A dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Dataset {
    /// Its name.
    pub name: String,
    /// When it was made.
    pub created_at: Micros,
    /// Its newest version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<DatasetVersion>,
}

/// An immutable version of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DatasetVersion {
    /// The dataset's name.
    pub dataset: String,
    /// The version's number, from 1.
    pub version: u32,
    /// When it was made.
    pub created_at: Micros,
    /// Who made it.
    pub created_by: String,
    /// Number of rows.
    pub rows: u64,
    /// Its columns.
    pub schema: Schema,
    /// SHA-256 of its Parquet, hexadecimal.
    pub sha256: String,
    /// Size of its Parquet in bytes.
    pub bytes: u64,
    /// Where it came from.
    pub source: Source,
}

/// The file that a dataset version came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Source {
    /// The file's name, without folders.
    pub file: String,
    /// SHA-256 of the file, hexadecimal.
    pub sha256: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// How it was asked to be read.
    pub options: ImportOptions,
}

/// The first rows of a dataset version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    /// The columns' names.
    pub columns: Vec<String>,
    /// The rows, cell by cell: numbers, texts, booleans, or null for missing.
    pub rows: Vec<Vec<serde_json::Value>>,
}

/// Some of the pictures of a dataset version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PicturePage {
    /// How many pictures there are, of this class where one was asked for.
    pub total: u64,
    /// Some of them, in the order of the rows.
    pub items: Vec<PictureItem>,
}

/// One picture of a dataset version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PictureItem {
    /// Its row, from 0: `GET …/media/{row}` gives its bytes.
    pub row: u32,
    /// Its path in the archive.
    pub path: String,
    /// What it shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The part that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Width in pixels.
    pub width: u32,
    /// Height in pixels.
    pub height: u32,
    /// The row of an earlier picture of the same bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_of: Option<u32>,
    /// The boxes in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub boxes: Vec<LabelledBox>,
}

/// The answer to an import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ImportAnswer {
    /// A job makes a new version.
    Started {
        /// The job.
        job: Job,
    },
    /// The same bytes with the same options are a version already; no new one is made.
    Unchanged {
        /// That version.
        version: DatasetVersion,
    },
}

/// A request for a first recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipeInit {
    /// The dataset: `credit`, `credit:1`.
    pub dataset: String,
    /// The column to predict.
    pub target: String,
    /// The algorithm; default `lightgbm`.
    #[serde(default)]
    pub algorithm: Option<String>,
    /// A column that says which part a row belongs to.
    #[serde(default)]
    pub split_column: Option<String>,
    /// The positive class; default: the rarer one.
    #[serde(default)]
    pub positive: Option<String>,
}

/// A recipe's text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipeText {
    /// TOML or JSON.
    pub recipe: String,
}

/// What a recipe's text says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RecipeReading {
    /// The text as a document; null when it can be read neither as TOML nor as JSON.
    #[schema(value_type = Option<Object>)]
    pub document: Option<serde_json::Value>,
    /// What keeps it from being a recipe. Whether it fits its data is for a check to say.
    pub problems: Vec<crate::recipe::Problem>,
}

/// A request to let a recipe's text say something else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecipeEdit {
    /// The text, TOML or JSON; comments and order are kept.
    pub recipe: String,
    /// What it shall say. In TOML, what is null is left out.
    #[schema(value_type = Object)]
    pub document: serde_json::Map<String, serde_json::Value>,
}

/// What a check of a recipe found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RecipeCheck {
    /// Whether it can be trained.
    pub valid: bool,
    /// What is wrong.
    pub problems: Vec<crate::recipe::Problem>,
    /// What it does not heed although it can be trained, with what to do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Of a network that can be trained: its layers, shapes, parameters and estimated memory, as a table for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
}

/// A request for a grid of what a model will see of pictures: of the training part only, where the pictures were
/// imported with parts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AugmentRequest {
    /// How a picture becomes what the model sees, as in a recipe, each side from 1 to 1024 pixels. Numbers are drawn as
    /// the light that they mean, whatever `rescale`, `offset`, `mean` and `deviation` make of them. Default: in colour,
    /// cut to a square of `side` pixels, on white.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub image: Option<crate::recipe::ImageRule>,
    /// What may happen to a picture, as in a recipe. `mix_up` mixes the pictures of the grid as those of a batch: each
    /// with the one above it, the first with the last.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub augmentation: crate::recipe::Augmentation,
    /// Only pictures of this class.
    #[serde(default)]
    pub label: Option<String>,
    /// How many pictures, from 1 to 12; default 4.
    #[serde(default = "four")]
    pub pictures: u32,
    /// How many changed ones of each, from 1 to 12; default 6.
    #[serde(default = "six")]
    pub epochs: u32,
    /// Pixels of a side, from 16 to 256; default 128. With `image`, each pixel that the model sees is drawn as a square
    /// of whole pixels, the largest with which the picture has no longer side than this; or as it is.
    #[serde(default = "usual_side")]
    pub side: usize,
    /// Every choice follows from it, as in a recipe; default 42.
    #[serde(default = "usual_seed")]
    pub seed: u64,
}

fn four() -> u32 {
    4
}

fn six() -> u32 {
    6
}

fn usual_side() -> usize {
    128
}

fn usual_seed() -> u64 {
    42
}
