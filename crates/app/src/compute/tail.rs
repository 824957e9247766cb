//! Reads the events of one attempt as its child appends them.
//!
//! The file is written by a child that may crash or lie: a torn last line is left for later, a line that is no event
//! is skipped (its number counts), and neither a line nor a look grows without bound. What is no plain file is not read.

use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use meuse_core::events::{self, Event};

use super::handed;

/// A longer line is no event.
const MAX_LINE: usize = 64 << 10;
/// The most bytes of one look.
const MAX_READ: u64 = 1 << 20;

/// Where in a file of events one reader is.
#[derive(Debug)]
pub(crate) struct Tail {
    folder: PathBuf,
    offset: u64,
    number: u64,
    pending: Vec<u8>,
    skipping: bool,
}

/// What one look found.
#[derive(Debug)]
pub(crate) struct Look {
    /// The events with their numbers.
    pub(crate) events: Vec<(u64, Event)>,
    /// Whether there is nothing more for now.
    pub(crate) at_end: bool,
}

impl Tail {
    /// At the start of the events in this work folder.
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), offset: 0, number: 0, pending: Vec::new(), skipping: false }
    }

    /// The next events that are complete, at most those of a mebibyte, each with its number from 1; none when the file
    /// is not there (any more).
    ///
    /// # Errors
    /// When the file cannot be read.
    pub(crate) fn read(&mut self) -> std::io::Result<Look> {
        let bytes = self.bytes()?;
        let mut events = Vec::new();
        self.take(&bytes, &mut events);
        Ok(Look { events, at_end: bytes.is_empty() })
    }

    /// How many bytes were read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.offset
    }

    fn bytes(&mut self) -> std::io::Result<Vec<u8>> {
        let mut file = match handed::open(&self.folder, events::FILE) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        file.take(MAX_READ).read_to_end(&mut bytes)?;
        self.offset += bytes.len() as u64;
        Ok(bytes)
    }

    fn take(&mut self, bytes: &[u8], found: &mut Vec<(u64, Event)>) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.skipping {
                self.pending.extend_from_slice(part);
                self.skipping = self.pending.len() > MAX_LINE;
            }
            if part.ends_with(b"\n") {
                self.number += 1;
                let line = std::mem::take(&mut self.pending);
                if !std::mem::take(&mut self.skipping)
                    && let Ok(event) = serde_json::from_slice(&line)
                {
                    found.push((self.number, event));
                }
            } else if self.skipping {
                self.pending.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use meuse_core::events::EventKind;

    use super::*;

    const HEARTBEAT: &str = r#"{"at":"2026-11-23T10:00:00Z","type":"heartbeat"}"#;

    #[test]
    fn a_torn_last_line_is_read_when_it_is_whole_and_rubbish_keeps_its_number() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut file = File::create(folder.path().join(events::FILE)).expect("a file");
        let mut tail = Tail::new(folder.path());
        let mut look = |file: &mut File, text: &str| {
            file.write_all(text.as_bytes()).expect("written");
            let mut events = Vec::new();
            loop {
                let look = tail.read().expect("read");
                events.extend(look.events);
                if look.at_end {
                    break;
                }
            }
            events.into_iter().map(|(number, event)| (number, event.kind)).collect::<Vec<_>>()
        };
        assert_eq!(look(&mut file, ""), []);
        assert_eq!(look(&mut file, &format!("{HEARTBEAT}\n{}", &HEARTBEAT[..20])), [(1, EventKind::Heartbeat)]);
        assert_eq!(look(&mut file, &format!("{}\nnot an event\n", &HEARTBEAT[20..])), [(2, EventKind::Heartbeat)]);
        let endless = "x".repeat(3 * MAX_LINE);
        assert_eq!(look(&mut file, &endless), []);
        assert_eq!(look(&mut file, &format!("{endless}\n{HEARTBEAT}\n")), [(5, EventKind::Heartbeat)]);
    }

    #[test]
    fn a_folder_without_events_has_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let look = Tail::new(&folder.path().join("gone")).read().expect("read");
        assert!(look.events.is_empty() && look.at_end);
    }
}
