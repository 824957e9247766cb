//! An uploaded file becomes a dataset version: Parquet, schema, profile, preview.
//!
//! [`text`] makes sure that a CSV file is UTF-8, [`dialect`] finds out how it is written, [`types`] what its columns
//! are; [`parquet`] asks a Parquet file, and [`lines`] makes one of JSON lines. Then the one Parquet file is written from
//! which everything else is computed: by [`plain`] where a CSV file is as nearly all are, by DuckDB otherwise. Archives
//! of pictures and texts go another way, in [`crate::images`] and [`crate::texts`].

mod csv;
mod dialect;
mod lines;
mod parquet;
mod plain;
pub(crate) mod preview;
mod records;
mod source;
pub(crate) mod text;
pub(crate) mod types;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use meuse_core::job::{FileFormat, ImportSpec, Limits};
use meuse_core::schema::{ColumnSchema, Schema};
use serde::Serialize;

pub(crate) use self::plain::is_by_us;
pub(crate) use self::source::Derived;

use crate::profile::{Profiled, profile, tell_repeated};
use crate::{Error, Watch, database, images};

/// Bytes by which the format of a file is told.
const HEAD: usize = 64;

/// Reads the source of `spec` and writes `data.parquet`, `schema.json`, `profile.json` and `preview.json` into `out`,
/// which exists. Temporary files lie beside `out`. The same source and options give the same bytes of `data.parquet`.
pub fn import(spec: &ImportSpec, out: &Path, watch: &dyn Watch) -> Result<(), Error> {
    let beside = out.parent().unwrap_or(out);
    let temporary = tempfile::tempdir_in(beside).map_err(Error::writing(beside))?;
    let data = out.join("data.parquet");
    if let Some(columns) = plain::attempt(spec, &data, watch)? {
        let connection = database::open(spec.limits, &temporary.path().join("spill"), &[&data])?;
        return describe(&connection, spec.limits, out, &columns, Vec::new(), watch);
    }
    let copied;
    let spec = if spec.begins_at == 0 {
        spec
    } else {
        copied = from_its_first_byte(spec, temporary.path())?;
        &copied
    };
    if images::is_meant(spec)? {
        return images::import(spec, out, watch);
    }
    let [utf8, rewritten, lines] = [text::COPY, csv::COPY, lines::COPY].map(|name| temporary.path().join(name));
    let allowed = [spec.source.as_path(), &utf8, &rewritten, &lines, &data];
    let connection = database::open(spec.limits, &temporary.path().join("spill"), &allowed)?;

    let work = Work { connection: &connection, spec, temporary: temporary.path(), data: &data, watch };
    let (columns, warnings) = match work.format()? {
        FileFormat::Csv => csv::write(&work)?,
        // Archives went another way above.
        FileFormat::Parquet | FileFormat::Images | FileFormat::Texts => {
            (write_parquet(&work, &spec.source)?, Vec::new())
        }
        FileFormat::Jsonl => {
            lines::to_parquet(&work, &lines)?;
            (write_parquet(&work, &lines)?, Vec::new())
        }
    };
    describe(&connection, spec.limits, out, &columns, warnings, watch)
}

/// Whether a file begins as one does that is no CSV.
fn is_other_format(head: &[u8]) -> bool {
    head.is_empty()
        || head.starts_with(b"PAR1")
        || lines::is_begun_by(&head[..head.len().min(HEAD)])
        || images::is_begun_by(head)
        || text::is_foreign(head)
}

/// A copy of the upload alone, for readers that begin at the beginning of a file.
fn from_its_first_byte(spec: &ImportSpec, folder: &Path) -> Result<ImportSpec, Error> {
    let path = folder.join("source");
    let mut source = File::open(&spec.source).map_err(Error::reading(&spec.source))?;
    source.seek(SeekFrom::Start(spec.begins_at)).map_err(Error::reading(&spec.source))?;
    let mut copy = File::create(&path).map_err(Error::writing(&path))?;
    std::io::copy(&mut source, &mut copy).map_err(Error::writing(&path))?;
    Ok(ImportSpec { source: path, begins_at: 0, ..spec.clone() })
}

