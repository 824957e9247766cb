//! The audit trail: read, and verified. Entries are written by whoever does something, in the same transaction.

use std::path::Path;

use meuse_core::api::{AuditEntry, AuditVerification, Page};
use meuse_store::records::audit;
use meuse_store::{DatabaseAddress, Secret, StoreConfig};

use crate::access::{Action, Caller};
use crate::{App, Error};

/// The most entries of one page.
pub const MOST_ENTRIES: u32 = 1000;

impl App {
    /// Entries of the caller's project after number `after`, oldest first, at most `limit` (from 1 to
    /// [`MOST_ENTRIES`]).
    ///
    /// # Errors
    /// [`Error::Invalid`] for a limit out of range.
    pub async fn audit_entries(&self, caller: &Caller, after: i64, limit: u32) -> Result<Page<AuditEntry>, Error> {
        caller.require(Action::ReadAudit)?;
        if !(1..=MOST_ENTRIES).contains(&limit) {
            let hint = "ask for the next page with `after`";
            return Err(Error::invalid("limit", format!("must be from 1 to {MOST_ENTRIES}"), hint));
        }
        Ok(audit::list(&self.store.db, caller.project(), after, limit).await?)
    }

    /// Checks the trail from its first entry to its last, of all projects: it is one chain. What is found names
    /// entries by number and tells nothing of what they say.
    pub async fn audit_verify(&self, caller: &Caller) -> Result<AuditVerification, Error> {
        caller.require(Action::ReadAudit)?;
        Ok(audit::verify(&self.store).await?)
    }
}

/// Checks the trail in a home folder with its own SQLite file, whether or not a server runs on it; changes nothing.
pub async fn verify_home(home: &Path) -> Result<AuditVerification, Error> {
    let config = StoreConfig {
        database: DatabaseAddress::Sqlite(home.join("meuse.db")),
        blobs: home.join("blobs"),
        audit_head: home.join("audit.head"),
        secret: Secret::read(&home.join("secret"))?,
    };
    Ok(audit::verify_apart(&config).await?)
}
