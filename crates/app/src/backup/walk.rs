//! Reads a backup from its first byte to its last, in order, and hands on what it finds only where it should be.
//!
//! A name in the file is compared with the one that must come next and never used as a path.

use meuse_store::Digest;
use meuse_store::backup::Table;
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::archive::{HINT, Reader};
use super::manifest::{self, AnyManifest, End, FORMAT, Failed, Manifest, TableRows};
use crate::Error;

const CHUNK: usize = 256 << 10;
/// The most bytes of one row.
const MOST_ROW: usize = 64 << 20;
/// How many rows, and how many bytes of them, are handed on at a time.
const ROWS: usize = 200;
const ROWS_BYTES: usize = 4 << 20;
/// The most bytes of the secret's file.
const MOST_SECRET: u64 = 1024;

/// What takes in a backup as it is read. What it was handed is known to be whole only when the walk has ended well.
pub(super) trait Receiver {
    /// The first entry.
    fn manifest(&mut self, manifest: &Manifest) -> Result<(), Error>;
    /// The secret's file.
    fn secret(&mut self, text: &[u8]) -> Result<(), Error>;
    /// Some rows of a table; the tables come in the manifest's order.
    fn rows(&mut self, table: &Table, lines: &[String]) -> Result<(), Error>;
    /// A blob begins.
    fn blob(&mut self, digest: Digest, length: u64) -> Result<(), Error>;
    /// More of the blob.
    fn blob_bytes(&mut self, bytes: &[u8]) -> Result<(), Error>;
    /// The blob has come whole.
    fn blob_end(&mut self) -> Result<(), Error>;
}

/// Takes in nothing, but tells of the manifest.
pub(super) struct Nothing<'a>(pub(super) &'a mut dyn FnMut(&Manifest));

impl Receiver for Nothing<'_> {
    fn manifest(&mut self, manifest: &Manifest) -> Result<(), Error> {
        (self.0)(manifest);
        Ok(())
    }
    fn secret(&mut self, _: &[u8]) -> Result<(), Error> {
        Ok(())
    }
    fn rows(&mut self, _: &Table, _: &[String]) -> Result<(), Error> {
        Ok(())
    }
    fn blob(&mut self, _: Digest, _: u64) -> Result<(), Error> {
        Ok(())
    }
    fn blob_bytes(&mut self, _: &[u8]) -> Result<(), Error> {
        Ok(())
    }
    fn blob_end(&mut self) -> Result<(), Error> {
        Ok(())
    }
}

/// Reads and checks all of it.
pub(super) fn walk(from: &mut dyn std::io::Read, to: &mut dyn Receiver) -> Result<Manifest, Error> {
    let mut walk = Walk { archive: Reader::new(from), to };
    let manifest = walk.manifest()?;
    walk.secret(&manifest)?;
    for rows in &manifest.tables {
        walk.rows(rows)?;
    }
    walk.blobs(manifest.blobs)?;
    walk.end()?;
    Ok(manifest)
}

struct Walk<'a> {
    archive: Reader<'a>,
    to: &'a mut dyn Receiver,
}

