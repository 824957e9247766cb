//! Blobs: bytes that never change, found by their SHA-256. Only this file knows where they lie and how.
//!
//! A blob's file is `<folder>/sha256/<first two digits>/<digest>`: a header of 16 bytes, then the content. The digest
//! is of the content alone, so that a later header can come without moving anything. A blob appears whole or not at
//! all: it is written in `<folder>/incoming`, synced, renamed, and its folder synced. What nothing names any more is
//! removed by `sweep.rs`.

mod arriving;
mod sweep;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::Bytes;
use futures::stream::{self, Stream};
use sha2::{Digest as _, Sha256};
use tempfile::NamedTempFile;

use crate::error::Error;
pub use arriving::{Arrived, Arriving};
pub use sweep::{KEPT_FOR, Swept};

/// `MEUB`, the version of the header, three zero bytes, the content's length (little endian, 8 bytes).
const HEADER_BYTES: usize = 16;
const MAGIC: [u8; 4] = *b"MEUB";
const HEADER_VERSION: u8 = 1;
const CHUNK_BYTES: usize = 256 << 10;

/// The SHA-256 of a blob's content: its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = Error;

    /// Reads 64 hexadecimal digits.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bytes = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| Error::record(format!("digest `{text}`"), "it is not 64 hexadecimal digits"))
    }
}

/// A folder of blobs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Blobs {
    folder: Arc<Path>,
    /// What this process put of late: see `sweep.rs`.
    recent: Arc<Mutex<HashMap<Digest, Instant>>>,
}

/// Where a draft is after it was to be given a blob's name.
enum Placed {
    Here,
    OnAnotherDisk(NamedTempFile),
}

/// A blob that is being read.
pub struct Blob {
    /// Length of the content in bytes.
    pub length: u64,
    digest: Digest,
    path: PathBuf,
    file: File,
    hasher: Sha256,
    read: u64,
}

impl Blobs {
    /// The blobs in a folder, which is made when it is not there.
    pub async fn at(folder: PathBuf) -> Result<Self, Error> {
        let blobs = Self { folder: folder.into(), recent: Arc::default() };
        let incoming = blobs.incoming();
        blocking(move || std::fs::create_dir_all(&incoming).map_err(Error::file(&incoming))).await?;
        Ok(blobs)
    }

    /// The blobs in a folder that is there, to read them only: nothing in it is made or swept.
    pub fn reading(folder: PathBuf) -> Self {
        Self { folder: folder.into(), recent: Arc::default() }
    }

    /// Keeps a copy of a file. Putting what is there already changes nothing, and mends it if it was damaged.
    pub async fn put_file(&self, source: impl Into<PathBuf>) -> Result<Digest, Error> {
        let source = source.into();
        let file = blocking(move || File::open(&source).map_err(Error::file(&source))).await?;
        self.put_open(file).await
    }

    /// As [`Blobs::put_file`], of a file that was opened already, from where it stands.
    pub async fn put_open(&self, mut file: File) -> Result<Digest, Error> {
        let blobs = self.clone();
        blocking(move || blobs.put(&mut file)).await
    }

    /// Keeps these bytes.
    pub async fn put_bytes(&self, bytes: impl Into<Bytes>) -> Result<Digest, Error> {
        let (blobs, bytes) = (self.clone(), bytes.into());
        blocking(move || blobs.put(&mut bytes.as_ref())).await
    }

    fn put(&self, source: &mut dyn Read) -> Result<Digest, Error> {
        let incoming = self.incoming();
        let failed = || Error::file(&incoming);
        let mut draft = NamedTempFile::new_in(&incoming).map_err(failed())?;
        draft.write_all(&[0; HEADER_BYTES]).map_err(failed())?;
        let (digest, length) = copy(source, &mut draft).map_err(failed())?;
        io::Seek::rewind(&mut draft).map_err(failed())?;
        draft.write_all(&header(length)).map_err(failed())?;
        match self.place(draft, digest)? {
            Placed::Here => Ok(digest),
            Placed::OnAnotherDisk(_) => Err(failed()(io::ErrorKind::CrossesDevices.into())),
        }
    }

