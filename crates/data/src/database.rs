//! A DuckDB that may touch the files it was given and nothing else.

use std::fmt::Write as _;
use std::path::Path;

use duckdb::{Config, Connection};
use meuse_core::job::Limits;
use meuse_core::native;

use crate::Error;

/// The text as an SQL string.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// The path as an SQL string.
pub(crate) fn path(value: &Path) -> Result<String, Error> {
    let utf8 = value.to_str().ok_or_else(|| {
        Error::refused("", format!("the path {} is not UTF-8", value.display()), "choose another home folder")
    })?;
    Ok(text(utf8))
}

/// The name as an SQL identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// An empty database in memory that spills into `temporary` and may open `allowed`, whatever a query says. Opening one
/// costs a job 20 MiB and more, so nobody does who can read a file without it.
///
/// `temp_file_encryption` stays off: this build of DuckDB refuses to write encrypted files unless told to use a random
/// generator that it calls unsafe, and the uploaded file lies in clear in the same private folder.
pub(crate) fn open(limits: Limits, temporary: &Path, allowed: &[&Path]) -> Result<Connection, Error> {
    let config = Config::default()
        .enable_autoload_extension(false)?
        .threads(limits.threads.max(1) as i64)?
        .max_memory(&format!("{}MiB", limits.memory_mib.max(64)))?
        .with("temp_directory", temporary.to_string_lossy())?
        .with("preserve_insertion_order", "true")?;
    let connection = Connection::open_in_memory_with_flags(config)?;
    require_version(&connection)?;
    let mut paths = String::new();
    for file in allowed {
        let separator = if paths.is_empty() { "" } else { ", " };
        let _ = write!(paths, "{separator}{}", path(file)?);
    }
    connection.execute_batch(&format!(
        "SET TimeZone = 'UTC'; SET allowed_paths = [{paths}]; SET enable_external_access = false; \
         SET lock_configuration = true"
    ))?;
    Ok(connection)
}

/// The version of the DuckDB library that is loaded, as in `1.5.6`.
pub fn duckdb_version() -> Result<String, Error> {
    version_of(&Connection::open_in_memory()?)
}

fn version_of(connection: &Connection) -> Result<String, Error> {
    let version: String = connection.query_row("SELECT library_version FROM pragma_version()", [], |row| row.get(0))?;
    Ok(version.trim_start_matches('v').to_owned())
}

/// Refuses a DuckDB library of another version than Meuse is built for.
fn require_version(connection: &Connection) -> Result<(), Error> {
    let found = version_of(connection)?;
    let wanted = native::DUCKDB_VERSION;
    if found == wanted {
        return Ok(());
    }
    let message = format!("{} is version {found}, and Meuse is built for {wanted}", native::DUCKDB);
    Err(Error::refused("", message, "run `scripts/setup`, which installs the right one"))
}
