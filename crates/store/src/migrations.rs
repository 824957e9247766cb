//! Brings a database to this program's schema, under a lock, at every start.
//!
//! A schema is never edited once it was released: a change is a new entry at the end of [`MIGRATIONS`].

use sqlx::AssertSqlSafe;

use crate::db::{DatabaseAddress, Db, Tx, on};
use crate::error::Error;

/// The version of this program, as it is noted in databases.
const THIS: &str = env!("CARGO_PKG_VERSION");

/// Each step of the schema, from 1, as one or more SQL files that work on both databases.
const MIGRATIONS: &[&[&str]] = &[
    &[
        include_str!("../migrations/0001_meta.sql"),
        include_str!("../migrations/0001_access.sql"),
        include_str!("../migrations/0001_audit.sql"),
        include_str!("../migrations/0001_datasets.sql"),
        include_str!("../migrations/0001_jobs.sql"),
        include_str!("../migrations/0001_models.sql"),
    ],
    &[include_str!("../migrations/0002_sessions.sql"), include_str!("../migrations/0002_jobs.sql")],
    &[include_str!("../migrations/0003_media.sql")],
];

/// Where it is noted which steps a database has been through.
const LEDGER: &str = "CREATE TABLE IF NOT EXISTS meuse_schema \
    (version BIGINT PRIMARY KEY, meuse TEXT NOT NULL)";

/// Applies what is missing, all or nothing.
pub(crate) async fn run(db: &Db, database: &DatabaseAddress) -> Result<(), Error> {
    const NOTE: &str = "INSERT INTO meuse_schema (version, meuse) VALUES ($1, $2)";
    let mut tx = Tx::migrate(db).await?;
    on!(tx, connection => sqlx::query(LEDGER).execute(connection).await.map(drop))?;
    let present = current(&mut tx, database).await?;
    for (step, files) in MIGRATIONS.iter().enumerate().skip(present as usize) {
        apply(&mut tx, files).await?;
        on!(tx, connection => sqlx::query(NOTE).bind(step as i64 + 1).bind(THIS).execute(connection).await.map(drop))?;
    }
    tx.commit().await
}

async fn apply(tx: &mut Tx, files: &[&'static str]) -> Result<(), Error> {
    for sql in files {
        on!(tx, connection => sqlx::raw_sql(AssertSqlSafe(*sql)).execute(connection).await.map(drop))?;
        meuse_faults::reach("migration.step");
    }
    Ok(())
}

/// Makes an earlier schema in an empty database, whose ledger is filled by whoever fills the database.
pub(crate) async fn make(tx: &mut Tx, schema: i64) -> Result<(), Error> {
    on!(tx, connection => sqlx::query(LEDGER).execute(connection).await.map(drop))?;
    for files in MIGRATIONS.iter().take(schema.max(0) as usize) {
        apply(tx, files).await?;
    }
    Ok(())
}

/// The newest schema of this program.
pub(crate) fn newest() -> i64 {
    MIGRATIONS.len() as i64
}

/// The tables of a schema, in the order in which they were made; the ledger is the first.
pub(crate) fn tables(schema: i64) -> Vec<&'static str> {
    let files = MIGRATIONS.iter().take(schema.max(0) as usize).copied().flatten();
    let made = files.flat_map(|sql| sql.lines()).filter_map(|line| line.strip_prefix("CREATE TABLE "));
    let names = made.filter_map(|rest| rest.split_whitespace().next());
    ["meuse_schema"].into_iter().chain(names).collect()
}

/// The schema of a database that this program can read, perhaps an earlier one.
pub(crate) async fn present(tx: &mut Tx, database: &DatabaseAddress) -> Result<i64, Error> {
    match current(tx, database).await {
        Ok(schema) if schema > 0 => Ok(schema),
        Err(error @ Error::Newer { .. }) => Err(error),
        _ => Err(Error::Empty(database.to_string())),
    }
}

/// Refuses a database that this program cannot read as it stands; changes nothing.
pub(crate) async fn check(db: &Db, database: &DatabaseAddress) -> Result<(), Error> {
    let mut tx = Tx::snapshot(db).await?;
    let present = current(&mut tx, database).await;
    match present {
        Ok(version) if version == MIGRATIONS.len() as i64 => Ok(()),
        Err(error @ Error::Newer { .. }) => Err(error),
        _ => Err(Error::Empty(database.to_string())),
    }
}

async fn current(tx: &mut Tx, database: &DatabaseAddress) -> Result<i64, Error> {
    const SQL: &str = "SELECT version, meuse FROM meuse_schema ORDER BY version DESC LIMIT 1";
    let newest: Option<(i64, String)> = on!(tx, connection => sqlx::query_as(SQL).fetch_optional(connection).await)?;
    let known = MIGRATIONS.len() as i64;
    match newest {
        None => Ok(0),
        Some((found, _)) if found <= known => Ok(found),
        Some((found, newer)) => {
            Err(Error::Newer { database: database.to_string(), found, newer, known, this: THIS.to_owned() })
        }
    }
}
