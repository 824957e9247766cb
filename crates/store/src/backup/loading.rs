//! Records put into an empty database, all or nothing, under the schema that they were taken from.

use serde_json::Value;
use sqlx::AssertSqlSafe;

use super::{Kind, Table, look_up, tables_of};
use crate::db::{DatabaseAddress, Db, Either, Tx, on};
use crate::error::Error;
use crate::migrations;

/// How many rows one statement puts in. With at most 20 columns that is far below what either database takes.
const ROWS: usize = 200;
/// Notes in `meta` that a database was filled by a restore that has not finished.
const UNFINISHED: &str = "restore_unfinished";

/// A database that is being filled. Dropped without [`Loading::commit`], it stays empty.
pub struct Loading {
    db: Db,
    tx: Tx,
    schema: i64,
}

impl Loading {
    /// Makes the schema in an empty database. One that holds an unfinished restore counts as empty.
    ///
    /// # Errors
    /// [`Error::Newer`] for a schema that this program does not know; [`Error::NotEmpty`].
    pub async fn begin(database: &DatabaseAddress, schema: i64) -> Result<Self, Error> {
        let db = Db::open(database).await?;
        let mut tx = Tx::migrate(&db).await?;
        empty(&mut tx, database).await?;
        migrations::make(&mut tx, schema).await?;
        for name in tables_of(schema).into_iter().rev() {
            run(&mut tx, format!("DELETE FROM \"{name}\"")).await?;
        }
        check_references_later(&mut tx).await?;
        Ok(Self { db, tx, schema })
    }

    /// The tables that the schema has, as this database has them: what is loaded must be for these.
    pub async fn tables(&mut self) -> Result<Vec<Table>, Error> {
        let mut tables = Vec::new();
        for name in tables_of(self.schema) {
            tables.extend(look_up(&mut self.tx, name).await?.map(|found| found.table));
        }
        Ok(tables)
    }

    /// Puts rows into a table of [`Loading::tables`]: lines as [`super::Picture::write_rows`] wrote them.
    ///
    /// # Errors
    /// [`Error::Record`] for a line that is no row of this table.
    pub async fn insert(&mut self, table: &Table, lines: &[String]) -> Result<(), Error> {
        for lines in lines.chunks(ROWS) {
            let rows = lines.iter().map(|line| read_line(table, line)).collect::<Result<Vec<_>, _>>()?;
            let sql = insert_statement(table, rows.len());
            on!(self.tx, connection => {
                let mut query = sqlx::query(AssertSqlSafe(sql));
                for value in rows.into_iter().flatten() {
                    query = match value {
                        Cell::Text(text) => query.bind(text),
                        Cell::Integer(integer) => query.bind(integer),
                        Cell::Flag(flag) => query.bind(flag),
                        Cell::Number(number) => query.bind(number),
                    };
                }
                query.execute(connection).await.map(drop)
            })?;
        }
        Ok(())
    }

    /// Makes it so. A database on a server of its own is marked as unfinished until
    /// [`super::finish`].
    ///
    /// # Errors
    /// [`Error::Referenced`] when a row names another one that is not there.
    pub async fn commit(mut self) -> Result<(), Error> {
        const MARK: &str = "INSERT INTO meta (name, value) VALUES ($1, '')";
        check_references_now(&mut self.tx).await?;
        if matches!(self.db, Db::Postgres(_)) {
            on!(self.tx, c => sqlx::query(MARK).bind(UNFINISHED).execute(c).await.map(drop))?;
        }
        self.tx.commit().await?;
        self.db.close().await;
        Ok(())
    }
}

/// Takes the mark away that a database holds an unfinished restore.
pub(super) async fn finished(db: &Db) -> Result<(), Error> {
    const SQL: &str = "DELETE FROM meta WHERE name = $1";
    on!(db, pool => sqlx::query(SQL).bind(UNFINISHED).execute(pool).await.map(drop))?;
    Ok(())
}

/// Refuses a database with tables of ours, but those of a restore that was cut off.
async fn empty(tx: &mut Tx, database: &DatabaseAddress) -> Result<(), Error> {
    const SQL: &str = "SELECT COUNT(*) FROM meta WHERE name = $1";
    let mut present = Vec::new();
    for name in migrations::tables(migrations::newest()) {
        if look_up(tx, name).await?.is_some() {
            present.push(name);
        }
    }
    if present.is_empty() {
        return Ok(());
    }
    let mut unfinished = 0;
    if present.contains(&"meta") {
        unfinished = on!(tx, c => sqlx::query_scalar::<_, i64>(SQL).bind(UNFINISHED).fetch_one(c).await)?;
    }
    if unfinished == 0 {
        return Err(Error::NotEmpty { database: database.to_string(), table: present[0].to_owned() });
    }
    for name in present.into_iter().rev() {
        run(tx, format!("DROP TABLE \"{name}\"")).await?;
    }
    Ok(())
}

