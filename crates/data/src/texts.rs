//! Datasets of texts: a zip, a tar or a folder (which the command line sends as a tar) of `.txt` files, a folder per
//! class, becomes a table with a row per file.
//!
//! The archive is looked through as one of pictures is ([`crate::images`]), and folders mean the same. A file that is no
//! text is listed with the reason and left out. From then on it is a table like any other: nothing of the archive is kept.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use duckdb::arrow::array::{ArrayRef, RecordBatch, StringArray};
use duckdb::arrow::datatypes::{DataType, Field, Schema as ArrowSchema};
use encoding_rs::GB18030;
use meuse_core::events::Level;
use meuse_core::job::{Encoding, FileFormat, ImportSpec};
use meuse_core::schema::{ColumnSchema, ColumnType, Schema};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use crate::images::archive::Archive;
use crate::images::gather::{has_extension, is_of_no_one};
use crate::images::labels::{Given, by_folders};
use crate::import::{Derived, preview, write_json};
use crate::profile::{Profiled, profile, tell_repeated};
use crate::{Error, Watch, database};

/// What the files of pictures are called.
const PICTURES: [&str; 7] = ["png", "jpg", "jpeg", "webp", "bmp", "gif", "gz"];
/// The largest text, in bytes.
const LARGEST: u64 = 16 << 20;
/// So many bytes of texts are held before they are written.
const WRITTEN_AT_ONCE: usize = 16 << 20;
/// The most files that the warnings name; they count them all.
const NAMED: usize = 50;

/// Whether an archive is one of texts: because it is asked for, or because it holds texts and no pictures.
pub(crate) fn are_meant(spec: &ImportSpec, archive: &Archive) -> bool {
    if let Some(format) = spec.options.format {
        return format == FileFormat::Texts;
    }
    let mut names = archive.entries.iter().map(|entry| entry.name.as_str()).filter(|name| !is_of_no_one(name));
    let is_picture = |name: &str| PICTURES.iter().any(|kind| has_extension(name, kind)) || name.ends_with("ubyte");
    let has_texts = names.clone().any(|name| has_extension(name, "txt"));
    has_texts && !names.any(is_picture)
}

/// Imports the texts: writes what a table's import writes.
pub(crate) fn import(
    spec: &ImportSpec,
    mut archive: Archive,
    temporary: &Path,
    out: &Path,
    watch: &dyn Watch,
) -> Result<(), Error> {
    let data = out.join("data.parquet");
    let mut files = Files::of(&archive);
    let columns = files.columns();
    let rows = write(spec, &mut archive, &mut files, &data, watch)?;
    if rows == 0 {
        return Err(nothing(&files.problems));
    }
    let connection = database::open(spec.limits, &temporary.join("spill"), &[&data])?;
    let Profiled { mut profile, categories } = profile(&connection, &data, &columns, spec.limits, watch)?;
    // Every file has another name, which is nobody's news.
    profile.warnings.retain(|warning| !warning.starts_with("`file`"));
    profile.warnings.extend(told(&files.problems));
    if !files.problems.is_empty() {
        watch.log(Level::Warning, &format!("{} of {} files were left out", files.problems.len(), files.seen));
    }
    tell_repeated(&profile, watch);
    let described = profile.columns.iter().zip(categories).map(|(column, categories)| ColumnSchema {
        name: column.name.clone(),
        column_type: column.column_type,
        nullable: column.missing > 0,
        categories: categories.filter(|_| ["label", "split"].contains(&column.name.as_str())),
    });
    let schema = Schema { columns: described.collect() };
    write_json(&out.join("schema.json"), &schema)?;
    write_json(&out.join("profile.json"), &profile)?;
    write_json(&out.join("preview.json"), &preview::preview(&connection, &data, &schema)?)
}

/// The files of an archive that may be texts, and those that are not.
struct Files {
    /// Their numbers in the archive, their names and what their folders say.
    texts: Vec<(usize, String, Given)>,
    has_splits: bool,
    problems: Vec<(String, String)>,
    seen: usize,
}

impl Files {
    fn of(archive: &Archive) -> Self {
        let (mut chosen, mut problems) = (Vec::new(), Vec::new());
        let mut names = HashSet::new();
        for (number, entry) in archive.entries.iter().enumerate().filter(|(_, entry)| !is_of_no_one(&entry.name)) {
            if !names.insert(entry.name.as_str()) {
                problems.push((entry.name.clone(), "the archive holds a file of this name already".to_owned()));
            } else if has_extension(&entry.name, "txt") {
                chosen.push((number, entry.name.clone()));
            } else {
                problems.push((entry.name.clone(), "its name does not end in .txt".to_owned()));
            }
        }
        let paths: Vec<&str> = chosen.iter().map(|(_, name)| name.as_str()).collect();
        let given = by_folders(&paths);
        let has_splits = given.iter().any(|given| given.split.is_some());
        let seen = chosen.len() + problems.len();
        let texts = chosen.into_iter().zip(given).map(|((number, name), given)| (number, name, given)).collect();
        Self { texts, has_splits, problems, seen }
    }

