//! The home folder of a server: who holds it, its secret, its name, and where its work lies.
//!
//! Database and blobs live in it as well, but are the concern of `store`.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use meuse_store::Secret;
use parking_lot::Mutex;
use rustix::fs::FlockOperation;

use crate::Error;

const LOCK: &str = "meuse.lock";
const SECRET: &str = "secret";
const NAME: &str = "name";
const WORK: &str = "work";
/// What the temporary file of an upload is called in the work folder.
pub(crate) const UPLOAD_PREFIX: &str = "upload-";

/// A home folder that this process holds.
pub(crate) struct Home {
    folder: PathBuf,
    secret: Secret,
    name: String,
    lock: Mutex<Option<File>>,
}

impl Home {
    /// Takes the folder, making it and what belongs in it when it is not there.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another process holds it; [`Error::Unavailable`] when it cannot be made or read.
    pub(crate) fn open(folder: &Path) -> Result<Self, Error> {
        let unusable = |error: std::io::Error| {
            Error::Unavailable(format!("the home folder {} cannot be used: {error}", folder.display()))
        };
        make_folder(folder).map_err(unusable)?;
        let folder = folder.canonicalize().map_err(unusable)?;
        let lock = take_lock(&folder)?;
        make_folder(&folder.join(WORK)).map_err(unusable)?;
        remove_broken_uploads(&folder.join(WORK)).map_err(unusable)?;
        let secret = Secret::open(&folder.join(SECRET))?;
        let name = read_or_make_name(&folder.join(NAME)).map_err(unusable)?;
        Ok(Self { folder, secret, name, lock: Mutex::new(Some(lock)) })
    }

    /// From which the keys of all HMACs of this server are derived.
    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    /// A file or folder in the home.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// What this home is called in leases: random, and the same after each start.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where uploads and jobs lie while they are worked on.
    pub(crate) fn work(&self) -> PathBuf {
        self.folder.join(WORK)
    }

    /// Lets another process have the folder.
    pub(crate) fn release(&self) {
        if let Some(lock) = self.lock.lock().take() {
            // Unlocked, not just closed: a child that is being started holds a copy of the file for a moment. Should it
            // fail, the kernel unlocks when that copy is closed.
            let _ = rustix::fs::flock(&lock, FlockOperation::Unlock);
        }
    }
}

fn make_folder(folder: &Path) -> std::io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // A folder that was there already may be open to others, and what is made in it would be too.
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

/// Locks the file and writes our pid into it. The kernel lets go of the lock when the process ends, however it ends.
fn take_lock(folder: &Path) -> Result<File, Error> {
    let path = folder.join(LOCK);
    let failed = |error: std::io::Error| Error::Unavailable(format!("{} cannot be locked: {error}", path.display()));
    let options = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
    let mut file = options.map_err(failed)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            file.read_to_string(&mut pid).map_err(failed)?;
            return Err(Error::Conflict(format!(
                "the home folder {} is in use by the server with pid {}: stop that one, or give this one another --home",
                folder.display(),
                pid.trim()
            )));
        }
        Err(error) => return Err(failed(error.into())),
    }
    file.set_len(0).map_err(failed)?;
    file.rewind().map_err(failed)?;
    writeln!(file, "{}", std::process::id()).map_err(failed)?;
    Ok(file)
}

/// The name in the file; a random one, and the file, when it is not there. Only the holder of the lock may do this.
fn read_or_make_name(path: &Path) -> std::io::Result<String> {
    match fs::read_to_string(path) {
        Ok(name) => Ok(name.trim().to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
            let (name, draft) = (hex::encode(bytes), path.with_extension("new"));
            let mut file = File::create(&draft)?;
            writeln!(file, "{name}")?;
            file.sync_all()?;
            meuse_faults::pass("name.drafted")?;
            fs::rename(&draft, path)?;
            meuse_faults::pass("name.renamed")?;
            Ok(name)
        }
        Err(error) => Err(error),
    }
}

/// What a killed server left of uploads that never arrived. Only the holder of the lock may do this.
fn remove_broken_uploads(work: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(work)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(UPLOAD_PREFIX) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