    /// Syncs a draft, header and content, and gives it the blob's name.
    fn place(&self, draft: NamedTempFile, digest: Digest) -> Result<Placed, Error> {
        let folder = draft.path().parent().unwrap_or(&self.folder).to_owned();
        let failed = || Error::file(&folder);
        meuse_faults::pass("blob.drafted").map_err(failed())?;
        draft.as_file().sync_all().map_err(failed())?;
        meuse_faults::pass("blob.synced").map_err(failed())?;
        let path = self.path(digest);
        let shelf = path.parent().unwrap_or(&self.folder);
        make_folder(shelf, &self.folder)?;
        let renamed = {
            let _turn = self.putting(digest)?;
            draft.persist(&path)
        };
        match renamed {
            Err(refused) if refused.error.kind() == io::ErrorKind::CrossesDevices => {
                return Ok(Placed::OnAnotherDisk(refused.file));
            }
            renamed => renamed.map_err(|refused| Error::file(&path)(refused.error))?,
        };
        meuse_faults::pass("blob.renamed").map_err(failed())?;
        sync_folder(shelf)?;
        Ok(Placed::Here)
    }

    /// Opens a blob for reading from its start. Its bytes are checked when the last one was read.
    pub async fn open(&self, digest: &Digest) -> Result<Blob, Error> {
        let (blobs, digest) = (self.clone(), *digest);
        blocking(move || blobs.open_now(digest)).await
    }

    /// As [`Blobs::open`], for a thread that may wait for the disk.
    pub fn open_blocking(&self, digest: Digest) -> Result<Blob, Error> {
        self.open_now(digest)
    }

    /// Begins to put a blob where nobody looks for blobs yet, which a restore does. Nothing is synced: whoever does this
    /// syncs the whole folder before it is used.
    pub fn draft(&self, digest: Digest, length: u64) -> Result<Draft, Error> {
        let path = self.path(digest);
        let folder = path.parent().unwrap_or(&self.folder);
        std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        let mut file = File::create_new(&path).map_err(Error::file(&path))?;
        file.write_all(&header(length)).map_err(Error::file(&path))?;
        Ok(Draft { digest, length, path, file, hasher: Sha256::new(), written: 0 })
    }

    fn open_now(&self, digest: Digest) -> Result<Blob, Error> {
        let path = self.path(digest);
        let mut file = File::open(&path).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::NoBlob(digest),
            _ => Error::file(&path)(error),
        })?;
        let damaged = |reason: &str| Error::DamagedBlob { digest, path: path.clone(), reason: reason.to_owned() };
        let mut bytes = [0; HEADER_BYTES];
        file.read_exact(&mut bytes).map_err(|_| damaged("its header is cut short"))?;
        let length = read_header(&bytes).map_err(&damaged)?;
        let present = file.metadata().map_err(Error::file(&path))?.len().saturating_sub(HEADER_BYTES as u64);
        if present != length {
            return Err(damaged(&format!("it has {present} bytes instead of {length}")));
        }
        Ok(Blob { length, digest, path, file, hasher: Sha256::new(), read: 0 })
    }

    /// Reads a blob whole, and checks it.
    pub async fn read(&self, digest: &Digest) -> Result<Bytes, Error> {
        let (blobs, digest) = (self.clone(), *digest);
        blocking(move || {
            let mut blob = blobs.open_now(digest)?;
            let mut content = Vec::with_capacity(blob.length as usize);
            while let Some(chunk) = blob.chunk()? {
                content.extend_from_slice(&chunk);
            }
            Ok(content.into())
        })
        .await
    }

    /// Some bytes of a blob. What is read in part cannot be compared with the digest: whoever needs that knows a digest
    /// of the part.
    ///
    /// # Errors
    /// [`Error::DamagedBlob`] when it ends before them.
    pub async fn read_range(&self, digest: &Digest, offset: u64, length: usize) -> Result<Bytes, Error> {
        let (blobs, digest) = (self.clone(), *digest);
        blocking(move || {
            let blob = blobs.open_now(digest)?;
            let mut bytes = vec![0; length];
            let within = offset.checked_add(length as u64).is_some_and(|end| end <= blob.length);
            if !within {
                let reason = format!("it has {} bytes, and those from {offset} on were asked for", blob.length);
                return Err(Error::DamagedBlob { digest, path: blob.path, reason });
            }
            let read = blob.file.read_exact_at(&mut bytes, HEADER_BYTES as u64 + offset);
            read.map_err(Error::file(&blob.path))?;
            Ok(bytes.into())
        })
        .await
    }

    /// Writes a blob's content to a new file, and checks it; a damaged blob leaves no file.
    pub async fn copy_to(&self, digest: &Digest, target: impl Into<PathBuf>) -> Result<(), Error> {
        let (blobs, digest, target) = (self.clone(), *digest, target.into());
        blocking(move || {
            let mut blob = blobs.open_now(digest)?;
            let mut file = File::create(&target).map_err(Error::file(&target))?;
            let copied = blob.copy(&mut file, &target);
            if copied.is_err() {
                // The blob's damage is what the caller must hear of, whether or not this succeeds.
                let _ = std::fs::remove_file(&target);
            }
            copied
        })
        .await
    }

    fn incoming(&self) -> PathBuf {
        self.folder.join("incoming")
    }

    fn path(&self, digest: Digest) -> PathBuf {
        let name = digest.to_string();
        self.folder.join("sha256").join(&name[..2]).join(name)
    }
}

