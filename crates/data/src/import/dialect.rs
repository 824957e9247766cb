//! How a CSV file is written: delimiter, quote, header. DuckDB sniffs; this overrules it where it would hide a fault.
//!
//! A sniffer looks for a reading under which a file is regular. A file with one ragged row is regular when it is read
//! as a single column, and then nobody hears of the row. So: a single column is believed only when the header record
//! holds no other delimiter, and nothing is ever skipped.

use std::path::Path;

use duckdb::Connection;

use super::records::{Dialect, header};
use super::source::Csv;
use crate::{Error, database};

pub(super) const DELIMITERS: [char; 4] = [',', ';', '\t', '|'];

/// Finds out how the file is written. `delimiter`: as the person said, if so. Errors name the header's fault.
pub(super) fn detect(
    connection: &Connection,
    path: &Path,
    longest_line: usize,
    delimiter: Option<char>,
) -> Result<Csv, Error> {
    if let Some(bad) = delimiter.filter(|given| matches!(given, '"' | '\n' | '\r' | '\0')) {
        let message = format!("{bad:?} cannot be a delimiter");
        return Err(Error::refused("delimiter", message, "use `,`, `;`, a tab or `|`"));
    }
    let sniffed = sniff(connection, path, longest_line, delimiter)?;
    let dialect = believed(path, sniffed, delimiter)?;
    let Some(header) = header(path, &dialect)? else {
        return Err(Error::refused("", "the file is empty", "give a file with a header line and rows"));
    };
    let has_header = is_header(&header.cells);
    let names = if has_header {
        header.cells
    } else {
        (1..=header.cells.len()).map(|number| format!("column_{number}")).collect()
    };
    let skip = header.line - 1;
    Ok(Csv { path: path.to_owned(), begins_at: 0, dialect, names, has_header, skip, longest_line })
}

/// What DuckDB makes of the first 20,480 rows; `None` when it can make nothing of them.
fn sniff(
    connection: &Connection,
    path: &Path,
    longest_line: usize,
    delimiter: Option<char>,
) -> Result<Option<Dialect>, Error> {
    let delimiter = delimiter.map(|given| format!(", delim = {}", database::text(&given.to_string())));
    let sql = format!(
        "SELECT delimiter, quote, escape FROM sniff_csv({}, skip = 0, strict_mode = true{}{})",
        database::path(path)?,
        Csv::sizes(longest_line),
        delimiter.unwrap_or_default()
    );
    let one = |text: String| if text == "(empty)" { None } else { text.chars().next() };
    let row = connection.query_row(&sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let Ok((delimiter, quote, escape)) = row else { return Ok(None) };
    let quote = one(quote).unwrap_or('"');
    Ok(Some(Dialect { delimiter: one(delimiter).unwrap_or(','), quote, escape: one(escape).unwrap_or(quote) }))
}

fn believed(path: &Path, sniffed: Option<Dialect>, given: Option<char>) -> Result<Dialect, Error> {
    let plain = |delimiter| Dialect { delimiter, quote: '"', escape: '"' };
    if let Some(delimiter) = given {
        return Ok(Dialect { delimiter, ..sniffed.unwrap_or(plain(delimiter)) });
    }
    let width = |dialect: &Dialect| header(path, dialect).map(|found| found.map_or(0, |header| header.cells.len()));
    if let Some(dialect) = &sniffed
        && width(dialect)? > 1
    {
        return Ok(dialect.clone());
    }
    let mut best = (sniffed.unwrap_or(plain(',')), 1);
    for delimiter in DELIMITERS {
        let found = width(&plain(delimiter))?;
        if found > best.1 {
            best = (plain(delimiter), found);
        }
    }
    Ok(best.0)
}

/// Whether a first record holds names: one of numbers only is data.
pub(super) fn is_header(cells: &[String]) -> bool {
    !cells.iter().all(|cell| is_number(cell) || cell.is_empty())
}

fn is_number(cell: &str) -> bool {
    let trimmed = cell.trim();
    trimmed.parse::<f64>().is_ok() && trimmed.ends_with(|last: char| last.is_ascii_digit() || last == '.')
}
