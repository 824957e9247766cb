//! What a job is: its states, and the `job.json` that a child process finds in its work folder.
//!
//! A work folder holds `job.json`, the input files that it names, `events.jsonl` (see [`crate::events`]) and, when the
//! job ended well, the outputs in `out/`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::media;
use crate::recipe::Recipe;
use crate::schema::Schema;

/// The file in a work folder that says what to do.
pub const FILE: &str = "job.json";
/// The folder in a work folder that outputs are written to.
pub const OUT: &str = "out";

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waits for a slot.
    Queued,
    /// A child process works on it.
    Running,
    /// Ended well; what it made is registered.
    Succeeded,
    /// Ended badly; the job says why.
    Failed,
    /// Ended because a person asked for it.
    Cancelled,
}

impl JobState {
    /// The word in records and JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        let all = [Self::Queued, Self::Running, Self::Succeeded, Self::Failed, Self::Cancelled];
        all.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing will change any more.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// What a child process is asked to do. Relative paths are relative to the work folder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum JobSpec {
    /// Turn an uploaded file into a dataset version.
    Import(ImportSpec),
    /// Write a dataset version as CSV.
    Export(ExportSpec),
    /// Turn a recipe and a dataset version into a bundle.
    Train(Box<TrainSpec>),
}

/// What a job may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Threads to compute with.
    pub threads: usize,
    /// Memory for DuckDB, in MiB.
    pub memory_mib: usize,
}

/// An import. Outputs: `data.parquet`, `schema.json`, `profile.json`, `preview.json` (a [`crate::api::Preview`]); for
/// pictures also [`crate::media::INDEX`], [`crate::media::PACKS`] and the packs that it names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImportSpec {
    /// The uploaded file.
    pub source: PathBuf,
    /// The byte of that file, from 0, at which the upload begins.
    #[serde(default)]
    pub begins_at: u64,
    /// How to read it.
    pub options: ImportOptions,
    /// What the job may use.
    pub limits: Limits,
}

/// How to read an uploaded file; what is absent is sniffed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportOptions {
    /// The file's format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<FileFormat>,
    /// The text encoding, `utf-8` or `gb18030`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<Encoding>,
    /// The character between cells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delimiter: Option<char>,
    /// Texts that mean a missing cell, besides the empty one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// A file format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileFormat {
    /// Comma-separated values and its dialects, RFC 4180.
    Csv,
    /// Apache Parquet.
    Parquet,
    /// Pictures: a zip or tar of them, or IDX. An export is the file that was imported.
    Images,
    /// Texts: a zip or tar of `.txt` files, a folder per class. It becomes a table.
    Texts,
    /// JSON lines: one object per line, its fields are the columns.
    Jsonl,
}

/// A text encoding that imports read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    #[serde(rename = "utf-8", alias = "utf8")]
    Utf8,
    /// GB18030, the superset of GBK and GB2312.
    #[serde(rename = "gb18030", alias = "gbk", alias = "gb2312")]
    Gb18030,
}

/// An export. Output: `data.csv` (UTF-8, header, empty cell = missing).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExportSpec {
    /// The dataset version's Parquet file.
    pub data: PathBuf,
    /// What the job may use.
    pub limits: Limits,
}

/// A training. Outputs: the files of a bundle, see [`crate::bundle`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainSpec {
    /// What to make.
    pub recipe: Recipe,
    /// The recipe as its author wrote it.
    pub recipe_text: String,
    /// The dataset version's Parquet file.
    pub data: PathBuf,
    /// Its pictures, where it has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaFiles>,
    /// The dataset version's columns.
    pub schema: Schema,
    /// Where the data came from, for the bundle's lineage.
    pub dataset: DatasetIdentity,
    /// The name of the model that the bundle will be a version of.
    pub model: String,
    /// Who asked for it.
    pub operator: String,
    /// The folder of native libraries.
    pub native: PathBuf,
    /// The folder of pretrained weights that recipes name files of.
    #[serde(default)]
    pub pretrained: PathBuf,
    /// The word vectors that embeddings of the recipe begin with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<StartingWords>,
    /// The number of the GPU that the job may use, as CUDA counts those of the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<usize>,
    /// What the job may use.
    pub limits: Limits,
}

impl TrainSpec {
    /// The columns that a training reads. Where the recipe names the only ones to learn from, those that it does not name
    /// anywhere are left on the disk, but for the sizes of pictures: of 70,000 pictures the paths alone are megabytes.
    pub fn read_schema(&self) -> Schema {
        if self.recipe.keep.is_empty() {
            return self.schema.clone();
        }
        let mut named = HashSet::from(media::SIZES.map(str::to_owned));
        gather(&serde_json::to_value(&self.recipe).expect("a recipe is JSON"), &mut named);
        let columns = self.schema.columns.iter().filter(|column| named.contains(&column.name));
        Schema { columns: columns.cloned().collect() }
    }
}

/// All texts and names of fields.
fn gather(value: &serde_json::Value, texts: &mut HashSet<String>) {
    match value {
        serde_json::Value::String(text) => {
            texts.insert(text.clone());
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| gather(value, texts)),
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                texts.insert(name.clone());
                gather(value, texts);
            }
        }
        _ => {}
    }
}

/// A model of word vectors that a recipe names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartingWords {
    /// As the recipe names it.
    pub reference: String,
    /// Which version that was when the job was queued.
    pub version: StartedFrom,
    /// Its words: the `prep.json` of its bundle.
    pub prep: PathBuf,
    /// Its vectors: the `model.onnx` of its bundle.
    pub model: PathBuf,
}

impl StartingWords {
    /// The same files, from within this folder.
    #[must_use]
    pub fn within(&self, folder: &Path) -> Self {
        Self { prep: folder.join(&self.prep), model: folder.join(&self.model), ..self.clone() }
    }
}

/// A model version that another one began with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StartedFrom {
    /// The model's name.
    pub model: String,
    /// The version's number.
    pub version: u32,
    /// SHA-256 over its files' names and hashes, hexadecimal.
    pub digest: String,
}

/// The pictures of a dataset version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaFiles {
    /// Their list, see [`crate::media`].
    pub index: PathBuf,
    /// The packs, in the order in which the list numbers them.
    pub packs: Vec<PathBuf>,
}

impl MediaFiles {
    /// The same files, from within this folder.
    #[must_use]
    pub fn within(&self, folder: &Path) -> Self {
        let within = |path: &PathBuf| folder.join(path);
        Self { index: within(&self.index), packs: self.packs.iter().map(within).collect() }
    }
}

/// Which dataset version exactly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DatasetIdentity {
    /// The dataset's name.
    pub name: String,
    /// The version's number.
    pub version: u32,
    /// SHA-256 of the version's Parquet, hexadecimal.
    pub sha256: String,
}
