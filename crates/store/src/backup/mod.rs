//! Everything that a store keeps, as something that can be carried to another place: [`Picture`] reads it out of either
//! database as it was at one instant, [`Loading`] puts it into either. What a backup file looks like is not known here.
//!
//! A table's rows are lines of JSON, one list per row, the same whichever database they come from. Which tables there
//! are is read from the migrations and which columns from the database, so that a new table is in the next backup.

mod loading;
mod picture;

pub use loading::Loading;
pub use picture::Picture;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::db::{DatabaseAddress, Db, Tx, on};
use crate::error::Error;
use crate::trail::Head;
use crate::{migrations, trail};

/// Tables that stay behind: who is signed in where a backup is restored signs in again.
const LEFT_BEHIND: &[&str] = &["session"];

/// The newest schema that this program knows.
pub fn newest_schema() -> i64 {
    migrations::newest()
}

/// Takes the mark away that a database holds an unfinished restore.
pub async fn finish(database: &DatabaseAddress) -> Result<(), Error> {
    let db = Db::open(database).await?;
    let finished = loading::finished(&db).await;
    db.close().await;
    finished
}

/// Notes the newest audit entry outside the database, in a home that is being built.
pub fn write_head(path: &std::path::Path, head: &Head) -> Result<(), Error> {
    trail::write_head(path, head)
}

/// A table of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, in the order in which a row has their values.
    pub columns: Vec<Column>,
}

/// A column of a table of records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub kind: Kind,
}

/// The four kinds of column that a migration may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// TEXT
    Text,
    /// BIGINT
    Integer,
    /// BOOLEAN
    Flag,
    /// DOUBLE PRECISION
    Number,
}

impl Kind {
    fn of_sql(table: &str, column: &str, sql: &str) -> Result<Self, Error> {
        match sql.to_lowercase().as_str() {
            "text" => Ok(Self::Text),
            "bigint" => Ok(Self::Integer),
            "boolean" => Ok(Self::Flag),
            "double precision" => Ok(Self::Number),
            other => Err(Error::record(format!("{table}.{column}"), format!("its type is {other}"))),
        }
    }
}

/// The tables of a schema that a backup holds, in the order in which they were made.
fn tables_of(schema: i64) -> Vec<&'static str> {
    migrations::tables(schema).into_iter().filter(|table| !LEFT_BEHIND.contains(table)).collect()
}

/// A table as the database has it, and the columns of its primary key.
struct Found {
    table: Table,
    key: Vec<String>,
}

/// Looks a table up in the database; `None` when it is not there.
async fn look_up(tx: &mut Tx, name: &str) -> Result<Option<Found>, Error> {
    const SQLITE: &str = "SELECT name, type, pk > 0 FROM pragma_table_info($1) ORDER BY cid";
    const POSTGRES: &str = "SELECT attribute.attname::text, format_type(attribute.atttypid, attribute.atttypmod), \
            COALESCE(attribute.attnum = ANY(index.indkey), FALSE) \
        FROM pg_attribute AS attribute \
        LEFT JOIN pg_index AS index ON index.indrelid = attribute.attrelid AND index.indisprimary \
        WHERE attribute.attrelid = to_regclass(quote_ident($1)) AND attribute.attnum > 0 \
            AND NOT attribute.attisdropped ORDER BY attribute.attnum";
    let sql = match tx.either() {
        crate::db::Either::Sqlite(_) => SQLITE,
        crate::db::Either::Postgres(_) => POSTGRES,
    };
    let rows: Vec<(String, String, bool)> =
        on!(tx, connection => sqlx::query_as(sql).bind(name).fetch_all(connection).await)?;
    if rows.is_empty() {
        return Ok(None);
    }
    let key = rows.iter().filter(|(_, _, is_key)| *is_key).map(|(column, _, _)| column.clone()).collect();
    let column = |(column, sql, _): (String, String, bool)| {
        Ok(Column { kind: Kind::of_sql(name, &column, &sql)?, name: column })
    };
    let columns = rows.into_iter().map(column).collect::<Result<_, Error>>()?;
    Ok(Some(Found { table: Table { name: name.to_owned(), columns }, key }))
}

/// A number as JSON, those that JSON lacks as their names.
fn number(value: f64) -> Value {
    serde_json::Number::from_f64(value).map_or_else(|| Value::String(value.to_string()), Value::Number)
}
