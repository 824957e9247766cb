//! Which files are in an archive, and their bytes. An archive is hostile until proven otherwise.
//!
//! Nothing is unpacked: names are never paths of ours. What could lead out of the archive (a path that climbs, an
//! absolute one, a link, a device), or unpacks to far more than was sent, is refused with the entry's name.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use zip::ZipArchive;

use crate::Error;

/// The most entries of an archive.
const MAX_ENTRIES: usize = 2_000_000;
/// The longest name of an entry, in bytes.
const MAX_NAME: usize = 1024;
/// How many times its own size an archive may unpack to, beyond [`FREE`].
const MAX_RATIO: u64 = 20;
/// What any archive may unpack to, in bytes.
const FREE: u64 = 64 << 20;

/// What kind of file was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A zip archive.
    Zip,
    /// A tar archive.
    Tar,
    /// A tar archive, compressed by gzip.
    TarGz,
    /// One IDX file, compressed or not.
    Idx,
}

/// What a file is by its first bytes; nothing when it is none of these.
pub(crate) fn kind(source: &Path) -> Result<Option<Kind>, Error> {
    let reading = || Error::reading(source);
    let mut head = Vec::new();
    File::open(source).map_err(reading())?.take(512).read_to_end(&mut head).map_err(reading())?;
    if let Some(kind) = plain_kind(&head) {
        return Ok(Some(kind));
    }
    if !head.starts_with(&[0x1f, 0x8b]) {
        return Ok(None);
    }
    let mut inside = Vec::new();
    // What is no gzip after all is left to whoever reads tables.
    let unpacked = MultiGzDecoder::new(File::open(source).map_err(reading())?).take(512).read_to_end(&mut inside);
    Ok(unpacked.ok().and_then(|_| plain_kind(&inside)).map(|kind| if kind == Kind::Tar { Kind::TarGz } else { kind }))
}

/// Whether a file that begins so is a file of pictures, or is compressed and may hold one.
pub(super) fn may_begin(head: &[u8]) -> bool {
    head.starts_with(&[0x1f, 0x8b]) || plain_kind(head).is_some()
}

fn plain_kind(head: &[u8]) -> Option<Kind> {
    match head {
        [b'P', b'K', 3 | 5, 4 | 6, ..] => Some(Kind::Zip),
        [0, 0, 8, 1 | 3, ..] => Some(Kind::Idx),
        _ if head.get(257..262) == Some(b"ustar") => Some(Kind::Tar),
        _ => None,
    }
}

/// One file in an archive.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// Its path, with `/` between its parts.
    pub(crate) name: String,
    /// Its size in bytes, as the archive says.
    pub(crate) size: u64,
    /// Where it begins in a tar; its number in a zip.
    place: u64,
}

/// An archive that was looked through.
pub(crate) struct Archive {
    /// Its files, in the archive's order. Folders are left out.
    pub(crate) entries: Vec<Entry>,
    bytes: Bytes,
}

enum Bytes {
    Tar(File),
    Zip(Box<ZipArchive<File>>),
}

