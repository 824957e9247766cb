//! What can go wrong with data.

use std::path::{Path, PathBuf};

use meuse_core::events::Failure;

/// What can go wrong with data. A caller decides on one thing: whether trying again could help.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The input, or what the job may use, cannot do; trying again does not change that.
    #[error("{0}")]
    Refused(Failure),
    /// A file could not be read or written.
    #[error("cannot {action} `{}`", path.display())]
    File {
        /// What was tried: `read`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The Parquet file could not be made, for a reason that is neither the disk's nor the input's.
    #[error("the Parquet file cannot be written: {0}")]
    Parquet(String),
    /// DuckDB failed for a reason that is not the input's.
    #[error("DuckDB: {0}")]
    Database(String),
}

impl Error {
    /// A refusal: where in the input, what is wrong with it, what to do.
    pub(crate) fn refused(field: impl Into<String>, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused(Failure { field: field.into(), message: message.into(), hint: hint.into() })
    }

    /// An error of reading `path`.
    pub(crate) fn reading(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { action: "read", path, source }
    }

    /// An error of writing `path`.
    pub(crate) fn writing(path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { action: "write", path, source }
    }
}

impl From<duckdb::Error> for Error {
    fn from(error: duckdb::Error) -> Self {
        let text = match error {
            duckdb::Error::DuckDBFailure(_, Some(text)) => text,
            other => other.to_string(),
        };
        if text.contains("Out of Memory Error") {
            let first = text.lines().next().unwrap_or_default();
            return Self::refused("", format!("the memory limit is too small: {first}"), "give jobs more memory");
        }
        Self::Database(text)
    }
}
