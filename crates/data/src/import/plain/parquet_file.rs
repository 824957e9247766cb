//! The Parquet file that blocks go into, one group of rows each: the same columns and types that DuckDB would write.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use duckdb::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use meuse_core::schema::ColumnType;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;

use super::columns::Column;
use crate::Error;

/// How a file that was written here names its writer.
const WRITER: &str = "meuse";

/// Whether a file was written here, so that its columns can be read without DuckDB.
pub(crate) fn is_by_us(metadata: &ParquetMetaData) -> bool {
    metadata.file_metadata().created_by() == Some(WRITER)
}

/// The file, written group after group.
pub(super) struct ParquetFile {
    writer: SerializedFileWriter<File>,
    schema: SchemaRef,
    path: PathBuf,
}

/// Makes groups of rows for the file, on any thread.
pub(super) struct Encoder {
    factory: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    path: PathBuf,
}

impl ParquetFile {
    /// `hardly_repeat`: the columns for which no dictionary is tried.
    pub(super) fn create(
        path: &Path,
        names: &[String],
        types: &[ColumnType],
        hardly_repeat: &[bool],
    ) -> Result<Self, Error> {
        let fields = names.iter().zip(types).map(|(name, column_type)| Field::new(name, data_type(*column_type), true));
        let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let failed = failed(path);
        let root = ArrowSchemaConverter::new().convert(&schema).map_err(&failed)?.root_schema_ptr();
        let file = File::create(path).map_err(Error::writing(path))?;
        let writer = SerializedFileWriter::new(file, root, Arc::new(properties(names, types, hardly_repeat)))
            .map_err(&failed)?;
        Ok(Self { writer, schema, path: path.to_owned() })
    }

    pub(super) fn encoder(&self) -> Encoder {
        Encoder {
            factory: ArrowRowGroupWriterFactory::new(&self.writer, Arc::clone(&self.schema)),
            schema: Arc::clone(&self.schema),
            path: self.path.clone(),
        }
    }

    /// Writes a group of rows after those before it.
    pub(super) fn append(&mut self, chunks: Vec<ArrowColumnChunk>) -> Result<(), Error> {
        let append = || {
            let mut group = self.writer.next_row_group()?;
            for chunk in chunks {
                chunk.append_to_row_group(&mut group)?;
            }
            group.close().map(drop)
        };
        append().map_err(failed(&self.path))
    }

    pub(super) fn close(self) -> Result<(), Error> {
        self.writer.close().map(drop).map_err(failed(&self.path))
    }
}

impl Encoder {
    /// Encodes and compresses a group of rows.
    pub(super) fn encode(&self, number: usize, columns: Vec<Column>) -> Result<Vec<ArrowColumnChunk>, Error> {
        let encode = || {
            let writers = self.factory.create_column_writers(number)?;
            let fields = self.schema.fields().iter();
            let mut chunks = Vec::with_capacity(columns.len());
            for ((mut writer, column), field) in writers.into_iter().zip(columns).zip(fields) {
                for leaf in compute_leaves(field, &column.finish())? {
                    writer.write(&leaf)?;
                }
                chunks.push(writer.close()?);
            }
            Ok(chunks)
        };
        encode().map_err(failed(&self.path))
    }
}

fn properties(names: &[String], types: &[ColumnType], hardly_repeat: &[bool]) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        // Smallest and largest per group of rows help whoever filters; per page they help nobody here.
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_created_by(WRITER.to_owned());
    for ((name, column_type), _) in names.iter().zip(types).zip(hardly_repeat).filter(|(_, hardly)| **hardly) {
        let column = ColumnPath::new(vec![name.clone()]);
        properties = properties.set_column_dictionary_enabled(column.clone(), false);
        // Numbers of accounts and moments mostly rise by little.
        if matches!(column_type, ColumnType::Integer | ColumnType::Timestamp | ColumnType::Date) {
            properties = properties.set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
        }
    }
    properties.build()
}

fn data_type(column_type: ColumnType) -> DataType {
    match column_type {
        ColumnType::Integer => DataType::Int64,
        ColumnType::Number => DataType::Float64,
        ColumnType::Boolean => DataType::Boolean,
        ColumnType::Date => DataType::Date32,
        ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
        ColumnType::Text | ColumnType::Image | ColumnType::Boxes => DataType::Utf8,
    }
}

/// A disk that is full comes as such; the rest cannot happen to columns that fit their schema.
fn failed(path: &Path) -> impl Fn(ParquetError) -> Error + '_ {
    |error| match error {
        ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
            Ok(inner) => Error::writing(path)(*inner),
            Err(inner) => Error::Parquet(inner.to_string()),
        },
        other => Error::Parquet(other.to_string()),
    }
}