impl Archive {
    /// Looks through a tar.
    pub(crate) fn tar(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::reading(path))?;
        let length = file.metadata().map_err(Error::reading(path))?.len();
        let mut archive = tar::Archive::new(file.try_clone().map_err(Error::reading(path))?);
        let mut entries = Vec::new();
        let found = archive.entries_with_seek().map_err(|error| cut_short(&entries, &error))?;
        for entry in found {
            let entry = entry.map_err(|error| cut_short(&entries, &error))?;
            let raw = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let kind = entry.header().entry_type();
            if kind.is_pax_global_extensions() {
                continue;
            }
            let name = checked_name(&raw)?;
            if kind.is_dir() {
                continue;
            }
            if !kind.is_file() && !kind.is_contiguous() {
                return Err(no_plain_file(&name));
            }
            let (place, size) = (entry.raw_file_position(), entry.size());
            if place.checked_add(size).is_none_or(|end| end > length) {
                return Err(Error::refused(name, "the archive ends in the middle of it", "send the archive again"));
            }
            add(&mut entries, Entry { name, size, place })?;
        }
        Ok(Self { entries, bytes: Bytes::Tar(file) })
    }

    /// Looks through a zip.
    pub(crate) fn zip(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(Error::reading(path))?;
        let length = file.metadata().map_err(Error::reading(path))?.len();
        let mut archive = ZipArchive::new(file).map_err(|error| damaged_zip("", &error))?;
        let mut entries = Vec::new();
        let (mut total, mut spans) = (0_u64, Vec::new());
        for number in 0..archive.len() {
            let entry = archive.by_index_raw(number).map_err(|error| damaged_zip("", &error))?;
            let name = checked_name(&zip_name(entry.name_raw()))?;
            if entry.encrypted() {
                let hint = "pack the files without a password";
                return Err(Error::refused(name, "it is protected by a password", hint));
            }
            // The upper four bits of a Unix mode say what an entry is; 0 is not said, 8 a plain file, 4 a folder.
            if !matches!(entry.unix_mode().unwrap_or(0) >> 12, 0 | 4 | 8) {
                return Err(no_plain_file(&name));
            }
            if entry.is_dir() {
                continue;
            }
            spans.push((entry.header_start(), entry.data_start() + entry.compressed_size(), name.clone()));
            total = total.saturating_add(entry.size());
            if total > most_unpacked(length) {
                return Err(bomb(&name, length));
            }
            add(&mut entries, Entry { name, size: entry.size(), place: number as u64 })?;
        }
        spans.sort_unstable();
        if let Some(pair) = spans.windows(2).find(|pair| pair[0].1 > pair[1].0) {
            let message = "it shares bytes with another entry, as bombs do";
            return Err(Error::refused(pair[1].2.clone(), message, "pack the files anew"));
        }
        Ok(Self { entries, bytes: Bytes::Zip(Box::new(archive)) })
    }

    /// The bytes of an entry. The inner error says what is wrong with this entry alone.
    pub(crate) fn read(&mut self, number: usize, most: u64) -> Result<Result<Vec<u8>, String>, Error> {
        let Entry { size, place, .. } = self.entries[number];
        if size > most {
            let (has, most) = (size >> 20, most >> 20);
            return Ok(Err(format!("it has {has} MiB, and {most} MiB are the most for one file")));
        }
        match &mut self.bytes {
            Bytes::Tar(file) => {
                let mut bytes = vec![0; size as usize];
                file.read_exact_at(&mut bytes, place).map_err(Error::reading(Path::new("the archive")))?;
                Ok(Ok(bytes))
            }
            Bytes::Zip(archive) => {
                let mut entry = match archive.by_index(place as usize) {
                    Ok(entry) => entry,
                    Err(error) => return Ok(Err(format!("it cannot be unpacked: {error}"))),
                };
                let mut bytes = Vec::with_capacity(size as usize);
                // One byte more than it says shows a lie, whatever would come behind it.
                match entry.by_ref().take(size + 1).read_to_end(&mut bytes) {
                    Ok(_) if bytes.len() as u64 == size => Ok(Ok(bytes)),
                    Ok(_) => Ok(Err(format!("it does not unpack to the {size} bytes that it says"))),
                    Err(error) => Ok(Err(format!("it cannot be unpacked: {error}"))),
                }
            }
        }
    }

    /// Where an entry lies in the file itself, as it is; nothing when it would have to be unpacked.
    pub(crate) fn lies_at(&self, number: usize) -> Option<u64> {
        matches!(self.bytes, Bytes::Tar(_)).then(|| self.entries[number].place)
    }
}

/// Unpacks a gzip file into another file, at most as much as an archive may.
pub(crate) fn gunzip(source: &Path, into: &Path) -> Result<PathBuf, Error> {
    let file = File::open(source).map_err(Error::reading(source))?;
    let length = file.metadata().map_err(Error::reading(source))?.len();
    let most = most_unpacked(length);
    let mut unpacked = MultiGzDecoder::new(std::io::BufReader::with_capacity(1 << 16, file));
    let mut target = File::create(into).map_err(Error::writing(into))?;
    let (mut buffer, mut written) = (vec![0; 1 << 18], 0);
    loop {
        let read = unpacked.read(&mut buffer).map_err(|error| {
            let message = format!("the compressed archive is damaged or cut short: {error}");
            Error::refused("", message, "pack and send it again")
        })?;
        if read == 0 {
            break;
        }
        written += read as u64;
        if written > most {
            return Err(bomb(&last_name(into), length));
        }
        target.write_all(&buffer[..read]).map_err(Error::writing(into))?;
    }
    target.flush().map_err(Error::writing(into))?;
    Ok(into.to_owned())
}

/// The entry of a tar that has come last, for a message; the file is cut anywhere.
fn last_name(tar: &Path) -> String {
    let Ok(file) = File::open(tar) else { return String::new() };
    let mut archive = tar::Archive::new(file);
    let Ok(entries) = archive.entries_with_seek() else { return String::new() };
    let named = entries.map_while(Result::ok).take(MAX_ENTRIES);
    named.last().map(|entry| String::from_utf8_lossy(&entry.path_bytes()).into_owned()).unwrap_or_default()
}

