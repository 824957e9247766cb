//! What Meuse keeps: records in SQLite or Postgres, and blobs in a folder.
//!
//! Nothing here decides what may be done; it only keeps it, whole. A mutation takes a [`Tx`], says what it did with
//! [`records::audit::append`], and is there for everyone once [`Tx::commit`] returns.

pub mod backup;
pub mod blobs;
mod db;
mod error;
mod migrations;
pub mod records;
mod secret;
mod trail;

use std::path::PathBuf;
use std::sync::Arc;

pub use blobs::{Arrived, Arriving, Blobs, Digest, Swept};
pub use db::{DatabaseAddress, Db, Tx};
pub use error::Error;
pub use secret::{MacKey, Secret, random};
pub use trail::{Head, Trail};

/// Where things are kept.
#[derive(Debug, Clone)]
pub struct StoreConfig {
    /// The database.
    pub database: DatabaseAddress,
    /// The folder of blobs; made when it is not there.
    pub blobs: PathBuf,
    /// The file outside the database that notes the newest entry of the audit trail; its folder is there already.
    pub audit_head: PathBuf,
    /// The home's secret.
    pub secret: Secret,
}

/// Records and blobs. Cheap to clone; all clones are one store.
#[derive(Debug, Clone)]
pub struct Store {
    /// The database, for reading. Writing goes through [`Store::begin`].
    pub db: Db,
    /// The blobs.
    pub blobs: Blobs,
    trail: Arc<Trail>,
    // SQLite has one writer. Waiting here is fair and free; waiting in its busy handler is neither.
    writer: Arc<tokio::sync::Mutex<()>>,
}

impl Store {
    /// Opens the database and the blobs, and brings the database to this program's schema.
    ///
    /// # Errors
    /// [`Error::Newer`] for a database of a newer Meuse, [`Error::OtherSecret`] for one that was made with another
    /// secret, and what the database or the file system say.
    pub async fn open(config: StoreConfig) -> Result<Self, Error> {
        let db = Db::open(&config.database).await?;
        migrations::run(&db, &config.database).await?;
        records::meta::check_secret(&db, &config.secret).await?;
        let blobs = Blobs::at(config.blobs).await?;
        let trail = Trail::open(&db, &config.secret, config.audit_head).await?;
        Ok(Self { db, blobs, trail: Arc::new(trail), writer: Arc::default() })
    }

    /// Begins a transaction that may write. On SQLite it waits for the writer before it.
    pub async fn begin(&self) -> Result<Tx, Error> {
        let turn = match self.db {
            Db::Sqlite(_) => Some(Arc::clone(&self.writer).lock_owned().await),
            Db::Postgres(_) => None,
        };
        Tx::begin(&self.db, Arc::clone(&self.trail), turn).await
    }

    /// Removes what crashes left: blobs that no record names and drafts of blobs, both once they are a day old.
    ///
    /// # Errors
    /// [`Error::Older`] when the database may be older than the blobs, which then may be all that is left of what it
    /// lacks; and what the database or the file system say.
    pub async fn sweep(&self) -> Result<Swept, Error> {
        if self.trail.is_frozen() {
            return Err(Error::Older);
        }
        let (old, drafts) = self.blobs.old().await?;
        let named = records::references::blobs(&self.db).await?;
        let blobs = self.blobs.remove_unnamed(old, named).await?;
        Ok(Swept { bytes: drafts.bytes + blobs.bytes, drafts: drafts.drafts, blobs: blobs.blobs })
    }

    /// The audit trail's key and head, for [`records::audit`].
    pub fn trail(&self) -> &Trail {
        &self.trail
    }

    /// Closes the database's connections; further calls fail.
    pub async fn close(&self) {
        self.db.close().await;
    }
}

/// A new id: a UUIDv7, so that ids sort by the time they were made.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
