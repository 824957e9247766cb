//! Homes of earlier releases, as `tests/fixtures/homes` keeps them: something real to open, back up and restore without
//! training first.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::{checkout, meuse, told};

/// A release's folder of fixtures.
pub(crate) struct Release {
    folder: PathBuf,
}

impl Release {
    /// Every release that left a home.
    pub(crate) fn all() -> Vec<Self> {
        let entries = std::fs::read_dir(checkout().join("tests/fixtures/homes")).expect("the fixtures").flatten();
        let folders = entries.map(|entry| entry.path()).filter(|path| path.join("home.tar.gz").exists());
        let releases: Vec<Self> = folders.map(|folder| Self { folder }).collect();
        assert!(!releases.is_empty(), "there is no home of an earlier release");
        releases
    }

    /// The one that tests use which only need some home.
    pub(crate) fn first() -> Self {
        Self { folder: checkout().join("tests/fixtures/homes/0.1.0") }
    }

    /// Its number.
    pub(crate) fn version(&self) -> String {
        self.folder.file_name().expect("a folder has a name").to_string_lossy().into_owned()
    }

    /// A folder with the release's home in it, called `home`.
    pub(crate) fn unpack(&self) -> TempDir {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        untar(&self.folder.join("home.tar.gz"), scratch.path());
        scratch
    }

    /// Its keys, and what it answered.
    pub(crate) fn expected(&self) -> Value {
        document(&self.folder.join("expected.json"))
    }

    /// Every record, as SQLite had it.
    pub(crate) fn records(&self) -> Value {
        document(&self.folder.join("records.json"))
    }
}

/// A JSON file.
pub(crate) fn document(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// Unpacks a tar with tar itself.
pub(crate) fn untar(archive: &Path, folder: &Path) {
    let output = Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(folder).output().expect("tar runs");
    assert!(output.status.success(), "{}: {}", archive.display(), told(&output));
}

/// Every record of a SQLite file, read without any code of ours.
pub(crate) fn records_of(database: &Path) -> Value {
    const SCRIPT: &str = "import json, sqlite3, sys\n\
        database = sqlite3.connect('file:' + sys.argv[1] + '?mode=ro', uri=True)\n\
        tables = [name for (name,) in database.execute(\"SELECT name FROM sqlite_master WHERE type = 'table'\")]\n\
        rows = lambda table: [list(row) for row in database.execute(f'SELECT * FROM \"{table}\" ORDER BY 1, 2')]\n\
        print(json.dumps({table: rows(table) for table in tables}))";
    let output = Command::new("python3").arg("-c").arg(SCRIPT).arg(database).output().expect("python3 runs");
    assert!(output.status.success(), "{}", told(&output));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Runs `meuse` without a server; it must succeed. Its standard output.
pub(crate) fn run(scratch: &Path, arguments: &[&str]) -> String {
    let output = meuse(scratch).args(arguments).output().expect("meuse runs");
    assert!(output.status.success(), "meuse {arguments:?} failed: {}", told(&output));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// Runs `meuse` without a server; it must fail. What it said on standard error.
pub(crate) fn fails(scratch: &Path, arguments: &[&str]) -> String {
    let output = meuse(scratch).args(arguments).output().expect("meuse runs");
    assert!(!output.status.success(), "meuse {arguments:?} succeeded: {}", String::from_utf8_lossy(&output.stdout));
    told(&output)
}
