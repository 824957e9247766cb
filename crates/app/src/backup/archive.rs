//! The frame of a backup: a plain tar of regular files, which `tar tf` lists.
//!
//! What is read must be what would have been written, byte for byte: a header with a name, a length and a time is made
//! again and compared. So there are no links, no folders, no owners, no extensions to be careful with, and a bit that
//! turned is found.

use std::io::Read;
use std::io::Write;

use sha2::{Digest, Sha256};

use crate::Error;

pub(super) const BLOCK: usize = 512;
/// What to do about a file that is not what was written.
pub(super) const HINT: &str = "use another backup, or take this one anew";

/// Writes entries one after the other.
pub(super) struct Writer<'a> {
    to: &'a mut dyn Write,
    hasher: Sha256,
    seconds: u64,
    /// How much of the present entry is still to come.
    left: u64,
    padding: usize,
}

impl<'a> Writer<'a> {
    /// `seconds` is the time that every entry carries.
    pub(super) fn new(to: &'a mut dyn Write, seconds: u64) -> Self {
        Self { to, hasher: Sha256::new(), seconds, left: 0, padding: 0 }
    }

    /// Begins an entry of exactly this many bytes.
    pub(super) fn begin(&mut self, name: &str, length: u64) -> Result<(), Error> {
        self.left = length;
        self.padding = padding(length);
        self.put(&header(name, length, self.seconds))
    }

    /// More of the entry's bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let left = self.left.checked_sub(bytes.len() as u64);
        self.left = left.ok_or_else(|| Error::Internal("an entry of a backup became longer than was said".into()))?;
        self.put(bytes)
    }

    /// Ends an entry; one that did not come whole is filled up, so that the next one stands where it should.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        let zeros = [0; 8 << 10];
        while self.left > 0 {
            let count = self.left.min(zeros.len() as u64);
            self.put(&zeros[..count as usize])?;
            self.left -= count;
        }
        let padding = std::mem::take(&mut self.padding);
        self.put(&zeros[..padding])
    }

    /// SHA-256 over everything so far.
    pub(super) fn sha256(&self) -> String {
        hex::encode(self.hasher.clone().finalize())
    }

    /// The end of a tar: two blocks of zeros.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        self.put(&[0; 2 * BLOCK])?;
        self.to.flush().map_err(|error| unwritten(&error))
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hasher.update(bytes);
        self.to.write_all(bytes).map_err(|error| unwritten(&error))
    }
}

fn unwritten(error: &std::io::Error) -> Error {
    Error::Unavailable(format!("the backup cannot be written: {error}"))
}

/// Reads entries one after the other.
pub(super) struct Reader<'a> {
    from: &'a mut dyn Read,
    hasher: Sha256,
    at: u64,
    seconds: Option<u64>,
    entry: String,
    left: u64,
    padding: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(from: &'a mut dyn Read) -> Self {
        Self { from, hasher: Sha256::new(), at: 0, seconds: None, entry: "its start".into(), left: 0, padding: 0 }
    }

    /// The next entry's name and length; the one before has been read to its end.
    pub(super) fn begin(&mut self) -> Result<(String, u64), Error> {
        let start = self.at;
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        let read = read_header(&block);
        let same = read.filter(|(_, _, seconds)| self.seconds.is_none_or(|before| before == *seconds));
        let Some((name, length, seconds)) = same else {
            return Err(if start == 0 {
                Error::invalid("file", "it is not a backup of Meuse", "name a file that `meuse backup` wrote")
            } else {
                self.damaged_at(start, "what follows it is no entry of a backup")
            });
        };
        self.seconds = Some(seconds);
        self.entry.clone_from(&name);
        self.left = length;
        self.padding = padding(length);
        Ok((name, length))
    }

    /// Some of the entry's bytes; none at its end.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let count = self.left.min(buffer.len() as u64) as usize;
        self.fill(&mut buffer[..count])?;
        self.left -= count as u64;
        Ok(count)
    }

    /// The whole entry, which may not be longer than `most`.
    pub(super) fn read_whole(&mut self, most: u64) -> Result<Vec<u8>, Error> {
        if self.left > most {
            return Err(self.damaged("it is longer than such an entry can be"));
        }
        let mut bytes = vec![0; self.left as usize];
        self.read(&mut bytes)?;
        self.end()?;
        Ok(bytes)
    }

    /// Ends an entry that was read.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        let mut zeros = [0; BLOCK];
        let padding = std::mem::take(&mut self.padding);
        self.fill(&mut zeros[..padding])?;
        if zeros.iter().any(|byte| *byte != 0) {
            return Err(self.damaged("bytes that should be zero are not"));
        }
        Ok(())
    }

    /// SHA-256 over everything so far.
    pub(super) fn sha256(&self) -> String {
        hex::encode(self.hasher.clone().finalize())
    }

    /// The end: two blocks of zeros, and nothing after them.
    pub(super) fn finish(&mut self) -> Result<(), Error> {
        let mut blocks = [0; 2 * BLOCK];
        self.fill(&mut blocks)?;
        let mut more = [0; 1];
        let count = self.from.read(&mut more).map_err(|error| self.unread(&error))?;
        if blocks.iter().any(|byte| *byte != 0) || count > 0 {
            return Err(self.damaged("bytes stand after its end"));
        }
        Ok(())
    }

    /// What is wrong with the present entry.
    pub(super) fn damaged(&self, reason: &str) -> Error {
        self.damaged_at(self.at, reason)
    }

    fn damaged_at(&self, at: u64, reason: &str) -> Error {
        Error::invalid("file", format!("the backup is damaged in {} at byte {at}: {reason}", self.entry), HINT)
    }

    fn unread(&self, error: &std::io::Error) -> Error {
        Error::Unavailable(format!("the backup cannot be read after byte {}: {error}", self.at))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.from.read(&mut buffer[filled..]) {
                Ok(0) => {
                    let (at, entry) = (self.at + filled as u64, &self.entry);
                    let reason = format!("the backup is cut short: it ends at byte {at}, after the start of {entry}");
                    return Err(Error::invalid("file", reason, HINT));
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.unread(&error)),
            }
        }
        self.at += filled as u64;
        self.hasher.update(&buffer);
        Ok(())
    }
}

