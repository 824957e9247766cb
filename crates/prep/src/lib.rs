//! What happens to a value before the model sees it: steps fitted on the training part, kept as data (`prep.json`),
//! and run by the same code over columns in training and over one row in serving.
//!
//! [`fit`] looks at training rows only. [`Fitted::transform`] is the one path from a table to the matrix of 32-bit
//! floats that a model sees; [`rows::table`] makes a table of the rows that a caller sends; [`image`] is the same for
//! pictures. Nothing here reads a file, waits, or knows an algorithm.

mod binning;
pub mod boxes;
mod fit;
mod fitted;
pub mod image;
mod inputs;
mod points;
pub mod rows;
pub mod text;
mod training;
mod transform;
mod woe;

use meuse_core::schema::MAX_CATEGORIES;

pub use fit::{Tokenizers, fit, fit_on};
pub use fitted::{
    Categories, Feature, FeatureKind, Fitted, FittedColumn, MissingNumber, MissingText, NO_TOKEN, NumberEncoding,
    Origin, Step, TextEncoding, WoeBin,
};
pub use points::{NEUTRAL, points};
pub use training::TrainingRows;
pub use transform::{RowNote, Transformed};

/// What can go wrong in fitting and transforming.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Error {
    /// The table lacks a column that the steps read.
    #[error("the column `{0}` is missing: give it, with null where a value is missing")]
    MissingColumn(String),
    /// A column holds texts where numbers are expected, or the reverse.
    #[error("the column `{column}` holds {found}, and the steps were fitted on {expected}: convert it")]
    WrongType {
        /// The column's name.
        column: String,
        /// What it holds: `texts` or `numbers`.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// A cell that the recipe says to refuse.
    #[error("rows[{row}].{column}: {reason} ({hint})")]
    Refused {
        /// The row's index in the table, from 0.
        row: usize,
        /// The column's name.
        column: String,
        /// What is wrong with the cell.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// A text in the recipe's `groups` or `order` that a column of numbers cannot hold.
    #[error("the column `{column}` holds numbers, and `{text}` in the recipe is not one: write numbers in quotes")]
    NotANumber {
        /// The column's name.
        column: String,
        /// The text in the recipe.
        text: String,
    },
    /// A column that is treated as text has more values than categories can be.
    #[error(
        "the column `{column}` has {count} different values, more than {MAX_CATEGORIES}: treat it as numbers or drop it"
    )]
    TooManyCategories {
        /// The column's name.
        column: String,
        /// How many different values it has.
        count: u32,
    },
    /// A column of texts whose published tokenizer was not handed over.
    #[error("nobody read the tokenizer of `{0}`")]
    NoTokenizer(String),
    /// The training part has no rows.
    #[error("the training part has no rows: check the recipe's split")]
    NoRows,
    /// Weight of evidence needs rows of both classes.
    #[error("weight of evidence of `{0}` needs rows of both classes in the training part: check target and split")]
    OneClass(String),
    /// A column of long texts has no term to learn from.
    #[error("`{field}`: {reason} ({hint})")]
    NoTerms {
        /// The recipe's field.
        field: String,
        /// What is wrong.
        reason: String,
        /// What to do.
        hint: String,
    },
    /// No column is left to learn from.
    #[error("no column is left to learn from: {0}")]
    NothingLeft(String),
}
