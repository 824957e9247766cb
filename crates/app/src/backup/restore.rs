//! Builds a home from a backup: all of it in a folder beside, which takes the home's name at the very end. Whenever it
//! is cut off, the home is as empty as before, or whole.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use meuse_core::api::AuditVerification;
use meuse_core::time::{Clock, Micros};
use meuse_store::backup::{self, Loading, Picture, Table};
use meuse_store::blobs::Draft;
use meuse_store::records::audit::{self, NewEntry};
use meuse_store::records::{access, jobs};
use meuse_store::{Blobs, DatabaseAddress, Digest, Secret, Store, StoreConfig};
use rustix::fs::FlockOperation;
use serde::Serialize;
use serde_json::json;
use tokio::runtime::Handle;

use super::manifest::Manifest;
use super::walk::{Receiver, walk};
use crate::Error;

/// Where a backup is to be restored.
#[derive(Debug, Clone)]
pub struct Order {
    /// The home folder, which is not there or is empty.
    pub home: PathBuf,
    /// An empty Postgres database, `postgres://…`; absent: SQLite in the home folder.
    pub database: Option<String>,
}

/// What was restored.
#[derive(Debug, Clone, Serialize)]
pub struct Restored {
    /// The home folder.
    pub home: PathBuf,
    /// The instant of which it is.
    pub taken_at: Micros,
    /// The version of Meuse that the backup is of.
    pub meuse: String,
    /// How many records.
    pub records: u64,
    /// How many blobs.
    pub blobs: u64,
    /// How many bytes of both.
    pub bytes: u64,
    /// How many jobs ran when the backup was taken, and will begin again.
    pub requeued: u64,
    /// The audit trail, verified. Its last entry tells of this.
    pub audit: AuditVerification,
}

/// Restores a backup into an empty home.
///
/// # Errors
/// [`Error::Conflict`] for a home or database that is not empty; [`Error::Invalid`] for a damaged file,
/// [`Error::Unsupported`] for one of a newer Meuse; [`Error::Unavailable`] when the disk or the database refuses.
/// After each of them the home is as it was.
pub fn restore(
    runtime: &Handle,
    order: &Order,
    from: &mut dyn Read,
    told: &mut dyn FnMut(&Manifest),
) -> Result<Restored, Error> {
    // The database's connections are let go of where the runtime is, whichever way this ends.
    let _context = runtime.enter();
    check_empty(&order.home)?;
    let site = Site::new(&order.home)?;
    let database = match &order.database {
        Some(url) => DatabaseAddress::parse(url),
        None => DatabaseAddress::Sqlite(site.folder.join("meuse.db")),
    };
    let mut building = Building { runtime, site: &site, database, told, loading: None, draft: None, blobs: None };
    let manifest = walk(from, &mut building)?;
    let (requeued, audit) = building.finish(&manifest)?;
    let database = building.database;
    site.move_in(&order.home)?;
    if order.database.is_some() {
        runtime.block_on(backup::finish(&database))?;
    }
    Ok(Restored {
        home: order.home.clone(),
        taken_at: manifest.taken_at,
        records: manifest.records(),
        blobs: manifest.blobs,
        bytes: manifest.content_bytes,
        meuse: manifest.meuse,
        requeued,
        audit,
    })
}

fn check_empty(home: &Path) -> Result<(), Error> {
    match fs::read_dir(home).map(|mut entries| entries.next()) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Error::Unavailable(format!("{} cannot be read: {error}", home.display()))),
        Ok(None) => Ok(()),
        Ok(Some(_)) => Err(Error::Conflict(format!(
            "{} is not empty, and nothing is written over: give --home a folder that is empty or not there",
            home.display()
        ))),
    }
}

/// The folder beside the home in which it is built. Dropped before it moved in, it is removed.
struct Site {
    folder: PathBuf,
    // Held while the folder is built, so that two restores do not build in it.
    lock: File,
    lock_path: PathBuf,
}

impl Site {
    fn new(home: &Path) -> Result<Self, Error> {
        let home = std::path::absolute(home).map_err(|error| refused(home, &error))?;
        let (Some(parent), Some(name)) = (home.parent(), home.file_name()) else {
            return Err(Error::invalid("home", "it is the root of the file system", "give a folder below it"));
        };
        fs::create_dir_all(parent).map_err(|error| refused(parent, &error))?;
        let beside = |ending: &str| parent.join(format!(".{}.{ending}", name.to_string_lossy()));
        let (folder, lock_path) = (beside("restoring"), beside("restoring.lock"));
        let lock = fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&lock_path);
        let lock = lock.map_err(|error| refused(&lock_path, &error))?;
        if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
            return Err(Error::Conflict(format!("another restore into {} is going on", home.display())));
        }
        // What a restore left that was killed.
        remove(&folder).map_err(|error| refused(&folder, &error))?;
        fs::DirBuilder::new().mode(0o700).create(&folder).map_err(|error| refused(&folder, &error))?;
        Ok(Self { folder, lock, lock_path })
    }

    fn move_in(&self, home: &Path) -> Result<(), Error> {
        let sync = || -> std::io::Result<()> {
            rustix::fs::syncfs(File::open(&self.folder)?)?;
            meuse_faults::reach("restore.synced");
            fs::rename(&self.folder, home)?;
            meuse_faults::reach("restore.renamed");
            match std::path::absolute(home)?.parent() {
                Some(parent) => File::open(parent)?.sync_all(),
                None => Ok(()),
            }
        };
        sync().map_err(|error| match error.kind() {
            std::io::ErrorKind::ResourceBusy | std::io::ErrorKind::CrossesDevices => Error::Conflict(format!(
                "{} is a mount point, which nothing can be moved to: give --home a folder in it",
                home.display()
            )),
            _ => refused(home, &error),
        })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Moved in, or of no use; the next restore would remove it as well.
        let _ = remove(&self.folder);
        let _ = fs::remove_file(&self.lock_path);
        let _ = rustix::fs::flock(&self.lock, FlockOperation::Unlock);
    }
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

