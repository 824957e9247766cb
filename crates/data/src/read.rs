//! A dataset version as a table in memory, as preprocessing takes it.

mod ours;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use duckdb::arrow::array::{Array, ArrayRef, Float64Array, LargeStringArray, StringArray, StructArray};
use meuse_core::job::{Limits, MediaFiles};
use meuse_core::schema::{ColumnSchema, ColumnType, Schema};
use meuse_core::table::{Column, MISSING, Pictures, Table, Values};

use crate::images::files::PackedPictures;
use crate::{Error, database};

/// All rows of the Parquet file, in their order there; the columns of `schema`, in that order. Numbers, dates (in days
/// since 1970) and booleans become floats with NaN for missing, texts become codes in order of first appearance.
/// Pictures are opened, and read when they are needed.
pub fn read_table(data: &Path, schema: &Schema, media: Option<&MediaFiles>, limits: Limits) -> Result<Table, Error> {
    let pictures = media.map(PackedPictures::open).transpose()?.map(Arc::new);
    if let Some(table) = ours::read(data, schema, pictures.as_ref(), limits.threads.max(1))? {
        return Ok(table);
    }
    let beside = data.parent().unwrap_or(data);
    let temporary = tempfile::tempdir_in(beside).map_err(Error::writing(beside))?;
    let connection = database::open(limits, temporary.path(), &[data])?;
    let cells: Vec<String> = schema.columns.iter().map(expression).collect();
    let sql = format!("SELECT {} FROM read_parquet({})", cells.join(", "), database::path(data)?);
    let mut statement = connection.prepare(&sql)?;
    // Only started here: the iterator that this returns panics where `step` gives an error.
    drop(statement.stream_arrow([])?);
    let mut readers: Vec<Reader> =
        schema.columns.iter().map(|column| Reader::new(column, pictures.as_ref())).collect::<Result<_, _>>()?;
    while let Some(batch) = statement.step()? {
        append(&mut readers, &batch)?;
    }
    let columns = schema
        .columns
        .iter()
        .zip(readers)
        .map(|(column, reader)| Column { name: column.name.clone(), values: reader.finish() });
    Ok(Table::new(columns.collect()))
}

fn expression(column: &ColumnSchema) -> String {
    let name = database::identifier(&column.name);
    match column.column_type {
        ColumnType::Integer | ColumnType::Number => format!("{name}::DOUBLE"),
        ColumnType::Boolean => format!("{name}::TINYINT::DOUBLE"),
        ColumnType::Date => format!("({name} - DATE '1970-01-01')::DOUBLE"),
        ColumnType::Timestamp => format!("epoch_us({name}) / 86400e6::DOUBLE"),
        ColumnType::Text | ColumnType::Boxes => format!("{name}::VARCHAR"),
        // Its path is not needed: the list knows it by row.
        ColumnType::Image => "0::DOUBLE".to_owned(),
    }
}

/// Gathers one column, batch by batch.
enum Reader {
    Numbers(Vec<f64>),
    Texts { codes: Vec<u32>, dictionary: Vec<String>, known: HashMap<Box<str>, u32> },
    Pictures { rows: u32, files: Arc<PackedPictures> },
}

impl Reader {
    fn new(column: &ColumnSchema, pictures: Option<&Arc<PackedPictures>>) -> Result<Self, Error> {
        Ok(match column.column_type {
            ColumnType::Text | ColumnType::Boxes => {
                Self::Texts { codes: Vec::new(), dictionary: Vec::new(), known: HashMap::new() }
            }
            ColumnType::Image => {
                Self::Pictures { rows: 0, files: Arc::clone(pictures.ok_or_else(|| without_pictures(column))?) }
            }
            _ => Self::Numbers(Vec::new()),
        })
    }

    fn finish(self) -> Values {
        match self {
            Self::Numbers(values) => Values::Number(values),
            Self::Texts { codes, dictionary, .. } => Values::Text { codes, dictionary },
            Self::Pictures { rows, files } => pictures_of(rows, files),
        }
    }

    fn push(&mut self, array: &ArrayRef) -> Option<()> {
        match self {
            Self::Numbers(values) => {
                let array = array.as_any().downcast_ref::<Float64Array>()?;
                values.extend(array.iter().map(|cell| cell.unwrap_or(f64::NAN)));
            }
            Self::Pictures { rows, .. } => *rows += array.len() as u32,
            Self::Texts { .. } => {
                if let Some(array) = array.as_any().downcast_ref::<StringArray>() {
                    array.iter().for_each(|cell| self.push_text(cell));
                } else {
                    let array = array.as_any().downcast_ref::<LargeStringArray>()?;
                    array.iter().for_each(|cell| self.push_text(cell));
                }
            }
        }
        Some(())
    }

    fn push_text(&mut self, cell: Option<&str>) {
        let Self::Texts { codes, dictionary, known } = self else { return };
        let Some(text) = cell else {
            codes.push(MISSING);
            return;
        };
        let code = known.get(text).copied().unwrap_or_else(|| {
            let code = dictionary.len() as u32;
            dictionary.push(text.to_owned());
            known.insert(text.into(), code);
            code
        });
        codes.push(code);
    }
}

fn without_pictures(column: &ColumnSchema) -> Error {
    let message = format!("the pictures of `{}` are missing", column.name);
    Error::refused("dataset", message, "import the pictures again")
}

/// The column of pictures of so many rows.
fn pictures_of(rows: u32, files: Arc<PackedPictures>) -> Values {
    let known = files.rows();
    let numbers = (0..rows).map(|row| if row < known { row } else { MISSING }).collect();
    Values::Pictures(Pictures { files, numbers })
}

fn append(readers: &mut [Reader], batch: &StructArray) -> Result<(), Error> {
    for (reader, array) in readers.iter_mut().zip(batch.columns()) {
        let type_name = array.data_type();
        reader.push(array).ok_or_else(|| Error::Database(format!("a column came back as {type_name}")))?;
    }
    Ok(())
}
