//! Two databases, one SQL text: the connection pools, the transaction, and the macro that runs a query on either.
//!
//! `$1` works on both; times are BIGINT, documents TEXT, flags BOOLEAN, numbers DOUBLE PRECISION. No other file names
//! SQLite or Postgres, except where a statement has no common form.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection as _, PgConnection, PgPool, Postgres, Sqlite, SqliteConnection, SqlitePool, Transaction};
use tokio::sync::OwnedMutexGuard;

use crate::error::Error;
use crate::records::audit::{self, NewEntry};
use crate::trail::Trail;

/// How long a statement waits for another process that holds the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before a database that was busy is opened again.
const BETWEEN_TRIES: Duration = Duration::from_millis(10);
/// How long a call waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(30);
const SQLITE_CONNECTIONS: u32 = 8;
const POSTGRES_CONNECTIONS: u32 = 16;

/// Which database.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseAddress {
    /// The path of a SQLite file, which is made when it is not there.
    Sqlite(PathBuf),
    /// A Postgres URL, `postgres://user:password@host/database`.
    Postgres(String),
}

impl DatabaseAddress {
    /// Text that starts with `postgres://` or `postgresql://` is a URL, anything else the path of a SQLite file.
    pub fn parse(text: &str) -> Self {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Self::Postgres(text.to_owned());
        }
        Self::Sqlite(PathBuf::from(text.strip_prefix("sqlite://").unwrap_or(text)))
    }
}

impl fmt::Debug for DatabaseAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for DatabaseAddress {
    /// As a message may show it: without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "{}", path.display()),
            Self::Postgres(url) => {
                let place = url.split_once("://").map_or("", |(_, rest)| rest);
                let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
                write!(f, "postgres://{}", place.split('?').next().unwrap_or_default())
            }
        }
    }
}

/// A pool of connections to whichever database is configured.
#[derive(Debug, Clone)]
pub enum Db {
    /// SQLite.
    Sqlite(SqlitePool),
    /// Postgres.
    Postgres(PgPool),
}

/// The same thing of either database: what [`on!`] matches.
pub(crate) enum Either<S, P> {
    Sqlite(S),
    Postgres(P),
}

/// Runs one expression on whichever database is configured; it is type-checked once for each. Works on a [`Db`] (the
/// name is bound to a pool) and on a [`Tx`] (the name is bound to a connection).
macro_rules! on {
    ($db:expr, $it:ident => $body:expr) => {
        match $db.either() {
            $crate::db::Either::Sqlite($it) => $body,
            $crate::db::Either::Postgres($it) => $body,
        }
    };
}
pub(crate) use on;

impl Db {
    /// Connects. A SQLite file is made when it is not there; its schema is not touched.
    pub(crate) async fn open(address: &DatabaseAddress) -> Result<Self, Error> {
        let opened = match address {
            DatabaseAddress::Sqlite(path) => Self::sqlite(sqlite_options(path).create_if_missing(true)).await,
            DatabaseAddress::Postgres(url) => Self::postgres(url).await,
        };
        opened.map_err(|error| Error::Unreachable { database: address.to_string(), reason: error.to_string() })
    }

    /// Opens an existing database to look at it only; a SQLite file is not changed.
    pub(crate) async fn open_for_reading(address: &DatabaseAddress) -> Result<Self, Error> {
        let opened = match address {
            DatabaseAddress::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT).read_only(true);
                Self::sqlite(options).await
            }
            DatabaseAddress::Postgres(url) => Self::postgres(url).await,
        };
        opened.map_err(|error| Error::Unreachable { database: address.to_string(), reason: error.to_string() })
    }

    async fn sqlite(options: SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        let pool = SqlitePoolOptions::new().max_connections(SQLITE_CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT);
        // When the disk is full, SQLite rolls back by itself, sqlx's own rollback then fails, and the connection counts a
        // transaction that is none: every later one on it would fail. Such a connection is closed and another made.
        let pool = pool.before_acquire(|connection, _| {
            let is_sound = !connection.is_in_transaction();
            Box::pin(async move { Ok(is_sound) })
        });
        // Whoever makes a file's write-ahead log, or recovers it, locks others out, and SQLite then refuses at once
        // instead of waiting as it does elsewhere.
        let until = Instant::now() + BUSY_TIMEOUT;
        loop {
            match pool.clone().connect_with(options.clone()).await {
                Err(error) if is_busy(&error) && Instant::now() < until => tokio::time::sleep(BETWEEN_TRIES).await,
                opened => return Ok(Self::Sqlite(opened?)),
            }
        }
    }

    async fn postgres(url: &str) -> Result<Self, sqlx::Error> {
        let options = PgConnectOptions::from_str(url)?.application_name("meuse");
        let pool = PgPoolOptions::new().max_connections(POSTGRES_CONNECTIONS).acquire_timeout(ACQUIRE_TIMEOUT);
        Ok(Self::Postgres(pool.connect_with(options).await?))
    }

    pub(crate) fn either(&self) -> Either<&SqlitePool, &PgPool> {
        match self {
            Self::Sqlite(pool) => Either::Sqlite(pool),
            Self::Postgres(pool) => Either::Postgres(pool),
        }
    }

    pub(crate) async fn close(&self) {
        on!(self, pool => pool.close().await);
    }
}

