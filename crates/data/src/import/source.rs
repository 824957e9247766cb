//! A source as SQL: what stands after FROM, and which columns come out.

use std::path::PathBuf;

use meuse_core::schema::ColumnType;

use super::records::Dialect;
use crate::{Error, database};

/// DuckDB's own longest line, in bytes; a longer one must be announced.
const USUAL_LINE: usize = 2_000_000;
/// DuckDB reads CSV in buffers of this size, in bytes.
const USUAL_BUFFER: usize = 32_000_000;

/// A CSV file that is understood well enough to be read.
#[derive(Debug, Clone)]
pub(super) struct Csv {
    /// The file, in UTF-8.
    pub(super) path: PathBuf,
    /// The byte of the file, from 0, at which its text begins: not 0 on the fast road only.
    pub(super) begins_at: u64,
    /// How its cells are divided.
    pub(super) dialect: Dialect,
    /// The columns' names.
    pub(super) names: Vec<String>,
    /// Whether the first record holds the names.
    pub(super) has_header: bool,
    /// Blank lines before the first record.
    pub(super) skip: u64,
    /// No line or record is longer than this many bytes.
    pub(super) longest_line: usize,
}

impl Csv {
    /// The call that reads every cell as text, as columns `c0`, `c1`, …; empty cells and `missing` are NULL.
    pub(super) fn reader(&self, missing: &[String]) -> Result<String, Error> {
        let columns: Vec<String> = (0..self.names.len()).map(|index| format!("'c{index}': 'VARCHAR'")).collect();
        let nulls: Vec<String> =
            std::iter::once("''".to_owned()).chain(missing.iter().map(|m| database::text(m))).collect();
        let Dialect { delimiter, quote, escape } = &self.dialect;
        let character = |value: &char| database::text(&value.to_string());
        Ok(format!(
            "read_csv({}, auto_detect = false, header = {}, skip = {}, delim = {}, quote = {}, escape = {}, \
             columns = {{{}}}, nullstr = [{}], strict_mode = true, null_padding = false, ignore_errors = false{})",
            database::path(&self.path)?,
            self.has_header,
            self.skip,
            character(delimiter),
            character(quote),
            character(escape),
            columns.join(", "),
            nulls.join(", "),
            Self::sizes(self.longest_line)
        ))
    }

    /// The options that let DuckDB read lines of this length; nothing when it does so anyway.
    pub(super) fn sizes(longest_line: usize) -> String {
        if longest_line < USUAL_LINE {
            return String::new();
        }
        // Room for the line end and some more; a buffer must hold a whole line.
        let line = longest_line + 1024;
        format!(", max_line_size = {line}, buffer_size = {}", USUAL_BUFFER.max(2 * line))
    }
}

/// A column of the dataset version and the expression that makes it from the source.
#[derive(Debug, Clone)]
pub(crate) struct Derived {
    /// The column's name.
    pub(crate) name: String,
    /// Its type.
    pub(crate) column_type: ColumnType,
    /// Its cells, in SQL.
    pub(crate) expression: String,
}
