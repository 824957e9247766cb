//! Data: turns an uploaded file into a dataset version, and a dataset version into a table or a file.
//!
//! DuckDB reads and computes; this crate decides what a file may be, what its columns are, and says in a person's words
//! what is wrong with it. It runs in a child process (`meuse-job`), is synchronous, and knows nothing of records, jobs
//! or protocols. To stop it, end the process: nothing outside `out` and its parent is written.

mod database;
mod error;
mod export;
mod images;
mod import;
mod profile;
mod read;
mod texts;

use meuse_core::events::Level;

pub use database::duckdb_version;
pub use error::Error;
pub use export::export_csv;
pub use import::import;
pub use read::read_table;

/// Who is told how the work goes.
pub trait Watch {
    /// `done` of `total` units of the named stage are done; a `total` of 0 is unknown.
    fn progress(&self, stage: &str, done: u64, total: u64);
    /// A line for a person.
    fn log(&self, level: Level, message: &str);
}
