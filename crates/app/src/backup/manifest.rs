//! What a backup says of itself: its first entry, and its last.

use meuse_core::time::Micros;
use meuse_store::Head;
use meuse_store::backup::Table;
use serde::{Deserialize, Serialize};

/// The name of the first entry.
pub(super) const MANIFEST: &str = "meuse-backup.json";
/// The entry of the secret.
pub(super) const SECRET: &str = "secret";
/// The last entry of a whole backup.
pub(super) const END: &str = "end.json";
/// The last entry of one that could not be finished.
pub(super) const FAILED: &str = "failed.json";
/// The format that this program writes, and the only one that it reads.
pub(super) const FORMAT: u32 = 1;
/// The most bytes of the manifest, and of the last entry.
pub(super) const MOST: u64 = 16 << 20;

/// The entry of a table's rows.
pub(super) fn rows_entry(table: &str) -> String {
    format!("records/{table}.jsonl")
}

/// The entry of a blob.
pub(super) fn blob_entry(digest: impl std::fmt::Display) -> String {
    format!("blobs/{digest}")
}

/// The first entry: what will follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of the format.
    pub format: u32,
    /// The version of Meuse that wrote it.
    pub meuse: String,
    /// The schema of its records.
    pub schema: i64,
    /// The instant of which it is.
    pub taken_at: Micros,
    /// The number of the newest audit entry.
    pub audit_seq: i64,
    /// The code of the newest audit entry.
    pub audit_mac: String,
    /// SHA-256 of the entry `secret`.
    pub secret_sha256: String,
    /// The tables, in the order in which they follow.
    pub tables: Vec<TableRows>,
    /// How many blobs follow.
    pub blobs: u64,
    /// How many bytes all entries after this one have, but the last.
    pub content_bytes: u64,
}

/// A table and its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableRows {
    /// Name and columns.
    pub table: Table,
    /// How many rows it has.
    pub rows: u64,
    /// SHA-256 of its entry.
    pub sha256: String,
}

impl Manifest {
    /// The newest audit entry.
    pub(super) fn head(&self) -> Head {
        Head { seq: self.audit_seq, mac: self.audit_mac.clone() }
    }

    /// How many records there are.
    pub fn records(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}

/// The manifest of whatever format: enough to tell whether it can be read.
#[derive(Debug, Deserialize)]
pub(super) struct AnyManifest {
    pub(super) format: u32,
    pub(super) meuse: String,
    pub(super) schema: i64,
}

/// The last entry: everything before it came, and is this.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct End {
    /// SHA-256 over the whole file up to this entry.
    pub(super) sha256: String,
}

/// The last entry of a backup that could not be finished.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failed {
    /// Why.
    pub(super) reason: String,
}
