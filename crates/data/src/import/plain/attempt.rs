//! A whole import of a plain CSV file without DuckDB: how it is written and what its columns are is told from its
//! beginning, where only one answer is possible.

use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use meuse_core::job::{Encoding, FileFormat, ImportSpec};
use meuse_core::schema::ColumnType;

use super::super::records::Dialect;
use super::super::source::{Csv, Derived};
use super::super::{dialect, is_other_format};
use super::blocks::end_of_records;
use super::cells::{self, Sink};
use super::{Job, sample};
use crate::{Error, Watch};

/// How much of the file is read to tell how it is written.
const HEAD: usize = 256 << 10;
/// Rows from which is told whether a column repeats its values.
const LOOKED_AT: usize = 4096;

/// Writes the Parquet file and gives its columns; nothing when DuckDB has to look at the file, and then what was
/// written is of no use. A file that is to be refused is left to DuckDB's road, too, which explains.
pub(in super::super) fn attempt(
    spec: &ImportSpec,
    out: &Path,
    watch: &dyn Watch,
) -> Result<Option<Vec<Derived>>, Error> {
    let options = &spec.options;
    if options.format.is_some_and(|format| format != FileFormat::Csv) || options.encoding == Some(Encoding::Gb18030) {
        return Ok(None);
    }
    let head = head(spec)?;
    let Some(csv) = understood(spec, &head) else { return Ok(None) };
    watch.progress("find types", 0, 0);
    let Some(sampled) = sample(&csv, &options.missing)? else { return Ok(None) };
    let Some(types) = sampled.into_iter().collect::<Option<Vec<ColumnType>>>() else { return Ok(None) };
    let job = Job { csv: &csv, types: &types, missing: &options.missing, threads: spec.limits.threads, out, watch };
    // A file without rows is refused elsewhere.
    if job.write()?.is_none_or(|rows| rows == 0) {
        return Ok(None);
    }
    let columns = csv.names.into_iter().zip(types);
    let columns = columns.map(|(name, column_type)| Derived { name, column_type, expression: String::new() });
    Ok(Some(columns.collect()))
}

fn head(spec: &ImportSpec) -> Result<Vec<u8>, Error> {
    let source = &spec.source;
    let mut file = File::open(source).map_err(Error::reading(source))?;
    file.seek(SeekFrom::Start(spec.begins_at)).map_err(Error::reading(source))?;
    let mut head = Vec::with_capacity(HEAD);
    file.take(HEAD as u64).read_to_end(&mut head).map_err(Error::reading(source))?;
    if let Some(whole) = (head.len() == HEAD).then(|| end_of_records(&head)).flatten() {
        head.truncate(whole);
    }
    Ok(head)
}

/// The file as it can be read, where its beginning allows one reading only.
fn understood(spec: &ImportSpec, head: &[u8]) -> Option<Csv> {
    const MARK: &str = "\u{feff}";
    if is_other_format(head) {
        return None;
    }
    let text = std::str::from_utf8(head).ok()?;
    let text = text.strip_prefix(MARK).unwrap_or(text);
    let delimiter = delimiter(text, spec.options.delimiter)?;
    let names = cells::first_record(text, delimiter as u8)?;
    let folded: HashSet<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let named = folded.len() == names.len() && names.iter().all(|name| !name.trim().is_empty());
    let special = [delimiter, '"', '\n', '\r', '\0'];
    let missing = spec.options.missing.iter().all(|text| !text.contains(special));
    (dialect::is_header(&names) && named && missing).then(|| Csv {
        path: spec.source.clone(),
        begins_at: spec.begins_at,
        dialect: Dialect { delimiter, quote: '"', escape: '"' },
        names,
        has_header: true,
        skip: 0,
        longest_line: 0,
    })
}

/// The one delimiter by which all records of the beginning have as many cells as its header, which has several. Where
/// another quote or escape than the usual ones may be meant, none.
fn delimiter(text: &str, given: Option<char>) -> Option<char> {
    if text.contains("\\\"") {
        return None;
    }
    let fits = |delimiter: &char| {
        let Some(header) = cells::first_record(text, *delimiter as u8) else { return false };
        let mut columns = vec![Plain { single_quoted: false }; header.len()];
        let rows = cells::read(text, *delimiter as u8, &[], &mut columns, usize::MAX);
        header.len() > 1
            && rows.is_some_and(|rows| rows.count > 1)
            && columns.iter().all(|column| !column.single_quoted)
    };
    if let Some(given) = given {
        return Some(given)
            .filter(|given| given.is_ascii() && !matches!(given, '"' | '\r' | '\n' | '\0') && fits(given));
    }
    let mut fitting = dialect::DELIMITERS.into_iter().filter(fits);
    fitting.next().filter(|_| fitting.next().is_none())
}

/// A column of which only the quotes count.
#[derive(Debug, Clone)]
struct Plain {
    single_quoted: bool,
}

impl Sink for Plain {
    fn push_missing(&mut self) {}

    fn push(&mut self, cell: &str) -> Option<()> {
        self.single_quoted |= cell.starts_with('\'');
        Some(())
    }
}

/// Per column, whether nearly every cell of the first rows is another one: then a dictionary of them is of no use.
pub(super) fn hardly_repeat(text: &str, delimiter: u8, missing: &[String], width: usize) -> Vec<bool> {
    let mut columns = vec![Distinct::default(); width];
    // What is not plain is found out when the block is read.
    let _ = cells::read(text, delimiter, missing, &mut columns, LOOKED_AT);
    columns.iter().map(|column| 2 * column.seen.len() > column.cells.max(1)).collect()
}

#[derive(Debug, Clone, Default)]
struct Distinct {
    cells: usize,
    seen: HashSet<String>,
}

impl Sink for Distinct {
    fn push_missing(&mut self) {}

    fn push(&mut self, cell: &str) -> Option<()> {
        self.cells += 1;
        if !self.seen.contains(cell) {
            self.seen.insert(cell.to_owned());
        }
        Some(())
    }
}
