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