/// What the gzip files within one that was sent may unpack to, all together: as much as an archive of its size.
pub(crate) struct Allowance {
    /// The size of what was sent, in bytes.
    sent: u64,
    /// What may still come, in bytes.
    left: u64,
}

impl Allowance {
    /// That of a file of `sent` bytes.
    pub(crate) fn of(sent: u64) -> Self {
        Self { sent, left: most_unpacked(sent) }
    }

    /// The bytes of a file, unpacked where gzip compressed them, and at most so many of them. A bomb is refused by its
    /// name; the inner error says what is wrong with this file alone.
    pub(super) fn unpacked(&mut self, name: &str, bytes: Vec<u8>, most: u64) -> Result<Result<Vec<u8>, String>, Error> {
        if !bytes.starts_with(&[0x1f, 0x8b]) {
            return Ok(Ok(bytes));
        }
        let mut plain = Vec::new();
        // One byte more than is allowed shows that there are more.
        let read = MultiGzDecoder::new(bytes.as_slice()).take(self.left.min(most) + 1).read_to_end(&mut plain);
        let length = plain.len() as u64;
        if length > self.left {
            return Err(bomb(name, self.sent));
        }
        self.left -= length;
        Ok(match read {
            Ok(_) if length > most => Err(format!("it unpacks to more than {} MiB", most >> 20)),
            Ok(_) => Ok(plain),
            Err(error) => Err(format!("it cannot be unpacked: {error}")),
        })
    }
}

fn add(entries: &mut Vec<Entry>, entry: Entry) -> Result<(), Error> {
    if entries.len() >= MAX_ENTRIES {
        let message = format!("the archive has more than {MAX_ENTRIES} entries; this one is beyond");
        return Err(Error::refused(entry.name, message, "import it in parts"));
    }
    entries.push(entry);
    Ok(())
}

fn most_unpacked(length: u64) -> u64 {
    length.saturating_mul(MAX_RATIO).max(FREE)
}

fn bomb(name: &str, length: u64) -> Error {
    let message = format!(
        "up to it the archive of {} KiB unpacks to more than {} MiB, as bombs do",
        length.div_ceil(1 << 10),
        most_unpacked(length) >> 20
    );
    Error::refused(name, message, "pack it with less compression: pictures are compressed already")
}

fn no_plain_file(name: &str) -> Error {
    Error::refused(name, "it is a link or a device, and no plain file", "pack the files themselves")
}

fn cut_short(entries: &[Entry], error: &std::io::Error) -> Error {
    let after = entries.last().map_or("its beginning", |entry| entry.name.as_str());
    Error::refused("", format!("the archive is damaged or cut short behind {after}: {error}"), "pack and send it again")
}

fn damaged_zip(name: &str, error: &zip::result::ZipError) -> Error {
    Error::refused(name, format!("the archive is damaged or cut short: {error}"), "pack and send it again")
}

/// A zip's names are UTF-8, or what the packing machine spoke: mostly GBK where they are not.
fn zip_name(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(name) => name.to_owned(),
        Err(_) => encoding_rs::GB18030.decode(raw).0.into_owned(),
    }
}

/// The name with `/` between its parts. What leads out of the archive is refused.
fn checked_name(raw: &str) -> Result<String, Error> {
    let name = raw.replace('\\', "/");
    let shown: String = name.chars().take(200).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    let refused = |message: &str| Err(Error::refused(shown.clone(), message, "pack the files by their relative paths"));
    if name.starts_with('/') || name.as_bytes().get(1) == Some(&b':') {
        return refused("its path is absolute");
    }
    if name.split('/').any(|part| part == "..") {
        return refused("its path climbs out of the archive");
    }
    if name.len() > MAX_NAME || name.chars().any(char::is_control) {
        return refused("its path is longer than 1024 bytes, or has control characters");
    }
    let parts: Vec<&str> = name.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    Ok(parts.join("/"))
}

/// The whole of one file that is no archive.
pub(crate) fn whole(source: &Path, most: u64) -> Result<Vec<u8>, Error> {
    let mut file = File::open(source).map_err(Error::reading(source))?;
    let length = file.seek(SeekFrom::End(0)).and_then(|length| file.rewind().map(|()| length));
    let length = length.map_err(Error::reading(source))?;
    if length > most {
        let message = format!("the file has {} MiB, and {} MiB are the most", length >> 20, most >> 20);
        return Err(Error::refused("", message, "import it in parts"));
    }
    let mut bytes = Vec::with_capacity(length as usize);
    file.read_to_end(&mut bytes).map_err(Error::reading(source))?;
    Ok(bytes)
}
