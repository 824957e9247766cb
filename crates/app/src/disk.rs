//! What a disk that refuses is called in messages: its place, and what to do.

use std::io::{Error, ErrorKind};
use std::path::Path;

/// A disk with less than this is full: what is written there next fails.
const NOTHING: u64 = 64 << 10;

/// Why the file system refused something about this path.
pub(crate) fn refused(path: &Path, error: &Error) -> String {
    if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
        return full(path);
    }
    format!("{}: {error}", path.display())
}

/// That the disk of this path is full, and what to do.
pub(crate) fn full(path: &Path) -> String {
    format!("the disk that holds {} is full: make room there, then try again", path.display())
}

/// Whether the disk of this path is full.
pub(crate) fn is_full(path: &Path) -> bool {
    rustix::fs::statvfs(path).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < NOTHING)
}
