//! A folder as one stream: a tar of its files, made while it is read.
//!
//! The same folder gives the same bytes (sorted names, no times, no owners), so that a server knows it again. Hidden
//! files and links are left out.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Cursor, Error, ErrorKind, Read};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

const BLOCK: u64 = 512;
/// A tar ends in two blocks of zeros.
const END: u64 = 2 * BLOCK;

/// What is in a folder.
pub(super) struct Folder {
    files: VecDeque<Found>,
    /// How many links were left out.
    pub(super) links: usize,
}

struct Found {
    path: PathBuf,
    /// Its path from the folder.
    name: String,
    size: u64,
}

impl Folder {
    /// Looks through a folder and the ones in it.
    pub(super) fn look(folder: &Path) -> anyhow::Result<Self> {
        let mut found = Self { files: VecDeque::new(), links: 0 };
        found.walk(folder, "")?;
        if found.files.is_empty() {
            anyhow::bail!("there is no file in {}", folder.display());
        }
        Ok(found)
    }

    fn walk(&mut self, folder: &Path, prefix: &str) -> anyhow::Result<()> {
        let cannot = || format!("cannot read {}", folder.display());
        let mut entries =
            std::fs::read_dir(folder).with_context(cannot)?.collect::<Result<Vec<_>, _>>().with_context(cannot)?;
        entries.sort_by_key(std::fs::DirEntry::file_name);
        for entry in entries {
            let path = entry.path();
            let Ok(name) = entry.file_name().into_string() else {
                anyhow::bail!("the name of {} is not UTF-8: rename it", path.display());
            };
            if name.starts_with('.') {
                continue;
            }
            let kind = entry.file_type().with_context(cannot)?;
            let name = format!("{prefix}{name}");
            if kind.is_symlink() {
                self.links += 1;
            } else if kind.is_dir() {
                self.walk(&path, &format!("{name}/"))?;
            } else if kind.is_file() {
                let size = entry.metadata().with_context(|| format!("cannot read {}", path.display()))?.len();
                self.files.push_back(Found { path, name, size });
            }
        }
        Ok(())
    }

    /// How many files there are.
    pub(super) fn count(&self) -> usize {
        self.files.len()
    }

    /// The length of the tar.
    pub(super) fn length(&self) -> anyhow::Result<u64> {
        let mut length = END;
        for file in &self.files {
            length += head(file)?.len() as u64 + file.size.next_multiple_of(BLOCK);
        }
        Ok(length)
    }

    /// The bytes of the tar.
    pub(super) fn read(self) -> impl Read {
        Tar { files: self.files, now: Now::Bytes(Cursor::new(Vec::new())), ended: false }
    }
}

/// What stands before a file's bytes; a long name takes blocks of its own.
fn head(file: &Found) -> std::io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_size(file.size);
    header.set_mode(0o644);
    let mut builder = tar::Builder::new(Vec::new());
    builder.append_data(&mut header, &file.name, std::io::empty())?;
    Ok(builder.get_ref().clone())
}

struct Tar {
    files: VecDeque<Found>,
    now: Now,
    ended: bool,
}

/// What is being read.
enum Now {
    /// A header, or zeros.
    Bytes(Cursor<Vec<u8>>),
    /// A file, of which so many bytes are left.
    File { file: File, path: PathBuf, left: u64, size: u64 },
}

impl Tar {
    /// Goes on when what is being read is at its end; answers whether there is more.
    fn next(&mut self) -> std::io::Result<bool> {
        self.now = match self.files.front() {
            Some(found) => Now::Bytes(Cursor::new(head(found)?)),
            None if self.ended => return Ok(false),
            None => {
                self.ended = true;
                Now::Bytes(Cursor::new(vec![0; END as usize]))
            }
        };
        Ok(true)
    }

    /// Begins the file whose header was read.
    fn begin(&mut self) -> std::io::Result<bool> {
        let Some(Found { path, size, .. }) = self.files.pop_front() else { return Ok(false) };
        let file = File::open(&path).map_err(|error| named(&path, &error))?;
        self.now = Now::File { file, path, left: size, size };
        Ok(true)
    }
}

fn named(path: &Path, error: &dyn std::fmt::Display) -> Error {
    Error::other(format!("{}: {error}", path.display()))
}

impl Read for Tar {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        loop {
            match &mut self.now {
                Now::Bytes(bytes) => {
                    let read = bytes.read(buffer)?;
                    if read > 0 || buffer.is_empty() {
                        return Ok(read);
                    }
                    // A header ended, so its file follows; zeros ended, so the next header, or nothing.
                    let was_header = bytes.get_ref().first().is_some_and(|first| *first != 0);
                    let more = if was_header { self.begin()? } else { self.next()? };
                    if !more {
                        return Ok(0);
                    }
                }
                Now::File { left: 0, size, .. } => {
                    let padding = size.next_multiple_of(BLOCK) - *size;
                    self.now = Now::Bytes(Cursor::new(vec![0; padding as usize]));
                }
                Now::File { file, path, left, .. } => {
                    let most = buffer.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    let read = match file.read(&mut buffer[..most]) {
                        Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                        other => other.map_err(|error| named(path, &error))?,
                    };
                    if read == 0 {
                        return Err(named(path, &"it became shorter while it was read"));
                    }
                    *left -= read as u64;
                    return Ok(read);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_a_tar_of_the_length_that_was_said() {
        let folder = tempfile::tempdir().expect("a folder");
        let long = "long".repeat(50);
        let files = [("b/2.png", 513), ("a.png", 0), (&format!("b/{long}.png") as &str, 512), ("b/c/x.png", 1)];
        std::fs::create_dir_all(folder.path().join("b/c")).expect("made");
        for (name, size) in files {
            std::fs::write(folder.path().join(name), vec![7; size]).expect("written");
        }
        std::fs::write(folder.path().join(".hidden"), "x").expect("written");
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.png")).expect("linked");
        let found = Folder::look(folder.path()).expect("looked through");
        assert_eq!((found.count(), found.links), (4, 1));
        let length = found.length().expect("measured");
        let mut bytes = Vec::new();
        found.read().read_to_end(&mut bytes).expect("read");
        assert_eq!(bytes.len() as u64, length);
        let mut archive = tar::Archive::new(bytes.as_slice());
        let entry = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
            let mut entry = entry.expect("an entry");
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("read");
            (entry.path().expect("a path").to_string_lossy().into_owned(), content.len())
        };
        let entries: Vec<(String, usize)> = archive.entries().expect("a tar").map(entry).collect();
        let expected = [("a.png", 0), ("b/2.png", 513), ("b/c/x.png", 1), (&format!("b/{long}.png") as &str, 512)];
        assert_eq!(entries, expected.map(|(name, size)| (name.to_owned(), size)));
    }
}