/// Writes what is said about the Parquet file: schema, profile, preview.
fn describe(
    connection: &duckdb::Connection,
    limits: Limits,
    out: &Path,
    columns: &[Derived],
    mut warnings: Vec<String>,
    watch: &dyn Watch,
) -> Result<(), Error> {
    let data = out.join("data.parquet");
    let Profiled { mut profile, categories } = profile(connection, &data, columns, limits, watch)?;
    warnings.append(&mut profile.warnings);
    profile.warnings = warnings;
    tell_repeated(&profile, watch);
    let described = profile.columns.iter().zip(categories).map(|(column, categories)| ColumnSchema {
        name: column.name.clone(),
        column_type: column.column_type,
        nullable: column.missing > 0,
        categories,
    });
    let schema = Schema { columns: described.collect() };
    write_json(&out.join("schema.json"), &schema)?;
    write_json(&out.join("profile.json"), &profile)?;
    write_json(&out.join("preview.json"), &preview::preview(connection, &data, &schema)?)
}

/// What every step of an import needs.
struct Work<'a> {
    connection: &'a duckdb::Connection,
    spec: &'a ImportSpec,
    /// A folder that is removed in the end.
    temporary: &'a Path,
    /// The Parquet file to write.
    data: &'a Path,
    watch: &'a dyn Watch,
}

impl Work<'_> {
    fn format(&self) -> Result<FileFormat, Error> {
        let source = &self.spec.source;
        let mut magic = Vec::new();
        let file = File::open(source).map_err(Error::reading(source))?;
        file.take(HEAD as u64).read_to_end(&mut magic).map_err(Error::reading(source))?;
        if magic.is_empty() {
            return Err(Error::refused("", "the file is empty", "give a file with a header line and rows"));
        }
        let sniffed = match magic.as_slice() {
            start if start.starts_with(b"PAR1") => FileFormat::Parquet,
            start if lines::is_begun_by(start) => FileFormat::Jsonl,
            _ => FileFormat::Csv,
        };
        Ok(self.spec.options.format.unwrap_or(sniffed))
    }

    /// Writes the dataset version's Parquet and says how many rows it has.
    fn write(&self, from: &str, columns: &[Derived]) -> Result<usize, Error> {
        self.watch.progress("write table", 0, 0);
        let selected = columns.iter().map(|column| {
            let Derived { name, expression, .. } = column;
            format!("{expression} AS {}", database::identifier(name))
        });
        let selected: Vec<String> = selected.collect();
        let sql = format!(
            "COPY (SELECT {} FROM {from}) TO {} (FORMAT parquet, COMPRESSION zstd, USE_TMP_FILE false)",
            selected.join(", "),
            database::path(self.data)?
        );
        let rows = self.connection.execute(&sql, [])?;
        self.watch.progress("write table", 1, 1);
        Ok(rows)
    }
}

fn write_parquet(work: &Work, source: &Path) -> Result<Vec<Derived>, Error> {
    let columns = parquet::columns(work.connection, source, &work.spec.options.missing)?;
    check_names(columns.iter().map(|column| column.name.as_str()))?;
    let from = format!("read_parquet({})", database::path(source)?);
    match work.write(&from, &columns).map_err(parquet::damaged)? {
        0 => Err(Error::refused("", "the file has columns and no rows", "give a file with at least one row")),
        _ => Ok(columns),
    }
}

/// Refuses columns without a name, and names that are equal or differ only in case: SQL takes these for one.
fn check_names<'a>(names: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut known: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    for (index, name) in names.enumerate() {
        let number = index + 1;
        if name.trim().is_empty() {
            let message = format!("column {number} has no name");
            return Err(Error::refused("header", message, "give every column a name"));
        }
        let Some((other, same)) = known.insert(name.to_lowercase(), (number, name)) else { continue };
        let message = if same == name {
            format!("columns {other} and {number} are both named `{name}`")
        } else {
            format!("the names of columns {other} and {number}, `{same}` and `{name}`, differ only in case")
        };
        return Err(Error::refused("header", message, "rename one of them"));
    }
    Ok(())
}

pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), Error> {
    let mut writer = BufWriter::new(File::create(path).map_err(Error::writing(path))?);
    let written = serde_json::to_writer(&mut writer, value).map_err(std::io::Error::from);
    written.and_then(|()| writer.flush()).map_err(Error::writing(path))
}
