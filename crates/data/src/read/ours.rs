//! A table from a Parquet file that we wrote: each thread takes a column at a time, and texts keep their dictionaries.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use duckdb::arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, DictionaryArray, Float64Array, Int64Array, PrimitiveArray, StringArray,
    TimestampMicrosecondArray,
};
use duckdb::arrow::datatypes::{ArrowPrimitiveType, DataType, Field, Int32Type, Schema as ArrowSchema};
use hashbrown::HashTable;
use meuse_core::schema::{ColumnType, Schema};
use meuse_core::side_by_side;
use meuse_core::table::{Column, MISSING, Table, Values};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;

use super::{pictures_of, without_pictures};
use crate::Error;
use crate::images::files::PackedPictures;
use crate::import::is_by_us;

/// Rows that are decoded at once: few enough that their texts, which may be long, are little beside those of the table.
const AT_ONCE: usize = 1 << 13;
/// Microseconds of a day.
const DAY: f64 = 86_400e6;

/// The table, when we wrote the file and it has these columns; nothing when DuckDB has to read it.
pub(super) fn read(
    data: &Path,
    schema: &Schema,
    pictures: Option<&Arc<PackedPictures>>,
    threads: usize,
) -> Result<Option<Table>, Error> {
    let file = File::open(data).map_err(Error::reading(data))?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new()).map_err(failed)?;
    if !is_by_us(metadata.metadata()) {
        return Ok(None);
    }
    let metadata = with_dictionaries(&metadata)?;
    let places: Option<Vec<usize>> =
        schema.columns.iter().map(|column| metadata.schema().index_of(&column.name).ok()).collect();
    let Some(places) = places else { return Ok(None) };

    let read = side_by_side(threads, places.len(), |index| {
        let column = &schema.columns[index];
        match (column.column_type, pictures) {
            // Its path is not needed: the list knows it by row.
            (ColumnType::Image, Some(files)) => Ok(pictures_of(rows(&metadata) as u32, Arc::clone(files))),
            (ColumnType::Image, None) => Err(without_pictures(column)),
            (column_type, _) => read_column(data, &metadata, places[index], column_type),
        }
    });
    let mut columns = Vec::with_capacity(read.len());
    for (values, column) in read.into_iter().zip(&schema.columns) {
        columns.push(Column { name: column.name.clone(), values: values? });
    }
    Ok(Some(Table::new(columns)))
}

/// The same file, whose texts come as codes with the dictionary of their page.
fn with_dictionaries(metadata: &ArrowReaderMetadata) -> Result<ArrowReaderMetadata, Error> {
    let fields = metadata.schema().fields().iter().map(|field| match field.data_type() {
        DataType::Utf8 => {
            let coded = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Field::new(field.name(), coded, field.is_nullable())
        }
        _ => field.as_ref().clone(),
    });
    let schema = Arc::new(ArrowSchema::new(fields.collect::<Vec<_>>()));
    let options = ArrowReaderOptions::new().with_schema(schema);
    ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options).map_err(failed)
}

fn read_column(
    data: &Path,
    metadata: &ArrowReaderMetadata,
    place: usize,
    column_type: ColumnType,
) -> Result<Values, Error> {
    let file = File::open(data).map_err(Error::reading(data))?;
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
    let mask = ProjectionMask::leaves(metadata.parquet_schema(), [place]);
    let rows = rows(metadata);
    let reader = builder.with_projection(mask).with_batch_size(AT_ONCE).build().map_err(failed)?;
    let mut cells = Cells::new(column_type, rows);
    for batch in reader {
        let batch = batch.map_err(|error| Error::Parquet(error.to_string()))?;
        let array = batch.column(0);
        let found = array.data_type();
        cells.append(array).ok_or_else(|| Error::Parquet(format!("a column came back as {found}")))?;
    }
    Ok(cells.finish())
}