/// Rows come table by table and a row may name one that comes later.
async fn check_references_later(tx: &mut Tx) -> Result<(), Error> {
    match tx.either() {
        Either::Sqlite(_) => run(tx, "PRAGMA defer_foreign_keys = ON".into()).await,
        Either::Postgres(_) => alter_references(tx, "DEFERRABLE INITIALLY DEFERRED").await,
    }
}

/// SQLite does so by itself when the transaction commits.
async fn check_references_now(tx: &mut Tx) -> Result<(), Error> {
    if matches!(tx.either(), Either::Postgres(_)) {
        run(tx, "SET CONSTRAINTS ALL IMMEDIATE".into()).await?;
        alter_references(tx, "NOT DEFERRABLE").await?;
    }
    Ok(())
}

async fn alter_references(tx: &mut Tx, how: &str) -> Result<(), Error> {
    const SQL: &str = "SELECT class.relname::text, constraint_.conname::text FROM pg_constraint AS constraint_ \
        JOIN pg_class AS class ON class.oid = constraint_.conrelid \
        WHERE constraint_.contype = 'f' AND class.relnamespace = current_schema()::regnamespace";
    let references: Vec<(String, String)> = match tx.either() {
        Either::Sqlite(_) => Vec::new(),
        Either::Postgres(connection) => sqlx::query_as(SQL).fetch_all(connection).await?,
    };
    let ours = migrations::tables(migrations::newest());
    for (table, reference) in references.into_iter().filter(|(table, _)| ours.contains(&table.as_str())) {
        run(tx, format!("ALTER TABLE \"{table}\" ALTER CONSTRAINT \"{reference}\" {how}")).await?;
    }
    Ok(())
}

async fn run(tx: &mut Tx, sql: String) -> Result<(), Error> {
    Ok(on!(tx, connection => sqlx::query(AssertSqlSafe(sql)).execute(connection).await.map(drop))?)
}

fn insert_statement(table: &Table, rows: usize) -> String {
    let width = table.columns.len();
    let columns: Vec<String> = table.columns.iter().map(|column| format!("\"{}\"", column.name)).collect();
    let row = |row: usize| {
        let places: Vec<String> = (1..=width).map(|place| format!("${}", row * width + place)).collect();
        format!("({})", places.join(", "))
    };
    let places: Vec<String> = (0..rows).map(row).collect();
    format!("INSERT INTO \"{}\" ({}) VALUES {}", table.name, columns.join(", "), places.join(", "))
}

/// A cell with its type, which Postgres wants to know of an absent one too.
enum Cell {
    Text(Option<String>),
    Integer(Option<i64>),
    Flag(Option<bool>),
    Number(Option<f64>),
}

fn read_line(table: &Table, line: &str) -> Result<Vec<Cell>, Error> {
    let refused = |reason: String| Error::record(format!("row of {}", table.name), reason);
    let values: Vec<Value> = serde_json::from_str(line).map_err(|error| refused(error.to_string()))?;
    if values.len() != table.columns.len() {
        return Err(refused(format!("it has {} cells instead of {}", values.len(), table.columns.len())));
    }
    let cell = |(column, value): (&super::Column, Value)| {
        read_cell(column.kind, &value).ok_or_else(|| refused(format!("{} cannot be {value}", column.name)))
    };
    table.columns.iter().zip(values).map(cell).collect()
}

/// The inverse of what `Picture::write_rows` writes; `None` for what it does not.
fn read_cell(kind: Kind, value: &Value) -> Option<Cell> {
    let is_null = value.is_null();
    Some(match kind {
        Kind::Text if is_null => Cell::Text(None),
        Kind::Integer if is_null => Cell::Integer(None),
        Kind::Flag if is_null => Cell::Flag(None),
        Kind::Number if is_null => Cell::Number(None),
        Kind::Text => Cell::Text(Some(value.as_str()?.to_owned())),
        Kind::Integer => Cell::Integer(Some(value.as_i64()?)),
        Kind::Flag => Cell::Flag(Some(value.as_bool()?)),
        Kind::Number => Cell::Number(Some(value.as_f64().or_else(|| value.as_str()?.parse().ok())?)),
    })
}
