//! Removes blobs that no record names, and drafts that a crash left.
//!
//! A blob is put before the record that names it, so at any instant some blobs are named by nothing yet. What is old
//! and unnamed is removed, and these are the reasons that nothing named ever goes, see also decision 0006:
//!
//! - Putting a blob that is there already makes its file anew, so the age that counts is that of the last put.
//! - The names are asked for *after* the old files were listed; what was named by then stays.
//! - What is put again in between is young when its turn comes: age and removal are one step under a lock that every
//!   put, of whichever process, takes for its rename.
//! - Age is told by the file system that holds the blobs, not by our clock, and what this process put within
//!   [`RECENT`] by its monotonic clock stays whatever the age says: a clock set forward removes nothing.

use std::collections::HashSet;
use std::fs::{File, Metadata, OpenOptions};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use tempfile::NamedTempFile;

use super::{Blobs, Digest, blocking};
use crate::error::Error;

/// How long a blob that no record names, or a draft, is kept: far longer than anything takes between the put of a
/// blob and the commit of its record.
pub const KEPT_FOR: Duration = Duration::from_hours(24);
/// How long this process remembers what it has put.
const RECENT: Duration = Duration::from_hours(1);
/// The file that puts and removals lock.
const LOCK: &str = "lock";

/// What a sweep removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Blobs that no record named.
    pub blobs: u64,
    /// Drafts of puts that never ended.
    pub drafts: u64,
    /// How many bytes they held.
    pub bytes: u64,
}

/// Files that may be too old, and the present instant of the file system that holds them.
pub(crate) struct Old {
    blobs: Vec<(Digest, PathBuf)>,
    now: SystemTime,
}

impl Blobs {
    /// Removes old drafts, and lists the blobs that were put longest ago.
    pub(crate) async fn old(&self) -> Result<(Old, Swept), Error> {
        let blobs = self.clone();
        blocking(move || {
            let incoming = blobs.incoming();
            let now = present(&incoming)?;
            let mut swept = Swept::default();
            for (path, found) in files(&incoming)? {
                if is_old(&found, now) {
                    std::fs::remove_file(&path).map_err(Error::file(&path))?;
                    meuse_faults::reach("sweep.draft");
                    swept.drafts += 1;
                    swept.bytes += found.len();
                }
            }
            Ok((Old { blobs: blobs.old_blobs(now)?, now }, swept))
        })
        .await
    }

    fn old_blobs(&self, now: SystemTime) -> Result<Vec<(Digest, PathBuf)>, Error> {
        let mut old = Vec::new();
        let folder = self.folder.join("sha256");
        let shelves = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(old),
            shelves => shelves.map_err(Error::file(&folder))?,
        };
        for shelf in shelves {
            for (path, found) in files(&shelf.map_err(Error::file(&folder))?.path())? {
                // What is no blob's name was not put here by us, and is not ours to remove.
                let digest = path.file_name().and_then(|name| name.to_str()?.parse().ok());
                if let Some(digest) = digest.filter(|_| is_old(&found, now)) {
                    old.push((digest, path));
                }
            }
        }
        Ok(old)
    }

    /// Removes those of the old blobs that are not named, and that nobody has put again since they were listed.
    pub(crate) async fn remove_unnamed(&self, old: Old, named: HashSet<Digest>) -> Result<Swept, Error> {
        let blobs = self.clone();
        blocking(move || {
            let mut swept = Swept::default();
            for (digest, path) in old.blobs.iter().filter(|(digest, _)| !named.contains(digest)) {
                if let Some(bytes) = blobs.remove(*digest, path, old.now)? {
                    meuse_faults::reach("sweep.blob");
                    swept.blobs += 1;
                    swept.bytes += bytes;
                }
            }
            Ok(swept)
        })
        .await
    }

    /// The size of what was removed, if it was.
    fn remove(&self, digest: Digest, path: &Path, now: SystemTime) -> Result<Option<u64>, Error> {
        let lock = self.lock()?;
        lock.lock().map_err(Error::file(path))?;
        let recent = self.was_put_of_late(digest);
        let found = match path.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            found => found.map_err(Error::file(path))?,
        };
        if recent || !is_old(&found, now) {
            return Ok(None);
        }
        std::fs::remove_file(path).map_err(Error::file(path))?;
        Ok(Some(found.len()))
    }

    /// Says that a blob is being put, and keeps removals away until the answer is dropped.
    pub(super) fn putting(&self, digest: Digest) -> Result<File, Error> {
        let lock = self.lock()?;
        lock.lock_shared().map_err(Error::file(&self.folder))?;
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|_, put| is_recent(put));
        recent.insert(digest, Instant::now());
        Ok(lock)
    }

    /// Whether this process has put the blob, and so hashed it, within [`RECENT`].
    pub(super) fn was_put_of_late(&self, digest: Digest) -> bool {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).is_some_and(is_recent)
    }

    fn lock(&self) -> Result<File, Error> {
        let path = self.folder.join(LOCK);
        OpenOptions::new().create(true).append(true).open(&path).map_err(Error::file(&path))
    }
}

fn is_recent(put: &Instant) -> bool {
    put.elapsed() < RECENT
}

fn is_old(file: &Metadata, now: SystemTime) -> bool {
    let age = file.modified().ok().and_then(|changed| now.duration_since(changed).ok());
    age.is_some_and(|age| age > KEPT_FOR)
}

/// What time it is for the file system that holds this folder.
fn present(folder: &Path) -> Result<SystemTime, Error> {
    let probe = NamedTempFile::new_in(folder).map_err(Error::file(folder))?;
    probe.as_file().metadata().and_then(|metadata| metadata.modified()).map_err(Error::file(folder))
}

/// The files of a folder; what vanishes while they are listed is not listed.
fn files(folder: &Path) -> Result<Vec<(PathBuf, Metadata)>, Error> {
    let entries = std::fs::read_dir(folder).map_err(Error::file(folder))?;
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.map_err(Error::file(folder))?;
        if let Ok(metadata) = entry.metadata()
            && metadata.is_file()
        {
            files.push((entry.path(), metadata));
        }
    }
    Ok(files)
}
