//! A column of texts, grouped in the temporary table `grouped`.

use duckdb::Connection;
use meuse_core::profile::{ColumnProfile, Frequency};
use meuse_core::schema::MAX_CATEGORIES;

use super::{MOST_FREQUENT, shortened};
use crate::import::Derived;
use crate::{Error, database};

/// The most bytes of the texts that a schema lists for one column.
const MOST_CATEGORY_BYTES: usize = 1 << 20;

/// Makes the table `grouped` of the column.
pub(super) fn group(connection: &Connection, from: &str, name: &str) -> Result<(), Error> {
    let name = database::identifier(name);
    let sql =
        format!("CREATE OR REPLACE TEMP TABLE grouped AS SELECT {name} AS v, count(*) AS n FROM {from} GROUP BY 1");
    Ok(connection.execute_batch(&sql)?)
}

pub(super) fn profile(connection: &Connection, column: &Derived) -> Result<ColumnProfile, Error> {
    const SQL: &str =
        "SELECT count(v), coalesce(sum(n) FILTER (WHERE v IS NULL), 0)::BIGINT, min(v), max(v) FROM grouped";
    type Summary = (i64, i64, Option<String>, Option<String>);
    let summary = connection.query_row(SQL, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)));
    let (distinct, missing, low, high): Summary = summary?;
    Ok(ColumnProfile {
        name: column.name.clone(),
        column_type: column.column_type,
        missing: missing as u64,
        distinct: distinct as u64,
        numeric: None,
        range: low.zip(high).map(|(low, high)| [shortened(low), shortened(high)]),
        frequent: frequent(connection)?,
        text: None,
    })
}

fn frequent(connection: &Connection) -> Result<Vec<Frequency>, Error> {
    let sql = format!("SELECT v, n FROM grouped WHERE v IS NOT NULL ORDER BY n DESC, v ASC LIMIT {MOST_FREQUENT}");
    let mut statement = connection.prepare(&sql)?;
    let rows = statement.query_map([], |row| {
        let (value, count): (String, i64) = (row.get(0)?, row.get(1)?);
        Ok(Frequency { value: shortened(value), count: count as u64 })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// All distinct texts in ascending order, where these are few and short enough to be categories.
pub(super) fn list_categories(connection: &Connection, column: &ColumnProfile) -> Result<Option<Vec<String>>, Error> {
    if column.distinct > MAX_CATEGORIES as u64 {
        return Ok(None);
    }
    let mut statement = connection.prepare("SELECT v FROM grouped WHERE v IS NOT NULL ORDER BY v")?;
    let texts = statement.query_map([], |row| row.get(0))?;
    let texts: Vec<String> = texts.collect::<Result<_, _>>()?;
    Ok(Some(texts).filter(|texts| texts.iter().map(String::len).sum::<usize>() <= MOST_CATEGORY_BYTES))
}
