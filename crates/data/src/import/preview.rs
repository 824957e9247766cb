//! The first rows of a dataset version, as a person sees them.

use std::path::Path;

use duckdb::Connection;
use duckdb::types::Value as Cell;
use meuse_core::api::Preview;
use meuse_core::schema::{ColumnType, Schema};
use serde_json::Value;

use crate::profile::shortened;
use crate::{Error, database};

const ROWS: usize = 50;

/// Dates and timestamps are ISO text; infinities, which JSON has no numbers for, are the texts `inf` and `-inf`.
pub(crate) fn preview(connection: &Connection, data: &Path, schema: &Schema) -> Result<Preview, Error> {
    let cells = schema.columns.iter().map(|column| {
        let name = database::identifier(&column.name);
        match column.column_type {
            ColumnType::Date | ColumnType::Timestamp => format!("{name}::VARCHAR"),
            _ => name,
        }
    });
    let cells: Vec<String> = cells.collect();
    let from = database::path(data)?;
    let sql = format!("SELECT {} FROM read_parquet({from}) LIMIT {ROWS}", cells.join(", "));
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([], |row| {
        let cells = (0..schema.columns.len()).map(|index| row.get::<_, Cell>(index).map(json));
        cells.collect::<Result<Vec<Value>, _>>()
    })?;
    let columns = schema.names().map(str::to_owned).collect();
    Ok(Preview { columns, rows: rows.collect::<Result<_, _>>()? })
}

fn json(cell: Cell) -> Value {
    match cell {
        Cell::Boolean(value) => value.into(),
        Cell::BigInt(value) => value.into(),
        Cell::Double(value) if value.is_finite() => value.into(),
        Cell::Double(value) => value.to_string().into(),
        Cell::Text(value) => shortened(value).into(),
        _ => Value::Null,
    }
}