fn rows(metadata: &ArrowReaderMetadata) -> usize {
    metadata.metadata().file_metadata().num_rows().unsigned_abs() as usize
}

fn failed(error: ParquetError) -> Error {
    Error::Parquet(error.to_string())
}

/// A column under construction.
enum Cells {
    Numbers(Vec<f64>),
    Texts(Texts),
}

impl Cells {
    fn new(column_type: ColumnType, rows: usize) -> Self {
        if matches!(column_type, ColumnType::Text | ColumnType::Boxes) {
            return Self::Texts(Texts { codes: Vec::with_capacity(rows), ..Texts::default() });
        }
        Self::Numbers(Vec::with_capacity(rows))
    }

    fn append(&mut self, array: &ArrayRef) -> Option<()> {
        let array = array.as_any();
        match self {
            Self::Texts(texts) => texts.append(array.downcast_ref::<DictionaryArray<Int32Type>>()?),
            Self::Numbers(numbers) => {
                if let Some(array) = array.downcast_ref::<Float64Array>() {
                    append_numbers(numbers, array, |value| value);
                } else if let Some(array) = array.downcast_ref::<Int64Array>() {
                    append_numbers(numbers, array, |value| value as f64);
                } else if let Some(array) = array.downcast_ref::<Date32Array>() {
                    append_numbers(numbers, array, f64::from);
                } else if let Some(array) = array.downcast_ref::<TimestampMicrosecondArray>() {
                    append_numbers(numbers, array, |value| value as f64 / DAY);
                } else {
                    let array = array.downcast_ref::<BooleanArray>()?;
                    numbers.extend(array.iter().map(|cell| cell.map_or(f64::NAN, |cell| f64::from(u8::from(cell)))));
                }
                Some(())
            }
        }
    }

    fn finish(self) -> Values {
        match self {
            Self::Numbers(numbers) => Values::Number(numbers),
            Self::Texts(Texts { codes, dictionary, .. }) => Values::Text { codes, dictionary },
        }
    }
}

fn append_numbers<T: ArrowPrimitiveType>(
    numbers: &mut Vec<f64>,
    array: &PrimitiveArray<T>,
    number: impl Fn(T::Native) -> f64,
) {
    let start = numbers.len();
    numbers.extend(array.values().iter().map(|value| number(*value)));
    if let Some(present) = array.nulls() {
        for (cell, present) in numbers[start..].iter_mut().zip(present.iter()) {
            if !present {
                *cell = f64::NAN;
            }
        }
    }
}

/// A column of texts under construction. Each text is held once: the index finds it by its hash.
#[derive(Default)]
struct Texts {
    codes: Vec<u32>,
    dictionary: Vec<String>,
    /// The codes, found by the hashes of their texts.
    index: HashTable<u32>,
    hashes: RandomState,
}

impl Texts {
    /// Codes in order of first appearance. A page's dictionary may hold texts that no row of this batch has.
    fn append(&mut self, array: &DictionaryArray<Int32Type>) -> Option<()> {
        let texts = array.values().as_any().downcast_ref::<StringArray>()?;
        let mut of_key = vec![MISSING; texts.len()];
        for row in 0..array.len() {
            let Some(key) = array.key(row) else {
                self.codes.push(MISSING);
                continue;
            };
            let code = of_key.get_mut(key)?;
            if *code == MISSING {
                *code = self.code(texts.value(key));
            }
            self.codes.push(*code);
        }
        Some(())
    }

    fn code(&mut self, text: &str) -> u32 {
        let Self { dictionary, index, hashes, .. } = self;
        let hash = hashes.hash_one(text);
        if let Some(code) = index.find(hash, |code| dictionary[*code as usize] == text) {
            return *code;
        }
        let code = dictionary.len() as u32;
        dictionary.push(text.to_owned());
        index.insert_unique(hash, code, |code| hashes.hash_one(dictionary[*code as usize].as_str()));
        code
    }
}