    fn names(&self) -> &'static [&'static str] {
        if self.has_splits { &["text", "label", "file", "split"] } else { &["text", "label", "file"] }
    }

    fn columns(&self) -> Vec<Derived> {
        let derived = |name: &&str| Derived {
            name: (*name).to_owned(),
            column_type: ColumnType::Text,
            expression: String::new(),
        };
        self.names().iter().map(derived).collect()
    }
}

/// Rows that wait to be written.
#[derive(Default)]
struct Rows {
    texts: Vec<String>,
    labels: Vec<Option<String>>,
    files: Vec<String>,
    splits: Vec<Option<String>>,
    bytes: usize,
}

/// Writes a row per file that is a text; gives how many there are.
fn write(
    spec: &ImportSpec,
    archive: &mut Archive,
    files: &mut Files,
    path: &Path,
    watch: &dyn Watch,
) -> Result<usize, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Parquet(error.to_string());
    let fields = files.names().iter().map(|name| Field::new(*name, DataType::Utf8, true));
    let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
    let properties =
        WriterProperties::builder().set_compression(Compression::SNAPPY).set_created_by("meuse".to_owned());
    let file = File::create(path).map_err(Error::writing(path))?;
    let mut writer =
        ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties.build())).map_err(|error| failed(&error))?;
    let (mut waiting, mut rows, total) = (Rows::default(), 0, files.texts.len());
    for (place, (number, name, given)) in std::mem::take(&mut files.texts).into_iter().enumerate() {
        watch.progress("read texts", place as u64, total as u64);
        let text = archive.read(number, LARGEST)?.and_then(|bytes| read(bytes, spec.options.encoding));
        match text {
            Ok(text) => {
                waiting.bytes += text.len();
                waiting.texts.push(text);
                waiting.labels.push(given.label);
                waiting.files.push(name);
                waiting.splits.push(given.split);
                rows += 1;
            }
            Err(reason) => files.problems.push((name, reason)),
        }
        if waiting.bytes >= WRITTEN_AT_ONCE || place + 1 == total {
            let batch = waiting.batch(&schema, files.has_splits).map_err(|error| failed(&error))?;
            writer.write(&batch).map_err(|error| failed(&error))?;
            waiting = Rows::default();
        }
    }
    watch.progress("read texts", total as u64, total as u64);
    writer.close().map_err(|error| failed(&error))?;
    Ok(rows)
}

impl Rows {
    fn batch(
        &self,
        schema: &Arc<ArrowSchema>,
        has_splits: bool,
    ) -> Result<RecordBatch, duckdb::arrow::error::ArrowError> {
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(&self.texts)),
            Arc::new(StringArray::from_iter(&self.labels)),
            Arc::new(StringArray::from_iter_values(&self.files)),
        ];
        if has_splits {
            columns.push(Arc::new(StringArray::from_iter(&self.splits)));
        }
        RecordBatch::try_new(Arc::clone(schema), columns)
    }
}

/// The text of a file, or why it is none. No encoding is guessed: of a short text it could be any.
fn read(bytes: Vec<u8>, encoding: Option<Encoding>) -> Result<String, String> {
    let text = if encoding == Some(Encoding::Gb18030) {
        let decoded = GB18030.decode_without_bom_handling_and_without_replacement(&bytes);
        decoded.ok_or("it is not GB18030")?.into_owned()
    } else {
        String::from_utf8(bytes).map_err(|error| {
            let place = error.utf8_error().valid_up_to() + 1;
            format!("it is not UTF-8 (byte {place}): convert it, or import with encoding gb18030 if all files have it")
        })?
    };
    let text = text.trim_start_matches('\u{feff}').trim_end();
    if text.contains('\0') {
        return Err("it holds NUL bytes, as no text does".to_owned());
    }
    if text.trim().is_empty() {
        return Err("it is empty".to_owned());
    }
    Ok(text.to_owned())
}

/// What was left out, as warnings of the profile.
fn told(problems: &[(String, String)]) -> impl Iterator<Item = String> {
    let named = problems.iter().take(NAMED).map(|(file, reason)| format!("the file `{file}` was left out: {reason}"));
    let more = problems.len().saturating_sub(NAMED);
    named.chain((more > 0).then(|| format!("{more} more files were left out")))
}

fn nothing(problems: &[(String, String)]) -> Error {
    let first = problems.first().map(|(file, reason)| format!("; the first file: {file}: {reason}"));
    let message = format!("there is no text that can be read{}", first.unwrap_or_default());
    Error::refused("", message, "send .txt files in UTF-8, one folder per class")
}
