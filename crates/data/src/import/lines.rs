//! JSON lines as a source: one object per line, its fields are the columns. DuckDB reads them, typed by all lines, into a
//! temporary Parquet file, which then goes the road of any Parquet file.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::{Map, Value};

use super::Work;
use crate::{Error, database};

/// The temporary Parquet file's name.
pub(super) const COPY: &str = "lines.parquet";
/// The longest line, in bytes; DuckDB takes twice as much memory per thread.
const LONGEST: usize = 16 << 20;

/// Whether a file that begins so is one of JSON lines.
pub(super) fn is_begun_by(start: &[u8]) -> bool {
    start.trim_ascii_start().starts_with(b"{")
}

/// Reads the source into the Parquet file `copy`.
pub(super) fn to_parquet(work: &Work, copy: &Path) -> Result<(), Error> {
    work.watch.progress("read lines", 0, 0);
    let sql = format!(
        "COPY (SELECT * FROM read_json({}, format = 'newline_delimited', sample_size = -1, \
         maximum_object_size = {LONGEST}, convert_strings_to_integers = false, field_appearance_threshold = 0, \
         map_inference_threshold = -1)) TO {} (FORMAT parquet, USE_TMP_FILE false)",
        database::path(&work.spec.source)?,
        database::path(copy)?
    );
    work.connection.execute(&sql, []).map_err(|error| refused(&work.spec.source, error.into()))?;
    work.watch.progress("read lines", 1, 1);
    Ok(())
}

/// The first line that is no object, as a refusal that names it; without one, what DuckDB says.
fn refused(source: &Path, error: Error) -> Error {
    let Error::Database(text) = error else { return error };
    if !text.contains("JSON") {
        return Error::Database(text);
    }
    let Ok(file) = File::open(source) else { return Error::Database(text) };
    for (index, line) in BufReader::new(file).split(b'\n').map_while(Result::ok).enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let Err(error) = serde_json::from_slice::<Map<String, Value>>(&line) else { continue };
        let why = error.to_string();
        let why = why.split(" at line").next().unwrap_or_default();
        let message = format!("it is not a JSON object: {why} (character {})", error.column());
        return Error::refused(format!("line {}", index + 1), message, HINT);
    }
    let first = text.lines().next().unwrap_or_default();
    Error::refused("", format!("the file is not JSON lines: {}", without_paths(first)), HINT)
}

const HINT: &str = "write one object per line, as in {\"text\": \"…\", \"label\": \"…\"}";

/// DuckDB names the file where it lies on the server, which is nothing to the one who sent it.
fn without_paths(text: &str) -> String {
    let is_path = |word: &str| word.trim_start_matches(['\'', '"']).starts_with('/');
    text.split(' ').map(|word| if is_path(word) { "the file" } else { word }).collect::<Vec<_>>().join(" ")
}
