//! What a dataset version looks like in numbers, all of them exact.
//!
//! Each column is grouped once into a temporary table `grouped` of its distinct values `v` and their counts `n`;
//! everything else is asked of that table, which is mostly small and spills to disk where it is not.

mod numbers;
mod warnings;

use std::path::Path;

use duckdb::Connection;
use duckdb::types::Value as Cell;
use meuse_core::profile::{ColumnProfile, Frequency, Profile};
use meuse_core::schema::{ColumnType, MAX_CATEGORIES};
use meuse_core::table::number_text;

use crate::import::Derived;
use crate::{Error, Watch, database};

const MOST_FREQUENT: usize = 20;

/// A profile and what the same reading gave for the schema.
pub(crate) struct Profiled {
    /// The profile.
    pub(crate) profile: Profile,
    /// Per column, all distinct texts in ascending order, where these are categories.
    pub(crate) categories: Vec<Option<Vec<String>>>,
}

/// Profiles the Parquet file `data`, which has these columns.
pub(crate) fn profile(
    connection: &Connection,
    data: &Path,
    columns: &[Derived],
    watch: &dyn Watch,
) -> Result<Profiled, Error> {
    let from = format!("read_parquet({})", database::path(data)?);
    let rows: i64 = connection.query_row(&format!("SELECT count(*) FROM {from}"), [], |row| row.get(0))?;
    let mut profile = Profile { rows: rows as u64, columns: Vec::with_capacity(columns.len()), warnings: Vec::new() };
    let mut categories = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        watch.progress("profile", index as u64, columns.len() as u64);
        group(connection, &from, &column.name)?;
        let profiled = profile_column(connection, column)?;
        categories.push(list_categories(connection, &profiled)?);
        warnings::add(connection, &profiled, profile.rows, &mut profile.warnings)?;
        profile.columns.push(profiled);
    }
    watch.progress("profile", columns.len() as u64, columns.len() as u64);
    Ok(Profiled { profile, categories })
}

fn group(connection: &Connection, from: &str, name: &str) -> Result<(), Error> {
    let name = database::identifier(name);
    let sql =
        format!("CREATE OR REPLACE TEMP TABLE grouped AS SELECT {name} AS v, count(*) AS n FROM {from} GROUP BY 1");
    Ok(connection.execute_batch(&sql)?)
}

/// The longest text of a preview or a profile, in characters. A longer one ends in `…`: both are for people, and are
/// read whole by the server.
const LONGEST: usize = 200;
/// The most bytes of the texts that a schema lists for one column.
const MOST_CATEGORY_BYTES: usize = 1 << 20;

/// The beginning of a long text.
pub(crate) fn shortened(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

fn profile_column(connection: &Connection, column: &Derived) -> Result<ColumnProfile, Error> {
    const SQL: &str = "SELECT count(v), coalesce(sum(n) FILTER (WHERE v IS NULL), 0)::BIGINT, min(v)::VARCHAR, \
                       max(v)::VARCHAR FROM grouped";
    type Summary = (i64, i64, Option<String>, Option<String>);
    let summary = connection.query_row(SQL, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    let (distinct, missing, low, high): Summary = summary?;
    let with_range = matches!(column.column_type, ColumnType::Text | ColumnType::Date | ColumnType::Timestamp);
    Ok(ColumnProfile {
        name: column.name.clone(),
        column_type: column.column_type,
        missing: missing as u64,
        distinct: distinct as u64,
        numeric: numbers::numeric(connection, column.column_type)?,
        range: low.zip(high).filter(|_| with_range).map(|(low, high)| [shortened(low), shortened(high)]),
        frequent: frequent(connection, column.column_type)?,
    })
}

fn frequent(connection: &Connection, column_type: ColumnType) -> Result<Vec<Frequency>, Error> {
    let value = match column_type {
        ColumnType::Date | ColumnType::Timestamp => "v::VARCHAR",
        _ => "v",
    };
    let sql = format!(
        "SELECT {value}, n FROM grouped WHERE v IS NOT NULL ORDER BY n DESC, grouped.v ASC LIMIT {MOST_FREQUENT}"
    );
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([], |row| {
        let value = match row.get(0)? {
            Cell::Text(text) => shortened(text),
            Cell::BigInt(value) => value.to_string(),
            Cell::Boolean(value) => value.to_string(),
            Cell::Double(value) => number_text(value, column_type).unwrap_or_default(),
            _ => String::new(),
        };
        Ok(Frequency { value, count: row.get::<_, i64>(1)? as u64 })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn list_categories(connection: &Connection, column: &ColumnProfile) -> Result<Option<Vec<String>>, Error> {
    if column.column_type != ColumnType::Text || column.distinct > MAX_CATEGORIES as u64 {
        return Ok(None);
    }
    let mut statement = connection.prepare("SELECT v FROM grouped WHERE v IS NOT NULL ORDER BY v")?;
    let texts = statement.query_map([], |row| row.get(0))?;
    let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
    Ok(Some(texts).filter(|texts| texts.iter().map(String::len).sum::<usize>() <= MOST_CATEGORY_BYTES))
}
