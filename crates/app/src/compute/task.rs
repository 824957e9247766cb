//! What a job's record says is to be done. `job.json` is made from it when an attempt begins.

use meuse_core::job::{ImportOptions, StartedFrom};
use meuse_core::names::{DatasetName, ModelName};
use serde::{Deserialize, Serialize};

use crate::Error;

/// What is to be done. Digests name blobs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Task {
    /// Make a version of a dataset.
    Import {
        /// The dataset.
        dataset: DatasetName,
        /// The uploaded file's name.
        file: String,
        /// The uploaded file, and its SHA-256.
        source: String,
        /// Its size.
        bytes: u64,
        /// How to read it.
        options: ImportOptions,
    },
    /// Write a dataset version as CSV.
    Export {
        /// The dataset.
        dataset: DatasetName,
        /// The version.
        version: u32,
        /// Its Parquet.
        data: String,
    },
    /// Make a version of a model.
    Train {
        /// The model.
        model: ModelName,
        /// The recipe as its author wrote it.
        recipe: String,
        /// The dataset.
        dataset: DatasetName,
        /// The dataset's version.
        version: u32,
        /// Its Parquet, and the Parquet's SHA-256.
        data: String,
        /// Its schema.
        schema: String,
        /// Its pictures, where it has some.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        media: Option<TaskMedia>,
        /// The word vectors that it begins with.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        words: Vec<TaskWords>,
    },
}

/// A version of a model of word vectors, by the digests of its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TaskWords {
    /// As the recipe names it.
    pub(crate) reference: String,
    /// Which version that is.
    pub(crate) version: StartedFrom,
    /// Its `prep.json`.
    pub(crate) prep: String,
    /// Its `model.onnx`.
    pub(crate) model: String,
}

/// The pictures of a dataset version, by the digests of their files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TaskMedia {
    /// Their list.
    pub(crate) index: String,
    /// The packs.
    pub(crate) packs: Vec<String>,
}

impl Task {
    /// The word in records and JSON.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Import { .. } => "import",
            Self::Export { .. } => "export",
            Self::Train { .. } => "train",
        }
    }

    /// What it will make, in a word.
    pub(crate) fn subject(&self) -> String {
        match self {
            Self::Import { dataset, .. } => dataset.to_string(),
            Self::Export { dataset, version, .. } => format!("{dataset}:{version}"),
            Self::Train { model, .. } => model.to_string(),
        }
    }

    /// The document in a record.
    pub(crate) fn to_json(&self) -> Result<String, Error> {
        serde_json::to_string(self).map_err(|error| Error::Internal(format!("a task cannot be written: {error}")))
    }

    /// What a record's document says.
    pub(crate) fn from_json(text: &str) -> Result<Self, Error> {
        serde_json::from_str(text).map_err(|error| Error::Internal(format!("a job's task cannot be read: {error}")))
    }
}

/// How a file is asked to be read, in the one form that is compared: what means the same is written the same.
pub(crate) fn canonical(options: &ImportOptions) -> Result<(ImportOptions, String), Error> {
    let mut options = options.clone();
    options.missing.sort();
    options.missing.dedup();
    let text = serde_json::to_string(&options);
    let text = text.map_err(|error| Error::Internal(format!("import options cannot be written: {error}")))?;
    Ok((options, text))
}