fn refused(path: &Path, error: &std::io::Error) -> Error {
    Error::Unavailable(format!("{} cannot be written: {error}", path.display()))
}

/// A home in the making.
struct Building<'a> {
    runtime: &'a Handle,
    site: &'a Site,
    database: DatabaseAddress,
    told: &'a mut dyn FnMut(&Manifest),
    loading: Option<Loading>,
    draft: Option<Draft>,
    blobs: Option<Blobs>,
}

impl Receiver for Building<'_> {
    fn manifest(&mut self, manifest: &Manifest) -> Result<(), Error> {
        (self.told)(manifest);
        check_room(&self.site.folder, manifest.content_bytes)?;
        self.blobs = Some(self.runtime.block_on(Blobs::at(self.site.folder.join("blobs")))?);
        let mut loading = self.runtime.block_on(Loading::begin(&self.database, manifest.schema))?;
        let expected = self.runtime.block_on(loading.tables())?;
        if !manifest.tables.iter().map(|rows| &rows.table).eq(&expected) {
            return Err(Error::invalid("file", "its tables are not those of its schema", super::archive::HINT));
        }
        self.loading = Some(loading);
        Ok(())
    }

    fn secret(&mut self, text: &[u8]) -> Result<(), Error> {
        let path = self.site.folder.join("secret");
        let write = || -> std::io::Result<()> {
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?.write_all(text)
        };
        write().map_err(|error| refused(&path, &error))
    }

    fn rows(&mut self, table: &Table, lines: &[String]) -> Result<(), Error> {
        let loading = self.loading.as_mut().ok_or_else(out_of_order)?;
        self.runtime.block_on(loading.insert(table, lines)).map_err(|error| match error {
            meuse_store::Error::Record { .. } => Error::invalid("file", error.to_string(), super::archive::HINT),
            other => other.into(),
        })
    }

    fn blob(&mut self, digest: Digest, length: u64) -> Result<(), Error> {
        self.draft = Some(self.blobs.as_ref().ok_or_else(out_of_order)?.draft(digest, length)?);
        Ok(())
    }

    fn blob_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        Ok(self.draft.as_mut().ok_or_else(out_of_order)?.write(bytes)?)
    }

    fn blob_end(&mut self) -> Result<(), Error> {
        Ok(self.draft.take().ok_or_else(out_of_order)?.finish()?)
    }
}

fn out_of_order() -> Error {
    Error::Internal("a backup was read out of order".into())
}

/// Better said before than after an hour.
fn check_room(folder: &Path, needed: u64) -> Result<(), Error> {
    let Ok(disk) = rustix::fs::statvfs(folder) else { return Ok(()) };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    if free >= needed {
        return Ok(());
    }
    Err(Error::Unavailable(format!(
        "the disk of {} has {free} bytes left, and the backup needs at least {needed}: make room, or restore elsewhere",
        folder.parent().unwrap_or(folder).display()
    )))
}

impl Building<'_> {
    /// Opens what was built as a server would, which brings it to this program's schema, and looks at it as a whole.
    fn finish(&mut self, manifest: &Manifest) -> Result<(u64, AuditVerification), Error> {
        let loading = self.loading.take().ok_or_else(out_of_order)?;
        self.runtime.block_on(loading.commit()).map_err(|error| match error {
            meuse_store::Error::Referenced(_) => Error::invalid("file", error.to_string(), super::archive::HINT),
            other => other.into(),
        })?;
        let path = |name: &str| self.site.folder.join(name);
        backup::write_head(&path("audit.head"), &manifest.head())?;
        let config = StoreConfig {
            database: self.database.clone(),
            blobs: path("blobs"),
            audit_head: path("audit.head"),
            secret: Secret::read(&path("secret"))?,
        };
        self.runtime.block_on(async {
            let store = Store::open(config).await?;
            let finished = take_over(&store, manifest).await;
            store.close().await;
            finished
        })
    }
}

/// Makes the store this server's own, and verifies it.
async fn take_over(store: &Store, manifest: &Manifest) -> Result<(u64, AuditVerification), Error> {
    let mut picture = Picture::of(store).await?;
    let named = picture.blobs().await;
    picture.close().await;
    check_blobs(store, named?)?;
    let projects = access::load(&store.db).await?.projects;
    let first = projects.into_iter().find(|project| project.made_with.is_none());
    let mut tx = store.begin().await?;
    let requeued = jobs::requeue_all(&mut tx).await?;
    let entry = NewEntry {
        at: Clock::system().now(),
        actor: "meuse".into(),
        project: first.map(|project| project.name).unwrap_or_default(),
        action: "server.restore".into(),
        subject: "all projects".into(),
        details: json!({ "taken_at": manifest.taken_at, "meuse": manifest.meuse, "requeued": requeued }),
    };
    audit::append(&mut tx, entry);
    tx.commit().await?;
    // A trail that was touched before the backup was taken is restored as it is: what else it holds may be needed.
    Ok((requeued, audit::verify(store).await?))
}

fn check_blobs(store: &Store, named: BTreeSet<Digest>) -> Result<(), Error> {
    for digest in named {
        store.blobs.open_blocking(digest)?;
    }
    Ok(())
}
