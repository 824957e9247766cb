//! A dataset version as CSV: UTF-8, a header, LF, quotes where needed, an empty cell for missing.
//!
//! Reading it back gives the same cells. A text column whose every text is a number, a date or a truth value comes back
//! as that: CSV has no types.

use std::path::Path;

use meuse_core::job::ExportSpec;

use crate::{Error, Watch, database};

/// Writes `data.csv` into `out`, which exists.
pub fn export_csv(spec: &ExportSpec, out: &Path, watch: &dyn Watch) -> Result<(), Error> {
    let file = out.join("data.csv");
    let beside = out.parent().unwrap_or(out);
    let temporary = tempfile::tempdir_in(beside).map_err(Error::writing(beside))?;
    let connection = database::open(spec.limits, temporary.path(), &[&spec.data, &file])?;
    watch.progress("write CSV", 0, 0);
    connection.execute_batch(&format!(
        "COPY (SELECT * FROM read_parquet({})) TO {} \
         (FORMAT csv, HEADER, DELIMITER ',', QUOTE '\"', ESCAPE '\"', NULLSTR '', USE_TMP_FILE false)",
        database::path(&spec.data)?,
        database::path(&file)?
    ))?;
    watch.progress("write CSV", 1, 1);
    Ok(())
}
