//! Files of named tensors in the safetensors format: eight bytes of length, a JSON table, numbers. Reading one executes
//! nothing and believes nothing: every offset is checked, and the file must be exactly as long as its table says.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Error;

/// The longest table that is read; thousands of tensors need less.
const LONGEST_TABLE: u64 = 64 << 20;
const METADATA: &str = "__metadata__";
/// Numbers that are written together.
const NUMBERS_AT_ONCE: usize = 1 << 18;

/// A named tensor of 32-bit floats.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Its name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its numbers, row after row.
    pub values: Vec<f32>,
}

/// What a file holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Contents {
    /// Texts by name.
    pub metadata: BTreeMap<String, String>,
    /// Tensors.
    pub tensors: Vec<Named>,
}

/// A line of the table.
#[derive(Serialize, Deserialize)]
pub(crate) struct Entry {
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) data_offsets: [usize; 2],
}

/// What stands before the numbers.
pub(crate) struct Table {
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) entries: Vec<(String, Entry)>,
    /// The first byte of the numbers, from which the table counts.
    pub(crate) data: usize,
}

/// Writes a file whole: under a temporary name, synced, renamed. What stood there before stays when this fails.
///
/// # Errors
/// [`Error::File`].
pub fn write(path: &Path, contents: &Contents) -> Result<(), Error> {
    let temporary = path.with_extension("new");
    let failed = |source| Error::File { verb: "write", path: path.to_owned(), source };
    let head = head(contents).map_err(failed)?;
    let write = || {
        let mut file = File::create(&temporary)?;
        meuse_faults::pass("checkpoint.begun")?;
        file.write_all(&head)?;
        // Piece by piece: what is written may be as large as half of the memory.
        for numbers in contents.tensors.iter().flat_map(|tensor| tensor.values.chunks(NUMBERS_AT_ONCE)) {
            let bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            file.write_all(&bytes)?;
        }
        file.sync_all()?;
        meuse_faults::pass("checkpoint.drafted")?;
        std::fs::rename(&temporary, path)?;
        meuse_faults::reach("checkpoint.renamed");
        path.parent().map_or(Ok(()), |folder| File::open(folder).and_then(|folder| folder.sync_all()))
    };
    write().map_err(|error| {
        // A draft of no use takes room, which may be what was missing.
        let _ = std::fs::remove_file(&temporary);
        failed(error)
    })
}

/// What stands before the numbers: the length of the table, and the table.
fn head(contents: &Contents) -> std::io::Result<Vec<u8>> {
    let mut table = serde_json::Map::new();
    table.insert(METADATA.to_owned(), serde_json::to_value(&contents.metadata)?);
    let mut end = 0;
    for tensor in &contents.tensors {
        let start = end;
        end += tensor.values.len() * size_of::<f32>();
        let entry = Entry { dtype: "F32".into(), shape: tensor.shape.clone(), data_offsets: [start, end] };
        table.insert(tensor.name.clone(), serde_json::to_value(entry)?);
    }
    let mut table = serde_json::to_vec(&table)?;
    table.resize(table.len().next_multiple_of(8), b' ');
    Ok([(table.len() as u64).to_le_bytes().as_slice(), &table].concat())
}

/// Reads a file of 32-bit floats.
///
/// # Errors
/// [`Error::Damaged`] when it is cut short, too long, or not such a file; [`Error::File`].
pub fn read(path: &Path) -> Result<Contents, Error> {
    let failed = |source| Error::File { verb: "read", path: path.to_owned(), source };
    let damaged = |reason: String| Error::Damaged { path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(failed)?;
    let table = table(&bytes).map_err(damaged)?;
    let data = &bytes[table.data..];
    let mut tensors = Vec::with_capacity(table.entries.len());
    for (name, entry) in table.entries {
        tensors.push(tensor(name, entry, data).map_err(damaged)?);
    }
    Ok(Contents { metadata: table.metadata, tensors })
}

/// Reads the table of a file, whose numbers must end where it says.
pub(crate) fn table(bytes: &[u8]) -> Result<Table, String> {
    let (head, rest) = bytes.split_first_chunk().ok_or("it is cut short")?;
    let length = u64::from_le_bytes(*head);
    if length > LONGEST_TABLE || length > rest.len() as u64 {
        return Err("it is cut short, or no safetensors file".into());
    }
    let (text, data) = rest.split_at(length as usize);
    let mut lines: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(text).map_err(|error| format!("its table is no JSON: {error}"))?;
    let metadata = match lines.remove(METADATA) {
        Some(texts) => serde_json::from_value(texts).map_err(|error| format!("its metadata: {error}"))?,
        None => BTreeMap::new(),
    };
    let mut entries = Vec::with_capacity(lines.len());
    let mut furthest = 0;
    for (name, line) in lines {
        let entry: Entry = serde_json::from_value(line).map_err(|error| format!("`{name}`: {error}"))?;
        furthest = furthest.max(entry.data_offsets[0]).max(entry.data_offsets[1]);
        entries.push((name, entry));
    }
    match data.len() {
        length if length < furthest => Err("its last tensor lies beyond the end: the file is cut short".into()),
        length if length > furthest => {
            Err(format!("it holds {length} bytes of numbers and its table names {furthest}"))
        }
        _ => Ok(Table { metadata, entries, data: head.len() + text.len() }),
    }
}

fn tensor(name: String, entry: Entry, data: &[u8]) -> Result<Named, String> {
    let [start, end] = entry.data_offsets;
    let count = entry.shape.iter().try_fold(1_usize, |count, side| count.checked_mul(*side));
    if entry.dtype != "F32" {
        return Err(format!("`{name}` is {} and not F32", entry.dtype));
    }
    let bytes = data.get(start..end).ok_or_else(|| format!("`{name}` lies beyond the end: the file is cut short"))?;
    if count.and_then(|count| count.checked_mul(size_of::<f32>())) != Some(bytes.len()) {
        return Err(format!("`{name}` has {} bytes, which is not its shape", bytes.len()));
    }
    let values = bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect();
    Ok(Named { name, shape: entry.shape, values })
}
