//! A blob that is written and hashed as its bytes come, where its writer wants it, and kept by a rename.

use std::io::{self, Seek, Write};
use std::path::Path;
use std::thread::JoinHandle;

use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use super::{Blobs, Digest, HEADER_BYTES, Placed, blocking, header};
use crate::error::Error;

/// After so many bytes the disk is set to work, which would otherwise begin when all have come.
const SYNCED_AT_ONCE: u64 = 64 << 20;

/// A blob that is not one yet. Dropping it removes its file.
pub struct Arriving {
    file: NamedTempFile,
    hasher: Sha256,
    length: u64,
    /// Where the disk was set to work last.
    synced: u64,
    syncing: Option<JoinHandle<io::Result<()>>>,
}

/// All bytes have come; [`Blobs::keep`] makes a blob of them.
pub struct Arrived {
    file: NamedTempFile,
    /// The SHA-256 of the content.
    pub digest: Digest,
    /// Its length in bytes.
    pub length: u64,
}

impl Arriving {
    /// Begins one in a folder, under a name with this prefix. When the folder is on the disk of the blobs, no byte is
    /// written twice.
    pub fn begin(folder: &Path, prefix: &str) -> io::Result<Self> {
        let mut file = tempfile::Builder::new().prefix(prefix).tempfile_in(folder)?;
        file.write_all(&[0; HEADER_BYTES])?;
        Ok(Self { file, hasher: Sha256::new(), length: 0, synced: 0, syncing: None })
    }

    /// More of its content.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.hasher.update(bytes);
        self.file.write_all(bytes)?;
        self.length += bytes.len() as u64;
        if self.length - self.synced >= SYNCED_AT_ONCE && self.syncing.as_ref().is_none_or(JoinHandle::is_finished) {
            self.settle()?;
            let file = self.file.as_file().try_clone()?;
            self.synced = self.length;
            self.syncing = Some(std::thread::spawn(move || file.sync_data()));
        }
        Ok(())
    }

    /// All has come.
    pub fn finish(mut self) -> io::Result<Arrived> {
        self.settle()?;
        self.file.rewind()?;
        self.file.write_all(&header(self.length))?;
        Ok(Arrived { file: self.file, digest: Digest(self.hasher.finalize().into()), length: self.length })
    }

    /// Waits for what the disk was set to; an error of it may be told to nobody else.
    fn settle(&mut self) -> io::Result<()> {
        match self.syncing.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            None => Ok(()),
            Some(Err(_)) => Err(io::Error::other("a thread that waited for the disk panicked")),
        }
    }
}

impl Blobs {
    /// Makes a blob of what has arrived, as [`Blobs::put_file`] does.
    pub async fn keep(&self, arrived: Arrived) -> Result<Digest, Error> {
        let blobs = self.clone();
        blocking(move || blobs.keep_now(arrived)).await
    }

    fn keep_now(&self, arrived: Arrived) -> Result<Digest, Error> {
        match self.place(arrived.file, arrived.digest)? {
            Placed::Here => Ok(arrived.digest),
            Placed::OnAnotherDisk(mut file) => {
                let beginning = io::SeekFrom::Start(HEADER_BYTES as u64);
                file.seek(beginning).map_err(Error::file(&self.folder))?;
                self.put(&mut file)
            }
        }
    }

    /// Gives a blob that this process has put of late, and so has hashed of late, a second name, as which it can be read
    /// from the byte that is answered on. Nothing when it cannot have one: then it is to be copied.
    pub async fn link(&self, digest: &Digest, target: &Path) -> Result<Option<u64>, Error> {
        let (blobs, digest, target) = (self.clone(), *digest, target.to_owned());
        blocking(move || {
            if !blobs.was_put_of_late(digest) {
                return Ok(None);
            }
            // Looked at, too: it has its header and its length.
            blobs.open_now(digest)?;
            Ok(std::fs::hard_link(blobs.path(digest), target).is_ok().then_some(HEADER_BYTES as u64))
        })
        .await
    }
}
