//! Writes a backup: first everything is looked at and counted, while the database keeps one state; then the bytes go
//! out, as slowly as whoever takes them likes, and the database knows nothing of it.

use std::fs::File;
use std::io::{BufWriter, Read, Seek, Write};
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use meuse_core::time::Micros;
use meuse_store::backup::Picture;
use meuse_store::{Blobs, Digest};
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

use super::archive::Writer;
use super::manifest::{self, End, FORMAT, Failed, Manifest, TableRows};
use crate::Error;

const CHUNK: usize = 256 << 10;

/// Where a backup comes from, besides the database.
pub(super) struct Source {
    pub(super) blobs: Blobs,
    /// The file of the secret.
    pub(super) secret: PathBuf,
    /// A folder for the records until they are written.
    pub(super) spool: PathBuf,
}

/// A backup that only has to be written.
pub(super) struct Plan {
    pub(super) manifest: Manifest,
    secret: Vec<u8>,
    /// The rows of each table of the manifest, in files without names.
    rows: Vec<File>,
    lengths: Vec<(Digest, u64)>,
    blobs: Blobs,
}

impl Plan {
    /// Reads all records, and looks whether each blob that they name is there.
    pub(super) fn make(runtime: &Handle, mut picture: Picture, source: Source, at: Micros) -> Result<Self, Error> {
        let secret = std::fs::read(&source.secret)
            .map_err(|error| Error::Unavailable(format!("{} cannot be read: {error}", source.secret.display())))?;
        let head = runtime.block_on(picture.head())?;
        let (mut tables, mut rows, mut content_bytes) = (Vec::new(), Vec::new(), secret.len() as u64);
        for table in runtime.block_on(picture.tables())? {
            let mut spool = Spool::new(&source.spool)?;
            let count = runtime.block_on(picture.write_rows(&table, &mut spool))?;
            content_bytes += spool.bytes;
            let (file, sha256) = spool.finish()?;
            tables.push(TableRows { table, rows: count, sha256 });
            rows.push(file);
        }
        let (named, schema) = (runtime.block_on(picture.blobs())?, picture.schema());
        runtime.block_on(picture.close());
        let mut lengths = Vec::with_capacity(named.len());
        for digest in named {
            let length = source.blobs.open_blocking(digest)?.length;
            content_bytes += length;
            lengths.push((digest, length));
        }
        let manifest = Manifest {
            format: FORMAT,
            meuse: env!("CARGO_PKG_VERSION").into(),
            schema,
            taken_at: at,
            audit_seq: head.seq,
            audit_mac: head.mac,
            secret_sha256: hex::encode(Sha256::digest(&secret)),
            tables,
            blobs: lengths.len() as u64,
            content_bytes,
        };
        Ok(Self { manifest, secret, rows, lengths, blobs: source.blobs })
    }

    /// Writes the whole of it. A blob that turns out to be damaged ends it with an entry that says so.
    pub(super) fn write(mut self, to: &mut dyn Write) -> Result<(), Error> {
        let seconds = (self.manifest.taken_at.0 / 1_000_000).max(0) as u64;
        let mut archive = Writer::new(to, seconds);
        let written = self.write_contents(&mut archive);
        match &written {
            Ok(()) => {
                let end = End { sha256: archive.sha256() };
                write_json(&mut archive, manifest::END, &end)?;
            }
            Err(error) => {
                archive.end()?;
                write_json(&mut archive, manifest::FAILED, &Failed { reason: error.to_string() })?;
            }
        }
        archive.finish()?;
        written
    }

    fn write_contents(&mut self, archive: &mut Writer<'_>) -> Result<(), Error> {
        write_json(archive, manifest::MANIFEST, &self.manifest)?;
        archive.begin(manifest::SECRET, self.secret.len() as u64)?;
        archive.write(&self.secret)?;
        archive.end()?;
        for (rows, file) in self.manifest.tables.iter().zip(&mut self.rows) {
            write_file(archive, &manifest::rows_entry(&rows.table.name), file)?;
        }
        for (digest, length) in &self.lengths {
            let mut blob = self.blobs.open_blocking(*digest)?;
            archive.begin(&manifest::blob_entry(digest), *length)?;
            while let Some(chunk) = blob.next_blocking()? {
                archive.write(&chunk)?;
            }
            archive.end()?;
        }
        Ok(())
    }
}

fn write_json(archive: &mut Writer<'_>, name: &str, value: &impl Serialize) -> Result<(), Error> {
    let mut text = serde_json::to_vec_pretty(value).map_err(|error| Error::Internal(error.to_string()))?;
    text.push(b'\n');
    archive.begin(name, text.len() as u64)?;
    archive.write(&text)?;
    archive.end()
}

fn write_file(archive: &mut Writer<'_>, name: &str, file: &mut File) -> Result<(), Error> {
    let length = file.metadata().map_err(|error| unspooled(&error))?.len();
    archive.begin(name, length)?;
    file.rewind().map_err(|error| unspooled(&error))?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let count = file.read(&mut chunk).map_err(|error| unspooled(&error))?;
        if count == 0 {
            return archive.end();
        }
        archive.write(&chunk[..count])?;
    }
}

fn unspooled(error: &std::io::Error) -> Error {
    Error::Unavailable(format!("the records of a backup cannot be put aside: {error}"))
}

/// A file without a name that is hashed as it is written.
struct Spool {
    file: BufWriter<File>,
    hasher: Sha256,
    bytes: u64,
}

impl Spool {
    fn new(folder: &std::path::Path) -> Result<Self, Error> {
        let file = tempfile::tempfile_in(folder).map_err(|error| unspooled(&error))?;
        Ok(Self { file: BufWriter::new(file), hasher: Sha256::new(), bytes: 0 })
    }

    fn finish(self) -> Result<(File, String), Error> {
        let file = self.file.into_inner().map_err(|error| unspooled(error.error()))?;
        Ok((file, hex::encode(self.hasher.finalize())))
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Bytes on their way from a thread that writes to a task that waits.
pub(super) struct Channel {
    runtime: Handle,
    chunks: mpsc::Sender<Bytes>,
    stall: Duration,
    buffer: Vec<u8>,
}

impl Channel {
    /// Whoever takes nothing for the time of `stall` gets no more.
    pub(super) fn new(runtime: Handle, chunks: mpsc::Sender<Bytes>, stall: Duration) -> Self {
        Self { runtime, chunks, stall, buffer: Vec::with_capacity(CHUNK) }
    }

    fn send(&mut self) -> std::io::Result<()> {
        let chunk = Bytes::from(std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK)));
        let sent = self.runtime.block_on(tokio::time::timeout(self.stall, self.chunks.send(chunk)));
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(std::io::Error::new(std::io::ErrorKind::BrokenPipe, "its reader has gone away")),
            Err(_) => Err(std::io::Error::new(std::io::ErrorKind::TimedOut, "its reader takes nothing more")),
        }
    }
}

impl Write for Channel {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let count = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..count]);
        if self.buffer.len() == CHUNK {
            self.send()?;
        }
        Ok(count)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        if self.buffer.is_empty() { Ok(()) } else { self.send() }
    }
}
