//! What the columns of a table are.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The type of a column, as a person would say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    /// Whole numbers (stored as 64-bit; decimals without a fraction too).
    Integer,
    /// Decimal numbers.
    Number,
    /// True or false.
    Boolean,
    /// Text, which a model sees as categories.
    Text,
    /// A calendar day; a model sees days since 1970.
    Date,
    /// An instant; a model sees days since 1970, with fractions.
    Timestamp,
    /// A picture, of which the table holds the path in the archive that it came in.
    Image,
    /// The boxes around things in a picture, with what each thing is: JSON of a list of `{"label", "box"}`.
    Boxes,
}

impl ColumnType {
    /// Whether a model sees this column as a number; it sees texts as categories, pictures as pictures, and
    /// boxes not at all: they are only learnt.
    pub fn is_numeric(self) -> bool {
        !matches!(self, Self::Text | Self::Image | Self::Boxes)
    }

    /// The word for it in messages and files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Text => "text",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Image => "image",
            Self::Boxes => "boxes",
        }
    }
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ColumnSchema {
    /// The column's name, as in the source.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Whether any cell is missing.
    pub nullable: bool,
    /// All distinct values in ascending order, for text columns with at most [`MAX_CATEGORIES`] of them; of a column of
    /// boxes, what the things in them are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Vec<String>>,
}

/// The most categories that a schema lists for a column.
pub const MAX_CATEGORIES: usize = 1000;

/// The columns of a table, in order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Schema {
    /// The columns, in the order of the source.
    pub columns: Vec<ColumnSchema>,
}

impl Schema {
    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&ColumnSchema> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The names of all columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|column| column.name.as_str())
    }
}
