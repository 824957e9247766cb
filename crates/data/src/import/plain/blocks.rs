//! A file in blocks that end where records end.
//!
//! A line end is the end of a record when an even number of quotes stands before it: in a file whose quotes are doubled
//! inside quotes, that is what being outside means. A file whose quotes stand elsewhere is found out by the lexer.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::Error;

/// Bytes of text in a block, about: the rows of one group of the Parquet file.
const SIZE: usize = 12 << 20;
/// A file that is no larger than a few blocks is divided into smaller ones, so that several threads have work.
const PARTS: u64 = 8;
const SMALLEST: usize = 1 << 20;

/// Whole records.
pub(super) struct Block {
    /// From 0, in the order of the file.
    pub(super) number: usize,
    pub(super) bytes: Vec<u8>,
}

/// The blocks of a file.
pub(super) struct Blocks {
    file: File,
    path: std::path::PathBuf,
    total: u64,
    /// Bytes of a block, about.
    size: usize,
    /// The beginning of the record that the last block left off at.
    rest: Vec<u8>,
    /// Where each block ends, in bytes.
    ends: Vec<u64>,
    skip_header: bool,
    at_end: bool,
}

impl Blocks {
    /// The blocks of a file from the byte `begins_at` on.
    pub(super) fn open(path: &Path, begins_at: u64, has_header: bool) -> Result<Self, Error> {
        let mut file = File::open(path).map_err(Error::reading(path))?;
        let total = file.metadata().map_err(Error::reading(path))?.len().saturating_sub(begins_at);
        file.seek(SeekFrom::Start(begins_at)).map_err(Error::reading(path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            total,
            size: usize::try_from(total / PARTS).unwrap_or(SIZE).clamp(SMALLEST, SIZE),
            rest: Vec::new(),
            ends: Vec::new(),
            skip_header: has_header,
            at_end: false,
        })
    }

    /// The size of the file in bytes.
    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Where the first `count` blocks end.
    pub(super) fn bytes_of(&self, count: usize) -> u64 {
        count.checked_sub(1).and_then(|last| self.ends.get(last)).copied().unwrap_or(0)
    }

    /// The next block; `Some(Ok(None))` after the last one, `None` when a record is longer than a block.
    pub(super) fn next(&mut self) -> Option<Result<Option<Block>, Error>> {
        if self.at_end {
            return Some(Ok(None));
        }
        let mut bytes = Vec::with_capacity(self.size + (64 << 10));
        bytes.append(&mut self.rest);
        let wanted = self.size.saturating_sub(bytes.len()) as u64;
        let read = (&mut self.file).take(wanted).read_to_end(&mut bytes);
        match read {
            Err(error) => return Some(Err(Error::reading(&self.path)(error))),
            Ok(count) => self.at_end = (count as u64) < wanted,
        }
        let from = if self.ends.is_empty() { self.start_of_rows(&bytes)? } else { 0 };
        if !self.at_end {
            let end = end_of_records(&bytes[from..])? + from;
            self.rest.extend_from_slice(&bytes[end..]);
            bytes.truncate(end);
        }
        if from > 0 {
            bytes.drain(..from);
        }
        let number = self.ends.len();
        self.ends.push(self.ends.last().copied().unwrap_or(0) + (from + bytes.len()) as u64);
        Some(Ok(Some(Block { number, bytes })))
    }

    /// Past the byte order mark and the header record.
    fn start_of_rows(&self, bytes: &[u8]) -> Option<usize> {
        let mark = if bytes.starts_with(&[0xEF, 0xBB, 0xBF]) { 3 } else { 0 };
        if !self.skip_header {
            return Some(mark);
        }
        let mut inside = false;
        for (at, byte) in bytes.iter().enumerate().skip(mark) {
            match byte {
                b'"' => inside = !inside,
                b'\n' if !inside => return Some(at + 1),
                _ => {}
            }
        }
        self.at_end.then_some(bytes.len())
    }
}

/// Past the last line end that is outside quotes; the bytes begin at the beginning of a record.
pub(super) fn end_of_records(bytes: &[u8]) -> Option<usize> {
    let quotes: usize = bytes.iter().map(|byte| usize::from(*byte == b'"')).sum();
    let mut outside = quotes.is_multiple_of(2);
    for (at, byte) in bytes.iter().enumerate().rev() {
        match byte {
            b'"' => outside = !outside,
            b'\n' if outside => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_end_at_line_ends_outside_quotes() {
        let cases: [(&str, Option<usize>); 5] = [
            ("a,b\nc,d\ne", Some(8)),
            ("a,\"x\ny\"\nb,\"z\n", Some(8)),
            ("a,\"x \"\"\n\"\"\"\nb", Some(12)),
            ("no end", None),
            ("a\n", Some(2)),
        ];
        for (text, expected) in cases {
            assert_eq!(end_of_records(text.as_bytes()), expected, "{text:?}");
        }
    }
}
