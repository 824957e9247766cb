//! Backups taken apart, compared, and put together again otherwise than `meuse backup` would.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// An entry of a tar: its header and its content.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) header: [u8; 512],
    pub(crate) content: Vec<u8>,
}

impl Entry {
    pub(crate) fn new(name: &str, content: impl Into<Vec<u8>>) -> Self {
        let mut entry = Self { header: [0; 512], content: content.into() };
        entry.put(100, b"0000600\x000000000\x000000000\0");
        entry.put(136, b"15274041200\0");
        entry.put(156, b"0");
        entry.put(257, b"ustar\x0000");
        entry.put(329, b"0000000\x000000000\0");
        entry.rename(name);
        entry
    }

    pub(crate) fn name(&self) -> String {
        String::from_utf8_lossy(&self.header[..100]).trim_end_matches('\0').to_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.content).expect("JSON")
    }

    /// Its content as lines of JSON.
    pub(crate) fn rows(&self) -> Vec<Value> {
        let text = String::from_utf8(self.content.clone()).expect("UTF-8");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    pub(crate) fn rename(&mut self, name: &str) {
        self.put(0, &[0; 100]);
        self.put(0, name.as_bytes());
        self.seal();
    }

    /// Writes into the header.
    pub(crate) fn put(&mut self, at: usize, bytes: &[u8]) {
        self.header[at..at + bytes.len()].copy_from_slice(bytes);
    }

    /// Makes length and checksum true.
    pub(crate) fn seal(&mut self) {
        let length = format!("{:011o}\0", self.content.len());
        self.put(124, length.as_bytes());
        self.put(148, b"        ");
        let sum: u32 = self.header.iter().map(|byte| u32::from(*byte)).sum();
        self.put(148, format!("{sum:06o}\0 ").as_bytes());
    }
}

/// The entries of a tar.
pub(crate) fn entries(bytes: &[u8]) -> Vec<Entry> {
    let (mut entries, mut at) = (Vec::new(), 0);
    while bytes[at] != 0 {
        let header: [u8; 512] = bytes[at..at + 512].try_into().expect("a block");
        let digits = std::str::from_utf8(&header[124..135]).expect("digits");
        let length = usize::from_str_radix(digits, 8).expect("octal digits");
        entries.push(Entry { header, content: bytes[at + 512..at + 512 + length].to_vec() });
        at += 512 + length.next_multiple_of(512);
    }
    entries
}

/// The tar of these entries.
pub(crate) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for entry in entries {
        bytes.extend_from_slice(&entry.header);
        bytes.extend_from_slice(&entry.content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

/// Makes every hash and count in a backup true again, as whoever alters one on purpose would.
pub(crate) fn forge(mut entries: Vec<Entry>) -> Vec<u8> {
    entries.pop().expect("the end");
    let mut manifest = entries[0].json();
    manifest["secret_sha256"] = sha256(&entries[1].content).into();
    for table in manifest["tables"].as_array_mut().expect("tables") {
        let name = format!("records/{}.jsonl", table["table"]["name"].as_str().expect("a name"));
        let Some(rows) = entries.iter().find(|entry| entry.name() == name) else { continue };
        table["sha256"] = sha256(&rows.content).into();
        table["rows"] = rows.content.split_inclusive(|byte| *byte == b'\n').count().into();
    }
    manifest["blobs"] = entries.iter().filter(|entry| entry.name().starts_with("blobs/")).count().into();
    entries[0].content = serde_json::to_vec(&manifest).expect("JSON");
    entries[0].seal();
    let before = tar(&entries);
    let end = json!({ "sha256": sha256(&before[..before.len() - 1024]) });
    let mut last = Entry::new("end.json", serde_json::to_vec(&end).expect("JSON"));
    last.header[136..148].copy_from_slice(&entries[0].header[136..148]);
    last.seal();
    entries.push(last);
    tar(&entries)
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    hex::encode(sha2::Sha256::digest(bytes))
}

/// What a backup holds.
pub(crate) struct Contents {
    pub(crate) manifest: Value,
    pub(crate) tables: BTreeMap<String, Vec<Value>>,
    pub(crate) blobs: BTreeMap<String, Vec<u8>>,
}

impl Contents {
    pub(crate) fn read(path: &Path) -> Self {
        let entries = entries(&std::fs::read(path).expect("the backup"));
        let (mut tables, mut blobs) = (BTreeMap::new(), BTreeMap::new());
        for entry in &entries {
            let name = entry.name();
            if let Some(table) = name.strip_prefix("records/") {
                tables.insert(table.trim_end_matches(".jsonl").to_owned(), entry.rows());
            } else if let Some(digest) = name.strip_prefix("blobs/") {
                assert_eq!(sha256(&entry.content), digest);
                blobs.insert(digest.to_owned(), entry.content.clone());
            }
        }
        Self { manifest: entries[0].json(), tables, blobs }
    }
}

/// The contents of the blobs of a home, each without its header, read from their files.
pub(crate) fn blobs_of(home: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut blobs = BTreeMap::new();
    let folders = std::fs::read_dir(home.join("blobs/sha256")).expect("blobs").flatten();
    for entry in folders.flat_map(|folder| std::fs::read_dir(folder.path()).expect("blobs").flatten()) {
        let bytes = std::fs::read(entry.path()).expect("a blob");
        blobs.insert(entry.file_name().to_string_lossy().into_owned(), bytes[16..].to_vec());
    }
    blobs
}

/// What is in a folder, hidden things too.
pub(crate) fn listed(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.file_name().into()).collect();
    found.sort();
    found
}
