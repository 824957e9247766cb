//! The rows of a dataset of pictures: as Parquet, for queries, and as a list, for servers and trainers.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use duckdb::arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use duckdb::arrow::datatypes::{DataType, Field, Schema};
use meuse_core::media::{Names, NewRecord, PictureFormat, Writer};
use meuse_core::profile::Frequency;
use meuse_core::schema::ColumnType;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

use super::labels::Given;
use crate::Error;
use crate::import::Derived;

/// One picture.
#[derive(Debug, Clone)]
pub(super) struct Row {
    pub(super) path: String,
    pub(super) label: Option<String>,
    pub(super) split: Option<String>,
    pub(super) boxes: Vec<meuse_core::media::LabelledBox>,
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: u8,
    pub(super) format: PictureFormat,
    pub(super) brightness: f64,
    pub(super) sha256: [u8; 32],
    /// The row of an earlier picture of the same bytes.
    pub(super) duplicate_of: Option<u32>,
    pub(super) pack: u32,
    pub(super) offset: u64,
    pub(super) length: u32,
}

/// What was seen of a picture.
pub(super) struct Looks {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: u8,
    pub(super) format: PictureFormat,
    pub(super) brightness: f64,
    pub(super) sha256: [u8; 32],
}

impl Row {
    /// A picture of this name, of which this is known, whose bytes lie there (pack, offset, length), and that looks so.
    pub(super) fn new(path: String, given: Given, (pack, offset, length): (u32, u64, u32), looks: Looks) -> Self {
        let Given { label, split, boxes } = given;
        let Looks { width, height, channels, format, brightness, sha256 } = looks;
        let duplicate_of = None;
        Self {
            path,
            label,
            split,
            boxes,
            width,
            height,
            channels,
            format,
            brightness,
            sha256,
            duplicate_of,
            pack,
            offset,
            length,
        }
    }

    fn boxes_text(&self) -> Option<String> {
        (!self.boxes.is_empty()).then(|| serde_json::to_string(&self.boxes).unwrap_or_default())
    }
}

const COLUMNS: [(&str, ColumnType); 14] = [
    ("image", ColumnType::Text),
    ("label", ColumnType::Text),
    ("split", ColumnType::Text),
    ("width", ColumnType::Integer),
    ("height", ColumnType::Integer),
    ("channels", ColumnType::Integer),
    ("format", ColumnType::Text),
    ("brightness", ColumnType::Number),
    ("sha256", ColumnType::Text),
    ("duplicate_of", ColumnType::Text),
    ("pack", ColumnType::Integer),
    ("offset", ColumnType::Integer),
    ("length", ColumnType::Integer),
    ("boxes", ColumnType::Text),
];

/// The column of boxes, which to people and models is no text.
pub(super) const BOXES: &str = "boxes";

/// The columns, as a profile takes them.
pub(super) fn columns() -> Vec<Derived> {
    let derived = |(name, column_type): (&str, ColumnType)| Derived {
        name: name.to_owned(),
        column_type,
        expression: String::new(),
    };
    COLUMNS.into_iter().map(derived).collect()
}

/// Writes the Parquet file.
pub(super) fn write(rows: &[Row], path: &Path) -> Result<(), Error> {
    let failed = |error: &dyn std::fmt::Display| Error::Parquet(error.to_string());
    let field = |(name, column_type): (&str, ColumnType)| {
        let kind = match column_type {
            ColumnType::Integer => DataType::Int64,
            ColumnType::Number => DataType::Float64,
            _ => DataType::Utf8,
        };
        Field::new(name, kind, true)
    };
    let schema = Arc::new(Schema::new(COLUMNS.into_iter().map(field).collect::<Vec<_>>()));
    let properties =
        WriterProperties::builder().set_compression(Compression::SNAPPY).set_created_by("meuse".to_owned());
    let file = File::create(path).map_err(Error::writing(path))?;
    let mut writer =
        ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties.build())).map_err(|error| failed(&error))?;
    for part in rows.chunks(65_536) {
        let batch = RecordBatch::try_new(Arc::clone(&schema), arrays(rows, part)).map_err(|error| failed(&error))?;
        writer.write(&batch).map_err(|error| failed(&error))?;
    }
    writer.close().map(drop).map_err(|error| failed(&error))
}

fn arrays(all: &[Row], rows: &[Row]) -> Vec<ArrayRef> {
    fn texts(cells: impl Iterator<Item = Option<String>>) -> ArrayRef {
        Arc::new(cells.collect::<StringArray>())
    }
    fn integers(cells: impl Iterator<Item = i64>) -> ArrayRef {
        Arc::new(cells.map(Some).collect::<Int64Array>())
    }
    let original = |row: &Row| row.duplicate_of.and_then(|number| all.get(number as usize)).map(|row| row.path.clone());
    vec![
        texts(rows.iter().map(|row| Some(row.path.clone()))),
        texts(rows.iter().map(|row| row.label.clone())),
        texts(rows.iter().map(|row| row.split.clone())),
        integers(rows.iter().map(|row| row.width.into())),
        integers(rows.iter().map(|row| row.height.into())),
        integers(rows.iter().map(|row| row.channels.into())),
        texts(rows.iter().map(|row| Some(row.format.word().to_owned()))),
        Arc::new(rows.iter().map(|row| Some(row.brightness)).collect::<Float64Array>()),
        texts(rows.iter().map(|row| Some(hex(&row.sha256)))),
        texts(rows.iter().map(original)),
        integers(rows.iter().map(|row| row.pack.into())),
        integers(rows.iter().map(|row| row.offset as i64)),
        integers(rows.iter().map(|row| row.length.into())),
        texts(rows.iter().map(Row::boxes_text)),
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Writes the list.
pub(super) fn write_index(rows: &[Row], path: &Path) -> Result<(), Error> {
    let sorted = |pick: fn(&Row) -> Option<&String>| {
        let names: BTreeSet<&String> = rows.iter().filter_map(pick).collect();
        names.into_iter().cloned().collect::<Vec<_>>()
    };
    let names = Names { labels: sorted(|row| row.label.as_ref()), splits: sorted(|row| row.split.as_ref()) };
    let number = |names: &[String], name: Option<&String>| {
        name.and_then(|name| names.binary_search(name).ok()).map(|number| number as u32)
    };
    let mut writer = Writer::default();
    for row in rows {
        writer.push(&NewRecord {
            pack: row.pack,
            offset: row.offset,
            length: row.length,
            label: number(&names.labels, row.label.as_ref()),
            split: number(&names.splits, row.split.as_ref()),
            width: row.width,
            height: row.height,
            duplicate_of: row.duplicate_of,
            format: row.format,
            channels: row.channels,
            sha256: row.sha256,
            path: &row.path,
            boxes: &row.boxes_text().unwrap_or_default(),
        });
    }
    std::fs::write(path, writer.finish(&names)).map_err(Error::writing(path))
}

/// How often each value occurs, most frequent first, ties in ascending order, at most `most` of them.
pub(super) fn counted(values: impl Iterator<Item = Option<String>>, most: usize) -> Vec<Frequency> {
    let mut counts: HashMap<String, u64> = HashMap::new();
    for value in values.flatten() {
        *counts.entry(value).or_default() += 1;
    }
    let mut counted: Vec<Frequency> = counts.into_iter().map(|(value, count)| Frequency { value, count }).collect();
    counted.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.value.cmp(&b.value)));
    counted.truncate(most);
    counted
}