impl Blob {
    /// The content in chunks. After the last one the digest is compared: damage is an error at the end.
    pub fn stream(self) -> impl Stream<Item = Result<Bytes, Error>> + Send + 'static {
        stream::try_unfold(self, |mut blob| blocking(move || Ok(blob.chunk()?.map(|chunk| (chunk, blob)))))
    }

    /// The next chunk, for a thread that may wait for the disk; none after the last one, when the digest was compared.
    pub fn next_blocking(&mut self) -> Result<Option<Bytes>, Error> {
        self.chunk()
    }

    fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let left = self.length - self.read;
        if left == 0 {
            return self.check().map(|()| None);
        }
        let mut chunk = vec![0; CHUNK_BYTES.min(left as usize)];
        self.file.read_exact(&mut chunk).map_err(Error::file(&self.path))?;
        self.hasher.update(&chunk);
        self.read += chunk.len() as u64;
        Ok(Some(chunk.into()))
    }

    fn copy(&mut self, target: &mut dyn Write, path: &Path) -> Result<(), Error> {
        while let Some(chunk) = self.chunk()? {
            target.write_all(&chunk).map_err(Error::file(path))?;
        }
        Ok(())
    }

    fn check(&self) -> Result<(), Error> {
        let found = Digest(self.hasher.clone().finalize().into());
        if found == self.digest {
            return Ok(());
        }
        let reason = format!("its content has the digest {found}");
        Err(Error::DamagedBlob { digest: self.digest, path: self.path.clone(), reason })
    }
}

/// A blob that is being put by [`Blobs::draft`].
pub struct Draft {
    digest: Digest,
    length: u64,
    path: PathBuf,
    file: File,
    hasher: Sha256,
    written: u64,
}

impl Draft {
    /// More of its content.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        self.file.write_all(bytes).map_err(Error::file(&self.path))
    }

    /// Its content has come; it must be what was announced.
    pub fn finish(self) -> Result<(), Error> {
        let found = Digest(self.hasher.finalize().into());
        if found == self.digest && self.written == self.length {
            return Ok(());
        }
        let reason = format!("{} bytes with the digest {found} came", self.written);
        Err(Error::DamagedBlob { digest: self.digest, path: self.path, reason })
    }
}

fn header(length: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..4].copy_from_slice(&MAGIC);
    header[4] = HEADER_VERSION;
    header[8..].copy_from_slice(&length.to_le_bytes());
    header
}

/// The content's length, or why this is no header.
fn read_header(header: &[u8; HEADER_BYTES]) -> Result<u64, &'static str> {
    let (start, length) = header.split_at(8);
    if start[..4] != MAGIC || start[5..] != [0; 3] {
        return Err("its header is not one of Meuse");
    }
    if start[4] != HEADER_VERSION {
        return Err("its header has a version that this program does not know");
    }
    let length = length.try_into().map_err(|_| "its header is cut short")?;
    Ok(u64::from_le_bytes(length))
}

fn copy(source: &mut dyn Read, target: &mut dyn Write) -> io::Result<(Digest, u64)> {
    let (mut hasher, mut length) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        match source.read(&mut chunk) {
            Ok(0) => return Ok((Digest(hasher.finalize().into()), length)),
            Ok(count) => {
                hasher.update(&chunk[..count]);
                target.write_all(&chunk[..count])?;
                length += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Makes a folder and syncs the ones above it, up to `root`, so that the folder itself outlives a power cut.
fn make_folder(folder: &Path, root: &Path) -> Result<(), Error> {
    if folder.is_dir() {
        return Ok(());
    }
    std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
    folder.ancestors().skip(1).take_while(|above| above.starts_with(root)).try_for_each(sync_folder)
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::file(folder))
}

/// Files are read and written where waiting for them holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(Error::File { path: PathBuf::from("blobs"), source: io::Error::other(error) }),
        },
    }
}