/// `SQLITE_BUSY` or one of its kinds: the lowest byte of an extended code is the plain one.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    code.is_some_and(|code| code & 0xFF == 5)
}

fn sqlite_options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
}

/// A transaction. Dropped without [`Tx::commit`], it never happened.
pub struct Tx {
    connection: Connection,
    trail: Option<Arc<Trail>>,
    pending: Vec<NewEntry>,
    // Held until the transaction is over: see `Store::begin`.
    turn: Option<OwnedMutexGuard<()>>,
}

enum Connection {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub(crate) async fn begin(db: &Db, trail: Arc<Trail>, turn: Option<OwnedMutexGuard<()>>) -> Result<Self, Error> {
        let connection = match db {
            // A transaction that reads first and writes later would fail if another wrote in between.
            Db::Sqlite(pool) => Connection::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Db::Postgres(pool) => Connection::Postgres(pool.begin().await?),
        };
        Ok(Self { connection, trail: Some(trail), pending: Vec::new(), turn })
    }

    /// A transaction to migrate with, before there is a trail. On Postgres it waits for other migrations.
    pub(crate) async fn migrate(db: &Db) -> Result<Self, Error> {
        // Any number will do, so long as no other program uses it on the same database: "meuse" in ASCII.
        const LOCK: &str = "SELECT pg_advisory_xact_lock(470189208421)";
        let connection = match db {
            Db::Sqlite(pool) => Connection::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Db::Postgres(pool) => {
                let mut transaction = pool.begin().await?;
                sqlx::query(LOCK).execute(&mut *transaction).await?;
                Connection::Postgres(transaction)
            }
        };
        Ok(Self { connection, trail: None, pending: Vec::new(), turn: None })
    }

    /// A transaction that sees one state of the database however many statements it reads with.
    pub(crate) async fn snapshot(db: &Db) -> Result<Self, Error> {
        const REPEATABLE: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let connection = match db {
            Db::Sqlite(pool) => Connection::Sqlite(pool.begin().await?),
            Db::Postgres(pool) => Connection::Postgres(pool.begin_with(REPEATABLE).await?),
        };
        Ok(Self { connection, trail: None, pending: Vec::new(), turn: None })
    }

    pub(crate) fn either(&mut self) -> Either<&mut SqliteConnection, &mut PgConnection> {
        match &mut self.connection {
            Connection::Sqlite(transaction) => Either::Sqlite(&mut *transaction),
            Connection::Postgres(transaction) => Either::Postgres(&mut *transaction),
        }
    }

    pub(crate) fn audit(&mut self, entry: NewEntry) {
        self.pending.push(entry);
    }

    /// Writes the audit entries of this transaction as its last statements (the head's row makes writers queue, and
    /// so is held no longer than needed), commits, and notes the new head outside the database.
    pub async fn commit(mut self) -> Result<(), Error> {
        let trail = self.trail.take();
        let entries = std::mem::take(&mut self.pending);
        // What a failpoint can be told apart by: the first thing that was done, as the audit trail names it.
        let unnoted = if trail.is_none() { "schema" } else { "-" };
        let action = entries.first().map_or(unnoted, |entry| entry.action.as_str()).to_owned();
        let head = match &trail {
            Some(trail) if !entries.is_empty() => Some(audit::write(&mut self, trail, entries).await?),
            _ => None,
        };
        meuse_faults::reach_for("commit.before", &action);
        match self.connection {
            Connection::Sqlite(transaction) => transaction.commit().await?,
            Connection::Postgres(transaction) => transaction.commit().await?,
        }
        meuse_faults::reach_for("commit.after", &action);
        drop(self.turn);
        if let (Some(trail), Some(head)) = (trail, head) {
            trail.note(head).await;
        }
        Ok(())
    }
}
