//! Files that a child hands over: plain files in its own folder, and nothing else.
//!
//! A child may be broken or worse: where a file should be there may be a link that leads elsewhere, or a pipe that
//! keeps whoever opens it waiting for ever.

use std::fs::File;
use std::io::{Error, Read};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const NEVER_WAITING: OFlags = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// Opens the file of this name in this folder for reading.
///
/// # Errors
/// What the file system says, and when it is no plain file or the folder is a link.
pub(crate) fn open(folder: &Path, name: &str) -> std::io::Result<File> {
    open_as(folder, name, OFlags::RDONLY)
}

/// As [`open`], for cutting it.
pub(crate) fn open_for_writing(folder: &Path, name: &str) -> std::io::Result<File> {
    open_as(folder, name, OFlags::WRONLY)
}

/// The whole file of this name in this folder.
///
/// # Errors
/// As [`open`], and when it has more than `most` bytes.
pub(crate) fn read(folder: &Path, name: &str, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(folder, name)?.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        return Err(Error::other(format!("it has more than {most} bytes")));
    }
    Ok(bytes)
}

fn open_as(folder: &Path, name: &str, how: OFlags) -> std::io::Result<File> {
    let no_link = |errno: Errno| match errno {
        Errno::LOOP | Errno::NOTDIR => Error::other("a link stands in its place"),
        errno => errno.into(),
    };
    let folder = rustix::fs::open(folder, FOLDER, Mode::empty()).map_err(no_link)?;
    let file = rustix::fs::openat(&folder, name, how | NEVER_WAITING, Mode::empty()).map_err(no_link)?;
    let file = File::from(file);
    if !file.metadata()?.is_file() {
        return Err(Error::other("it is no plain file"));
    }
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn only_plain_files_of_the_folder_are_opened() {
        let home = tempfile::tempdir().expect("a folder");
        let folder = home.path().join("out");
        fs::create_dir(&folder).expect("a folder");
        fs::write(home.path().join("secret"), "secret").expect("written");
        fs::write(folder.join("plain"), "plain").expect("written");
        symlink("../secret", folder.join("link")).expect("a link");
        symlink(&folder, home.path().join("out2")).expect("a link");
        fs::create_dir(folder.join("folder")).expect("a folder");
        rustix::fs::mknodat(rustix::fs::CWD, folder.join("pipe"), rustix::fs::FileType::Fifo, Mode::RUSR, 0)
            .expect("a pipe");
        assert_eq!(read(&folder, "plain", 5).expect("it is plain"), b"plain");
        assert!(read(&folder, "plain", 4).is_err(), "it is longer");
        for name in ["link", "folder", "pipe", "gone"] {
            assert!(open(&folder, name).is_err(), "{name}");
        }
        assert!(open(&home.path().join("out2"), "plain").is_err(), "the folder is a link");
    }
}
