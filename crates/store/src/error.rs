//! What can go wrong when things are kept: a variant per thing that a caller decides on.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::blobs::Digest;

/// Why something could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A record with the same unique fields is there already.
    #[error("there is such a record already: {0}")]
    Duplicate(String),
    /// Another record still needs this one, or the one that it names is gone.
    #[error("another record depends on it: {0}")]
    Referenced(String),
    /// Somebody else holds the database.
    #[error("the database is busy: {0}")]
    Busy(String),
    /// The database was brought to its schema by a newer Meuse.
    #[error(
        "the database {database} has schema {found}, written by meuse {newer}; this is meuse {this}, which knows \
         schemas up to {known}: start it with meuse {newer} or later, or restore a backup that was made before"
    )]
    Newer {
        /// The database, without its password.
        database: String,
        /// Its schema.
        found: i64,
        /// The program that wrote that schema.
        newer: String,
        /// The newest schema of this program.
        known: i64,
        /// This program's version.
        this: String,
    },
    /// The database has no schema yet.
    #[error("the database {0} holds no records of Meuse: start `meuse serve` on it once")]
    Empty(String),
    /// The database, which should be filled, is not empty.
    #[error(
        "the database {database} is not empty (there is a table `{table}`), and nothing is written over: give an empty \
         one"
    )]
    NotEmpty {
        /// The database, without its password.
        database: String,
        /// A table that is there.
        table: String,
    },
    /// The database was made with another secret.
    #[error(
        "the secret of this home is not the one that the database was made with, so no key and no audit entry in it \
         could be checked: put the file `secret` of the home that made the database in its place"
    )]
    OtherSecret,
    /// The secret cannot be read.
    #[error("{0}: a secret is 64 hexadecimal digits: restore it from a backup of the home")]
    BadSecret(PathBuf),
    /// What stands at the address is no database.
    #[error("cannot open the database {database}: {reason}")]
    Unreachable {
        /// The database, without its password.
        database: String,
        /// What it said.
        reason: String,
    },
    /// The database refused.
    #[error("the database failed: {0}")]
    Database(#[source] sqlx::Error),
    /// A record does not hold what it should.
    #[error("the record {record} is damaged: {reason}")]
    Record {
        /// Which one.
        record: String,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such blob.
    #[error("blob {0} is not there: restore it from a backup")]
    NoBlob(Digest),
    /// A blob's bytes are not what was put.
    #[error("blob {digest} is damaged ({reason}): restore {} from a backup", path.display())]
    DamagedBlob {
        /// The blob.
        digest: Digest,
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The database may lack records of what the blobs hold.
    #[error(
        "the database lacks the newest noted audit entry, so it may be older than the blobs; nothing is swept: put the \
         right database back, or move the file `audit.head` away to accept this one"
    )]
    Older,
    /// There is no room.
    #[error("the disk that holds {0} is full: make room there, then try again")]
    Full(String),
    /// The file system refused.
    #[error("{}: {source}", path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
}

impl Error {
    /// For `map_err`: the file system refused something about `path`.
    pub(crate) fn file(path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full(path.display().to_string()),
            _ => Self::File { path, source },
        }
    }

    /// For a document or word in a record that cannot be understood.
    pub fn record(record: impl Into<String>, reason: impl ToString) -> Self {
        Self::Record { record: record.into(), reason: reason.to_string() }
    }
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        let Some(database) = error.as_database_error() else {
            return match error {
                sqlx::Error::PoolTimedOut => Self::Busy("no connection became free in time".into()),
                error => Self::Database(error),
            };
        };
        let message = database.message().to_owned();
        if database.is_unique_violation() {
            return Self::Duplicate(message);
        }
        if database.is_foreign_key_violation() {
            return Self::Referenced(message);
        }
        // SQLITE_BUSY (5) and SQLITE_LOCKED (6) with their extended codes; Postgres: lock not available, deadlock.
        let code = database.code().unwrap_or_default().into_owned();
        // SQLITE_FULL, SQLITE_IOERR_SHMSIZE; Postgres: disk full.
        if matches!(code.as_str(), "13" | "4874" | "53100") {
            return Self::Full("the database".into());
        }
        let sqlite_busy = code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 5 | 6)) && code.len() < 5;
        if sqlite_busy || code == "55P03" || code == "40P01" {
            return Self::Busy(message);
        }
        Self::Database(error)
    }
}
