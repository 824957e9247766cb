//! What an import promises: every cell of a good file, and one clear sentence about a bad one.

// Test files are written where they are read best; a needless allocation costs nothing here.
#![allow(clippy::format_push_string, clippy::format_collect)]

mod bad_files;
mod encodings;
mod germancredit;
mod parquet;
mod pictures;
mod profile;
mod round_trip;
mod texts;
mod two_roads;
mod types;

use std::path::{Path, PathBuf};

use meuse_core::api::Preview;
use meuse_core::events::{Failure, Level};
use meuse_core::job::{ExportSpec, ImportOptions, ImportSpec, Limits};
use meuse_core::profile::{ColumnProfile, Profile};
use meuse_core::schema::{ColumnType, Schema};
use meuse_core::table::Table;
use meuse_data::{Error, Watch};
use tempfile::TempDir;

const LIMITS: Limits = Limits { threads: 2, memory_mib: 256 };

struct Silent;

impl Watch for Silent {
    fn progress(&self, _: &str, _: u64, _: u64) {}
    fn log(&self, _: Level, _: &str) {}
}

/// A dataset version in a folder of its own.
struct Imported {
    folder: TempDir,
    schema: Schema,
    profile: Profile,
    preview: Preview,
}

impl Imported {
    fn data(&self) -> PathBuf {
        self.folder.path().join("out/data.parquet")
    }

    fn table(&self) -> Table {
        meuse_data::read_table(&self.data(), &self.schema, None, LIMITS).expect("the table is read")
    }

    fn types(&self) -> Vec<ColumnType> {
        self.schema.columns.iter().map(|column| column.column_type).collect()
    }

    fn column(&self, name: &str) -> &ColumnProfile {
        self.profile.column(name).expect("the column is profiled")
    }

    fn csv(&self) -> Vec<u8> {
        let out = self.folder.path().join("exported");
        std::fs::create_dir(&out).expect("a folder is made");
        let spec = ExportSpec { data: self.data(), limits: LIMITS };
        meuse_data::export_csv(&spec, &out, &Silent).expect("the version is exported");
        std::fs::read(out.join("data.csv")).expect("the export is there")
    }

    fn cells(&self) -> Vec<Vec<String>> {
        let text = |cell: &serde_json::Value| cell.as_str().map_or_else(|| cell.to_string(), str::to_owned);
        self.preview.rows.iter().map(|row| row.iter().map(text).collect()).collect()
    }

    fn warnings(&self) -> String {
        self.profile.warnings.join("\n")
    }
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    serde_json::from_slice(&std::fs::read(path).expect("the file is there")).expect("the file is JSON")
}

fn try_import_with(source: &[u8], options: ImportOptions) -> Result<Imported, Error> {
    try_import_from(source, 0, options)
}

/// The import of a file that begins with something else.
fn import_behind(header: &str, source: &str) -> Imported {
    let bytes = format!("{header}{source}");
    try_import_from(bytes.as_bytes(), header.len() as u64, ImportOptions::default()).expect("the file is imported")
}

fn try_import_from(source: &[u8], begins_at: u64, options: ImportOptions) -> Result<Imported, Error> {
    let folder = tempfile::tempdir().expect("a folder is made");
    let (source_path, out) = (folder.path().join("source"), folder.path().join("out"));
    std::fs::write(&source_path, source).expect("the source is written");
    std::fs::create_dir(&out).expect("a folder is made");
    let spec = ImportSpec { source: source_path, begins_at, options, limits: LIMITS };
    let result = meuse_data::import(&spec, &out, &Silent);
    let left: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder is read").collect();
    assert_eq!(left.len(), 2, "only the source and the outputs are left: {left:?}");
    result?;
    let [schema, profile, preview] = ["schema", "profile", "preview"].map(|name| out.join(format!("{name}.json")));
    let (schema, profile, preview) = (read(&schema), read(&profile), read(&preview));
    Ok(Imported { folder, schema, profile, preview })
}

fn import_with(source: impl AsRef<[u8]>, options: ImportOptions) -> Imported {
    try_import_with(source.as_ref(), options).expect("the file is imported")
}

fn import(source: impl AsRef<[u8]>) -> Imported {
    import_with(source, ImportOptions::default())
}

/// What a refused import says.
fn refused_with(source: impl AsRef<[u8]>, options: ImportOptions) -> Failure {
    match try_import_with(source.as_ref(), options) {
        Err(Error::Refused(failure)) => failure,
        Err(other) => panic!("not a refusal: {other}"),
        Ok(imported) => panic!("it was imported: {:?}", imported.preview),
    }
}

fn refused(source: impl AsRef<[u8]>) -> Failure {
    refused_with(source, ImportOptions::default())
}