impl Walk<'_> {
    fn manifest(&mut self) -> Result<Manifest, Error> {
        let (name, _) = self.archive.begin()?;
        if name != manifest::MANIFEST {
            return Err(Error::invalid(
                "file",
                "it is a tar, but not a backup of Meuse",
                "name a file that `meuse backup` wrote",
            ));
        }
        let text = self.archive.read_whole(manifest::MOST)?;
        let any: AnyManifest = self.parse(&text)?;
        check_version(&any)?;
        let manifest = self.parse(&text)?;
        self.to.manifest(&manifest)?;
        Ok(manifest)
    }

    fn secret(&mut self, manifest: &Manifest) -> Result<(), Error> {
        self.begin(manifest::SECRET)?;
        let text = self.archive.read_whole(MOST_SECRET)?;
        self.compare(&hex::encode(Sha256::digest(&text)), &manifest.secret_sha256)?;
        self.to.secret(&text)
    }

    fn rows(&mut self, rows: &TableRows) -> Result<(), Error> {
        self.begin(&manifest::rows_entry(&rows.table.name))?;
        let (mut hasher, mut count) = (Sha256::new(), 0);
        let (mut chunk, mut rest) = (vec![0; CHUNK], Vec::new());
        let (mut lines, mut bytes) = (Vec::new(), 0);
        loop {
            let read = self.archive.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            hasher.update(&chunk[..read]);
            let mut pieces = chunk[..read].split(|byte| *byte == b'\n').peekable();
            while let Some(piece) = pieces.next() {
                rest.extend_from_slice(piece);
                if rest.len() > MOST_ROW {
                    return Err(self.archive.damaged("a row is longer than a row can be"));
                }
                if pieces.peek().is_none() {
                    break;
                }
                let line = String::from_utf8(std::mem::take(&mut rest));
                let line = line.map_err(|_| self.archive.damaged("a row is not text"))?;
                bytes += line.len();
                count += 1;
                lines.push(line);
                if lines.len() == ROWS || bytes > ROWS_BYTES {
                    self.to.rows(&rows.table, &std::mem::take(&mut lines))?;
                    bytes = 0;
                }
            }
        }
        self.archive.end()?;
        self.compare(&hex::encode(hasher.finalize()), &rows.sha256)?;
        if count != rows.rows || !rest.is_empty() {
            return Err(self.archive.damaged("it has not as many rows as was said"));
        }
        if lines.is_empty() { Ok(()) } else { self.to.rows(&rows.table, &lines) }
    }

    fn blobs(&mut self, count: u64) -> Result<(), Error> {
        let mut before = None;
        for _ in 0..count {
            let (name, length) = self.next()?;
            let digest = name.strip_prefix("blobs/").and_then(|digest| digest.parse::<Digest>().ok());
            let digest = digest.filter(|digest| manifest::blob_entry(digest) == name);
            let digest = digest.ok_or_else(|| self.archive.damaged("a blob should stand here"))?;
            if before.is_some_and(|before| before >= digest) {
                return Err(self.archive.damaged("blobs are not in their order"));
            }
            before = Some(digest);
            self.blob(digest, length)?;
        }
        Ok(())
    }

    fn blob(&mut self, digest: Digest, length: u64) -> Result<(), Error> {
        self.to.blob(digest, length)?;
        let (mut hasher, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
        loop {
            let read = self.archive.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            hasher.update(&chunk[..read]);
            self.to.blob_bytes(&chunk[..read])?;
        }
        self.archive.end()?;
        let found = hex::encode(hasher.finalize());
        if let Err(damaged) = self.compare(&found, &digest.to_string()) {
            // Either the file is damaged, or the blob was when it was read and what follows says so.
            return Err(self.next().err().filter(|error| error.kind() == "unavailable").unwrap_or(damaged));
        }
        self.to.blob_end()
    }

    fn end(&mut self) -> Result<(), Error> {
        let sha256 = self.archive.sha256();
        self.begin(manifest::END)?;
        let text = self.archive.read_whole(manifest::MOST)?;
        let end: End = self.parse(&text)?;
        self.compare(&sha256, &end.sha256)?;
        self.archive.finish()
    }

    /// The entry of this name.
    fn begin(&mut self, expected: &str) -> Result<(), Error> {
        let (name, _) = self.next()?;
        if name == expected {
            return Ok(());
        }
        Err(self.archive.damaged(&format!("{expected} should stand here")))
    }

    /// The next entry, whichever it is, but the one that says that there is no more.
    fn next(&mut self) -> Result<(String, u64), Error> {
        let (name, length) = self.archive.begin()?;
        if name != manifest::FAILED {
            return Ok((name, length));
        }
        let text = self.archive.read_whole(manifest::MOST)?;
        let failed: Failed = self.parse(&text)?;
        Err(Error::Unavailable(format!("the server could not finish the backup: {}", failed.reason)))
    }

    fn parse<T: DeserializeOwned>(&self, text: &[u8]) -> Result<T, Error> {
        serde_json::from_slice(text).map_err(|error| self.archive.damaged(&error.to_string()))
    }

    fn compare(&self, found: &str, said: &str) -> Result<(), Error> {
        if found == said {
            return Ok(());
        }
        Err(self.archive.damaged(&format!("its SHA-256 is {found} and should be {said}")))
    }
}

fn check_version(manifest: &AnyManifest) -> Result<(), Error> {
    let (this, known) = (env!("CARGO_PKG_VERSION"), meuse_store::backup::newest_schema());
    if manifest.format == FORMAT && (1..=known).contains(&manifest.schema) {
        return Ok(());
    }
    if manifest.format == 0 || manifest.schema < 1 {
        return Err(Error::invalid("file", "its first entry is not one of a backup of Meuse", HINT));
    }
    Err(Error::Unsupported(format!(
        "the backup is of meuse {} (format {}, schema {}); this is meuse {this}, which reads format {FORMAT} and schemas \
         up to {known}: restore it with meuse {} or later",
        manifest.meuse, manifest.format, manifest.schema, manifest.meuse
    )))
}
