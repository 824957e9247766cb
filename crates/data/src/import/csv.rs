//! A CSV file becomes Parquet, or an error that names the line.

use meuse_core::schema::ColumnType;

use super::records::{Dialect, Finding, examine, with_one_line_end};
use super::source::{Csv, Derived};
use super::{Work, check_names, dialect, plain, text, types};
use crate::Error;

/// The name of the copy that is made of a file that mixes line ends.
pub(super) const COPY: &str = "one-line-end.csv";

/// Writes the Parquet file; gives the columns and what a person should know about how the file was read.
pub(super) fn write(work: &Work) -> Result<(Vec<Derived>, Vec<String>), Error> {
    let options = &work.spec.options;
    let text = text::prepare(&work.spec.source, options.encoding, work.temporary, work.watch)?;
    let csv = dialect::detect(work.connection, &text.path, text.longest_line, options.delimiter)?;
    check_names(csv.names.iter().map(String::as_str))?;
    check_missing(&options.missing, &csv.dialect)?;
    let mut warnings = Vec::new();
    if !csv.has_header {
        let names = format!("`column_1` to `column_{}`", csv.names.len());
        warnings.push(format!("the first line holds numbers only, so it was taken as data and columns named {names}"));
    }
    let columns = match convert(work, &csv) {
        Err(Error::Database(message)) => convert(work, &repaired(work, csv, &message)?).map_err(unreadable)?,
        other => other?,
    };
    Ok((columns, warnings))
}

/// A text that means a missing cell is a cell itself: it cannot hold what ends or quotes one.
fn check_missing(missing: &[String], dialect: &Dialect) -> Result<(), Error> {
    let ends = [dialect.delimiter, dialect.quote, dialect.escape, '\n', '\r', '\0'];
    let Some(text) = missing.iter().find(|text| text.contains(ends)) else { return Ok(()) };
    let message = format!("{text:?} holds a delimiter, a quote or the end of a line, so it cannot mean a missing cell");
    Err(Error::refused("missing", message, "name a plain text, such as NA"))
}

/// Writes with the types that the first rows have, checking every cell; where that fails, the types are sought in the
/// whole file first. Nearly every file needs one reading only.
fn convert(work: &Work, csv: &Csv) -> Result<Vec<Derived>, Error> {
    let reader = csv.reader(&work.spec.options.missing)?;
    work.watch.progress("find types", 0, 0);
    let sampled = match plain::sample(csv, &work.spec.options.missing)? {
        Some(sampled) => sampled,
        None => types::sample(work.connection, &reader, csv.names.len())?,
    };
    let guessed: Option<Vec<ColumnType>> = sampled.iter().copied().collect();
    if let Some(guessed) = guessed {
        match write_as(work, csv, &reader, &guessed) {
            Err(Error::Database(message)) if message.contains(types::MISFIT) => {}
            other => return other,
        }
    }
    work.watch.progress("find types", 0, 0);
    let types = types::infer(work.connection, &reader, sampled)?;
    write_as(work, csv, &reader, &types)
}

fn write_as(work: &Work, csv: &Csv, reader: &str, types: &[ColumnType]) -> Result<Vec<Derived>, Error> {
    let attempts: Vec<String> = types
        .iter()
        .enumerate()
        .map(|(index, column_type)| {
            let cell = format!("c{index}");
            format!("{cell}, {} AS v{index}", types::attempt(&cell, *column_type))
        })
        .collect();
    let columns = csv.names.iter().zip(types).enumerate().map(|(index, (name, column_type))| Derived {
        name: name.clone(),
        column_type: *column_type,
        expression: types::checked(&format!("c{index}"), &format!("v{index}"), *column_type),
    });
    let columns: Vec<Derived> = columns.collect();
    let plain = plain::Job {
        csv,
        types,
        missing: &work.spec.options.missing,
        threads: work.spec.limits.threads,
        out: work.data,
        watch: work.watch,
    };
    let rows = match plain.write()? {
        Some(rows) => rows,
        None => work.write(&format!("(SELECT {} FROM {reader})", attempts.join(", ")), &columns)?,
    };
    match rows {
        0 => Err(Error::refused("line 1", "the file has a header and no rows", "give a file with at least one row")),
        _ => Ok(columns),
    }
}

/// Looks for what DuckDB stumbled over. What is wrong with the file is refused with its line; what is only unusual
/// (mixed line ends, a record longer than any line) is made readable.
fn repaired(work: &Work, csv: Csv, message: &str) -> Result<Csv, Error> {
    let width = csv.names.len();
    match examine(&csv.path, &csv.dialect, width)? {
        Finding::Ragged { line, cells } => {
            let plural = if cells == 1 { "cell" } else { "cells" };
            let message = format!("{cells} {plural} where the header has {width}");
            let hint = "mend that row; a cell that holds the delimiter must stand in quotes";
            Err(Error::refused(format!("line {line}"), message, hint))
        }
        Finding::OpenQuote { line } => {
            let message = format!("the quote {} that opens here never closes", csv.dialect.quote);
            Err(Error::refused(format!("line {line}"), message, "close it, or double it where it is part of the text"))
        }
        Finding::StrayQuote { line } => {
            let message = format!("a closing quote {} is followed by more text", csv.dialect.quote);
            Err(Error::refused(format!("line {line}"), message, "double each quote that is part of the text"))
        }
        Finding::Sound { longest_record } if message.contains("CSV") => {
            let path = work.temporary.join(COPY);
            with_one_line_end(&csv.path, &path, &csv.dialect)?;
            Ok(Csv { path, longest_line: csv.longest_line.max(longest_record), ..csv })
        }
        Finding::Sound { .. } => Err(Error::Database(message.to_owned())),
    }
}

/// What DuckDB says of a file in which we found no fault.
fn unreadable(error: Error) -> Error {
    let Error::Database(text) = error else { return error };
    let said: Vec<&str> = text.lines().take(3).map(|line| line.get(..200).unwrap_or(line)).collect();
    let message = format!("the file cannot be read as CSV: {}", said.join(" · "));
    Error::refused("", message, "write it as RFC 4180 says: commas, double quotes, one header line")
}
