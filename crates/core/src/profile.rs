//! What a dataset version looks like in numbers: one [`ColumnProfile`] per column.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::schema::ColumnType;

/// The profile of one dataset version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Profile {
    /// Number of rows.
    pub rows: u64,
    /// One profile per column, in the order of the schema.
    pub columns: Vec<ColumnProfile>,
    /// Things a person should know before using the data, in plain words: constant columns, columns that look like an
    /// identifier, values that look like a missing mark.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// What a dataset of pictures holds; absent for tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub images: Option<ImagesProfile>,
}

/// What a dataset of pictures holds. The profile's columns tell of widths, heights and brightness.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ImagesProfile {
    /// Bytes of all pictures.
    pub bytes: u64,
    /// Pictures per class, most first.
    pub classes: Vec<Frequency>,
    /// Pictures without a class.
    pub unlabelled: u64,
    /// Pictures per part, most first.
    pub splits: Vec<Frequency>,
    /// Pictures per format.
    pub formats: Vec<Frequency>,
    /// Pictures per number of channels: 1 is grey, 3 colour; 2 and 4 with transparency.
    pub channels: Vec<Frequency>,
    /// The most frequent sizes, `width × height`.
    pub sizes: Vec<Frequency>,
    /// Pictures whose bytes are those of an earlier one.
    pub duplicates: u64,
    /// Boxes in all pictures.
    pub boxes: u64,
    /// What was left out: files that are broken, no picture, named twice or not in the manifest; lines of manifests and
    /// annotations that cannot be read or mean nothing that is there.
    pub left_out: u64,
    /// At most a thousand of these; of a kind that a list has many of, the first twenty, and how many more there are.
    pub problems: Vec<FileProblem>,
}

/// A file that was left out, or a line or annotation of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileProblem {
    /// Which.
    pub file: String,
    /// Why.
    pub reason: String,
}

impl Profile {
    /// The profile of the column of this name.
    pub fn column(&self, name: &str) -> Option<&ColumnProfile> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// What one column looks like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnProfile {
    /// The column's name.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Number of missing cells.
    pub missing: u64,
    /// Number of distinct values, missing not counted; exact.
    pub distinct: u64,
    /// Numbers, for numeric columns with at least one value (dates: in days since 1970).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numeric: Option<NumericProfile>,
    /// Smallest and largest value as text, for text, dates and timestamps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<[String; 2]>,
    /// The most frequent values, most frequent first, ties in ascending order; at most 20.
    pub frequent: Vec<Frequency>,
    /// Lengths, words and duplicates, for a column of long texts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TextProfile>,
}

/// What a column of long texts looks like.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct TextProfile {
    /// Quantiles of the number of characters.
    pub characters: Vec<Quantile>,
    /// Quantiles of the number of words: runs of letters and digits, and Chinese and Japanese characters one by one.
    pub words: Vec<Quantile>,
    /// The most frequent words in small letters, most frequent first; at most 20. Of mostly Chinese texts, words of two
    /// or more characters as jieba finds them. Counted in about 32 MiB of texts where there are more.
    pub frequent_words: Vec<Frequency>,
    /// The scripts of the letters, most frequent first, with their share of all letters: `Latin`, `Han`, `Cyrillic`, ….
    pub scripts: Vec<Share>,
    /// In which languages the texts seem to be; absent in profiles that were made before languages were looked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub languages: Option<Languages>,
    /// Rows that repeat the text of an earlier row.
    pub duplicates: u64,
    /// Texts without any letter or digit.
    pub empty: u64,
    /// Per column of two values, how many texts stand in rows of both: labels that contradict each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradictions: Vec<Contradiction>,
}

/// A name and its share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Share {
    /// The name.
    pub name: String,
    /// From 0 to 1.
    pub share: f64,
}

/// In which languages texts seem to be: an estimate from a sample of the different texts, each judged by its beginning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Languages {
    /// How many texts the sample holds.
    pub sample: u64,
    /// The languages, most frequent first.
    pub found: Vec<Language>,
    /// The share of the sample whose language is not certain, from 0 to 1: short texts, and languages that are not known.
    pub uncertain: f64,
}

/// A language and its share.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Language {
    /// Its code of three letters in ISO 639-3: `eng`, `cmn`, ….
    pub code: String,
    /// Its English name.
    pub name: String,
    /// Its share of the sample, from 0 to 1.
    pub share: f64,
}

/// Equal texts with different values of another column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Contradiction {
    /// The other column.
    pub column: String,
    /// How many texts have more than one value there.
    pub texts: u64,
    /// In how many rows they stand.
    pub rows: u64,
}

/// Moments, quantiles and histogram of a numeric column; infinities and missing cells are left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NumericProfile {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Arithmetic mean.
    pub mean: f64,
    /// Sample standard deviation (n − 1); 0 for a single value.
    pub standard_deviation: f64,
    /// Quantiles by linear interpolation (Hyndman and Fan's type 7).
    pub quantiles: Vec<Quantile>,
    /// Counts in bins of equal width from `min` to `max`; the last bin holds its upper edge.
    pub histogram: Histogram,
}

/// One quantile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Quantile {
    /// The share of values at or below, from 0 to 1.
    pub q: f64,
    /// The value there.
    pub value: f64,
}

/// Counts between edges.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Histogram {
    /// One more than there are counts, ascending.
    pub edges: Vec<f64>,
    /// How many values lie between an edge and the next.
    pub counts: Vec<u64>,
}

/// A value and how often it occurs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Frequency {
    /// The value as text.
    pub value: String,
    /// How many cells hold it.
    pub count: u64,
}
