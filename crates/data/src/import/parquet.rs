//! A Parquet file as a source: which columns it has, and as what each is kept.

use std::path::Path;

use duckdb::Connection;
use meuse_core::schema::ColumnType;

use super::source::Derived;
use crate::{Error, database};

/// The columns that come out of a Parquet file. Errors name the column that a table cannot hold.
pub(super) fn columns(connection: &Connection, path: &Path, missing: &[String]) -> Result<Vec<Derived>, Error> {
    let from = database::path(path)?;
    let described = describe(connection, &from).map_err(damaged)?;
    let names = top_level_names(connection, &from).map_err(damaged)?;
    let mut columns = Vec::with_capacity(described.len());
    for ((known_as, duckdb_type), name) in described.into_iter().zip(names) {
        let Some(column_type) = kept_as(&duckdb_type) else {
            let message = format!("column `{name}` is of type {duckdb_type}, which no cell of a table can hold");
            return Err(Error::refused(name, message, "leave it out, or write it as numbers, text or dates"));
        };
        let cell = database::identifier(&known_as);
        columns.push(Derived { name, column_type, expression: expression(&cell, &duckdb_type, column_type, missing) });
    }
    Ok(columns)
}

/// What DuckDB says of a file that it cannot read, as a refusal.
pub(super) fn damaged(error: Error) -> Error {
    let Error::Database(text) = error else { return error };
    // DuckDB names the file where it lies on the server, which is nothing to the one who sent it.
    let is_path = |word: &str| word.trim_start_matches(['\'', '"']).starts_with('/');
    let first = text.lines().next().unwrap_or_default();
    let words: Vec<&str> = first.split(' ').map(|word| if is_path(word) { "the file" } else { word }).collect();
    let first = words.join(" ");
    Error::refused("", format!("the Parquet file is damaged or cut short: {first}"), "write or upload it again")
}

fn describe(connection: &Connection, from: &str) -> Result<Vec<(String, String)>, Error> {
    let mut statement = connection.prepare(&format!("DESCRIBE SELECT * FROM read_parquet({from})"))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The names as the file has them: DuckDB renames those that differ only in case.
fn top_level_names(connection: &Connection, from: &str) -> Result<Vec<String>, Error> {
    let mut statement =
        connection.prepare(&format!("SELECT name, coalesce(num_children, 0) FROM parquet_schema({from})"))?;
    let nodes = statement.query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let mut names = Vec::new();
    // How many nodes are still to come below the present top-level column.
    let mut below = 0;
    for (index, node) in nodes.enumerate() {
        let (name, children) = node?;
        if index == 0 {
            continue;
        }
        if below == 0 {
            names.push(name);
            below = children;
        } else {
            below += children - 1;
        }
    }
    Ok(names)
}

fn kept_as(duckdb_type: &str) -> Option<ColumnType> {
    const INTEGERS: [&str; 7] = ["TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"];
    const NUMBERS: [&str; 5] = ["UBIGINT", "HUGEINT", "UHUGEINT", "FLOAT", "DOUBLE"];
    const TEXTS: [&str; 6] = ["VARCHAR", "UUID", "JSON", "TIME", "TIME WITH TIME ZONE", "INTERVAL"];
    if duckdb_type.ends_with(']') || duckdb_type.starts_with("STRUCT") || duckdb_type.starts_with("MAP") {
        return None;
    }
    if let Some(decimal) = duckdb_type.strip_prefix("DECIMAL(") {
        let (width, scale) = decimal.trim_end_matches(')').split_once(',')?;
        let fits = scale.trim() == "0" && width.trim().parse::<u32>().is_ok_and(|width| width <= 18);
        return Some(if fits { ColumnType::Integer } else { ColumnType::Number });
    }
    match duckdb_type {
        "BOOLEAN" => Some(ColumnType::Boolean),
        "DATE" => Some(ColumnType::Date),
        other if INTEGERS.contains(&other) => Some(ColumnType::Integer),
        other if NUMBERS.contains(&other) => Some(ColumnType::Number),
        other if other.starts_with("TIMESTAMP") => Some(ColumnType::Timestamp),
        other if TEXTS.contains(&other) || other.starts_with("ENUM(") => Some(ColumnType::Text),
        _ => None,
    }
}

/// The cell as it is kept. Missing are NULL, NaN, the empty text, and what the person named.
fn expression(cell: &str, duckdb_type: &str, column_type: ColumnType, missing: &[String]) -> String {
    let value = match column_type {
        ColumnType::Integer => format!("CAST({cell} AS BIGINT)"),
        ColumnType::Number => format!("CAST({cell} AS DOUBLE)"),
        ColumnType::Timestamp if duckdb_type.ends_with("TIME ZONE") => format!("{cell} AT TIME ZONE 'UTC'"),
        ColumnType::Timestamp => format!("CAST({cell} AS TIMESTAMP)"),
        ColumnType::Text | ColumnType::Image | ColumnType::Boxes => format!("CAST({cell} AS VARCHAR)"),
        ColumnType::Boolean | ColumnType::Date => cell.to_owned(),
    };
    let nulls: Vec<String> = match column_type {
        ColumnType::Text => {
            std::iter::once("''".to_owned()).chain(missing.iter().map(|text| database::text(text))).collect()
        }
        ColumnType::Integer | ColumnType::Number => {
            let nan = (column_type == ColumnType::Number).then(|| "'nan'::DOUBLE".to_owned());
            nan.into_iter().chain(missing.iter().filter_map(|text| number(text))).collect()
        }
        _ => Vec::new(),
    };
    if nulls.is_empty() { value } else { format!("CASE WHEN {value} NOT IN ({}) THEN {value} END", nulls.join(", ")) }
}

fn number(text: &str) -> Option<String> {
    text.trim().parse::<f64>().ok().filter(|value| value.is_finite()).map(|value| format!("'{value:e}'::DOUBLE"))
}
