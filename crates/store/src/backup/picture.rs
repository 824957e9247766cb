//! All records as they were at one instant, read while others go on writing.

use std::collections::BTreeSet;
use std::io::Write;

use futures::TryStreamExt;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Row};

use super::{Found, Kind, Table, look_up, number, tables_of};
use crate::blobs::Digest;
use crate::db::{DatabaseAddress, Db, Either, Tx, on};
use crate::error::Error;
use crate::trail::Head;
use crate::{Store, migrations, records};

/// One state of the database. As long as it is there the database keeps that state, so it should not be there long.
pub struct Picture {
    tx: Tx,
    schema: i64,
    // Only a database that was opened for the picture is closed with it.
    own: Option<Db>,
}

impl Picture {
    /// Takes a picture of an open store.
    pub async fn of(store: &Store) -> Result<Self, Error> {
        let tx = Tx::snapshot(&store.db).await?;
        Ok(Self { tx, schema: migrations::newest(), own: None })
    }

    /// Takes a picture of a database that need not be open here, whether or not it is elsewhere; changes nothing.
    ///
    /// # Errors
    /// [`Error::Newer`], [`Error::Empty`], and what the database says.
    pub async fn apart(database: &DatabaseAddress) -> Result<Self, Error> {
        let db = Db::open_for_reading(database).await?;
        let mut tx = Tx::snapshot(&db).await?;
        let schema = migrations::present(&mut tx, database).await?;
        Ok(Self { tx, schema, own: Some(db) })
    }

    /// The schema that the database has.
    pub fn schema(&self) -> i64 {
        self.schema
    }

    /// The newest entry of the audit trail.
    pub async fn head(&mut self) -> Result<Head, Error> {
        const SQL: &str = "SELECT seq, mac FROM audit_head";
        let (seq, mac) =
            on!(self.tx, connection => sqlx::query_as::<_, (i64, String)>(SQL).fetch_one(connection).await)?;
        Ok(Head { seq, mac })
    }

    /// The blobs that the records name, in the order of their digests.
    pub async fn blobs(&mut self) -> Result<BTreeSet<Digest>, Error> {
        Ok(records::references::blobs_in(&mut self.tx).await?.into_iter().collect())
    }

    /// The tables, in the order in which they were made.
    pub async fn tables(&mut self) -> Result<Vec<Table>, Error> {
        let mut tables = Vec::new();
        for name in tables_of(self.schema) {
            tables.push(self.found(name).await?.table);
        }
        Ok(tables)
    }

    async fn found(&mut self, name: &str) -> Result<Found, Error> {
        let found = look_up(&mut self.tx, name).await?;
        found.ok_or_else(|| Error::record(format!("table {name}"), "it is not there"))
    }

    /// Writes the rows of a table, ordered by its primary key, one JSON list per line; tells how many.
    pub async fn write_rows(&mut self, table: &Table, to: &mut (dyn Write + Send)) -> Result<u64, Error> {
        let found = self.found(&table.name).await?;
        let sql = self.select(&found);
        let mut count = 0;
        on!(self.tx, connection => {
            let mut rows = sqlx::query(AssertSqlSafe(sql)).fetch(connection);
            while let Some(row) = rows.try_next().await? {
                let mut line = Vec::with_capacity(table.columns.len());
                for (index, column) in table.columns.iter().enumerate() {
                    line.push(match column.kind {
                        Kind::Text => row.try_get::<Option<String>, _>(index)?.map(Value::String),
                        Kind::Integer => row.try_get::<Option<i64>, _>(index)?.map(Value::from),
                        Kind::Flag => row.try_get::<Option<bool>, _>(index)?.map(Value::from),
                        Kind::Number => row.try_get::<Option<f64>, _>(index)?.map(number),
                    });
                }
                write_line(to, &line)?;
                count += 1;
            }
        });
        Ok(count)
    }

    fn select(&mut self, Found { table, key }: &Found) -> String {
        // Both databases in one order, whatever language Postgres sorts in.
        let order = match self.tx.either() {
            Either::Sqlite(_) => |_: &Kind| "",
            Either::Postgres(_) => |kind: &Kind| if *kind == Kind::Text { " COLLATE \"C\"" } else { "" },
        };
        let columns: Vec<String> = table.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
        let keys = table.columns.iter().filter(|column| key.contains(&column.name));
        let keys: Vec<String> = keys.map(|column| format!("\"{}\"{}", column.name, order(&column.kind))).collect();
        format!("SELECT {} FROM \"{}\" ORDER BY {}", columns.join(", "), table.name, keys.join(", "))
    }

    /// Lets the database go on.
    pub async fn close(self) {
        drop(self.tx);
        if let Some(db) = self.own {
            db.close().await;
        }
    }
}

fn write_line(to: &mut (dyn Write + Send), line: &[Option<Value>]) -> Result<(), Error> {
    let mut text = serde_json::to_vec(line).map_err(|error| Error::record("a row", error))?;
    text.push(b'\n');
    to.write_all(&text).map_err(Error::file(std::path::Path::new("the picture of the records")))
}