fn padding(length: u64) -> usize {
    (BLOCK - (length % BLOCK as u64) as usize) % BLOCK
}

/// A header of the ustar format for a regular file that its owner alone may read.
fn header(name: &str, length: u64, seconds: u64) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, &name.as_bytes()[..name.len().min(100)]);
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, &number(length));
    put(136, &number(seconds));
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(329, b"0000000\0");
    put(337, b"0000000\0");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

/// Octal digits; what does not fit in eleven of them (8 GiB) in binary, as GNU tar does.
fn number(value: u64) -> [u8; 12] {
    let mut field = [0; 12];
    if value < 1 << 33 {
        field[..11].copy_from_slice(format!("{value:011o}").as_bytes());
    } else {
        field[0] = 0x80;
        field[4..].copy_from_slice(&value.to_be_bytes());
    }
    field
}

fn read_number(field: &[u8]) -> Option<u64> {
    if field[0] == 0x80 {
        return field[4..].try_into().ok().map(u64::from_be_bytes);
    }
    u64::from_str_radix(std::str::from_utf8(&field[..11]).ok()?, 8).ok()
}

/// Name, length and time; `None` for anything but what [`header`] makes.
fn read_header(block: &[u8; BLOCK]) -> Option<(String, u64, u64)> {
    let name = block[..100].split(|byte| *byte == 0).next()?;
    let name = std::str::from_utf8(name).ok().filter(|name| !name.is_empty())?.to_owned();
    let (length, seconds) = (read_number(&block[124..136])?, read_number(&block[136..148])?);
    (header(&name, length, seconds) == *block).then_some((name, length, seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_is_read_as_it_was_written_however_long_the_entry() {
        for length in [0, 1, 511, 512, (1 << 33) - 1, 1 << 33, 1 << 40] {
            let read = read_header(&header("blobs/1", length, 1_800_000_000));
            assert_eq!(read, Some(("blobs/1".to_owned(), length, 1_800_000_000)));
        }
    }

    #[test]
    fn a_header_with_any_bit_turned_is_another_entry_or_none() {
        let whole = header("blobs/1", 77, 1_800_000_000);
        for at in 0..BLOCK {
            let mut turned = whole;
            turned[at] ^= 1;
            assert_eq!(read_header(&turned), None, "byte {at}");
        }
    }

    #[test]
    fn gnu_tar_reads_it() {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(&mut bytes, 1_800_000_000);
        for (name, content) in [("a.json", "one"), ("blobs/b", "")] {
            writer.begin(name, content.len() as u64).expect("room");
            writer.write(content.as_bytes()).expect("room");
            writer.end().expect("room");
        }
        writer.finish().expect("room");
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("x.tar"), bytes).expect("room");
        let listed = std::process::Command::new("tar").args(["-tf", "x.tar"]).current_dir(&folder).output();
        let listed = listed.expect("tar, which every Debian has");
        assert_eq!(String::from_utf8_lossy(&listed.stdout), "a.json\nblobs/b\n");
        assert!(listed.status.success() && listed.stderr.is_empty());
    }
}
