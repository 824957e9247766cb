//! The cells of one column of a Parquet file that we wrote, without a table around them.

use std::fs::File;
use std::path::Path;

use parquet::column::reader::ColumnReader;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::Error;
use crate::import::is_by_us;

/// What is not missing of a column, in the order of the rows, and how many cells are.
pub(super) enum Column {
    /// Whole numbers, booleans as 0 and 1, days and microseconds since 1970.
    Integers(Vec<i64>, u64),
    Floats(Vec<f64>, u64),
}

/// Rows that are read at once.
const AT_ONCE: usize = 1 << 16;

/// Whether we wrote the file.
pub(super) fn are_readable(path: &Path) -> Result<bool, Error> {
    open(path).map(|reader| is_by_us(reader.metadata()))
}

fn open(path: &Path) -> Result<SerializedFileReader<File>, Error> {
    let file = File::open(path).map_err(Error::reading(path))?;
    SerializedFileReader::new(file).map_err(failed)
}

fn failed(error: ParquetError) -> Error {
    Error::Parquet(error.to_string())
}

/// Reads the column with this index, which has so many rows and is no text.
pub(super) fn read(path: &Path, index: usize, rows: u64) -> Result<Column, Error> {
    let reader = open(path)?;
    let mut integers: Vec<i64> = Vec::new();
    let mut floats: Vec<f64> = Vec::new();
    for group in 0..reader.num_row_groups() {
        match reader.get_row_group(group).and_then(|group| group.get_column_reader(index)).map_err(failed)? {
            ColumnReader::Int64ColumnReader(mut cells) => {
                integers.reserve(if group == 0 { rows as usize } else { 0 });
                while more(cells.read_records(AT_ONCE, Some(&mut Vec::new()), None, &mut integers)).map_err(failed)? {}
            }
            ColumnReader::DoubleColumnReader(mut cells) => {
                floats.reserve(if group == 0 { rows as usize } else { 0 });
                while more(cells.read_records(AT_ONCE, Some(&mut Vec::new()), None, &mut floats)).map_err(failed)? {}
            }
            ColumnReader::Int32ColumnReader(mut cells) => {
                let mut values: Vec<i32> = Vec::new();
                while more(cells.read_records(AT_ONCE, Some(&mut Vec::new()), None, &mut values)).map_err(failed)? {}
                integers.extend(values.into_iter().map(i64::from));
            }
            ColumnReader::BoolColumnReader(mut cells) => {
                let mut values: Vec<bool> = Vec::new();
                while more(cells.read_records(AT_ONCE, Some(&mut Vec::new()), None, &mut values)).map_err(failed)? {}
                integers.extend(values.into_iter().map(i64::from));
            }
            _ => return Err(Error::Parquet(format!("column {index} holds no numbers"))),
        }
    }
    let present = (integers.len() + floats.len()) as u64;
    let missing = rows.saturating_sub(present);
    Ok(if floats.is_empty() { Column::Integers(integers, missing) } else { Column::Floats(floats, missing) })
}

fn more(read: Result<(usize, usize, usize), ParquetError>) -> Result<bool, ParquetError> {
    read.map(|(rows, _, _)| rows > 0)
}
